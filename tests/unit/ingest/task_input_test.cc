// SPDX-License-Identifier: Apache-2.0
#include "ingest/task_input.h"

#include <gmock/gmock.h>

#include "unit/fakes/fake_records.h"

namespace millrace::ingest {
namespace {

using fakes::FakeLog;
using fakes::FakeRecordSource;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class TaskInputTest : public testing::Test {
 protected:
  void Feed(const std::string& topic, int64_t timestamp, int64_t offset = -1) {
    log.Append({topic, 3}, {.offset = offset, .timestamp_ms = timestamp, .key = "k"});
  }
  TaskInput Open(const Offsets& from, std::optional<HeaderFilter> filter = {}) {
    std::vector<InputTopic> topics;
    for (const TopicOffset& topic : from) topics.push_back({topic.topic, filter});
    return TaskInput(&source, 3, std::move(topics), from);
  }
  // "topic index@offset" of every event that one Fill gives.
  std::vector<std::string> Fill(TaskInput* input, size_t max = 100) {
    batch.Clear();
    found = input->Fill(max, &batch);
    std::vector<std::string> events;
    for (const InputEvent& event : batch.events) {
      events.push_back(std::to_string(event.topic) + "@" + std::to_string(event.record->offset));
    }
    return events;
  }

  FakeLog log;
  FakeRecordSource source{&log};
  EventBatch batch;
  Result<bool> found = false;
};

TEST_F(TaskInputTest, RecordsBelowThePositionAreSkipped) {
  for (int i = 0; i < 5; ++i) Feed("a", i);
  source.records_below = 2;
  TaskInput input = Open({{"a", 2}});
  EXPECT_THAT(Fill(&input), ElementsAre("0@2", "0@3", "0@4"));
  EXPECT_THAT(batch.position, ElementsAre(5));
}

TEST_F(TaskInputTest, GapsAreFollowed) {
  Feed("a", 1, 3);
  Feed("a", 2, 7);
  Feed("a", 3, 20);
  TaskInput input = Open({{"a", 0}});
  EXPECT_THAT(Fill(&input), ElementsAre("0@3", "0@7", "0@20"));
  EXPECT_THAT(batch.position, ElementsAre(21));
}

TEST_F(TaskInputTest, WhatTheFilterLeavesOutMovesThePosition) {
  for (int i = 0; i < 4; ++i) {
    log.Append({"a", 3}, {.key = "k", .headers = {{"kind", i == 1 ? "edit" : "log"}}});
  }
  TaskInput input = Open({{"a", 0}}, HeaderFilter{"kind", "edit"});
  EXPECT_THAT(Fill(&input), ElementsAre("0@1"));
  EXPECT_THAT(batch.position, ElementsAre(4));
  EXPECT_EQ(batch.filtered, 3u);
}

TEST_F(TaskInputTest, AHeaderWithANullValueDoesNotPassAFilterForEmpty) {
  log.Append({"a", 3}, {.headers = {{"kind", OwnedBytes()}}});
  log.Append({"a", 3}, {.headers = {{"kind", ""}}});
  TaskInput input = Open({{"a", 0}}, HeaderFilter{"kind", ""});
  EXPECT_THAT(Fill(&input), ElementsAre("0@1"));
}

TEST_F(TaskInputTest, RepeatsOfAnotherFunctionsOutputsAreDropped) {
  const auto feed = [this](const std::string& id, const std::string& forwarded = "") {
    std::vector<std::pair<std::string, OwnedBytes>> headers;
    if (!forwarded.empty()) headers.emplace_back("millrace-id", forwarded);
    if (!id.empty()) headers.emplace_back("millrace-id", id);
    log.Append({"a", 3}, {.key = "k", .headers = headers});
  };
  feed("f/t/0/7/1");
  feed("f/t/0/7/1");                // 1: a repeat
  feed("f/t/0/7/0");                // 2: so is what came before it
  feed("f/t/0/8/0");                // 3: new
  feed("f/t/1/2/0");                // 4: of another source
  feed("g/t/0/2/0");                // 5: and another
  feed("f/t/0/10/0", "f/t/0/8/0");  // 6: the handler passed on what it was given
  feed("");                         // 7: of nobody
  feed("");                         // 8
  feed("f/t/0/8/0/u");              // 9: says nothing about order
  feed("f/t/1/1/5");                // 10: a repeat
  TaskInput input(&source, 3, {{.topic = "a", .filter = {}, .deduplicate = true}}, {{"a", 0}},
                  {{"a", "g/t/0", 1, 0}, {"another topic", "f/t/0", 99, 0}});
  EXPECT_THAT(Fill(&input), ElementsAre("0@0", "0@3", "0@4", "0@5", "0@6", "0@7", "0@8", "0@9"));
  EXPECT_EQ(batch.repeats, 3u);
  EXPECT_THAT(batch.position, ElementsAre(11));
  TaskInput later(&source, 3, {{.topic = "a", .filter = {}, .deduplicate = true}}, {{"a", 5}},
                  {{"a", "f/t/0", 10, 0}, {"a", "g/t/0", 2, 0}});
  EXPECT_THAT(Fill(&later), ElementsAre("0@7", "0@8", "0@9", "0@10"));
}

TEST_F(TaskInputTest, TheEndBehindMarkersMovesThePosition) {
  Feed("a", 1);
  log.AddMarkers({"a", 3}, 2);
  TaskInput input = Open({{"a", 0}});
  EXPECT_THAT(Fill(&input), ElementsAre("0@0"));
  Fill(&input);
  EXPECT_THAT(input.position(), ElementsAre(3));
  EXPECT_EQ(input.end_offset(0), 3);
}

TEST_F(TaskInputTest, NothingNewLeavesTheBatchAlone) {
  TaskInput input = Open({{"a", 0}});
  EXPECT_THAT(Fill(&input), IsEmpty());
  EXPECT_FALSE(found.value());
  EXPECT_THAT(batch.position, IsEmpty());
}

TEST_F(TaskInputTest, TheSmallestTimestampThenTopicComesFirst) {
  Feed("a", 10);
  Feed("a", 30);
  Feed("b", 10);
  Feed("b", 20);
  Feed("b", 30);
  TaskInput input = Open({{"a", 0}, {"b", 0}});
  EXPECT_THAT(Fill(&input), ElementsAre("0@0", "1@0", "1@1", "0@1", "1@2"));
  EXPECT_THAT(batch.position, ElementsAre(2, 3));
}

TEST_F(TaskInputTest, AtMostMaxRecordsAreTaken) {
  for (int i = 0; i < 5; ++i) Feed("a", i);
  for (int i = 0; i < 5; ++i) Feed("b", i);
  TaskInput input = Open({{"a", 0}, {"b", 0}});
  EXPECT_THAT(Fill(&input, 3), ElementsAre("0@0", "1@0", "0@1"));
  EXPECT_THAT(Fill(&input, 2), ElementsAre("1@1", "0@2"));
}

TEST_F(TaskInputTest, AnOffsetThatIsGoneIsToldAfterWhatCameBefore) {
  Feed("a", 1);
  Feed("a", 2);
  TaskInput input = Open({{"a", 0}});
  EXPECT_THAT(Fill(&input, 1), ElementsAre("0@0"));
  log.AddMarkers({"a", 3}, 5);
  log.Truncate({"a", 3}, 7);
  EXPECT_THAT(Fill(&input), IsEmpty());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().error_class, ErrorClass::kFatal);
  EXPECT_THAT(found.error().message, HasSubstr("a/3@1"));
  Fill(&input);
  EXPECT_FALSE(found) << "told again";
}

TEST_F(TaskInputTest, AnErrorOfOneTopicIsToldThoughAnotherFlowsOn) {
  Feed("b", 1);
  log.AddMarkers({"b", 3}, 5);
  log.Truncate({"b", 3}, 6);
  TaskInput input = Open({{"a", 0}, {"b", 0}});
  int fills = 0;
  do {
    Feed("a", fills);
    Fill(&input, 1);
  } while (found && ++fills < 10);
  EXPECT_FALSE(found);
}

TEST_F(TaskInputTest, TheFetchEndsWithTheInput) {
  {
    TaskInput input = Open({{"a", 0}, {"b", 0}});
    EXPECT_EQ(source.open_count, 2u);
  }
  EXPECT_EQ(source.open_count, 0u);
}

TEST_F(TaskInputTest, EventsOutliveTheInput) {
  Feed("a", 1);
  {
    TaskInput input = Open({{"a", 0}});
    Fill(&input);
  }
  ASSERT_EQ(batch.events.size(), 1u);
  EXPECT_EQ(batch.events[0].record->key, Slice("k"));
}

}  // namespace
}  // namespace millrace::ingest
