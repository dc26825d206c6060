// SPDX-License-Identifier: Apache-2.0
#include "kafka/offsets_worker.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "kafka/group_member.h"
#include "kafka/member_state.h"
#include "kafka/offset_list.h"
#include "kafka/reply_box.h"

namespace millrace::kafka {
namespace {

using commit::StartingPoint;
using commit::StartReply;

constexpr int kCallTimeoutMs = 900;             // what a stop has to wait for at most
constexpr int kCallsMax = 5;                    // so that an answer takes five seconds at most
constexpr std::chrono::milliseconds kTick{20};  // while a commit is in flight
constexpr std::chrono::seconds kCommitMax{10};

bool MayPass(rd_kafka_resp_err_t error) {
  return error != RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED &&
         error != RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
}

using LaneAnswers = ReplyBox<StartReply>;  // shared by a lane's port and the worker

struct Lookup {
  int32_t partition = 0;
  uint64_t request = 0;
  std::shared_ptr<LaneAnswers> answers;
};

struct WaitingCommit {
  int64_t offset = 0;
  std::string metadata;
  uint64_t ownership = 0;
};

}  // namespace

struct OffsetsWorker::State {
  std::shared_ptr<MemberState> member;
  std::vector<InputTopic> inputs;
  QueuePtr commit_queue;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Lookup> lookups;                       // guarded by mutex, as the next two
  std::map<TopicPartition, WaitingCommit> commits;  // bounded by the partitions of the topics
  bool commit_in_flight = false;                    // worker's thread only
  std::chrono::steady_clock::time_point commit_until{};
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> commits_failed = 0;
  std::thread thread;

  void Run();
  void Answer(const Lookup& lookup);
  std::vector<InputTopic> TopicsOf(int32_t partition);
  Result<std::vector<StartingPoint>> LookUp(int32_t partition);
  Status ReadCommitted(int32_t partition, std::vector<StartingPoint>* points);
  Status ReadRange(const InputTopic& input, int32_t partition, StartingPoint* point);
  Status ReadTimestamp(const InputTopic& input, int32_t partition, StartingPoint* point);
  Status Call(const std::string& what, const std::function<rd_kafka_resp_err_t()>& call);
  void ServeCommits(std::chrono::milliseconds wait);
  void SendCommits();
  void TakeCommitResult(std::chrono::milliseconds wait);
  void CountFailure(rd_kafka_resp_err_t error);
};

void OffsetsWorker::State::Run() {
  std::unique_lock lock(mutex);
  while (!stop) {
    if (!lookups.empty()) {
      const Lookup lookup = std::move(lookups.front());
      lookups.pop_front();
      lock.unlock();
      ServeCommits(std::chrono::milliseconds(0));
      Answer(lookup);
    } else if (commit_in_flight || !commits.empty()) {
      lock.unlock();
      ServeCommits(kTick);
    } else {
      changed.wait(lock);
      continue;
    }
    lock.lock();
  }
}

void OffsetsWorker::State::Answer(const Lookup& lookup) {
  StartReply reply{.partition = lookup.partition, .request = lookup.request, .result = {}};
  reply.result = LookUp(lookup.partition);
  lookup.answers->Push(std::move(reply));
}

Result<std::vector<StartingPoint>> OffsetsWorker::State::LookUp(int32_t partition) {
  std::vector<StartingPoint> points;
  const std::vector<InputTopic> topics = TopicsOf(partition);
  points.reserve(topics.size());
  for (const InputTopic& input : topics) {
    points.push_back({.topic = input.name, .committed = std::nullopt, .start = 0, .earliest = 0});
  }
  if (Status status = ReadCommitted(partition, &points); !status) return status.error();
  for (size_t i = 0; i < topics.size(); ++i) {
    if (Status status = ReadRange(topics[i], partition, &points[i]); !status) {
      return status.error();
    }
  }
  return points;
}

// Those that the group gave us with this partition: another topic may have fewer. Of a partition
// that is not ours all are asked for.
std::vector<InputTopic> OffsetsWorker::State::TopicsOf(int32_t partition) {
  std::vector<InputTopic> topics;
  std::lock_guard lock(member->mutex);
  for (const InputTopic& input : inputs) {
    if (member->assigned.contains({input.name, partition})) topics.push_back(input);
  }
  return topics.empty() ? inputs : topics;
}

// Repeats a call that is cut short, so that neither a stop nor a commit waits for a long one.
Status OffsetsWorker::State::Call(const std::string& what,
                                  const std::function<rd_kafka_resp_err_t()>& call) {
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__TIMED_OUT;
  for (int i = 0; i < kCallsMax && !stop && error == RD_KAFKA_RESP_ERR__TIMED_OUT; ++i) {
    if (i > 0) ServeCommits(std::chrono::milliseconds(0));
    error = call();
  }
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  const std::string text = what + " cannot be read: " + rd_kafka_err2str(error);
  return MayPass(error) ? Retriable(text) : Fatal(text);
}

Status OffsetsWorker::State::ReadCommitted(int32_t partition, std::vector<StartingPoint>* points) {
  const PartitionListPtr list = NewPartitionList(static_cast<int>(points->size()));
  for (const StartingPoint& point : *points) {
    rd_kafka_topic_partition_list_add(list.get(), point.topic.c_str(), partition);
  }
  const Status status = Call("the group's offsets of partition " + std::to_string(partition), [&] {
    return rd_kafka_committed(member->client->get(), list.get(), kCallTimeoutMs);
  });
  if (!status) return status;
  for (StartingPoint& point : *points) {
    const auto* found =
        rd_kafka_topic_partition_list_find(list.get(), point.topic.c_str(), partition);
    if (found->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return Retriable("the group's offset of " + point.topic + "/" + std::to_string(partition) +
                       " cannot be read: " + rd_kafka_err2str(found->err));
    }
    CommittedOffset committed = CommittedIn(*found);
    point.committed = committed.offset;
    point.metadata = std::move(committed.metadata);
  }
  return {};
}

Status OffsetsWorker::State::ReadRange(const InputTopic& input, int32_t partition,
                                       StartingPoint* point) {
  int64_t low = 0;
  int64_t high = 0;
  const std::string what = "the retained range of " + input.name + "/" + std::to_string(partition);
  const Status status = Call(what, [&] {
    return rd_kafka_query_watermark_offsets(member->client->get(), input.name.c_str(), partition,
                                            &low, &high, kCallTimeoutMs);
  });
  if (!status) return status;
  point->earliest = low;
  point->start = input.start.kind == StartPosition::Kind::kEarliest ? low : high;
  if (input.start.kind != StartPosition::Kind::kTimestamp) return {};
  return ReadTimestamp(input, partition, point);
}

Status OffsetsWorker::State::ReadTimestamp(const InputTopic& input, int32_t partition,
                                           StartingPoint* point) {
  const PartitionListPtr list = NewPartitionList(1);
  auto* wanted = rd_kafka_topic_partition_list_add(list.get(), input.name.c_str(), partition);
  const std::string what = "the offset of " + input.name + "/" + std::to_string(partition) +
                           " at timestamp " + std::to_string(input.start.timestamp_ms);
  const Status status = Call(what, [&] {
    wanted->offset = input.start.timestamp_ms;
    const auto error =
        rd_kafka_offsets_for_times(member->client->get(), list.get(), kCallTimeoutMs);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ? wanted->err : error;
  });
  if (!status) return status;
  if (wanted->offset >= 0) point->start = wanted->offset;  // else: no record that late, the end
  return {};
}

void OffsetsWorker::State::ServeCommits(std::chrono::milliseconds wait) {
  if (commit_in_flight) TakeCommitResult(wait);
  if (!commit_in_flight) SendCommits();
}

void OffsetsWorker::State::SendCommits() {
  std::lock_guard owned(member->mutex);
  std::vector<PartitionOffset> offsets;
  {
    std::lock_guard lock(mutex);
    for (const auto& [at, waiting] : commits) {
      if (waiting.ownership != member->ownership) continue;
      offsets.push_back({at, waiting.offset, waiting.metadata});
    }
    commits.clear();
  }
  if (offsets.empty()) return;
  const PartitionListPtr list = ToList(offsets);
  const auto error = rd_kafka_commit_queue(member->client->get(), list.get(), commit_queue.get(),
                                           nullptr, nullptr);
  commit_in_flight = error == RD_KAFKA_RESP_ERR_NO_ERROR;
  commit_until = std::chrono::steady_clock::now() + kCommitMax;
  if (!commit_in_flight) CountFailure(error);
}

void OffsetsWorker::State::TakeCommitResult(std::chrono::milliseconds wait) {
  const EventPtr done(rd_kafka_queue_poll(commit_queue.get(), static_cast<int>(wait.count())));
  if (!done) {
    if (std::chrono::steady_clock::now() < commit_until) return;
    commit_in_flight = false;
    return CountFailure(RD_KAFKA_RESP_ERR__TIMED_OUT);
  }
  commit_in_flight = false;
  const auto error = rd_kafka_event_error(done.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) CountFailure(error);
}

void OffsetsWorker::State::CountFailure(rd_kafka_resp_err_t error) {
  ++commits_failed;
  member->client->Log(4, std::string("the group's offsets are not committed, the next commit "
                                     "makes up for it: ") +
                             rd_kafka_err2str(error));
}

namespace {

// Partition → the ownership during which its task last asked where to begin; bounded by the
// partitions that the lane has ever had.
using Ownerships = std::map<int32_t, uint64_t>;

class LaneOffsets final : public commit::GroupOffsets {
 public:
  using Ask = std::function<uint64_t(Lookup)>;  // gives the ownership at this moment
  using Send = std::function<void(std::span<const PartitionOffset>, const Ownerships&)>;
  LaneOffsets(int wake_fd, std::shared_ptr<MemberState> member, Ask ask, Send send)
      : answers_(std::make_shared<LaneAnswers>(wake_fd)),
        member_(std::move(member)),
        ask_(std::move(ask)),
        send_(std::move(send)) {}
  ~LaneOffsets() override { answers_->Detach(); }  // an answer may still come

  void StartLookup(int32_t partition, uint64_t request) override {
    ownerships_[partition] =
        ask_({.partition = partition, .request = request, .answers = answers_});
  }

  bool PollLookup(StartReply* reply) override { return answers_->Poll(reply); }

  void Commit(std::span<const PartitionOffset> offsets) override { send_(offsets, ownerships_); }
  bool IsMember(const std::string& metadata) const override { return member_->IsMember(metadata); }

 private:
  std::shared_ptr<LaneAnswers> answers_;
  std::shared_ptr<MemberState> member_;
  Ask ask_;
  Send send_;
  Ownerships ownerships_;
};

}  // namespace

OffsetsWorker::OffsetsWorker(const GroupMember& member, std::vector<InputTopic> inputs)
    : state_(std::make_shared<State>()) {
  state_->member = member.state();
  state_->inputs = std::move(inputs);
  state_->commit_queue.reset(rd_kafka_queue_new(state_->member->client->get()));
  state_->thread = std::thread(&State::Run, state_.get());
}

OffsetsWorker::~OffsetsWorker() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->changed.notify_all();
  state_->thread.join();
  state_->commit_queue.reset();
  state_->member.reset();
}

std::unique_ptr<commit::GroupOffsets> OffsetsWorker::ForLane(int wake_fd) {
  auto ask = [state = state_, member = state_->member](Lookup lookup) {
    uint64_t ownership = 0;
    {
      std::lock_guard owned(member->mutex);
      ownership = member->ownership;
    }
    std::lock_guard lock(state->mutex);
    if (state->stop) return ownership;
    state->lookups.push_back(std::move(lookup));
    state->changed.notify_all();
    return ownership;
  };
  auto send = [state = state_](std::span<const PartitionOffset> offsets,
                               const Ownerships& ownerships) {
    std::lock_guard lock(state->mutex);
    if (state->stop) return;
    for (const PartitionOffset& offset : offsets) {
      const auto asked = ownerships.find(offset.at.partition);
      if (asked == ownerships.end()) continue;  // a task that never began has come nowhere
      state->commits[offset.at] = {
          .offset = offset.offset, .metadata = offset.metadata, .ownership = asked->second};
    }
    state->changed.notify_all();
  };
  return std::make_unique<LaneOffsets>(wake_fd, state_->member, std::move(ask), std::move(send));
}

uint64_t OffsetsWorker::commits_failed() const { return state_->commits_failed; }

}  // namespace millrace::kafka
