// SPDX-License-Identifier: Apache-2.0
#include "kafka/record_consumer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <numeric>

#include "integration/kafka/broker.h"

namespace millrace::kafka::test {
namespace {

using testing::HasSubstr;

struct Reader {
  std::vector<int> values;
  std::vector<int64_t> offsets;
  std::optional<int64_t> end;
  std::optional<Error> error;
  size_t largest_batch = 0;

  void Pop(ingest::PartitionSource* from, size_t max_records = 1000) {
    ingest::Popped popped = from->Pop(max_records);
    if (popped.batch) end.reset();
    for (size_t i = 0; popped.batch && i < popped.batch->records().size(); ++i) {
      const RecordView& record = popped.batch->records()[i];
      values.push_back(std::stoi(std::string(record.value.view())));
      offsets.push_back(record.offset);
    }
    if (popped.batch) largest_batch = std::max(largest_batch, popped.batch->records().size());
    if (popped.end) end = popped.end;
    if (popped.error) error = popped.error;
  }
};

std::vector<int> Range(int from, int to) {
  std::vector<int> values(static_cast<size_t>(to - from));
  std::iota(values.begin(), values.end(), from);
  return values;
}

class RecordConsumerTest : public testing::Test {
 protected:
  RecordConsumerTest() : wake_fd_(eventfd(0, EFD_NONBLOCK)) { source_ = Make(); }
  ~RecordConsumerTest() override {
    source_.reset();
    close(wake_fd_);
  }

  std::unique_ptr<ingest::RecordSource> Make(Properties properties = {}) {
    RecordConsumerOptions options{.client = broker_.Options(),
                                  .group = broker_.UniqueName("group"),
                                  .queue_bytes = 8 << 20,
                                  .queued_records = 8'000,
                                  .partitions_expected = 4,
                                  .wake_fd = wake_fd_};
    options.client.properties.merge(properties);
    return *MakeRecordConsumer(options);
  }

  bool ReadToEnd(ingest::PartitionSource* from, Reader* reader) {
    reader->end.reset();
    return Eventually([&] {
      source_->Serve();
      reader->Pop(from);
      return reader->end.has_value() || reader->error.has_value();
    });
  }

  Broker broker_;
  int wake_fd_;
  std::unique_ptr<ingest::RecordSource> source_;
};

TEST_F(RecordConsumerTest, EveryRecordOfEveryPartitionComesOnceAndInOrder) {
  const std::string topic = broker_.MakeTopic("order", 4);
  constexpr int kRecords = 50'000;
  for (int p = 0; p < 4; ++p) broker_.Produce(topic, p, 0, kRecords);
  std::vector<std::unique_ptr<ingest::PartitionSource>> partitions;
  for (int p = 0; p < 4; ++p) partitions.push_back(source_->Open({topic, p}, 0));
  std::vector<Reader> readers(4);
  ASSERT_TRUE(Eventually([&] {
    bool done = true;
    for (size_t p = 0; p < 4; ++p) {
      readers[p].Pop(partitions[p].get(), 700);
      done = done && readers[p].end.has_value();
    }
    return done;
  }));
  for (const Reader& reader : readers) {
    EXPECT_EQ(reader.values, Range(0, kRecords));
    EXPECT_EQ(reader.end, kRecords);
    EXPECT_LE(reader.largest_batch, 700U);
    EXPECT_FALSE(reader.error);
  }
}

TEST_F(RecordConsumerTest, EndLiesBehindTransactionMarkersAndAbortedRecordsAreNotSeen) {
  const std::string topic = broker_.MakeTopic("markers", 1);
  broker_.ProduceInTransaction(topic, 0, 0, 10, Broker::Ending::kCommit);   // 0..9, marker 10
  broker_.ProduceInTransaction(topic, 0, 10, 20, Broker::Ending::kAbort);   // 11..20, marker 21
  broker_.ProduceInTransaction(topic, 0, 20, 25, Broker::Ending::kCommit);  // 22..26, marker 27
  auto partition = source_->Open({topic, 0}, 0);
  Reader reader;
  ASSERT_TRUE(ReadToEnd(partition.get(), &reader));
  EXPECT_THAT(reader.values,
              testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 21, 22, 23, 24));
  EXPECT_EQ(reader.offsets.back(), 26);
  EXPECT_TRUE(Eventually([&] {
    reader.Pop(partition.get());
    return reader.end == 28;
  }));
  EXPECT_EQ(partition->end_offset(), 28);
}

TEST_F(RecordConsumerTest, EndMovesWhenATransactionWithoutVisibleRecordsFollows) {
  const std::string topic = broker_.MakeTopic("aborted", 1);
  broker_.Produce(topic, 0, 0, 3);
  auto partition = source_->Open({topic, 0}, 0);
  Reader reader;
  ASSERT_TRUE(ReadToEnd(partition.get(), &reader));
  EXPECT_EQ(reader.end, 3);
  broker_.ProduceInTransaction(topic, 0, 3, 5, Broker::Ending::kAbort);
  EXPECT_TRUE(Eventually([&] {
    reader.Pop(partition.get());
    return reader.end == 6;
  }));
  EXPECT_EQ(reader.values, Range(0, 3));
}

TEST_F(RecordConsumerTest, ReopeningStartsAtTheGivenOffsetAndForgetsThePrefetch) {
  const std::string topic = broker_.MakeTopic("reopen", 2);
  for (int p = 0; p < 2; ++p) broker_.Produce(topic, p, 0, 5000);
  auto neighbour = source_->Open({topic, 1}, 0);
  Reader other;
  for (const int offset : {0, 4000, 10, 4990, 2500}) {
    auto partition = source_->Open({topic, 0}, offset);
    Reader reader;
    ASSERT_TRUE(ReadToEnd(partition.get(), &reader));
    EXPECT_EQ(reader.values, Range(offset, 5000));
    EXPECT_EQ(reader.offsets.front(), offset);
    auto closed_at_once = std::move(partition);
    closed_at_once.reset();
    closed_at_once = source_->Open({topic, 0}, 7);  // never popped
  }
  ASSERT_TRUE(ReadToEnd(neighbour.get(), &other));
  EXPECT_EQ(other.values, Range(0, 5000));  // undisturbed by what happened beside it
}

TEST_F(RecordConsumerTest, AnOffsetThatRetentionPassedIsFatalAndNamesTheCoordinates) {
  const std::string topic = broker_.MakeTopic("retention", 1);
  broker_.Produce(topic, 0, 0, 100);
  broker_.DeleteRecordsBelow(topic, 0, 60);
  Reader reader;
  auto partition = source_->Open({topic, 0}, 10);
  ASSERT_TRUE(ReadToEnd(partition.get(), &reader));
  ASSERT_TRUE(reader.error);
  EXPECT_EQ(reader.error->error_class, ErrorClass::kFatal);
  EXPECT_THAT(reader.error->message, HasSubstr(topic + "/0@10"));
  EXPECT_TRUE(reader.values.empty());
  EXPECT_TRUE(partition->Pop(1).error) << "a fatal error stays";

  partition.reset();
  Reader again;
  partition = source_->Open({topic, 0}, 60);
  ASSERT_TRUE(ReadToEnd(partition.get(), &again));
  EXPECT_FALSE(again.error);
  EXPECT_EQ(again.values, Range(60, 100));
}

TEST_F(RecordConsumerTest, AnOffsetBeyondTheEndIsFatalToo) {
  const std::string topic = broker_.MakeTopic("beyond", 1);
  broker_.Produce(topic, 0, 0, 10);
  Reader reader;
  auto partition = source_->Open({topic, 0}, 5000);
  ASSERT_TRUE(ReadToEnd(partition.get(), &reader));
  ASSERT_TRUE(reader.error);
  EXPECT_EQ(reader.error->error_class, ErrorClass::kFatal);
}

TEST_F(RecordConsumerTest, AnUnknownTopicIsReadOnceItExists) {
  const std::string topic = broker_.UniqueName("late");
  auto partition = source_->Open({topic, 0}, 0);
  Reader reader;
  reader.Pop(partition.get());
  broker_.CreateTopic(topic, 1);
  broker_.Produce(topic, 0, 0, 10);
  EXPECT_TRUE(Eventually([&] {
    reader.Pop(partition.get());
    return reader.values.size() == 10;
  }));
  EXPECT_TRUE(!reader.error || reader.error->error_class == ErrorClass::kRetriable);
}

TEST_F(RecordConsumerTest, TheEventfdWakesForTheFirstRecordOfAnEmptyPartition) {
  const std::string topic = broker_.MakeTopic("wake", 1);
  auto partition = source_->Open({topic, 0}, 0);
  Reader reader;
  ASSERT_TRUE(ReadToEnd(partition.get(), &reader));
  uint64_t count = 0;
  while (read(wake_fd_, &count, sizeof(count)) > 0) continue;
  broker_.Produce(topic, 0, 0, 1);
  pollfd waiting{.fd = wake_fd_, .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&waiting, 1, 5000), 1);
  reader.Pop(partition.get());
  EXPECT_EQ(reader.values, Range(0, 1));
}

TEST_F(RecordConsumerTest, APartitionMayOutliveItsSource) {
  const std::string topic = broker_.MakeTopic("outlive", 1);
  broker_.Produce(topic, 0, 0, 10);
  auto partition = source_->Open({topic, 0}, 0);
  source_.reset();
  Reader reader;
  EXPECT_TRUE(Eventually([&] {
    reader.Pop(partition.get());
    return reader.end == 10;
  }));
}

TEST_F(RecordConsumerTest, ARestartOfTheBrokerLosesAndRepeatsNothing) {
  if (!Broker::CanBeStopped()) GTEST_SKIP() << "the broker of KAFKA is not ours to stop";
  const std::string topic = broker_.MakeTopic("restart", 1);
  broker_.Produce(topic, 0, 0, 1000);
  auto partition = source_->Open({topic, 0}, 0);
  Reader reader;
  ASSERT_TRUE(ReadToEnd(partition.get(), &reader));
  Broker::Stack("stop kafka");
  source_->Serve();
  reader.Pop(partition.get());
  Broker::Stack("start kafka");
  broker_.Produce(topic, 0, 1000, 2000);
  EXPECT_TRUE(Eventually([&] {
    source_->Serve();
    reader.Pop(partition.get());
    return reader.end == 2000;
  }));
  EXPECT_EQ(reader.values, Range(0, 2000));
  EXPECT_FALSE(reader.error) << reader.error->message;
}

}  // namespace
}  // namespace millrace::kafka::test
