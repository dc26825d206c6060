// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/lane_board.h"
#include "app/lane_protocol.h"
#include "app/lanes.h"
#include "base/clock.h"
#include "base/logger.h"
#include "base/unique_fd.h"
#include "commit/group_offsets.h"
#include "http/invoke.h"
#include "observe/limited_log.h"
#include "process/cgroup.h"
#include "process/channel.h"
#include "process/packing.h"

namespace millrace::app {

struct LaneProcessOptions {
  std::vector<std::string> command;  // of RunLanes; its parent's number is appended
  StartLanes start;
  const LaneBoard* board = nullptr;                            // outlives the process
  std::vector<std::unique_ptr<commit::GroupOffsets>> offsets;  // by lane
  process::Cgroup* cgroup = nullptr;                           // null: none; outlives it
  Logger* log = nullptr;                                       // outlives it, as the clock
  const Clock* clock = nullptr;
};

// The lanes of a function in a child of this program, which ends with the thread that started it.
// What the library does there to memory, to threads or by ending the process, this process does not
// feel; it is no sandbox. What the child prints goes to the log, line by line, as far as its rate
// allows. One thread.
class LaneProcess final : public Lanes {
 public:
  // kRetriable: the system gives no process, descriptor or memory.
  static Result<std::unique_ptr<LaneProcess>> Start(LaneProcessOptions options);
  // Lets the child stop its instances and close its libraries for kEndMax, then kills it.
  ~LaneProcess() override;

  static constexpr Millis kEndMax{2'000};

  // Readable when Step has something to do, which is wanted every 100 ms all the same.
  int fd() const { return epoll_.get(); }
  void Step();

  // How it ended: "ended by signal 11 (Segmentation fault)"; absent while it runs.
  const std::optional<std::string>& end() const { return end_; }
  bool killed() const { return killed_; }  // by SIGKILL, whoever sent it
  pid_t pid() const { return pid_; }
  bool open() const { return open_; }  // it has opened its first library
  // Ends it and all of its process group. Of a signal that it survives it is to be killed.
  void Kill(int signal);

  // Called back once, from Step or the destructor; kUnavailable if the process ends before.
  void Invoke(const http::InvokeEvent& event, http::InvokeCallback callback);

  void Assign(int lane, lane::TaskAssignment task) override;
  void Revoke(int lane, int32_t partition) override;
  void Abandon(int lane, int32_t partition) override;
  void Swap(std::shared_ptr<const Generation> generation) override;
  std::vector<LaneReport> TakeReports() override;
  bool started() const override { return started_; }

 private:
  explicit LaneProcess(LaneProcessOptions options);
  Status Spawn();
  Status Watch();
  void Send(const ToLanes& message) { channel_->Send(process::Pack(message)); }
  void Command(int lane, const ToLanes& message);
  void TakeMessages();
  void Take(FromLanes message);
  void TakeReport(ReportLanes report);
  void AnswerOffsets();
  void TakeOutput();
  void TellOutput();
  void CheckEnd();
  void Break(const std::string& why);
  void OnClosed();
  void Reap();

  LaneProcessOptions options_;
  observe::LimitedLog printed_;
  std::optional<process::Channel> channel_;
  UniqueFd output_;   // what it prints
  UniqueFd process_;  // the child, as a descriptor
  UniqueFd epoll_;    // of the three
  pid_t pid_ = -1;    // -1: there is none, or it is reaped
  std::optional<std::string> end_;
  bool killed_ = false;
  std::string line_;  // printed, not yet ended
  bool started_ = false;
  bool open_ = false;
  bool broken_ = false;                  // and to be killed
  std::optional<SteadyTime> closed_at_;  // its end of the channel
  std::vector<LaneReport> reports_;      // by lane
  std::vector<uint64_t> commands_;       // by lane, sent
  std::map<uint64_t, http::InvokeCallback> invocations_;
  uint64_t next_invocation_ = 1;
};

// What the child loads instead of this generation's object.
LibraryToOpen ToOpen(const Generation& generation);

}  // namespace millrace::app
