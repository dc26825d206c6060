// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <librdkafka/rdkafka.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/kafka/check.h"
#include "kafka/handle.h"

// The benchmark's own librdkafka clients, without the host's adapters in between.
namespace millrace::bench {

inline constexpr int kBrokerTimeoutMs = 60'000;

// No client here is a member of a group, so there is none to leave.
inline void Destroy(rd_kafka_t* client) {
  rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

using ClientPtr = std::unique_ptr<rd_kafka_t, kafka::DestroyWith<Destroy>>;

// Of librdkafka, by name; the values are copied by the client that is made with them. Of a name
// that stands there twice the later value counts.
using Settings = std::vector<std::pair<const char*, std::string>>;

// Does this version of the library know it?
bool IsSetting(const char* name);

// `callbacks` sets what is no setting. Throws on what the library refuses.
ClientPtr NewClient(
    rd_kafka_type_t type, const std::string& bootstrap, Settings settings,
    const std::function<void(rd_kafka_conf_t*)>& callbacks = [](rd_kafka_conf_t*) {});

// For a producer, which looks up the topic at once: else the first records wait for the leaders.
kafka::TopicPtr OpenTopic(rd_kafka_t* client, const std::string& topic);

}  // namespace millrace::bench
