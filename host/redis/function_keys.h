// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "model/task.h"
#include "redis/redis_url.h"
#include "redis/session.h"

namespace millrace::redis {

class CommandConnection;

struct FunctionKeysOptions {
  RedisUrl url;
  std::string ca_file = {};  // for rediss://; empty: the system's certificates
  std::string name_space;
  std::string function;
  SessionTimes times = {};
};

// What a task's `:task` says of its progress; empty where the key or a field is missing or damaged.
struct StoredProgress {
  std::string group;
  std::string partitions;
  uint64_t published_seq = 0;
  Offsets applied;
  bool other_type = false;  // no hash: somebody else wrote there
};

// Every key of a function, as it was while it was looked for.
struct KeySurvey {
  uint64_t keys = 0;
  std::map<int32_t, StoredProgress> tasks;  // of which there is a key, by partition number
};

// All keys of one function, whatever its library declares: {mr:<namespace>:<function>:<number>}:...
// Looks for them with SCAN, page by page, which reads the names of all keys of the database but
// stops Redis for no longer than a page. Every call blocks until it is done, and asks after every
// page, with the count of keys so far, whether to go on. One thread.
class FunctionKeys {
 public:
  using GoOn = std::function<bool(uint64_t keys)>;

  // kRetriable: Redis is not reachable. kFatal: it must not hold state, or a name is no part of a
  // key.
  static Result<std::unique_ptr<FunctionKeys>> Connect(FunctionKeysOptions options,
                                                       const Clock* clock);
  ~FunctionKeys();

  // Absent: told not to go on.
  Result<std::optional<KeySurvey>> Survey(const GoOn& go_on);

  // Removes every key of the tasks that were found; false: told not to go on.
  // First every task is marked as one that is being removed, under the `epoch` given: from then on
  // a former owner's commit changes nothing and no host acquires it. The mark goes last. So
  // whatever ends this in between, no host runs on half of the state; calling it again removes the
  // rest.
  Result<bool> Remove(const KeySurvey& found, const std::string& epoch, const GoOn& go_on);

 private:
  FunctionKeys(std::unique_ptr<CommandConnection> connection, std::string prefix);

  struct Page;
  Status Scan(const std::string& cursor, Page* page);
  std::string TaskKey(int32_t partition) const;
  Status ReadProgress(KeySurvey* survey);

  std::unique_ptr<CommandConnection> connection_;
  std::string prefix_;  // {mr:<namespace>:<function>:
};

}  // namespace millrace::redis
