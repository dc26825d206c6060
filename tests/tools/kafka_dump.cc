// SPDX-License-Identifier: Apache-2.0
// kafka_dump: all records of a topic as one JSON object a line, for tests; tests/tools/README.md.
#include <librdkafka/rdkafka.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace {

using Json = nlohmann::ordered_json;
constexpr int kTimeoutMs = 10'000;
constexpr int kErrorBytes = 512;

void Check(rd_kafka_resp_err_t error, const std::string& what) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    throw std::runtime_error(what + ": " + rd_kafka_err2str(error));
  }
}

rd_kafka_t* Consumer(const std::string& brokers) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char error[kErrorBytes];
  for (const auto& [name, value] : {std::pair{"bootstrap.servers", brokers.c_str()},
                                    {"group.id", "kafka-dump"},
                                    {"enable.auto.commit", "false"},
                                    {"isolation.level", "read_committed"},
                                    {"auto.offset.reset", "error"},
                                    {"enable.partition.eof", "true"}}) {
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK) {
      throw std::runtime_error(error);
    }
  }
  rd_kafka_t* rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof error);
  if (!rk) throw std::runtime_error(error);
  rd_kafka_poll_set_consumer(rk);
  return rk;
}

Json Text(const void* data, size_t size) {
  if (!data) return nullptr;
  return std::string(static_cast<const char*>(data), size);
}

void Print(rd_kafka_message_t* message) {
  Json headers = Json::object();
  rd_kafka_headers_t* list = nullptr;
  if (rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name;
    const void* value;
    size_t size;
    for (size_t i = 0; !rd_kafka_header_get_all(list, i, &name, &value, &size); ++i) {
      headers[name] = Text(value, size);
    }
  }
  const Json record{{"partition", message->partition},
                    {"offset", message->offset},
                    {"key", Text(message->key, message->key_len)},
                    {"value", Text(message->payload, message->len)},
                    {"headers", headers}};
  std::cout << record.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
}

int PartitionsOf(rd_kafka_t* rk, const std::string& topic) {
  rd_kafka_topic_t* handle = rd_kafka_topic_new(rk, topic.c_str(), nullptr);
  const struct rd_kafka_metadata* metadata = nullptr;
  Check(rd_kafka_metadata(rk, 0, handle, &metadata, kTimeoutMs), "metadata of " + topic);
  const int count = metadata->topics[0].partition_cnt;
  Check(metadata->topics[0].err, "topic " + topic);
  rd_kafka_metadata_destroy(metadata);
  rd_kafka_topic_destroy(handle);
  return count;
}

// Each partition in order up to where it ends now; or what comes from now on, for ever.
void Dump(const std::string& brokers, const std::string& topic, bool follow) {
  rd_kafka_t* rk = Consumer(brokers);
  const int partitions = PartitionsOf(rk, topic);
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(partitions);
  for (int i = 0; i < partitions; ++i) {
    rd_kafka_topic_partition_list_add(list, topic.c_str(), i)->offset =
        follow ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
  }
  Check(rd_kafka_assign(rk, list), "assigning " + topic);
  for (int ended = 0; follow || ended < partitions;) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(rk, kTimeoutMs);
    if (!message && follow) continue;
    if (!message) throw std::runtime_error("no record and no end within 10 s");
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      ++ended;
      if (follow) std::cout.flush();
    } else {
      Check(message->err, "reading " + topic);
      Print(message);
    }
    rd_kafka_message_destroy(message);
  }
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_consumer_close(rk);
  rd_kafka_destroy(rk);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program{"Prints every record of a topic as one JSON object a line"};
  std::string brokers;
  std::string topic;
  program.add_option("--brokers", brokers, "HOST:PORT,...")->required();
  program.add_option("--topic", topic, "Topic to read")->required();
  bool follow = false;
  program.add_flag("--follow", follow, "Only what comes from now on, until it is ended");
  CLI11_PARSE(program, argc, argv);
  try {
    Dump(brokers, topic, follow);
  } catch (const std::exception& error) {
    std::cerr << "kafka_dump: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
