// SPDX-License-Identifier: Apache-2.0
#include "integration/kafka/broker.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "kafka/client.h"
#include "kafka/group_metadata.h"
#include "kafka/offset_list.h"

namespace millrace::kafka::test {
namespace {

constexpr int kTimeoutMs = 30'000;

void Require(bool good, const std::string& what) {
  if (!good) throw std::runtime_error(what);
}

void Require(rd_kafka_resp_err_t error, const std::string& what) {
  Require(error == RD_KAFKA_RESP_ERR_NO_ERROR, what + ": " + rd_kafka_err2str(error));
}

void Require(rd_kafka_error_t* raw, const std::string& what) {
  const ErrorPtr error(raw);
  Require(!error, what + ": " + (error ? rd_kafka_error_string(error.get()) : ""));
}

void OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) ++*static_cast<int*>(Client::Of(opaque).owner());
}

struct Producer {
  explicit Producer(const ClientOptions& options, const std::string& transactional_id = "") {
    ConfBuilder conf(options.properties);
    // A broker that has just started makes a producer send again: each record once, in order.
    conf.Set("enable.idempotence", "true");
    if (!transactional_id.empty()) conf.Set("transactional.id", transactional_id);
    rd_kafka_conf_set_dr_msg_cb(conf.get(), OnDelivery);
    client = *Client::Create(RD_KAFKA_PRODUCER, std::move(conf), options, &failed);
  }

  void Send(const std::string& topic, int32_t partition, int from, int to) {
    for (int i = from; i < to; ++i) {
      const std::string text = std::to_string(i);
      Require(rd_kafka_producev(
                  client->get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
                  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                  RD_KAFKA_V_VALUE(const_cast<char*>(text.data()), text.size()), RD_KAFKA_V_END),
              "produce");
    }
    Require(rd_kafka_flush(client->get(), kTimeoutMs), "flush");
    Require(failed == 0, "records are not delivered");
  }

  int failed = 0;
  std::unique_ptr<Client> client;
};

// The offset up to which a consumer with `isolation` may read.
int64_t EndOffset(const ClientOptions& options, const char* isolation, const std::string& topic,
                  int32_t partition) {
  ConfBuilder conf(options.properties);
  conf.Set("isolation.level", isolation);
  const auto client = *Client::Create(RD_KAFKA_CONSUMER, std::move(conf), options, nullptr);
  int64_t low = 0;
  int64_t end = 0;
  Require(rd_kafka_query_watermark_offsets(client->get(), topic.c_str(), partition, &low, &end,
                                           kTimeoutMs),
          "end of " + topic);
  return end;
}

// Runs one admin request and fails on the first error in its reply.
struct Admin {
  explicit Admin(const ClientOptions& options) : producer(options) {
    queue.reset(rd_kafka_queue_new(rk()));
    admin_options = rd_kafka_AdminOptions_new(rk(), RD_KAFKA_ADMIN_OP_ANY);
    std::array<char, 256> text;
    rd_kafka_AdminOptions_set_operation_timeout(admin_options, kTimeoutMs, text.data(),
                                                text.size());
  }
  ~Admin() { rd_kafka_AdminOptions_destroy(admin_options); }
  rd_kafka_t* rk() { return producer.client->get(); }
  EventPtr Await(const std::string& what) {
    EventPtr event(rd_kafka_queue_poll(queue.get(), kTimeoutMs));
    Require(event != nullptr, what + ": no answer");
    Require(rd_kafka_event_error(event.get()), what);
    return event;
  }

  Producer producer;
  QueuePtr queue;
  rd_kafka_AdminOptions_t* admin_options;
};

}  // namespace

bool Eventually(const std::function<bool()>& done, std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // the broker's time, not ours
  }
  return true;
}

Broker::Broker() {
  const char* servers = std::getenv("KAFKA");
  Require(servers != nullptr, "KAFKA is not set: run through tests/tools/with_stack");
  servers_ = servers;
}

ClientOptions Broker::Options() const {
  return {.properties = {{"bootstrap.servers", servers_}},
          .client_id = ClientId("test", "host"),
          .log = {}};
}

std::string Broker::UniqueName(const std::string& stem) const {
  static std::atomic<int> count = 0;
  return stem + "-" + std::to_string(getpid()) + "-" + std::to_string(++count);
}

std::string Broker::MakeTopic(const std::string& stem, int partitions,
                              const std::map<std::string, std::string>& settings) {
  std::string name = UniqueName(stem);
  CreateTopic(name, partitions, settings);
  return name;
}

void Broker::CreateTopic(const std::string& name, int partitions,
                         const std::map<std::string, std::string>& settings) {
  Admin admin(Options());
  std::array<char, 256> text;
  rd_kafka_NewTopic_t* topic =
      rd_kafka_NewTopic_new(name.c_str(), partitions, 1, text.data(), text.size());
  Require(topic != nullptr, text.data());
  for (const auto& [key, value] : settings) {
    Require(rd_kafka_NewTopic_set_config(topic, key.c_str(), value.c_str()), key);
  }
  rd_kafka_CreateTopics(admin.rk(), &topic, 1, admin.admin_options, admin.queue.get());
  rd_kafka_NewTopic_destroy(topic);
  const EventPtr event = admin.Await("create topic");
  size_t count = 0;
  const auto** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  Require(rd_kafka_topic_result_error(results[0]), "create topic " + name);
}

void Broker::AddPartitions(const std::string& topic, int partitions) {
  Admin admin(Options());
  std::array<char, 256> text;
  rd_kafka_NewPartitions_t* wanted = rd_kafka_NewPartitions_new(
      topic.c_str(), static_cast<size_t>(partitions), text.data(), text.size());
  Require(wanted != nullptr, text.data());
  rd_kafka_CreatePartitions(admin.rk(), &wanted, 1, admin.admin_options, admin.queue.get());
  rd_kafka_NewPartitions_destroy(wanted);
  admin.Await("add partitions");
}

void Broker::DeleteRecordsBelow(const std::string& topic, int32_t partition, int64_t offset) {
  Admin admin(Options());
  const PartitionListPtr list = NewPartitionList(1);
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(list.get());
  rd_kafka_DeleteRecords(admin.rk(), &request, 1, admin.admin_options, admin.queue.get());
  rd_kafka_DeleteRecords_destroy(request);
  admin.Await("delete records");
}

void Broker::Produce(const std::string& topic, int32_t partition, int from, int to) {
  Producer(Options()).Send(topic, partition, from, to);
}

void Broker::ProduceInTransaction(const std::string& topic, int32_t partition, int from, int to,
                                  Ending ending) {
  Producer producer(Options(), UniqueName("transaction"));
  rd_kafka_t* rk = producer.client->get();
  Require(rd_kafka_init_transactions(rk, kTimeoutMs), "init transactions");
  Require(rd_kafka_begin_transaction(rk), "begin");
  producer.Send(topic, partition, from, to);
  if (ending == Ending::kCommit) {
    Require(rd_kafka_commit_transaction(rk, kTimeoutMs), "commit");
  } else {
    Require(rd_kafka_abort_transaction(rk, kTimeoutMs), "abort");
  }
  // The coordinator answers once it has recorded the outcome; the partition gets its marker later,
  // and until then no reader sees the records.
  const int64_t records_end = EndOffset(Options(), "read_uncommitted", topic, partition);
  Require(Eventually([&] {
            return EndOffset(Options(), "read_committed", topic, partition) >= records_end;
          }),
          "marker in " + topic);
}

namespace {

class LeftOpen final : public Broker::OpenTransaction {
 public:
  LeftOpen(const ClientOptions& options, const std::string& transactional_id)
      : producer_(options, transactional_id) {}
  bool Commit() override {
    const ErrorPtr error(rd_kafka_commit_transaction(producer_.client->get(), kTimeoutMs));
    return !error;
  }
  Producer& producer() { return producer_; }

 private:
  Producer producer_;
};

}  // namespace

std::unique_ptr<Broker::OpenTransaction> Broker::LeaveOpen(
    const std::string& transactional_id, const std::string& topic,
    const std::string& group_metadata, const std::vector<PartitionOffset>& offsets) {
  auto open = std::make_unique<LeftOpen>(Options(), transactional_id);
  rd_kafka_t* rk = open->producer().client->get();
  Require(rd_kafka_init_transactions(rk, kTimeoutMs), "init transactions");
  Require(rd_kafka_begin_transaction(rk), "begin");
  open->producer().Send(topic, 0, 0, 1);
  const auto metadata = ParseGroupMetadata(group_metadata);
  Require(metadata.has_value(), "group metadata");
  const PartitionListPtr list = ToList(offsets);
  Require(rd_kafka_send_offsets_to_transaction(rk, list.get(), metadata->get(), kTimeoutMs),
          "send offsets");
  return open;
}

bool Broker::CanBeStopped() {
  return std::getenv("MILLRACE_STACK_DIR") && std::getenv("MILLRACE_STACK_TOOL");
}

void Broker::Stack(const std::string& command) {
  const std::string line = std::string(std::getenv("MILLRACE_STACK_TOOL")) + " " + command;
  Require(std::system(line.c_str()) == 0, line);
}

}  // namespace millrace::kafka::test
