// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace auction_bids {

// Reads a whole topic from its first record on and goes on with what comes. Joins no group, commits
// nothing. One thread.
class StatsReader {
 public:
  // Fails if the topic is not there within `max_wait`.
  static millrace::Result<std::unique_ptr<StatsReader>> Open(const std::string& bootstrap,
                                                             const std::string& topic,
                                                             millrace::Millis max_wait);
  ~StatsReader();
  StatsReader(const StatsReader&) = delete;
  StatsReader& operator=(const StatsReader&) = delete;

  // The values that are there, in the order of their partition; waits for up to `max_wait` for the
  // first. An error: a record is lost to this reader, or the broker is gone.
  millrace::Result<std::vector<std::string>> Read(millrace::Millis max_wait);

  // The end of every partition as the broker has it now; Reached then says whether Read has given
  // everything before it.
  millrace::Status MarkEnd();
  bool Reached() const;

 private:
  struct Handle;
  explicit StatsReader(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

}  // namespace auction_bids
