// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "commit/group_offsets.h"
#include "kafka/client_options.h"
#include "model/function_spec.h"

namespace millrace::kafka {

class GroupMember;

// An input topic of the function and where a partition of it without stored progress begins.
struct InputTopic {
  std::string name;
  StartPosition start;
};

// One thread per function that makes the blocking calls on the group's and the broker's offsets,
// through the membership's handle, for all lanes. A look-up asks for the topics whose partition the
// member was assigned. One that cannot be answered within five seconds (offsets of an open
// transaction are waited for that long), or not at all at the moment, is answered with a retriable
// error: the lane asks again. Commits go between the calls of a look-up; of those of one partition
// that wait, the newest is sent. A commit belongs to the ownership during which its lane last asked
// for the partition's start, and is dropped once the group member has released that.
class OffsetsWorker {
 public:
  OffsetsWorker(const GroupMember& member, std::vector<InputTopic> inputs);
  ~OffsetsWorker();  // within a second; answers still owed are not given
  OffsetsWorker(const OffsetsWorker&) = delete;
  OffsetsWorker& operator=(const OffsetsWorker&) = delete;

  // The port of one lane. `wake_fd`: non-blocking eventfd, written when an answer is there; -1 =
  // none; must outlive the worker. The port may outlive the worker and is silent then.
  std::unique_ptr<commit::GroupOffsets> ForLane(int wake_fd);
  uint64_t commits_failed() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace millrace::kafka
