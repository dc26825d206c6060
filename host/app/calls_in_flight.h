// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/lane_board.h"
#include "app/lanes.h"
#include "base/clock.h"
#include "base/logger.h"
#include "model/crash.h"
#include "model/function_spec.h"

namespace millrace::app {

// What is known of a function's calls that have not come back: its board, which of them last for
// too long, and which one a process died of. Where `reports` are asked for, they are what the lanes
// have told last, one each: they name the topics. One thread, the function's control thread, but
// for board().
class CallsInFlight {
 public:
  // `file`: of a function of this process, where what is in flight is kept, so that the process
  // that comes after a crash knows it; what a former one died of is read from there. Empty:
  // nowhere. Throws when the system has no memory or descriptor left. `log` outlives it.
  CallsInFlight(const FunctionSpec& spec, std::string file, Logger* log);
  CallsInFlight(const CallsInFlight&) = delete;
  CallsInFlight& operator=(const CallsInFlight&) = delete;

  // The same one for as long as this lives; any thread.
  const std::shared_ptr<LaneBoard>& board() const { return board_; }

  // Why the call of a lane's handler is over its time; absent: it is not.
  std::optional<std::string> LateHandler(int lane, SteadyTime now,
                                         const std::vector<LaneReport>& reports) const;
  // What in a process of the function has lasted for longer than limits.timeout.
  struct Late {
    std::string what;
    int32_t thread = 0;  // for the board's Culprit
  };
  std::optional<Late> TooLong(SteadyTime now, const std::vector<LaneReport>& reports) const;

  // Of a process that is dead, until its board is cleared. What it died of, to follow how it ended;
  // may be empty.
  std::string DiedOf(const std::vector<LaneReport>& reports) const;
  // Whether a handler of that library is to blame.
  bool DiedInHandlerOf(const std::string& hash12) const;
  // Marks the event that it died of, if its partition is among `tasks`.
  void NoteCrash(const std::map<int32_t, int>& tasks, const std::vector<LaneReport>& reports);

  // The event that the task of a partition is to be charged with when it begins anew, wherever that
  // is recorded; kept until it is forgotten.
  std::optional<CrashMark> Crash(int32_t partition) const;
  void ForgetCrash(int32_t partition) { crashes_.erase(partition); }

  // Nothing is in flight any more: another one for the same file may be made.
  void RemoveFile();

 private:
  std::shared_ptr<LaneBoard> MakeBoard(int lanes);
  void NoteRemains(const LaneBoard::Remains& remains);
  std::string TopicOf(int lane, const invoke::InFlight::Call& call,
                      const std::vector<LaneReport>& reports) const;
  std::string AtCall(int lane, const invoke::InFlight::Call& call,
                     const std::vector<LaneReport>& reports) const;
  std::optional<invoke::InFlight::Call> LateCall(const invoke::InFlight& in_flight,
                                                 SteadyTime now) const;
  std::string ForTooLong() const;

  std::string function_;
  std::vector<std::string> input_topics_;  // in name order
  Millis timeout_;
  Logger* log_;
  std::string file_;                      // empty: none
  std::map<int32_t, CrashMark> crashes_;  // by partition
  std::shared_ptr<LaneBoard> board_;
};

}  // namespace millrace::app
