// SPDX-License-Identifier: Apache-2.0
#include "kafka/membership_lease.h"

#include <gtest/gtest.h>

namespace millrace::kafka {
namespace {

using Nanos = MembershipLease::Nanos;
using std::chrono::seconds;

constexpr int16_t kHeartbeat = 12, kSyncGroup = 14, kFetch = 1;
constexpr Nanos kSession = seconds(10);

class LeaseTest : public testing::Test {
 protected:
  LeaseTest() { lease.SetSession(kSession); }
  void Join(int at) {
    lease.OnSent(kSyncGroup, seconds(at));
    lease.OnAssigned();
  }
  void Heartbeat(int at) { lease.OnSent(kHeartbeat, seconds(at)); }
  bool Holds(int at) const { return lease.Holds(seconds(at)); }

  MembershipLease lease;
};

TEST_F(LeaseTest, NobodyIsAMemberBeforeAnAssignmentHasCome) {
  EXPECT_FALSE(Holds(0));
  lease.OnSent(kSyncGroup, seconds(1));
  EXPECT_FALSE(Holds(1));
  lease.OnAssigned();
  EXPECT_TRUE(Holds(10));
  EXPECT_FALSE(Holds(11)) << "a session from when it was sent";
}

TEST_F(LeaseTest, AHeartbeatCountsFromItsSendingOnceTheNextOneIsSent) {
  Join(0);
  Heartbeat(5);
  lease.OnReceived(kHeartbeat);
  EXPECT_FALSE(Holds(10)) << "whether it was accepted is not known";
  Heartbeat(9);
  EXPECT_TRUE(Holds(14));
  EXPECT_FALSE(Holds(15));
}

TEST_F(LeaseTest, AHeartbeatWithoutAnswerConfirmsNothing) {
  Join(0);
  Heartbeat(5);
  Heartbeat(9);
  EXPECT_FALSE(Holds(10));
  lease.OnReceived(kHeartbeat);
  lease.OnReceived(kFetch);
  Heartbeat(10);
  EXPECT_TRUE(Holds(18)) << "the second one was answered";
}

TEST_F(LeaseTest, AnAnswerBeforeANewJoinIsForgotten) {
  Join(0);
  Heartbeat(5);
  lease.OnReceived(kHeartbeat);  // perhaps that the member is not known
  lease.OnSent(kSyncGroup, seconds(6));
  Heartbeat(9);
  EXPECT_FALSE(Holds(10));
}

TEST_F(LeaseTest, WhoHasNothingElseIsAMemberUnderItsOwnAssignmentAlone) {
  Join(0);
  lease.SetLost(false, seconds(1));
  EXPECT_FALSE(lease.IsMember("mine", seconds(1))) << "before it was assigned";
  lease.SetAssignment("mine");
  EXPECT_TRUE(lease.IsMember("mine", seconds(1)));
  EXPECT_FALSE(lease.IsMember("another", seconds(1)));
  EXPECT_FALSE(lease.IsMember("", seconds(1)));
  lease.SetAssignment("");
  EXPECT_FALSE(lease.IsMember("mine", seconds(1))) << "it was released";
}

TEST_F(LeaseTest, ALostAssignmentAndOneThatNobodyLooksAtCountNoMore) {
  Join(0);
  lease.SetAssignment("mine");
  lease.SetLost(false, seconds(1));
  EXPECT_TRUE(lease.IsMember("mine", seconds(1)));
  EXPECT_FALSE(lease.IsMember("mine", seconds(1) + MembershipLease::kLookedMax));
  lease.SetLost(true, seconds(2));
  EXPECT_FALSE(lease.IsMember("mine", seconds(2)));
  lease.SetLost(false, seconds(9));
  EXPECT_TRUE(lease.IsMember("mine", seconds(9)));
  lease.SetLost(false, seconds(10));
  EXPECT_FALSE(lease.IsMember("mine", seconds(10))) << "its session is over";
}

}  // namespace
}  // namespace millrace::kafka
