// SPDX-License-Identifier: Apache-2.0
#include "app/lane_outbox.h"

#include <gtest/gtest.h>

namespace millrace::app {
namespace {

using kafka::MembershipLease;

constexpr int16_t kSyncGroup = 14;

// What a lane in a process of its own asks before it takes its task over: the lease has the answer.
class RemoteOffsetsTest : public testing::Test {
 protected:
  void Assign(MembershipLease::Nanos session, MembershipLease::Nanos joined) {
    lease_.SetSession(session);
    lease_.OnSent(kSyncGroup, joined);
    lease_.OnAssigned();
    lease_.SetAssignment("mine");
    lease_.SetLost(false, MembershipLease::Now());
  }
  bool IsMember() const { return port_->IsMember("mine"); }

  MembershipLease lease_;
  Wake wake_;
  LaneOutbox outbox_{&wake_};
  RemoteOffsets offsets_{1, &outbox_, &lease_};
  std::unique_ptr<commit::GroupOffsets> port_ = offsets_.PortOf(0)(-1);
};

TEST_F(RemoteOffsetsTest, ALaneIsAMemberAsLongAsItsHostIs) {
  EXPECT_FALSE(IsMember()) << "before any assignment";
  Assign(std::chrono::hours(1), MembershipLease::Now());
  EXPECT_TRUE(IsMember());
  EXPECT_FALSE(port_->IsMember("another"));
  lease_.SetLost(true, MembershipLease::Now());
  EXPECT_FALSE(IsMember()) << "the host has seen that it is lost";
  lease_.SetLost(false, MembershipLease::Now());
  EXPECT_TRUE(IsMember());
  lease_.SetAssignment("");
  EXPECT_FALSE(IsMember()) << "it was given back";
}

TEST_F(RemoteOffsetsTest, ALaneIsNoMemberOnceTheSessionIsOver) {
  Assign(std::chrono::seconds(1), MembershipLease::Now() - std::chrono::seconds(2));
  EXPECT_FALSE(IsMember());
}

TEST_F(RemoteOffsetsTest, ALaneIsNoMemberWhenItsHostLooksNoMore) {
  Assign(std::chrono::hours(1), MembershipLease::Now());
  lease_.SetLost(false, MembershipLease::Now() - MembershipLease::kLookedMax);
  EXPECT_FALSE(IsMember());
}

}  // namespace
}  // namespace millrace::app
