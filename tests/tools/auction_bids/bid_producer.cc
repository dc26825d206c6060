// SPDX-License-Identifier: Apache-2.0
#include "bid_producer.h"

#include <librdkafka/rdkafka.h>

#include <array>
#include <utility>

namespace auction_bids {
namespace {

using millrace::Fatal;
using millrace::Status;

constexpr int kQueueFullWaitMs = 10;
constexpr std::array<std::pair<const char*, const char*>, 4> kProperties = {{
    {"enable.idempotence", "true"},
    {"partitioner", "murmur2_random"},
    {"compression.codec", "lz4"},
    {"linger.ms", "5"},
}};

}  // namespace

struct BidProducer::Handle {
  rd_kafka_t* client = nullptr;
  std::string topic;
  std::string refused;  // the first refusal's reason

  Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (client) rd_kafka_destroy(client);
  }

  Status Settled() const { return refused.empty() ? Status() : Status(Fatal(refused)); }

  static void OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    auto* self = static_cast<Handle*>(opaque);
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && self->refused.empty()) {
      self->refused = "a bid to " + self->topic + " is refused: " + rd_kafka_err2str(message->err);
    }
  }
};

millrace::Result<std::unique_ptr<BidProducer>> BidProducer::Connect(const std::string& bootstrap,
                                                                    const std::string& topic) {
  auto handle = std::make_unique<Handle>();
  handle->topic = topic;
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  std::array<char, 512> text{};
  bool set = true;
  const auto property = [&](const char* name, const char* value) {
    set = set && rd_kafka_conf_set(conf, name, value, text.data(), text.size()) == RD_KAFKA_CONF_OK;
  };
  property("bootstrap.servers", bootstrap.c_str());
  for (const auto& [name, value] : kProperties) property(name, value);
  rd_kafka_conf_set_opaque(conf, handle.get());
  rd_kafka_conf_set_dr_msg_cb(conf, &Handle::OnDelivery);
  if (set) handle->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text.data(), text.size());
  if (!handle->client) {
    rd_kafka_conf_destroy(conf);
    return Fatal("no client for " + bootstrap + ": " + text.data());
  }
  return std::unique_ptr<BidProducer>(new BidProducer(std::move(handle)));
}

BidProducer::BidProducer(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}

BidProducer::~BidProducer() = default;

Status BidProducer::Send(const std::string& key, const std::string& value) {
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__QUEUE_FULL;
  while (handle_->refused.empty() && error == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
    error = rd_kafka_producev(
        handle_->client, RD_KAFKA_V_TOPIC(handle_->topic.c_str()),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key.data(), key.size()),
        RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) rd_kafka_poll(handle_->client, kQueueFullWaitMs);
  }
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR && handle_->refused.empty()) {
    return Fatal("a bid to " + handle_->topic + " is refused: " + rd_kafka_err2str(error));
  }
  return handle_->Settled();
}

void BidProducer::Poll(millrace::Millis max_wait) {
  rd_kafka_poll(handle_->client, static_cast<int>(max_wait.count()));
}

Status BidProducer::Flush(millrace::Millis max_wait) {
  const auto error = rd_kafka_flush(handle_->client, static_cast<int>(max_wait.count()));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR && handle_->refused.empty()) {
    return Fatal(std::to_string(rd_kafka_outq_len(handle_->client)) + " bids to " + handle_->topic +
                 " are not acknowledged: " + rd_kafka_err2str(error));
  }
  return handle_->Settled();
}

}  // namespace auction_bids
