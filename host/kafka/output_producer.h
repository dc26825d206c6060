// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "effects/output_sink.h"
#include "kafka/client_options.h"

namespace millrace::kafka {

class TopicWatch;

struct OutputProducerOptions {
  ClientOptions client;
  std::vector<std::string> topics;          // by output index; two outputs may share a topic
  std::shared_ptr<const TopicWatch> watch;  // knows all of `topics`; outlives the sink
  // Non-blocking eventfd, written when Poll has something to settle; -1 = none. Must outlive the
  // sink.
  int wake_fd = -1;
};

// A lane's producer: idempotent, acknowledged by all in-sync replicas, without a time-out: what is
// handed over waits for as long as the broker is away, so that only refusals for good fail a ticket
// (topic gone, record too large, not permitted, producer fenced by a fatal error). Belongs to one
// lane's thread. Destroying it drops what is not acknowledged; the tickets are not touched then.
Result<std::unique_ptr<effects::OutputSink>> MakeOutputProducer(
    const OutputProducerOptions& options);

}  // namespace millrace::kafka
