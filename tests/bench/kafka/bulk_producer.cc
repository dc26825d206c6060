// SPDX-License-Identifier: Apache-2.0
#include "bench/kafka/bulk_producer.h"

namespace millrace::bench {
namespace {

constexpr int kInFlightRecordsMax = 200'000;
constexpr int kWaitMs = 10;

Settings SettingsWith(const Settings& wanted) {
  Settings all = {{"enable.idempotence", "true"},
                  {"partitioner", "murmur2_random"},
                  {"linger.ms", "20"},
                  {"queue.buffering.max.messages", "1000000"},
                  {"queue.buffering.max.kbytes", "2097151"},
                  {"delivery.report.only.error", "true"}};
  all.insert(all.end(), wanted.begin(), wanted.end());
  return all;
}

}  // namespace

BulkProducer::BulkProducer(const std::string& bootstrap, std::string topic,
                           const Settings& settings)
    : name_(std::move(topic)) {
  client_ = NewClient(RD_KAFKA_PRODUCER, bootstrap, SettingsWith(settings), [this](auto* conf) {
    rd_kafka_conf_set_opaque(conf, this);
    rd_kafka_conf_set_dr_msg_cb(conf, &BulkProducer::OnDelivery);
  });
  topic_ = OpenTopic(client_.get(), name_);
}

void BulkProducer::OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
  std::string& error = static_cast<BulkProducer*>(self)->error_;
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && error.empty()) {
    error = rd_kafka_err2str(message->err);
  }
}

void BulkProducer::Send(rd_kafka_message_t* messages, size_t count) {
  AwaitRoom(kInFlightRecordsMax);  // so that the queue is never full
  const int taken = rd_kafka_produce_batch(topic_.get(), RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                                           messages, static_cast<int>(count));
  Require(taken == static_cast<int>(count), "the producer refuses records for " + name_);
}

void BulkProducer::Poll() {
  rd_kafka_poll(client_.get(), 0);
  Require(error_.empty(), "a record for " + name_ + " is not delivered: " + error_);
}

void BulkProducer::AwaitRoom(int in_flight_max) {
  Poll();
  while (rd_kafka_outq_len(client_.get()) > in_flight_max) {
    EndIfInterrupted();
    rd_kafka_poll(client_.get(), kWaitMs);
    Poll();
  }
}

void BulkProducer::Finish() { AwaitRoom(0); }

}  // namespace millrace::bench
