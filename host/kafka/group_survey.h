// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "kafka/client_options.h"
#include "model/task.h"

namespace millrace::kafka {

// A partition of an input topic: what it holds, and where the group is in it.
struct InputPartition {
  TopicPartition at;
  int64_t earliest = 0;              // first offset still retained
  int64_t end = 0;                   // last stable offset
  std::optional<int64_t> committed;  // stable; absent: the group has none
  std::string metadata = {};         // kept with it
};

struct GroupSurvey {
  std::vector<std::string> members;  // client id and address of each
  // Of all topics, in their order; `committed` is not asked for while the group has members.
  std::vector<InputPartition> partitions;
};

// Asks once who is in a group, what its topics hold and what it has committed; joins nothing and
// fetches nothing. kRetriable: the broker is not reachable, or did not answer; kFatal: it never
// will as things are (a topic is missing, not permitted). Blocks for some seconds at most while the
// broker answers; offsets of an open transaction are waited for, 20 seconds at most.
Result<GroupSurvey> SurveyGroup(const ClientOptions& options, const std::string& group,
                                const std::vector<std::string>& topics);

}  // namespace millrace::kafka
