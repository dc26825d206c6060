// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cstdlib>

#include "integration/redis/delay_proxy.h"
#include "integration/redis/redis_server.h"
#include "integration/redis/store_user.h"

namespace millrace::redis {
namespace {

using commit::CommitReply;
using commit::CommitResult;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Every time-out and back-off short, for tests that wait for them.
constexpr SessionTimes kShort{.connect_timeout = Millis(300),
                              .command_timeout = Millis(300),
                              .backoff_min = Millis(10),
                              .backoff_max = Millis(50)};

void KillClients(const RedisServer& server) {
  server.Command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
}

TEST(ConnectionTest, AReplyLostOnTheWayIsUnavailableAndNeverAppliedTwice) {
  RedisServer server;
  DelayProxy proxy(server.port(), Millis(200));
  StoreUser user("redis://127.0.0.1:" + std::to_string(proxy.port()));
  ASSERT_TRUE(user.Connect());
  const std::string epoch = EpochOf('a');
  user.Acquire(epoch);
  user.StartCommit(epoch, 0, {Put("k", "v")});
  user.StartCommit(epoch, 1, {Put("k", "w")});
  user.store().Flush();
  while (server.Command({"HGET", "{mr:test:f:0}:task", "seq"}) != "2") {
  }
  KillClients(server);
  proxy.DropAnswers();
  EXPECT_EQ(user.NextCommit().result, CommitResult::kUnavailable);
  EXPECT_EQ(user.NextCommit().result, CommitResult::kUnavailable);
  ASSERT_TRUE(user.RunUntil([&] { return user.store().connection_number() == 2; }));
  EXPECT_EQ(user.Commit(epoch, 0, {Put("k", "v")}).result, CommitResult::kDiverged);
  EXPECT_EQ(user.ReadOne({kTotals, "k", {}}), Slice("w"));
  EXPECT_EQ(user.Acquire(EpochOf('b')).result->seq, 2u);
}

TEST(ConnectionTest, FlushedScriptsAreLoadedAgainOverANewConnection) {
  RedisServer server;
  StoreUser user(server.url());
  ASSERT_TRUE(user.Connect());
  const std::string epoch = EpochOf('a');
  user.Acquire(epoch);
  server.Command({"SCRIPT", "FLUSH"});
  for (uint64_t seq = 0; seq < 3; ++seq) user.StartCommit(epoch, seq, {Put("k", "v")});
  for (int i = 0; i < 3; ++i) {
    const CommitReply reply = user.NextCommit();
    EXPECT_EQ(reply.result, CommitResult::kUnavailable);
    EXPECT_THAT(reply.detail, HasSubstr("NOSCRIPT"));
  }
  ASSERT_TRUE(user.Connect());
  EXPECT_EQ(user.Commit(epoch, 0, {Put("k", "v")}).result, CommitResult::kApplied);
}

TEST(ConnectionTest, EverythingIsAnsweredWhileTheServerIsAwayAndWorksWhenItIsBack) {
  RedisServer server({"--appendonly", "yes", "--appendfsync", "always"});
  StoreUser user(server.url(), kShort);
  ASSERT_TRUE(user.Connect());
  const std::string epoch = EpochOf('a');
  user.Acquire(epoch);
  EXPECT_EQ(user.Commit(epoch, 0, {Put("k", "v")}).result, CommitResult::kApplied);
  server.Stop();
  ASSERT_TRUE(user.RunUntil([&] { return !user.store().connected(); }));
  EXPECT_EQ(user.Commit(epoch, 1, {}).result, CommitResult::kUnavailable);
  const auto read = user.Read({{kTotals, "k", {}}});
  ASSERT_FALSE(read.status);
  EXPECT_EQ(read.status.error().error_class, ErrorClass::kRetriable);
  EXPECT_EQ(user.Acquire(epoch).result.error().error_class, ErrorClass::kRetriable);
  EXPECT_FALSE(user.store().ReadNow(0, {}).status);
  EXPECT_THAT(user.store().last_error(), HasSubstr(server.url()));
  server.Start();
  ASSERT_TRUE(user.Connect());
  EXPECT_EQ(user.store().connection_number(), 2u);
  EXPECT_EQ(user.Commit(epoch, 1, {Put("k", "w")}).result, CommitResult::kApplied);
}

TEST(ConnectionTest, AStoreStartedBeforeItsServerConnectsLater) {
  RedisServer server;
  server.Stop();
  StoreUser user(server.url(), kShort);
  ASSERT_TRUE(user.RunUntil(
      [&] { return user.store().last_error().find("cannot connect") != std::string::npos; }));
  server.Start();
  EXPECT_TRUE(user.Connect());
}

TEST(ConnectionTest, ASilentServerTimesOut) {
  RedisServer server;
  StoreUser user(server.url(), kShort);
  ASSERT_TRUE(user.Connect());
  const std::string epoch = EpochOf('a');
  user.Acquire(epoch);
  server.Pause();
  user.StartCommit(epoch, 0, {Put("k", "v")});
  const CommitReply reply = user.NextCommit();
  EXPECT_EQ(reply.result, CommitResult::kUnavailable);
  EXPECT_THAT(reply.detail, HasSubstr("no answer for 300 ms"));
  server.Resume();
  EXPECT_TRUE(user.Connect());
}

TEST(ConnectionTest, ABlockingReadOfASilentServerTimesOut) {
  RedisServer server;
  StoreUser user(server.url(), kShort);
  ASSERT_TRUE(user.Connect());
  server.Pause();
  const std::vector<state::ReadItem> items = {{kTotals, "k", {}}};
  const auto reply = user.store().ReadNow(0, items);
  server.Resume();
  ASSERT_FALSE(reply.status);
  EXPECT_EQ(reply.status.error().error_class, ErrorClass::kRetriable);
}

TEST(ConnectionTest, SlowAnswersDoNotSlowAPipeline) {
  RedisServer server;
  DelayProxy proxy(server.port(), Millis(5));
  StoreUser user("redis://127.0.0.1:" + std::to_string(proxy.port()));
  ASSERT_TRUE(user.Connect());
  const std::string epoch = EpochOf('a');
  user.Acquire(epoch);
  constexpr uint64_t kCommits = 2'000;  // one by one they would take ten seconds
  const auto begin = std::chrono::steady_clock::now();
  uint64_t started = 0;
  for (uint64_t answered = 0; answered < kCommits; ++answered) {
    while (started < kCommits && started < answered + 100) {
      user.StartCommit(epoch, started++, {Put("k", "v")});
    }
    ASSERT_EQ(user.NextCommit().result, CommitResult::kApplied);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST(ConnectionTest, AReplyLargerThanTheSocketBufferArrivesWhole) {
  RedisServer server;
  StoreUser user(server.url());
  ASSERT_TRUE(user.Connect());
  const std::string epoch = EpochOf('a');
  user.Acquire(epoch);
  const std::string big(30 * 1024 * 1024, 'x');
  EXPECT_EQ(user.Commit(epoch, 0, {Put("k", big)}).result, CommitResult::kApplied);
  EXPECT_EQ(user.ReadOne({kTotals, "k", {}}).size(), big.size());
  const std::vector<state::ReadItem> items = {{kTotals, "k", {}}};
  EXPECT_EQ(user.store().ReadNow(0, items).found[0].value.size(), big.size());
}

TEST(ConnectionTest, AWrongPasswordIsNamedWithoutShowingIt) {
  RedisServer server({"--requirepass", "right-secret"});
  const std::string port = std::to_string(server.port());
  StoreUser user("redis://:wrong-secret@127.0.0.1:" + port, kShort);
  ASSERT_TRUE(user.RunUntil(
      [&] { return user.store().last_error().find("refuses the login") != std::string::npos; }));
  EXPECT_THAT(user.store().last_error(), Not(HasSubstr("wrong-secret")));
  StoreUser good("redis://:right-secret@127.0.0.1:" + port + "/3");
  EXPECT_TRUE(good.Connect());
}

TEST(ConnectionTest, AnEvictingServerIsRefusedUntilItIsChanged) {
  RedisServer server({"--maxmemory-policy", "allkeys-lru"});
  StoreUser user(server.url(), kShort);
  ASSERT_TRUE(user.RunUntil([&] { return user.store().refusal().has_value(); }));
  EXPECT_FALSE(user.store().connected());
  EXPECT_THAT(user.store().refusal()->message, HasSubstr("maxmemory-policy allkeys-lru"));
  server.Command({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
  ASSERT_TRUE(user.Connect());
  EXPECT_FALSE(user.store().refusal().has_value());
}

TEST(ConnectionTest, AServerWithoutPersistenceIsWarnedOf) {
  RedisServer server;
  StoreUser user(server.url());
  ASSERT_TRUE(user.Connect());
  EXPECT_THAT(user.store().warnings(),
              ElementsAre(HasSubstr("neither append-only file nor snapshots")));
  RedisServer durable({"--appendonly", "yes"});
  StoreUser other(durable.url());
  ASSERT_TRUE(other.Connect());
  EXPECT_THAT(other.store().warnings(), IsEmpty());
}

TEST(ConnectionTest, ForbiddenConfigIsAWarningOnly) {
  RedisServer server;
  server.Command({"ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-config"});
  StoreUser user("redis://app:pw@127.0.0.1:" + std::to_string(server.port()));
  ASSERT_TRUE(user.Connect());
  EXPECT_THAT(user.store().warnings(), ElementsAre(HasSubstr("could not check")));
  EXPECT_TRUE(user.Acquire(EpochOf('a')).result);
}

TEST(ConnectionTest, TlsWorksAndChecksTheCertificate) {
  RedisServer plain;  // for its folder
  const std::string folder = plain.folder();
  const std::string make =
      "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext "
      "subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout " +
      folder + "/key.pem -out " + folder + "/cert.pem 2>/dev/null";
  ASSERT_EQ(std::system(make.c_str()), 0);
  const int tls_port = plain.FreePort();
  RedisServer server({"--tls-port", std::to_string(tls_port), "--tls-cert-file",
                      folder + "/cert.pem", "--tls-key-file", folder + "/key.pem",
                      "--tls-ca-cert-file", folder + "/cert.pem", "--tls-auth-clients", "no"});
  const std::string url = "rediss://127.0.0.1:" + std::to_string(tls_port);
  StoreUser user(url, {}, "f", folder + "/cert.pem");
  ASSERT_TRUE(user.Connect()) << user.store().last_error();
  const std::string epoch = EpochOf('a');
  user.Acquire(epoch);
  const std::string big(5 * 1024 * 1024, 'x');
  EXPECT_EQ(user.Commit(epoch, 0, {Put("k", big)}).result, CommitResult::kApplied);
  EXPECT_EQ(user.ReadOne({kTotals, "k", {}}).size(), big.size());
  StoreUser untrusting(url, kShort);
  ASSERT_TRUE(untrusting.RunUntil(
      [&] { return untrusting.store().last_error().find("certificate") != std::string::npos; }));
}

}  // namespace
}  // namespace millrace::redis
