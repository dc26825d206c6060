// SPDX-License-Identifier: Apache-2.0
#include "redis/session.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace millrace::redis {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Action = Session::Action;
using State = Session::State;

class RecordingSink final : public ReplySink {
 public:
  Arena* ArenaForNext() override { return &arena_; }
  Status OnReply(Reply reply) override {
    const std::string text(reply[0].text.view());
    if (text == refused) return Retriable("refused " + text);
    replies.push_back(text);
    return {};
  }
  void OnLost(const std::string& why) override { lost.push_back(why); }

  std::vector<std::string> replies;
  std::vector<std::string> lost;
  std::string refused = "NOSCRIPT";

 private:
  Arena arena_;
};

// Three scripts loaded, four settings answered; no login, database 0.
const std::string kHandshakeReplies =
    "$2\r\ns1\r\n$2\r\ns2\r\n$2\r\ns3\r\n"
    "*2\r\n$16\r\nmaxmemory-policy\r\n$10\r\nnoeviction\r\n"
    "*2\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n*2\r\n$11\r\nappendfsync\r\n$8\r\neverysec\r\n"
    "*2\r\n$4\r\nsave\r\n$0\r\n\r\n";

class SessionTest : public testing::Test {
 protected:
  void Connect() {
    ASSERT_EQ(Poll(), Action::kConnect);
    session_.OnConnected(clock_.Now());
    session_.out()->Clear();
    session_.OnBytes(kHandshakeReplies, clock_.Now());
    ASSERT_TRUE(session_.ready());
  }
  Action Poll() { return session_.Poll(clock_.Now()); }
  void Send() { session_.CountCommand(clock_.Now()); }
  void Receive(std::string_view bytes) { session_.OnBytes(bytes, clock_.Now()); }

  ManualClock clock_;
  RecordingSink sink_;
  SessionTimes times_{.connect_timeout = Millis(1000),
                      .command_timeout = Millis(500),
                      .backoff_min = Millis(100),
                      .backoff_max = Millis(350)};
  Session session_{*ParseRedisUrl("redis://app:secret@h:1/2"), times_, &sink_};
};

TEST_F(SessionTest, LogsInChoosesTheDatabaseAndLoadsTheScriptsFirst) {
  ASSERT_EQ(Poll(), Action::kConnect);
  session_.OnConnected(clock_.Now());
  const std::string_view said = session_.out()->unsent();
  EXPECT_TRUE(said.starts_with(
      "*3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n$6\r\nsecret\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n"
      "*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n"));
  Receive("+OK\r\n+OK\r\n" + kHandshakeReplies.substr(0, 40));
  EXPECT_EQ(session_.state(), State::kHandshake);
  Receive(kHandshakeReplies.substr(40));
  EXPECT_TRUE(session_.ready());
  EXPECT_EQ(NameOf(session_.script_names(), Script::kCommit), "s2");
  EXPECT_EQ(session_.connection_number(), 1u);
  EXPECT_EQ(session_.last_error(), "");
}

class LoginFreeSessionTest : public SessionTest {
 protected:
  void SetUp() override {
    plain_ = std::make_unique<Session>(*ParseRedisUrl("redis://h:1"), times_, &sink_);
  }
  void ConnectPlain() {
    ASSERT_EQ(plain_->Poll(clock_.Now()), Action::kConnect);
    plain_->OnConnected(clock_.Now());
    plain_->out()->Clear();
    plain_->OnBytes(kHandshakeReplies, clock_.Now());
    ASSERT_TRUE(plain_->ready());
  }
  std::unique_ptr<Session> plain_;
};

TEST_F(SessionTest, ARefusedLoginIsNamedWithoutThePassword) {
  ASSERT_EQ(Poll(), Action::kConnect);
  session_.OnConnected(clock_.Now());
  Receive("-WRONGPASS invalid\r\n");
  EXPECT_THAT(session_.last_error(), HasSubstr("redis://h:1/2 refuses the login: WRONGPASS"));
  EXPECT_EQ(Poll(), Action::kClose);
  EXPECT_EQ(session_.state(), State::kDown);
}

TEST_F(LoginFreeSessionTest, RepliesBelongToCommandsInOrder) {
  ConnectPlain();
  for (int i = 0; i < 3; ++i) plain_->CountCommand(clock_.Now());
  plain_->OnBytes("+a\r\n+b\r", clock_.Now());
  EXPECT_THAT(sink_.replies, ElementsAre("a"));
  EXPECT_EQ(plain_->unanswered(), 2u);
  plain_->OnBytes("\n+c\r\n", clock_.Now());
  EXPECT_THAT(sink_.replies, ElementsAre("a", "b", "c"));
}

TEST_F(LoginFreeSessionTest, ARefusedReplyLosesItAndAllBehindIt) {
  ConnectPlain();
  for (int i = 0; i < 3; ++i) plain_->CountCommand(clock_.Now());
  plain_->OnBytes("+a\r\n+NOSCRIPT\r\n+c\r\n", clock_.Now());
  EXPECT_THAT(sink_.replies, ElementsAre("a"));
  EXPECT_THAT(sink_.lost, ElementsAre("redis://h:1/0: refused NOSCRIPT"));
  EXPECT_EQ(plain_->Poll(clock_.Now()), Action::kClose);
}

TEST_F(LoginFreeSessionTest, AReplyThatNobodyAskedForEndsTheConnection) {
  ConnectPlain();
  plain_->OnBytes("+a\r\n", clock_.Now());
  EXPECT_FALSE(plain_->ready());
  EXPECT_THAT(plain_->last_error(), HasSubstr("nobody asked for"));
}

TEST_F(LoginFreeSessionTest, GarbageEndsTheConnection) {
  ConnectPlain();
  plain_->CountCommand(clock_.Now());
  plain_->OnBytes("?\r\n", clock_.Now());
  EXPECT_THAT(plain_->last_error(), HasSubstr("not the Redis protocol"));
  EXPECT_EQ(sink_.lost.size(), 1u);
}

TEST_F(LoginFreeSessionTest, SilenceEndsTheConnectionButProgressDoesNot) {
  ConnectPlain();
  plain_->CountCommand(clock_.Now());
  plain_->CountCommand(clock_.Now());
  clock_.Advance(Millis(499));
  EXPECT_EQ(plain_->Poll(clock_.Now()), Action::kNone);
  plain_->OnBytes("+a\r\n", clock_.Now());
  clock_.Advance(Millis(499));
  EXPECT_EQ(plain_->Poll(clock_.Now()), Action::kNone);
  clock_.Advance(Millis(1));
  EXPECT_EQ(plain_->Poll(clock_.Now()), Action::kClose);
  EXPECT_THAT(sink_.lost, ElementsAre(HasSubstr("no answer for 500 ms")));
}

TEST_F(LoginFreeSessionTest, AnIdleConnectionLivesForEver) {
  ConnectPlain();
  clock_.Advance(Millis(3'600'000));
  EXPECT_EQ(plain_->Poll(clock_.Now()), Action::kNone);
  plain_->CountCommand(clock_.Now());
  EXPECT_EQ(plain_->Poll(clock_.Now()), Action::kNone);
}

TEST_F(LoginFreeSessionTest, BackoffGrowsToItsLimitAndStartsAgainAfterSuccess) {
  std::vector<int> waits;
  const auto wait_for_connect = [&] {
    int waited = 0;
    while (plain_->Poll(clock_.Now()) != Action::kConnect) {
      clock_.Advance(Millis(10));
      waited += 10;
    }
    waits.push_back(waited);
  };
  for (int i = 0; i < 4; ++i) {
    wait_for_connect();
    plain_->OnClosed("cannot connect: refused", clock_.Now());
  }
  wait_for_connect();
  plain_->OnConnected(clock_.Now());
  plain_->OnBytes(kHandshakeReplies, clock_.Now());
  plain_->OnClosed("connection lost", clock_.Now());
  wait_for_connect();
  EXPECT_THAT(waits, ElementsAre(0, 100, 200, 350, 350, 100));
  EXPECT_EQ(plain_->connection_number(), 1u);
}

TEST_F(LoginFreeSessionTest, AConnectThatHangsTimesOut) {
  ASSERT_EQ(plain_->Poll(clock_.Now()), Action::kConnect);
  clock_.Advance(Millis(999));
  EXPECT_EQ(plain_->Poll(clock_.Now()), Action::kNone);
  clock_.Advance(Millis(1));
  EXPECT_EQ(plain_->Poll(clock_.Now()), Action::kClose);
}

TEST_F(LoginFreeSessionTest, NothingOfALostConnectionReachesTheNext) {
  ConnectPlain();
  plain_->CountCommand(clock_.Now());
  CommandWriter(plain_->out()).Begin(1).Arg("PING");
  plain_->OnBytes("$100\r\nhalf a rep", clock_.Now());
  plain_->OnClosed("connection lost", clock_.Now());
  EXPECT_TRUE(plain_->out()->empty());
  EXPECT_EQ(plain_->unanswered(), 0u);
  clock_.Advance(Millis(100));
  ConnectPlain();
  plain_->CountCommand(clock_.Now());
  plain_->OnBytes("+fresh\r\n", clock_.Now());
  EXPECT_THAT(sink_.replies, ElementsAre("fresh"));
}

TEST_F(LoginFreeSessionTest, AnEvictingServerIsRefused) {
  std::string replies = kHandshakeReplies;
  replies.replace(replies.find("$10\r\nnoeviction"), 15, "$11\r\nallkeys-lfu");
  ASSERT_EQ(plain_->Poll(clock_.Now()), Action::kConnect);
  plain_->OnConnected(clock_.Now());
  plain_->OnBytes(replies, clock_.Now());
  ASSERT_TRUE(plain_->refusal());
  EXPECT_EQ(plain_->refusal()->error_class, ErrorClass::kFatal);
  EXPECT_FALSE(plain_->ready());
}

}  // namespace
}  // namespace millrace::redis
