// SPDX-License-Identifier: Apache-2.0
#include "redis/handshake.h"

#include <gmock/gmock.h>

namespace millrace::redis {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Settings {
  std::string append_only = "no";
  std::string append_sync = "everysec";
  std::string save;
};

std::vector<std::string> WarningsFor(const Settings& settings) {
  Handshake handshake(*ParseRedisUrl("redis://h"));
  OutBuffer out;
  EXPECT_EQ(handshake.Begin(&out), 7u);
  const ReplyNode name{.type = ReplyNode::Type::kString, .text = "name"};
  const ReplyNode array{.type = ReplyNode::Type::kArray, .text = {}, .elements = 2};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(handshake.OnReply(Reply(&name, 1)));
  for (const std::string& value :
       {std::string("volatile-lru"), settings.append_only, settings.append_sync, settings.save}) {
    const ReplyNode text{.type = ReplyNode::Type::kString, .text = value};
    const ReplyNode reply[] = {array, name, text};
    EXPECT_TRUE(handshake.OnReply(reply));
  }
  EXPECT_FALSE(handshake.refusal());
  return handshake.Warnings();
}

TEST(HandshakeTest, AnAppendOnlyFileIsSilent) {
  EXPECT_THAT(WarningsFor({.append_only = "yes", .save = {}}), IsEmpty());
}

TEST(HandshakeTest, AnAppendOnlyFileThatIsNeverSyncedIsWarnedOf) {
  EXPECT_THAT(WarningsFor({.append_only = "yes", .append_sync = "no", .save = {}}),
              ElementsAre(HasSubstr("up to 30 s")));
}

TEST(HandshakeTest, SnapshotsAloneAreWarnedOfWithTheLossWindow) {
  EXPECT_THAT(WarningsFor({.save = "3600 1 300 100 60 10000"}),
              ElementsAre(HasSubstr("loses up to 3600 s")));
}

TEST(HandshakeTest, NoPersistenceIsWarnedOf) {
  EXPECT_THAT(WarningsFor({}), ElementsAre(HasSubstr("a restart loses all state")));
}

}  // namespace
}  // namespace millrace::redis
