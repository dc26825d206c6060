// SPDX-License-Identifier: Apache-2.0
#include "embedded/mock_cluster.h"

#include <librdkafka/rdkafka.h>
// rdkafka_mock.h needs rdkafka.h before it.
#include <librdkafka/rdkafka_mock.h>

#include <array>
#include <utility>

namespace millrace::embedded {
namespace {

constexpr int kBrokers = 1;
constexpr int kReplicas = 1;
constexpr size_t kErrorTextBytes = 512;
constexpr int kSyslogError = 3;
constexpr int kSyslogWarning = 4;

void OnLog(const rd_kafka_t* rk, int level, const char* facility, const char* text) {
  auto* log = static_cast<Logger*>(rd_kafka_opaque(rk));
  if (!log) return;
  const std::string line = std::string("embedded kafka: ") + facility + ": " + text;
  if (level <= kSyslogError) return log->Error(line);
  if (level <= kSyslogWarning) return log->Warn(line);
  log->Debug(line);
}

}  // namespace

struct MockCluster::Handles {
  rd_kafka_t* client = nullptr;  // the library keeps its books on one; it talks to no broker
  rd_kafka_mock_cluster_t* cluster = nullptr;
  std::string bootstrap;

  Handles() = default;
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;
  ~Handles() {
    if (cluster) rd_kafka_mock_cluster_destroy(cluster);
    if (client) rd_kafka_destroy(client);
  }
};

Result<std::unique_ptr<MockCluster>> MockCluster::Start(Logger* log) {
  auto handles = std::make_unique<Handles>();
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set_opaque(conf, log);
  rd_kafka_conf_set_log_cb(conf, OnLog);
  std::array<char, kErrorTextBytes> text{};
  handles->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text.data(), text.size());
  if (!handles->client) {
    rd_kafka_conf_destroy(conf);
    return Fatal(std::string("embedded kafka cannot be started: ") + text.data());
  }
  handles->cluster = rd_kafka_mock_cluster_new(handles->client, kBrokers);
  if (!handles->cluster) {
    return Fatal("embedded kafka cannot be started: no port of 127.0.0.1 can be listened on");
  }
  handles->bootstrap = rd_kafka_mock_cluster_bootstraps(handles->cluster);
  return std::unique_ptr<MockCluster>(new MockCluster(std::move(handles)));
}

MockCluster::MockCluster(std::unique_ptr<Handles> handles) : handles_(std::move(handles)) {}

MockCluster::~MockCluster() = default;

const std::string& MockCluster::bootstrap() const { return handles_->bootstrap; }

Status MockCluster::CreateTopic(const std::string& name, int partitions) {
  // The library takes any name and any number.
  if (name.empty() || partitions < 1) {
    return Fatal("embedded kafka: topic '" + name + "' cannot be made with " +
                 std::to_string(partitions) + " partitions; it needs a name and at least one");
  }
  const rd_kafka_resp_err_t error =
      rd_kafka_mock_topic_create(handles_->cluster, name.c_str(), partitions, kReplicas);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
    return {};
  }
  return Fatal("embedded kafka: topic " + name + " cannot be made: " + rd_kafka_err2str(error));
}

}  // namespace millrace::embedded
