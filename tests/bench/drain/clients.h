// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "kafka/handle.h"

// The benchmark's own librdkafka clients, without the host's adapters in between.
namespace millrace::drain {

inline constexpr int kBrokerTimeoutMs = 60'000;

// No client here is a member of a group, so there is none to leave.
inline void Destroy(rd_kafka_t* client) {
  rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

using ClientPtr = std::unique_ptr<rd_kafka_t, kafka::DestroyWith<Destroy>>;

inline ClientPtr NewClient(rd_kafka_type_t type, const std::string& bootstrap,
                           std::vector<std::pair<const char*, const char*>> settings) {
  settings.emplace_back("bootstrap.servers", bootstrap.c_str());
  kafka::ConfPtr conf(rd_kafka_conf_new());
  char reason[512];
  for (const auto& [name, value] : settings) {
    const auto set = rd_kafka_conf_set(conf.get(), name, value, reason, sizeof(reason));
    Require(set == RD_KAFKA_CONF_OK, reason);
  }
  ClientPtr client(rd_kafka_new(type, conf.get(), reason, sizeof(reason)));
  Require(client != nullptr, reason);
  static_cast<void>(conf.release());  // the client's, once it lives
  return client;
}

}  // namespace millrace::drain
