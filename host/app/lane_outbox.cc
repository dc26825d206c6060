// SPDX-License-Identifier: Apache-2.0
#include "app/lane_outbox.h"

#include <unistd.h>

#include <deque>
#include <utility>

namespace millrace::app {

void LaneOutbox::Log(LogLevel level, std::string_view message) {
  {
    const std::lock_guard lock(mutex_);
    if (line_bytes_ + message.size() > kLogBytesMax) {
      ++lines_left_out_;
      return;
    }
    line_bytes_ += message.size();
    lines_.push_back({level, std::string(message)});
  }
  wake_->Signal();
}

void LaneOutbox::Ask(AskOffsets question) {
  {
    const std::lock_guard lock(mutex_);
    questions_.push_back(question);
  }
  wake_->Signal();
}

void LaneOutbox::Commit(int lane, std::span<const PartitionOffset> offsets) {
  {
    const std::lock_guard lock(mutex_);
    for (const PartitionOffset& offset : offsets) commits_[lane][offset.at] = offset;
  }
  wake_->Signal();
}

void LaneOutbox::Answer(InvokeAnswer answer) {
  {
    const std::lock_guard lock(mutex_);
    answers_.push_back(std::move(answer));
  }
  wake_->Signal();
}

std::vector<FromLanes> LaneOutbox::Take() {
  const std::lock_guard lock(mutex_);
  std::vector<FromLanes> messages;
  for (auto& [lane, newest] : std::exchange(commits_, {})) {
    CommitOffsets commit{.lane = lane, .offsets = {}};
    for (auto& [at, offset] : newest) commit.offsets.push_back(std::move(offset));
    messages.emplace_back(std::move(commit));
  }
  for (AskOffsets& question : std::exchange(questions_, {})) messages.emplace_back(question);
  for (LogLine& line : std::exchange(lines_, {})) messages.emplace_back(std::move(line));
  if (lines_left_out_ > 0) {
    messages.emplace_back(LogLine{
        LogLevel::kWarn, std::to_string(lines_left_out_) + " lines of the log were left out here"});
  }
  for (InvokeAnswer& answer : std::exchange(answers_, {})) messages.emplace_back(std::move(answer));
  line_bytes_ = 0;
  lines_left_out_ = 0;
  return messages;
}

// Shared by a lane's port and the thread that has the channel.
struct RemoteOffsets::Answers {
  std::mutex mutex;
  int wake_fd = -1;  // guarded by mutex, as the next one; -1: there is no port
  std::deque<commit::StartReply> replies;
};

class RemoteOffsets::Port final : public commit::GroupOffsets {
 public:
  Port(int lane, int wake_fd, LaneOutbox* outbox, const kafka::MembershipLease* lease,
       std::shared_ptr<Answers> answers)
      : lane_(lane), outbox_(outbox), lease_(lease), answers_(std::move(answers)) {
    const std::lock_guard lock(answers_->mutex);
    answers_->wake_fd = wake_fd;
  }
  ~Port() override {
    const std::lock_guard lock(answers_->mutex);
    answers_->wake_fd = -1;
  }

  void StartLookup(int32_t partition, uint64_t request) override {
    outbox_->Ask({.lane = lane_, .partition = partition, .request = request});
  }
  bool PollLookup(commit::StartReply* reply) override {
    const std::lock_guard lock(answers_->mutex);
    if (answers_->replies.empty()) return false;
    *reply = std::move(answers_->replies.front());
    answers_->replies.pop_front();
    return true;
  }
  void Commit(std::span<const PartitionOffset> offsets) override {
    outbox_->Commit(lane_, offsets);
  }
  bool IsMember(const std::string& metadata) const override {
    return lease_->IsMember(metadata, kafka::MembershipLease::Now());
  }

 private:
  int lane_;
  LaneOutbox* outbox_;
  const kafka::MembershipLease* lease_;
  std::shared_ptr<Answers> answers_;
};

RemoteOffsets::RemoteOffsets(int lanes, LaneOutbox* outbox, const kafka::MembershipLease* lease)
    : outbox_(outbox), lease_(lease) {
  for (int lane = 0; lane < lanes; ++lane) answers_.push_back(std::make_shared<Answers>());
}

RemoteOffsets::~RemoteOffsets() = default;

OffsetsPort RemoteOffsets::PortOf(int lane) {
  return [this, lane](int wake_fd) {
    return std::make_unique<Port>(lane, wake_fd, outbox_, lease_,
                                  answers_[static_cast<size_t>(lane)]);
  };
}

void RemoteOffsets::OnAnswer(OffsetsAnswer answer) {
  commit::StartReply reply{.partition = answer.partition, .request = answer.request, .result = {}};
  reply.result = std::move(answer.points);
  if (answer.error) reply.result = *std::move(answer.error);
  Answers& answers = *answers_[static_cast<size_t>(answer.lane)];
  const std::lock_guard lock(answers.mutex);
  answers.replies.push_back(std::move(reply));
  const uint64_t one = 1;
  if (answers.wake_fd >= 0 && write(answers.wake_fd, &one, sizeof one) < 0) {
    // A full eventfd is a pending wake-up already.
  }
}

}  // namespace millrace::app
