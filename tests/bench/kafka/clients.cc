// SPDX-License-Identifier: Apache-2.0
#include "bench/kafka/clients.h"

namespace millrace::bench {

bool IsSetting(const char* name) {
  const kafka::ConfPtr conf(rd_kafka_conf_new());
  size_t size = 0;
  return rd_kafka_conf_get(conf.get(), name, nullptr, &size) == RD_KAFKA_CONF_OK;
}

ClientPtr NewClient(rd_kafka_type_t type, const std::string& bootstrap, Settings settings,
                    const std::function<void(rd_kafka_conf_t*)>& callbacks) {
  settings.emplace_back("bootstrap.servers", bootstrap);
  kafka::ConfPtr conf(rd_kafka_conf_new());
  callbacks(conf.get());
  char reason[512];
  for (const auto& [name, value] : settings) {
    const auto set = rd_kafka_conf_set(conf.get(), name, value.c_str(), reason, sizeof(reason));
    Require(set == RD_KAFKA_CONF_OK, reason);
  }
  ClientPtr client(rd_kafka_new(type, conf.get(), reason, sizeof(reason)));
  Require(client != nullptr, reason);
  static_cast<void>(conf.release());  // the client's, once it lives
  return client;
}

kafka::TopicPtr OpenTopic(rd_kafka_t* client, const std::string& topic) {
  kafka::TopicPtr opened(rd_kafka_topic_new(client, topic.c_str(), nullptr));
  Require(opened != nullptr, "cannot produce to " + topic);
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto error = rd_kafka_metadata(client, 0, opened.get(), &metadata, kBrokerTimeoutMs);
  const kafka::MetadataPtr owner(metadata);
  Require(error == RD_KAFKA_RESP_ERR_NO_ERROR,
          "looking at " + topic + ": " + rd_kafka_err2str(error));
  return opened;
}

}  // namespace millrace::bench
