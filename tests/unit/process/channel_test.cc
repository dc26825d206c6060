// SPDX-License-Identifier: Apache-2.0
#include "process/channel.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace millrace::process {
namespace {

class Channels : public ::testing::Test {
 protected:
  Channels() {
    auto ends = Channel::Connect().value();
    here_.emplace(std::move(ends.first));
    there_.emplace(std::move(ends.second));
  }
  // Both take turns until nothing moves.
  void Exchange() {
    for (int i = 0; i < 1000 && (here_->unsent_bytes() > 0 || i < 2); ++i) {
      here_->Step();
      there_->Step();
    }
  }

  std::optional<Channel> here_;
  std::optional<Channel> there_;
};

TEST_F(Channels, MessagesComeWholeAndInOrder) {
  here_->Send("one");
  here_->Send("");
  here_->Send(std::string("\0three", 6));
  EXPECT_TRUE(there_->Step());
  EXPECT_EQ(there_->Take(), "one");
  EXPECT_EQ(there_->Take(), "");
  EXPECT_EQ(there_->Take(), std::string("\0three", 6));
  EXPECT_EQ(there_->Take(), std::nullopt);
}

TEST_F(Channels, WhatDoesNotFitWaitsAndBlocksNobody) {
  const std::string large(3'000'000, 'x');
  here_->Send(large);
  here_->Send("next");
  EXPECT_GT(here_->unsent_bytes(), 0u);
  Exchange();
  EXPECT_EQ(there_->Take(), large);
  EXPECT_EQ(there_->Take(), "next");
  EXPECT_EQ(here_->unsent_bytes(), 0u);
}

TEST_F(Channels, TheEndIsToldAfterWhatCameBefore) {
  there_->Send("last");
  there_.reset();
  EXPECT_FALSE(here_->Step());
  EXPECT_EQ(here_->Take(), "last");
  EXPECT_FALSE(here_->Step());
  here_->Send("to nobody");  // must not end this process by SIGPIPE
}

TEST_F(Channels, ASizeThatNoMessageHasEndsTheConnection) {
  const std::string bytes = "\xff\xff\xff\xff....";
  ASSERT_GT(send(there_->fd(), bytes.data(), bytes.size(), 0), 0);
  EXPECT_FALSE(here_->Step());
  EXPECT_EQ(here_->Take(), std::nullopt);
}

}  // namespace
}  // namespace millrace::process
