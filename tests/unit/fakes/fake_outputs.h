// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "effects/output_sink.h"

namespace millrace::fakes {

struct ProducedRecord {
  uint32_t output = 0;
  OwnedBytes key;
  OwnedBytes value;
  std::vector<std::pair<std::string, OwnedBytes>> headers;
  std::string id;
  int64_t timestamp_ms = 0;
  int32_t partition = 0;
};

// A lane's producer whose acknowledgements the test controls: with `held` they wait for
// Acknowledge(n), else every Poll settles what is outstanding. Remembers every record in order.
class FakeOutputSink final : public effects::OutputSink {
 public:
  bool held = false;
  bool cut = false;                              // what is produced from now on goes nowhere
  std::map<uint32_t, int32_t> partition_counts;  // per output; none: the topic is not known
  size_t message_bytes = 1024 * 1024;
  std::optional<Error> refuses_at_once;  // Produce fails
  std::optional<Error> refuses_later;    // the acknowledgement is a refusal
  std::vector<ProducedRecord> produced;  // everything handed over
  size_t acknowledged = 0;               // of `produced`, from the front
  bool detached = false;

  std::optional<int32_t> PartitionCount(uint32_t output) override {
    const auto found = partition_counts.find(output);
    return found == partition_counts.end() ? std::nullopt : std::optional(found->second);
  }
  size_t message_bytes_max() const override { return message_bytes; }

  Status Produce(const effects::OutputRecord& record, effects::OutputTicket* ticket) override {
    if (refuses_at_once) return *refuses_at_once;
    if (cut) {
      ++ticket->pending;
      return {};
    }
    ProducedRecord copy{.output = record.output,
                        .key = record.key.Copy(),
                        .value = record.value.Copy(),
                        .headers = {},
                        .id = std::string(record.id.view()),
                        .timestamp_ms = record.timestamp_ms,
                        .partition = record.partition};
    for (const HeaderView& header : record.headers) {
      copy.headers.emplace_back(std::string(header.name.view()), header.value.Copy());
    }
    produced.push_back(std::move(copy));
    tickets_.push_back(ticket);
    ++ticket->pending;
    queued_bytes_ += record.key.size() + record.value.size();
    return {};
  }

  void Acknowledge(size_t count = SIZE_MAX) {
    for (; count > 0 && acknowledged < produced.size() && !detached; --count) {
      effects::OutputTicket* ticket = tickets_[acknowledged];
      const ProducedRecord& record = produced[acknowledged++];
      if (refuses_later && !ticket->failed) ticket->failed = refuses_later;
      --ticket->pending;
      queued_bytes_ -= Borrow(record.key).size() + Borrow(record.value).size();
    }
  }

  bool has_news() const { return !held && acknowledged < produced.size(); }  // wakes the lane

  void Detach() override { detached = true; }
  void Poll() override {
    if (!held) Acknowledge();
  }
  size_t queued_bytes() const override { return queued_bytes_; }

 private:
  std::vector<effects::OutputTicket*> tickets_;  // beside `produced`
  size_t queued_bytes_ = 0;
};

}  // namespace millrace::fakes
