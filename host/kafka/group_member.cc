// SPDX-License-Identifier: Apache-2.0
#include "kafka/group_member.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "kafka/client.h"
#include "kafka/group_metadata.h"
#include "kafka/lease_interceptor.h"
#include "kafka/member_state.h"
#include "kafka/offset_list.h"
#include "kafka/topic_watch.h"

namespace millrace::kafka {
namespace {

using membership::GroupEvent;
using Steady = std::chrono::steady_clock;

constexpr int kSessionTimeoutMs = 10'000;
constexpr int kHeartbeatMsMax = 1'000;
constexpr uint64_t kWake = 1;  // what an eventfd wants to be written
constexpr std::chrono::seconds kFinalCommitMax{2};
constexpr std::chrono::milliseconds kTopicCheckInterval{200};
constexpr int kEventsPerPoll = 100;

int SessionTimeoutMs(const Properties& user) {
  const auto session = user.find("session.timeout.ms");
  if (session == user.end()) return kSessionTimeoutMs;
  int session_ms = 0;
  const std::string& text = session->second;
  std::from_chars(text.data(), text.data() + text.size(), session_ms);
  return session_ms;
}

// Three heartbeats fit into a session, also into a shorter one that the user has set.
int HeartbeatMs(const Properties& user) {
  return std::clamp(SessionTimeoutMs(user) / 3, 1, kHeartbeatMsMax);
}

ConfBuilder ConfOf(const GroupMemberOptions& options) {
  ConfBuilder conf(options.client.properties);
  conf.SetDefault("session.timeout.ms", std::to_string(kSessionTimeoutMs));
  conf.SetDefault("heartbeat.interval.ms", std::to_string(HeartbeatMs(options.client.properties)));
  // A connection to the coordinator that breaks is tried again within a session.
  conf.SetDefault("reconnect.backoff.max.ms",
                  std::to_string(HeartbeatMs(options.client.properties)));
  conf.SetDefault("topic.metadata.refresh.interval.ms", "1000");  // finds topics made later
  conf.SetDefault("allow.auto.create.topics", "false");
  conf.Set("group.id", options.group);
  conf.Set("partition.assignment.strategy", "range");
  conf.Set("enable.auto.commit", "false");
  conf.Set("enable.auto.offset.store", "false");
  conf.Set("isolation.level", "read_committed");  // committed() waits for open transactions
  conf.Set("auto.offset.reset", "error");
  rd_kafka_conf_set_events(
      conf.get(), RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_OFFSET_COMMIT);
  return conf;
}

std::vector<TopicPartition> PartitionsOf(rd_kafka_event_t* event) {
  std::vector<TopicPartition> partitions;
  const auto* list = rd_kafka_event_topic_partition_list(event);
  for (int i = 0; list && i < list->cnt; ++i) {
    partitions.push_back({list->elems[i].topic, list->elems[i].partition});
  }
  return partitions;
}

// Errors that the watch tells with more detail, or that pass by themselves.
bool IsWatched(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || error == RD_KAFKA_RESP_ERR__TRANSPORT ||
         error == RD_KAFKA_RESP_ERR__RESOLVE || error == RD_KAFKA_RESP_ERR__TIMED_OUT ||
         error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
         error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

}  // namespace

bool MemberState::IsMember(const std::string& metadata_at_assignment) {
  {
    std::lock_guard lock(mutex);
    if (metadata_at_assignment.empty() || metadata_at_assignment != group_metadata) return false;
  }
  return lease->Holds(MembershipLease::Now()) && !rd_kafka_assignment_lost(client->get());
}

// The control thread's side: what was asked of the group and what it still owes us.
class GroupMember::Impl {
 public:
  Impl(MemberState* state, const GroupMemberOptions& options)
      : state_(*state), topics_(options.topics), group_(options.group), watch_(options.watch) {}
  ~Impl();
  Status Subscribe(int wake_fd);
  bool Poll(GroupEvent* event);
  void Accept();
  void Release(std::span<const PartitionOffset> final_offsets);
  void Leave();
  bool left() const { return phase_ == Phase::kClosing && rd_kafka_consumer_closed(rk()); }
  std::optional<int32_t> PartitionCount(const std::string& topic) {
    return watch_->PartitionCount(topic);
  }

 private:
  enum class Phase { kMember, kLeaving, kClosing };
  // What the group waits for from us.
  enum class Owed { kNothing, kAccept, kRelease, kFinalCommit };

  rd_kafka_t* rk() const { return state_.client->get(); }
  bool Take(rd_kafka_event_t* from, GroupEvent* event);
  bool TakeRebalance(rd_kafka_event_t* from, GroupEvent* event);
  bool TakeAssignment(GroupEvent* event);
  void TellLoss(size_t partitions) const;
  bool TakeError(rd_kafka_event_t* from, GroupEvent* event);
  bool CheckTopics(GroupEvent* event);
  bool Tell(const std::string& problem, GroupEvent* event);
  void ServeFinalCommit();
  void AssignNothing();
  void Unassign();
  void CloseIfFree();

  MemberState& state_;
  std::vector<std::string> topics_;
  std::string group_;
  std::shared_ptr<TopicWatch> watch_;
  QueuePtr queue_;
  QueuePtr commit_queue_;
  Phase phase_ = Phase::kMember;
  Owed owed_ = Owed::kNothing;
  bool owns_ = false;  // an assignment was accepted and not yet released
  Steady::time_point final_commit_until_{};
  Steady::time_point topics_checked_{};
  std::string problem_;        // as last told; empty: none
  std::string group_problem_;  // from an event; over with the next assignment
};

Status GroupMember::Impl::Subscribe(int wake_fd) {
  rd_kafka_poll_set_consumer(rk());
  queue_.reset(rd_kafka_queue_get_consumer(rk()));
  commit_queue_.reset(rd_kafka_queue_new(rk()));
  if (wake_fd >= 0) {
    for (const QueuePtr* queue : {&queue_, &commit_queue_}) {
      rd_kafka_queue_io_event_enable(queue->get(), wake_fd, &kWake, sizeof(kWake));
    }
  }
  const PartitionListPtr list = NewPartitionList(static_cast<int>(topics_.size()));
  for (const std::string& topic : topics_) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  }
  const rd_kafka_resp_err_t error = rd_kafka_subscribe(rk(), list.get());
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return Fatal("group " + group_ + " cannot be joined: " + rd_kafka_err2str(error));
}

GroupMember::Impl::~Impl() {
  for (const QueuePtr* queue : {&queue_, &commit_queue_}) {
    if (*queue) rd_kafka_queue_io_event_enable(queue->get(), -1, nullptr, 0);
  }
}

bool GroupMember::Impl::Poll(GroupEvent* event) {
  state_.lease->SetLost(rd_kafka_assignment_lost(rk()) != 0, MembershipLease::Now());
  ServeFinalCommit();
  for (int i = 0; i < kEventsPerPoll; ++i) {
    const EventPtr from(rd_kafka_queue_poll(queue_.get(), 0));
    if (!from) break;
    if (Take(from.get(), event)) return true;
  }
  return phase_ == Phase::kMember && CheckTopics(event);
}

bool GroupMember::Impl::Take(rd_kafka_event_t* from, GroupEvent* event) {
  switch (rd_kafka_event_type(from)) {
    case RD_KAFKA_EVENT_REBALANCE:
      return TakeRebalance(from, event);
    case RD_KAFKA_EVENT_ERROR:
      return TakeError(from, event);
    default:
      return false;
  }
}

bool GroupMember::Impl::TakeRebalance(rd_kafka_event_t* from, GroupEvent* event) {
  event->partitions = PartitionsOf(from);
  event->problem.clear();
  event->group_metadata.clear();
  if (rd_kafka_event_error(from) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    return TakeAssignment(event);
  }
  if (!owns_) {  // nothing was accepted, so nobody works on it
    Unassign();
    return false;
  }
  owed_ = Owed::kRelease;
  const bool lost = rd_kafka_assignment_lost(rk()) != 0;
  if (lost) TellLoss(event->partitions.size());
  event->kind = lost ? GroupEvent::Kind::kLost : GroupEvent::Kind::kRevoked;
  return true;
}

// The library tells of a session and of a poll interval that are over, but not of a coordinator
// that does not know the member any more. The age tells them apart for all.
void GroupMember::Impl::TellLoss(size_t partitions) const {
  const auto ms = [](MembershipLease::Nanos time) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
  };
  state_.client->Log(
      4, "group " + group_ + ": the assignment of " + std::to_string(partitions) +
             (partitions == 1 ? " partition" : " partitions") +
             " is lost; what the coordinator has accepted last was sent " +
             ms(state_.lease->SinceConfirmed(MembershipLease::Now())) +
             " ms ago (session.timeout.ms: " + ms(state_.lease->session()) +
             "). If that is about a session or more, look for a broker, network or machine that "
             "stood still; if less, the coordinator did not know this member any more, or it was "
             "not polled for max.poll.interval.ms: the lines before tell");
}

// The metadata is read before the assignment is accepted: until then the group's counter stands
// still, so that it can only be this one's, or that of a member which has been expelled meanwhile.
bool GroupMember::Impl::TakeAssignment(GroupEvent* event) {
  group_problem_.clear();
  if (phase_ != Phase::kMember) {
    Unassign();
    return false;
  }
  Result<std::string> metadata = ReadGroupMetadata(rk());
  if (!metadata) {
    AssignNothing();  // the next assignment is another one
    group_problem_ =
        "group " + group_ +
        ": an assignment is not taken, the next one is waited for: " + metadata.error().message;
    return Tell(group_problem_, event);
  }
  {
    std::lock_guard lock(state_.mutex);
    state_.assigned = {event->partitions.begin(), event->partitions.end()};
    state_.group_metadata = *metadata;
  }
  state_.lease->SetLost(false, MembershipLease::Now());
  state_.lease->SetAssignment(*metadata);
  state_.lease->OnAssigned();
  owed_ = Owed::kAccept;
  event->kind = GroupEvent::Kind::kAssigned;
  event->group_metadata = std::move(*metadata);
  return true;
}

bool GroupMember::Impl::TakeError(rd_kafka_event_t* from, GroupEvent* event) {
  const rd_kafka_resp_err_t error = rd_kafka_event_error(from);
  if (IsWatched(error)) {
    watch_->LookNow();
    return false;
  }
  group_problem_ = "group " + group_ + ": " + rd_kafka_event_error_string(from);
  return phase_ == Phase::kMember && Tell(group_problem_, event);
}

bool GroupMember::Impl::CheckTopics(GroupEvent* event) {
  const auto now = Steady::now();
  if (now - topics_checked_ < kTopicCheckInterval) return false;
  topics_checked_ = now;
  for (const std::string& topic : topics_) {
    if (auto problem = watch_->Problem(topic)) return Tell(*problem, event);
  }
  return Tell(group_problem_, event);
}

bool GroupMember::Impl::Tell(const std::string& problem, GroupEvent* event) {
  if (problem == problem_) return false;
  problem_ = problem;
  event->kind = problem.empty() ? GroupEvent::Kind::kRecovered : GroupEvent::Kind::kProblem;
  event->partitions.clear();
  event->problem = problem;
  return true;
}

void GroupMember::Impl::Accept() {
  if (owed_ != Owed::kAccept) return;
  owed_ = Owed::kNothing;
  owns_ = true;
  AssignNothing();
}

void GroupMember::Impl::AssignNothing() {
  const PartitionListPtr nothing = NewPartitionList(0);
  rd_kafka_assign(rk(), nothing.get());
}

void GroupMember::Impl::Release(std::span<const PartitionOffset> final_offsets) {
  if (owed_ != Owed::kRelease) return;
  {
    std::lock_guard lock(state_.mutex);
    ++state_.ownership;
    state_.assigned.clear();
    state_.group_metadata.clear();
  }
  state_.lease->SetAssignment({});
  if (final_offsets.empty() || rd_kafka_assignment_lost(rk())) return Unassign();
  const PartitionListPtr list = ToList(final_offsets);
  const auto error = rd_kafka_commit_queue(rk(), list.get(), commit_queue_.get(), nullptr, nullptr);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return Unassign();
  owed_ = Owed::kFinalCommit;
  final_commit_until_ = Steady::now() + kFinalCommitMax;
}

void GroupMember::Impl::ServeFinalCommit() {
  if (owed_ != Owed::kFinalCommit) return;
  const EventPtr done(rd_kafka_queue_poll(commit_queue_.get(), 0));
  if (!done && Steady::now() < final_commit_until_) return;
  const auto error = done ? rd_kafka_event_error(done.get()) : RD_KAFKA_RESP_ERR__TIMED_OUT;
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    state_.client->Log(4, "group " + group_ + ": final offsets of a revoke are not committed: " +
                              rd_kafka_err2str(error));
  }
  Unassign();
}

void GroupMember::Impl::Unassign() {
  owed_ = Owed::kNothing;
  owns_ = false;
  rd_kafka_assign(rk(), nullptr);
  CloseIfFree();
}

void GroupMember::Impl::Leave() {
  if (phase_ != Phase::kMember) return;
  phase_ = Phase::kLeaving;
  rd_kafka_unsubscribe(rk());
  if (owed_ == Owed::kAccept) return Unassign();
  CloseIfFree();
}

// Closing sends LeaveGroup, and only after every partition was released.
void GroupMember::Impl::CloseIfFree() {
  if (phase_ != Phase::kLeaving || owns_ || owed_ != Owed::kNothing) return;
  phase_ = Phase::kClosing;
  const ErrorPtr error(rd_kafka_consumer_close_queue(rk(), queue_.get()));
  if (error) {
    state_.client->Log(
        4, "group " + group_ + " is not left cleanly: " + rd_kafka_error_string(error.get()));
  }
}

GroupMember::GroupMember(std::shared_ptr<MemberState> state, std::unique_ptr<Impl> impl)
    : state_(std::move(state)), impl_(std::move(impl)) {}
GroupMember::~GroupMember() = default;

Result<std::unique_ptr<GroupMember>> GroupMember::Join(const GroupMemberOptions& options) {
  auto state = std::make_shared<MemberState>();
  ConfBuilder conf = ConfOf(options);
  state->lease = options.lease ? options.lease : std::make_shared<MembershipLease>();
  state->lease->SetSession(std::chrono::milliseconds(SessionTimeoutMs(options.client.properties)));
  AttachLease(state->lease.get(), conf.get());
  auto client = Client::Create(RD_KAFKA_CONSUMER, std::move(conf), options.client, nullptr);
  if (!client) return client.error();
  state->client = std::move(*client);
  auto impl = std::make_unique<Impl>(state.get(), options);
  if (Status status = impl->Subscribe(options.wake_fd); !status) return status.error();
  return std::unique_ptr<GroupMember>(new GroupMember(std::move(state), std::move(impl)));
}

bool GroupMember::Poll(membership::GroupEvent* event) { return impl_->Poll(event); }
void GroupMember::Accept() { impl_->Accept(); }
void GroupMember::Release(std::span<const PartitionOffset> offsets) { impl_->Release(offsets); }
void GroupMember::Leave() { impl_->Leave(); }
bool GroupMember::left() const { return impl_->left(); }
std::optional<int32_t> GroupMember::PartitionCount(const std::string& topic) {
  return impl_->PartitionCount(topic);
}

}  // namespace millrace::kafka
