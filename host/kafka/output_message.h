// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "kafka/handle.h"
#include "model/record.h"

namespace millrace::kafka {

// One output as it goes to its topic, the same from every producer. Private to this folder.
struct OutputMessage {
  rd_kafka_topic_t* topic = nullptr;
  int32_t partition = 0;
  int64_t timestamp_ms = 0;
  Slice key;    // null: no key
  Slice value;  // null: tombstone
  std::span<const HeaderView> headers;
  Slice id;  // value of the header kOutputIdHeader, added last; null: none
  void* opaque = nullptr;
};

// Copies the message into the producer's queue, or gives the reason why not.
rd_kafka_resp_err_t Send(rd_kafka_t* producer, const OutputMessage& message);

}  // namespace millrace::kafka
