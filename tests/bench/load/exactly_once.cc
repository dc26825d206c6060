// SPDX-License-Identifier: Apache-2.0
#include "output_topic.h"
#include "publisher.h"

namespace millrace::load {
namespace {

constexpr int kUntilDone = -1;
constexpr int kTransactionTimeoutMs = 60'000;
constexpr const char* kSocketTimeoutMs = "5000";

using MetadataPtr = std::unique_ptr<rd_kafka_consumer_group_metadata_t,
                                    kafka::DestroyWith<rd_kafka_consumer_group_metadata_destroy>>;

bench::ClientPtr NewProducer(const PublisherSpec& spec) {
  bench::Settings settings = HostProducerSettings();
  const std::string timeout_ms = std::to_string(kTransactionTimeoutMs);
  settings.emplace_back("linger.ms", "5");
  settings.emplace_back("transactional.id", "bench-loop-" + spec.group);
  settings.emplace_back("transaction.timeout.ms", timeout_ms);
  settings.emplace_back("message.timeout.ms", timeout_ms);
  settings.emplace_back("socket.timeout.ms", kSocketTimeoutMs);
  settings.emplace_back("delivery.report.only.error", "true");
  return bench::NewClient(RD_KAFKA_PRODUCER, spec.brokers, settings);
}

void RequireDone(rd_kafka_error_t* result, const std::string& what) {
  const kafka::ErrorPtr error(result);
  bench::Require(!error, what + ": " + (error ? rd_kafka_error_string(error.get()) : ""));
}

class ExactlyOnce final : public Publisher {
 public:
  explicit ExactlyOnce(const PublisherSpec& spec)
      : consumer_(spec.consumer),
        next_(spec.input, spec.partitions),
        client_(NewProducer(spec)),
        output_(client_.get(), spec) {
    RequireDone(rd_kafka_init_transactions(client_.get(), bench::kBrokerTimeoutMs),
                "preparing for transactions");
  }
  ~ExactlyOnce() override {
    rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                      RD_KAFKA_PURGE_F_NON_BLOCKING);
  }

  void Send(int32_t partition, rd_kafka_message_t* const* records, size_t count) override {
    if (!open_) RequireDone(rd_kafka_begin_transaction(client_.get()), "beginning a transaction");
    open_ = true;
    output_.Send(partition, records, count);
    next_.Set(partition, records[count - 1]->offset + 1);
  }

  void Commit() override {
    if (!open_) return;
    const MetadataPtr group(rd_kafka_consumer_group_metadata(consumer_));
    const kafka::PartitionListPtr offsets = next_.List();
    RequireDone(
        rd_kafka_send_offsets_to_transaction(client_.get(), offsets.get(), group.get(), kUntilDone),
        "adding the offsets to a transaction");
    RequireDone(rd_kafka_commit_transaction(client_.get(), kUntilDone),
                "committing a transaction to " + output_.name());
    open_ = false;
    ++commits_;
  }

  void Serve() override { rd_kafka_poll(client_.get(), 0); }
  void Finish() override { Commit(); }
  int64_t commits() const override { return commits_; }

 private:
  rd_kafka_t* consumer_;
  Offsets next_;
  bool open_ = false;  // a transaction
  int64_t commits_ = 0;
  bench::ClientPtr client_;
  OutputTopic output_;
};

}  // namespace

std::unique_ptr<Publisher> MakeExactlyOncePublisher(const PublisherSpec& spec) {
  return std::make_unique<ExactlyOnce>(spec);
}

}  // namespace millrace::load
