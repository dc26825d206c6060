// SPDX-License-Identifier: Apache-2.0
#include "kafka/group_member.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <regex>

#include "integration/kafka/broker.h"
#include "kafka/group_metadata.h"
#include "kafka/membership_lease.h"
#include "kafka/offsets_worker.h"
#include "kafka/topic_watch.h"

namespace millrace::kafka::test {
namespace {

using membership::GroupEvent;
using testing::HasSubstr;
using Kind = GroupEvent::Kind;

// One host's membership; what it was told last, by kind.
struct Host {
  std::shared_ptr<TopicWatch> watch;
  std::shared_ptr<MembershipLease> lease = std::make_shared<MembershipLease>();
  std::unique_ptr<GroupMember> member;
  std::vector<TopicPartition> owned;
  std::string group_metadata;                  // of the newest assignment
  std::vector<PartitionOffset> final_offsets;  // given with a release
  std::vector<GroupEvent> events;
  bool hold_revokes = false;
  bool holding = false;

  void Poll() {
    GroupEvent event;
    while (member->Poll(&event)) {
      events.push_back(event);
      if (event.kind == Kind::kAssigned) {
        owned = event.partitions;
        group_metadata = event.group_metadata;
        member->Accept();
      } else if (event.kind == Kind::kRevoked || event.kind == Kind::kLost) {
        holding = true;
      }
    }
    if (holding && !hold_revokes) Release();
  }
  void Release() {
    holding = false;
    owned.clear();
    member->Release(final_offsets);
  }
  // As a process sees it that has the lease alone.
  bool IsMemberByLease() const { return lease->IsMember(group_metadata, MembershipLease::Now()); }
  bool Saw(Kind kind, const std::string& text) const {
    return std::any_of(events.begin(), events.end(), [&](const GroupEvent& event) {
      return event.kind == kind && event.problem.find(text) != std::string::npos;
    });
  }
};

class GroupMemberTest : public testing::Test {
 protected:
  Host Join(const std::vector<std::string>& topics, const std::string& group,
            const Properties& properties = {}, LogSink log = {}) {
    Host host;
    ClientOptions client = broker_.Options();
    client.log = std::move(log);
    for (const auto& [name, value] : properties) client.properties[name] = value;
    host.watch = *TopicWatch::Create(client, topics);
    host.member = *GroupMember::Join({.client = client,
                                      .group = group,
                                      .topics = topics,
                                      .watch = host.watch,
                                      .lease = host.lease});
    return host;
  }

  static bool Until(std::initializer_list<Host*> hosts, const std::function<bool()>& done,
                    std::chrono::milliseconds patience = kPatience) {
    return Eventually(
        [&] {
          for (Host* host : hosts) host->Poll();
          return done();
        },
        patience);
  }

  static std::optional<commit::StartReply> LookUp(commit::GroupOffsets* offsets, int partition) {
    offsets->StartLookup(partition, 7);
    commit::StartReply reply;
    if (!Eventually([&] { return offsets->PollLookup(&reply); })) return std::nullopt;
    return reply;
  }

  Broker broker_;
};

TEST_F(GroupMemberTest, ASecondMemberWaitsUntilTheFirstReleases) {
  const std::string topic = broker_.MakeTopic("share", 4);
  const std::string group = broker_.UniqueName("group");
  Host first = Join({topic}, group, {{"session.timeout.ms", "1000"}});
  ASSERT_TRUE(Until({&first}, [&] { return first.owned.size() == 4; }));
  first.hold_revokes = true;
  Host second = Join({topic}, group, {{"session.timeout.ms", "1000"}});
  ASSERT_TRUE(Until({&first, &second}, [&] { return first.holding; }));
  EXPECT_EQ(first.events.back().kind, Kind::kRevoked);
  EXPECT_EQ(first.events.back().partitions.size(), 4U);
  // Three sessions long: only heartbeats sent meanwhile can keep the first one a member.
  EXPECT_FALSE(Until(
      {&first, &second}, [&] { return !second.owned.empty(); }, std::chrono::seconds(3)));
  first.final_offsets = {{{topic, 0}, 42}};
  first.hold_revokes = false;
  ASSERT_TRUE(Until({&first, &second},
                    [&] { return first.owned.size() == 2 && second.owned.size() == 2; }));
  OffsetsWorker worker(*second.member, {{topic, {}}});
  auto offsets = worker.ForLane(-1);
  const auto reply = LookUp(offsets.get(), 0);
  ASSERT_TRUE(reply && reply->result) << reply->result.error().message;
  EXPECT_EQ(reply->result->front().committed, 42) << "the final offsets came with the release";
}

TEST_F(GroupMemberTest, AMemberIsSureOfItForNoLongerThanItsSession) {
  if (!Broker::CanBeStopped()) GTEST_SKIP() << "the broker is not ours to stop";
  const std::string topic = broker_.MakeTopic("lease", 2);
  Host host = Join({topic}, broker_.UniqueName("group"),
                   {{"session.timeout.ms", "3000"}, {"heartbeat.interval.ms", "200"}});
  OffsetsWorker worker(*host.member, {{topic, {}}});
  const auto offsets = worker.ForLane(-1);
  EXPECT_FALSE(offsets->IsMember("")) << "before any assignment";
  ASSERT_TRUE(Until({&host}, [&] { return host.owned.size() == 2; }));
  EXPECT_TRUE(offsets->IsMember(host.group_metadata)) << "from the assignment on";
  EXPECT_FALSE(offsets->IsMember("an earlier assignment's"));
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(4);
  EXPECT_FALSE(Until(
      {&host}, [&] { return !offsets->IsMember(host.group_metadata); }, std::chrono::seconds(4)))
      << "longer than a session, by its heartbeats";
  EXPECT_GE(std::chrono::steady_clock::now(), until);
  Broker::Stack("pause kafka");
  EXPECT_TRUE(Until(
      {&host}, [&] { return !offsets->IsMember(host.group_metadata); }, std::chrono::seconds(4)));
  Broker::Stack("resume kafka");
  EXPECT_TRUE(Until({&host}, [&] { return offsets->IsMember(host.group_metadata); }))
      << "of this assignment or the next one";
}

TEST_F(GroupMemberTest, ALossIsToldWithTheTimeForWhichTheCoordinatorWasSilent) {
  if (!Broker::CanBeStopped()) GTEST_SKIP() << "the broker is not ours to stop";
  std::mutex mutex;
  std::string told;
  const std::string topic = broker_.MakeTopic("loss", 2);
  Host host = Join({topic}, broker_.UniqueName("group"),
                   {{"session.timeout.ms", "2000"}, {"heartbeat.interval.ms", "200"}},
                   [&](int level, const std::string& text) {
                     const std::lock_guard lock(mutex);
                     if (level == 4 && text.find("is lost") != text.npos) told = text;
                   });
  ASSERT_TRUE(Until({&host}, [&] { return host.owned.size() == 2; }));
  Broker::Stack("pause kafka");
  const bool lost = Until({&host}, [&] { return host.Saw(Kind::kLost, ""); });
  Broker::Stack("resume kafka");
  ASSERT_TRUE(lost);
  const std::lock_guard lock(mutex);
  std::smatch found;
  ASSERT_TRUE(std::regex_search(
      told, found,
      std::regex("of 2 partitions is lost.* sent (\\d+) ms ago \\(session.timeout.ms: 2000\\)")))
      << told;
  EXPECT_GE(std::stoi(found[1]), 2000);
}

TEST_F(GroupMemberTest, LeavingHandsThePartitionsOverAtOnce) {
  const std::string topic = broker_.MakeTopic("leave", 2);
  const std::string group = broker_.UniqueName("group");
  Host first = Join({topic}, group);
  Host second = Join({topic}, group);
  ASSERT_TRUE(Until({&first, &second},
                    [&] { return first.owned.size() == 1 && second.owned.size() == 1; }));
  first.hold_revokes = true;
  first.member->Leave();
  ASSERT_TRUE(Until({&first, &second}, [&] { return first.holding; }));
  EXPECT_FALSE(first.member->left());
  EXPECT_TRUE(first.IsMemberByLease()) << "until it has released them";
  first.Release();
  EXPECT_FALSE(first.IsMemberByLease());
  ASSERT_TRUE(Until({&first, &second}, [&] { return first.member->left(); }));
  // Far below the session of ten seconds, after which the broker would do it by itself.
  EXPECT_TRUE(Until(
      {&second}, [&] { return second.owned.size() == 2; }, std::chrono::seconds(5)));
}

TEST_F(GroupMemberTest, LeavingWithoutPartitionsIsOverToo) {
  const std::string topic = broker_.MakeTopic("idle", 1);
  Host host = Join({topic}, broker_.UniqueName("group"));
  host.member->Leave();
  EXPECT_TRUE(Until({&host}, [&] { return host.member->left(); }));
}

TEST_F(GroupMemberTest, AnUnknownTopicIsNamedAndAssignedSoonAfterItExists) {
  const std::string topic = broker_.UniqueName("unknown");
  Host host = Join({topic}, broker_.UniqueName("group"));
  ASSERT_TRUE(Until({&host}, [&] { return host.Saw(Kind::kProblem, topic); }));
  EXPECT_EQ(host.member->PartitionCount(topic), std::nullopt);
  broker_.CreateTopic(topic, 3);
  const auto created = std::chrono::steady_clock::now();
  ASSERT_TRUE(Until({&host}, [&] { return host.owned.size() == 3; }));
  EXPECT_LT(std::chrono::steady_clock::now() - created, std::chrono::seconds(5));
  EXPECT_TRUE(Until({&host}, [&] { return host.Saw(Kind::kRecovered, ""); }));
  EXPECT_EQ(host.member->PartitionCount(topic), 3);
}

TEST_F(GroupMemberTest, ABrokerThatIsAwayIsAProblemWithItsAddress) {
  ClientOptions client = broker_.Options();
  client.properties["bootstrap.servers"] = "127.0.0.1:1";
  auto watch = std::shared_ptr<TopicWatch>(*TopicWatch::Create(client, {"t"}));
  auto member =
      GroupMember::Join({.client = client, .group = "g", .topics = {"t"}, .watch = watch});
  ASSERT_TRUE(member);
  GroupEvent event;
  ASSERT_TRUE(Eventually([&] {
    return (*member)->Poll(&event) && event.problem.find("no broker") != std::string::npos;
  }));
  EXPECT_EQ(event.kind, Kind::kProblem);
  EXPECT_THAT(event.problem, HasSubstr("127.0.0.1:1"));
}

TEST_F(GroupMemberTest, CommitsThroughTheMembershipAreReadBackAndTheNewestWins) {
  const std::string topic = broker_.MakeTopic("commit", 2);
  broker_.Produce(topic, 1, 0, 10);
  Host host = Join({topic}, broker_.UniqueName("group"));
  ASSERT_TRUE(Until({&host}, [&] { return host.owned.size() == 2; }));
  OffsetsWorker worker(*host.member, {{topic, {.kind = StartPosition::Kind::kLatest}}});
  auto offsets = worker.ForLane(-1);
  auto reply = LookUp(offsets.get(), 1);
  ASSERT_TRUE(reply && reply->result) << reply->result.error().message;
  EXPECT_EQ(reply->request, 7U);
  EXPECT_EQ(reply->result->front().committed, std::nullopt);
  EXPECT_EQ(reply->result->front().start, 10);
  EXPECT_EQ(reply->result->front().earliest, 0);
  for (int64_t offset = 1; offset <= 9; ++offset) {
    const std::vector<PartitionOffset> progress = {{{topic, 1}, offset}};
    offsets->Commit(progress);
  }
  ASSERT_TRUE(Until({&host}, [&] {
    reply = LookUp(offsets.get(), 1);
    return reply->result && reply->result->front().committed == 9;
  }));
  EXPECT_EQ(worker.commits_failed(), 0U);
}

TEST_F(GroupMemberTest, MetadataIsReadBackWithItsOffset) {
  const std::string topic = broker_.MakeTopic("metadata", 2);
  Host host = Join({topic}, broker_.UniqueName("group"));
  ASSERT_TRUE(Until({&host}, [&] { return host.owned.size() == 2; }));
  OffsetsWorker worker(*host.member, {{topic, {}}});
  auto offsets = worker.ForLane(-1);
  for (const int partition : {0, 1}) ASSERT_TRUE(LookUp(offsets.get(), partition));
  const std::vector<PartitionOffset> progress = {{{topic, 0}, 3, "17 mr.default.f.h.0"},
                                                 {{topic, 1}, 4}};
  offsets->Commit(progress);
  std::optional<commit::StartReply> reply;
  ASSERT_TRUE(Until({&host}, [&] {
    reply = LookUp(offsets.get(), 0);
    return reply->result && reply->result->front().committed == 3;
  }));
  EXPECT_EQ(reply->result->front().metadata, "17 mr.default.f.h.0");
  reply = LookUp(offsets.get(), 1);
  ASSERT_TRUE(reply->result);
  EXPECT_EQ(reply->result->front().committed, 4);
  EXPECT_EQ(reply->result->front().metadata, "");
}

TEST_F(GroupMemberTest, ATopicWithFewerPartitionsIsNotAskedForThoseItLacks) {
  const std::string wide = broker_.MakeTopic("wide", 3);
  const std::string narrow = broker_.MakeTopic("narrow", 1);
  Host host = Join({wide, narrow}, broker_.UniqueName("group"));
  ASSERT_TRUE(Until({&host}, [&] { return host.owned.size() == 4; }));
  OffsetsWorker worker(*host.member, {{wide, {}}, {narrow, {}}});
  auto offsets = worker.ForLane(-1);
  const auto both = LookUp(offsets.get(), 0);
  ASSERT_TRUE(both && both->result) << both->result.error().message;
  EXPECT_EQ(both->result->size(), 2U);
  const auto one = LookUp(offsets.get(), 2);
  ASSERT_TRUE(one && one->result) << one->result.error().message;
  ASSERT_EQ(one->result->size(), 1U);
  EXPECT_EQ(one->result->front().topic, wide);
}

TEST_F(GroupMemberTest, EveryAssignmentBringsMetadataOfItsOwn) {
  const std::string topic = broker_.MakeTopic("generations", 2);
  const std::string group = broker_.UniqueName("group");
  Host first = Join({topic}, group);
  ASSERT_TRUE(Until({&first}, [&] { return first.owned.size() == 2; }));
  const std::string alone = first.group_metadata;
  EXPECT_TRUE(CheckGroupMetadata(alone));
  Host second = Join({topic}, group);
  ASSERT_TRUE(Until({&first, &second},
                    [&] { return first.owned.size() == 1 && second.owned.size() == 1; }));
  EXPECT_NE(first.group_metadata, alone);
  EXPECT_NE(first.group_metadata, second.group_metadata);
}

TEST_F(GroupMemberTest, ACommitOfAnEarlierOwnershipIsNotSent) {
  const std::string topic = broker_.MakeTopic("late", 1);
  const std::string group = broker_.UniqueName("group");
  Host host = Join({topic}, group);
  ASSERT_TRUE(Until({&host}, [&] { return host.owned.size() == 1; }));
  OffsetsWorker worker(*host.member, {{topic, {}}});
  auto offsets = worker.ForLane(-1);
  ASSERT_TRUE(LookUp(offsets.get(), 0));  // the ownership that the lane knows of
  host.hold_revokes = true;
  Host second = Join({topic}, group);
  ASSERT_TRUE(Until({&host, &second}, [&] { return host.holding; }));
  host.final_offsets = {{{topic, 0}, 8}};
  host.hold_revokes = false;
  host.Release();
  // The same host owns the partition again, but the lane has not heard of it.
  second.member->Leave();
  ASSERT_TRUE(
      Until({&host, &second}, [&] { return second.member->left() && host.owned.size() == 1; }));
  const std::vector<PartitionOffset> stale = {{{topic, 0}, 5}};
  offsets->Commit(stale);
  auto others = worker.ForLane(-1);
  const auto found = LookUp(others.get(), 0);
  ASSERT_TRUE(found && found->result) << found->result.error().message;
  EXPECT_EQ(found->result->front().committed, 8);
  EXPECT_EQ(worker.commits_failed(), 0U) << "it was dropped, not refused";
}

TEST_F(GroupMemberTest, StartByTimestampIsTheFirstRecordAtOrAfterIt) {
  const std::string topic = broker_.MakeTopic("timestamp", 1);
  broker_.Produce(topic, 0, 0, 10);
  Host host = Join({topic}, broker_.UniqueName("group"));
  const auto start_at = [&](int64_t timestamp_ms) {
    OffsetsWorker worker(
        *host.member,
        {{topic, {.kind = StartPosition::Kind::kTimestamp, .timestamp_ms = timestamp_ms}}});
    auto offsets = worker.ForLane(-1);
    const auto reply = LookUp(offsets.get(), 0);
    return reply && reply->result ? reply->result->front().start : -1;
  };
  EXPECT_EQ(start_at(1), 0);
  EXPECT_EQ(start_at(SystemClock().UnixMillis() + 3'600'000), 10) << "later than all: the end";
}

TEST_F(GroupMemberTest, AnUnreachableBrokerIsARetriableLookupAndStopsPromptly) {
  ClientOptions client = broker_.Options();
  client.properties["bootstrap.servers"] = "127.0.0.1:1";
  auto watch = std::shared_ptr<TopicWatch>(*TopicWatch::Create(client, {"t"}));
  auto member =
      *GroupMember::Join({.client = client, .group = "g", .topics = {"t"}, .watch = watch});
  auto worker = std::make_unique<OffsetsWorker>(*member, std::vector<InputTopic>{{"t", {}}});
  auto offsets = worker->ForLane(-1);
  const auto reply = LookUp(offsets.get(), 0);
  ASSERT_TRUE(reply);
  ASSERT_FALSE(reply->result);
  EXPECT_EQ(reply->result.error().error_class, ErrorClass::kRetriable);
  offsets->StartLookup(0, 8);
  const auto began = std::chrono::steady_clock::now();
  worker.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
}

TEST_F(GroupMemberTest, ABrokerRestartIsAProblemAndThenRecovered) {
  if (!Broker::CanBeStopped()) GTEST_SKIP() << "the broker of KAFKA is not ours to stop";
  const std::string topic = broker_.MakeTopic("restart", 2);
  Host host = Join({topic}, broker_.UniqueName("group"));
  ASSERT_TRUE(Until({&host}, [&] { return host.owned.size() == 2; }));
  Broker::Stack("stop kafka");
  ASSERT_TRUE(Until({&host}, [&] { return host.Saw(Kind::kProblem, "no broker"); }));
  host.events.clear();
  Broker::Stack("start kafka");
  EXPECT_TRUE(Until(
      {&host}, [&] { return host.Saw(Kind::kRecovered, "") && host.owned.size() == 2; },
      std::chrono::seconds(60)));
}

}  // namespace
}  // namespace millrace::kafka::test
