// SPDX-License-Identifier: Apache-2.0
#include "kafka/output_producer.h"

#include <array>
#include <chrono>
#include <deque>
#include <utility>

#include "kafka/client.h"
#include "kafka/output_message.h"
#include "kafka/topic_watch.h"
#include "model/output_id.h"

namespace millrace::kafka {
namespace {

using effects::OutputRecord;
using effects::OutputTicket;

constexpr uint64_t kWake = 1;                  // what an eventfd wants to be written
constexpr size_t kMessageOverheadBytes = 256;  // the library's own, per message in its queue
constexpr size_t kHeaderOverheadBytes = 48;
constexpr int kQueueFullRetries = 10;
constexpr int kQueueFullWaitMs = 5;
constexpr size_t kMessageBytesDefault = 1'000'000;  // message.max.bytes of the library
constexpr size_t kFramingBytes = 128;               // of message.max.bytes, around one record
// The producer learns of new partitions with its own metadata refresh, later than the watch.
constexpr const char* kMetadataRefreshMs = "5000";
constexpr std::chrono::seconds kGrowthDelay{15};

// One record handed over; its address is the message's opaque until the delivery report.
struct InFlight {
  OutputTicket* ticket = nullptr;  // null: nobody waits for it any more
  size_t bytes = 0;
};

size_t PayloadBytes(const OutputRecord& record) {
  size_t bytes = record.key.size() + record.value.size();
  for (const HeaderView& header : record.headers) {
    bytes += header.name.size() + header.value.size();
  }
  return bytes + (record.id.is_null() ? 0 : kOutputIdHeader.size() + record.id.size());
}

size_t QueuedBytes(const OutputRecord& record, size_t payload) {
  return payload + kMessageOverheadBytes + kHeaderOverheadBytes * (record.headers.size() + 1);
}

struct Output {
  std::string topic;
  TopicPtr handle;  // made once the topic is known to exist
  std::optional<int32_t> partitions;
  std::chrono::steady_clock::time_point grew_at{};
  bool grows = false;  // the watch has seen more partitions than the producer may know
};

class OutputProducer final : public effects::OutputSink {
 public:
  explicit OutputProducer(const OutputProducerOptions& options)
      : watch_(options.watch), wake_fd_(options.wake_fd) {
    for (const std::string& topic : options.topics) outputs_.emplace_back().topic = topic;
  }
  ~OutputProducer() override;
  Status Connect(const OutputProducerOptions& options);

  std::optional<int32_t> PartitionCount(uint32_t output) override;
  size_t message_bytes_max() const override { return message_bytes_max_; }
  Status Produce(const OutputRecord& record, OutputTicket* ticket) override;
  void Detach() override;
  void Poll() override { rd_kafka_poll(client_->get(), 0); }
  size_t queued_bytes() const override { return queued_bytes_; }

 private:
  static void OnDelivery(rd_kafka_t* rk, const rd_kafka_message_t* message, void* opaque);
  void Settle(const rd_kafka_message_t& message);
  std::string ReasonOf(const rd_kafka_message_t& message);
  rd_kafka_topic_t* Handle(uint32_t output);
  rd_kafka_resp_err_t Send(const OutputRecord& record, InFlight* in_flight);
  rd_kafka_resp_err_t SendWithRoom(const OutputRecord& record, InFlight* in_flight);
  InFlight* Take();

  std::vector<Output> outputs_;
  std::shared_ptr<const TopicWatch> watch_;
  int wake_fd_;
  std::unique_ptr<Client> client_;
  QueuePtr main_queue_;
  std::deque<InFlight> slots_;  // stable addresses; grows to the largest number in flight
  std::vector<InFlight*> free_;
  size_t queued_bytes_ = 0;
  size_t message_bytes_max_ = kMessageBytesDefault;
};

ConfBuilder ConfOf(const OutputProducerOptions& options) {
  ConfBuilder conf(options.client.properties);
  conf.Set("enable.idempotence", "true");
  conf.Set("acks", "all");
  conf.Set("message.timeout.ms", "0");
  conf.SetDefault("linger.ms", "1");
  conf.SetDefault("topic.metadata.refresh.interval.ms", kMetadataRefreshMs);
  // The lane bounds what is in flight by queued_bytes(); these limits must lie beyond that.
  conf.SetDefault("queue.buffering.max.messages", "10000000");
  conf.SetDefault("queue.buffering.max.kbytes", "2097151");
  return conf;
}

Status OutputProducer::Connect(const OutputProducerOptions& options) {
  ConfBuilder conf = ConfOf(options);
  rd_kafka_conf_set_dr_msg_cb(conf.get(), &OutputProducer::OnDelivery);
  auto client = Client::Create(RD_KAFKA_PRODUCER, std::move(conf), options.client, this);
  if (!client) return client.error();
  client_ = std::move(*client);
  std::array<char, 32> text;
  size_t size = text.size();
  if (rd_kafka_conf_get(rd_kafka_conf(client_->get()), "message.max.bytes", text.data(), &size) ==
      RD_KAFKA_CONF_OK) {
    message_bytes_max_ = std::stoul(text.data()) - kFramingBytes;
  }
  if (wake_fd_ >= 0) {
    main_queue_.reset(rd_kafka_queue_get_main(client_->get()));
    rd_kafka_queue_io_event_enable(main_queue_.get(), wake_fd_, &kWake, sizeof(kWake));
  }
  return {};
}

OutputProducer::~OutputProducer() {
  if (!client_) return;
  if (main_queue_) rd_kafka_queue_io_event_enable(main_queue_.get(), -1, nullptr, 0);
  main_queue_.reset();
  for (Output& output : outputs_) output.handle.reset();
  rd_kafka_purge(client_->get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                     RD_KAFKA_PURGE_F_NON_BLOCKING);
}

std::optional<int32_t> OutputProducer::PartitionCount(uint32_t index) {
  Output& output = outputs_[index];
  const std::optional<int32_t> seen = watch_->PartitionCount(output.topic);
  if (seen == output.partitions) return seen;
  if (seen && output.partitions && *seen > *output.partitions) {
    const auto now = std::chrono::steady_clock::now();
    if (!output.grows) output.grew_at = now;
    output.grows = true;
    if (now - output.grew_at < kGrowthDelay) return output.partitions;
  }
  output.grows = false;
  output.partitions = seen;
  if (seen) Handle(index);  // begins to look up the leaders before the first record
  return seen;
}

rd_kafka_topic_t* OutputProducer::Handle(uint32_t index) {
  Output& output = outputs_[index];
  if (!output.handle) {
    output.handle.reset(rd_kafka_topic_new(client_->get(), output.topic.c_str(), nullptr));
  }
  return output.handle.get();
}

InFlight* OutputProducer::Take() {
  if (free_.empty()) {
    free_.push_back(&slots_.emplace_back());
  }
  InFlight* slot = free_.back();
  free_.pop_back();
  return slot;
}

Status OutputProducer::Produce(const OutputRecord& record, OutputTicket* ticket) {
  const size_t payload = PayloadBytes(record);
  const std::string& topic = outputs_[record.output].topic;
  const auto where = [&] { return topic + "/" + std::to_string(record.partition); };
  if (payload > message_bytes_max_) {
    return Poison("output of " + std::to_string(payload) + " bytes to " + where() +
                  " is larger than message.max.bytes = " + std::to_string(message_bytes_max_));
  }
  InFlight* slot = Take();
  *slot = {.ticket = ticket, .bytes = QueuedBytes(record, payload)};
  const rd_kafka_resp_err_t error = SendWithRoom(record, slot);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    queued_bytes_ += slot->bytes;
    ++ticket->pending;
    return {};
  }
  free_.push_back(slot);
  const std::string text = "output to " + where() + " is refused: " + rd_kafka_err2str(error);
  if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) return Retriable(text);
  if (error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) return Poison(text);
  return Fatal(text);
}

// The lane's own bound lies below the queue's, so that the wait is for a misconfiguration only.
rd_kafka_resp_err_t OutputProducer::SendWithRoom(const OutputRecord& record, InFlight* in_flight) {
  rd_kafka_resp_err_t error = Send(record, in_flight);
  for (int i = 0; i < kQueueFullRetries && error == RD_KAFKA_RESP_ERR__QUEUE_FULL; ++i) {
    rd_kafka_poll(client_->get(), kQueueFullWaitMs);
    error = Send(record, in_flight);
  }
  return error;
}

rd_kafka_resp_err_t OutputProducer::Send(const OutputRecord& record, InFlight* in_flight) {
  return kafka::Send(client_->get(), {.topic = Handle(record.output),
                                      .partition = record.partition,
                                      .timestamp_ms = record.timestamp_ms,
                                      .key = record.key,
                                      .value = record.value,
                                      .headers = record.headers,
                                      .id = record.id,
                                      .opaque = in_flight});
}

void OutputProducer::OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  static_cast<OutputProducer*>(Client::Of(opaque).owner())->Settle(*message);
}

void OutputProducer::Settle(const rd_kafka_message_t& message) {
  auto* slot = static_cast<InFlight*>(message._private);
  queued_bytes_ -= slot->bytes;
  if (slot->ticket) {
    --slot->ticket->pending;
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR && !slot->ticket->failed) {
      slot->ticket->failed = Fatal(ReasonOf(message));
    }
  }
  free_.push_back(slot);
}

void OutputProducer::Detach() {
  for (InFlight& slot : slots_) slot.ticket = nullptr;
}

std::string OutputProducer::ReasonOf(const rd_kafka_message_t& message) {
  const std::string where =
      std::string(rd_kafka_topic_name(message.rkt)) + "/" + std::to_string(message.partition);
  std::array<char, 512> text;
  const auto fatal = rd_kafka_fatal_error(client_->get(), text.data(), text.size());
  if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return "output to " + where +
           " cannot be written any more: the producer has stopped for good (" +
           rd_kafka_err2name(fatal) + ": " + text.data() + "); restart the function";
  }
  std::string reason = "output to " + where + " is refused: " + rd_kafka_err2str(message.err);
  if (message.err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
    reason += "; raise the topic's max.message.bytes or lower message.max.bytes and batch.size";
  }
  return reason;
}

}  // namespace

Result<std::unique_ptr<effects::OutputSink>> MakeOutputProducer(
    const OutputProducerOptions& options) {
  auto producer = std::make_unique<OutputProducer>(options);
  if (Status status = producer->Connect(options); !status) return status.error();
  return std::unique_ptr<effects::OutputSink>(std::move(producer));
}

}  // namespace millrace::kafka
