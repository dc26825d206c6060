// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "app/lane_protocol.h"
#include "app/lane_thread.h"
#include "app/wake.h"
#include "base/logger.h"

namespace millrace::app {

// What threads of a child have for its host, until the thread that has the channel sends it. Any
// thread; `wake` outlives it.
class LaneOutbox final : public Logger {
 public:
  static constexpr size_t kLogBytesMax = 1024 * 1024;  // what is over is left out, and counted

  explicit LaneOutbox(const Wake* wake) : wake_(wake) {}

  using Logger::Log;
  void Log(LogLevel level, std::string_view message) override;
  void Ask(AskOffsets question);
  void Commit(int lane, std::span<const PartitionOffset> offsets);
  void Answer(InvokeAnswer answer);

  // In an order in which they may be sent. A commit goes before a question about its partition that
  // was asked later: it belongs to the ownership that the question ends.
  std::vector<FromLanes> Take();

 private:
  const Wake* wake_;
  std::mutex mutex_;
  std::vector<LogLine> lines_;
  size_t line_bytes_ = 0;
  size_t lines_left_out_ = 0;
  std::map<int, std::map<TopicPartition, PartitionOffset>> commits_;  // by lane, the newest
  std::vector<AskOffsets> questions_;
  std::vector<InvokeAnswer> answers_;
};

// The group's offsets as the lanes of a child see them: asked of the host, and the lease of the
// membership in the memory that both have. Outlives the ports.
class RemoteOffsets {
 public:
  RemoteOffsets(int lanes, LaneOutbox* outbox, const kafka::MembershipLease* lease);
  ~RemoteOffsets();

  OffsetsPort PortOf(int lane);
  void OnAnswer(OffsetsAnswer answer);  // on the thread that has the channel

 private:
  class Port;
  struct Answers;
  LaneOutbox* outbox_;
  const kafka::MembershipLease* lease_;
  std::vector<std::shared_ptr<Answers>> answers_;  // by lane
};

}  // namespace millrace::app
