// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "commit/outbox.h"
#include "integration/kafka/broker.h"
#include "kafka/group_member.h"
#include "kafka/offsets_worker.h"
#include "kafka/record_consumer.h"
#include "kafka/topic_watch.h"
#include "kafka/transaction_worker.h"

namespace millrace::kafka::test {

using Outcome = commit::TransactionResult;

inline int64_t MillisSince(SteadyTime began) {
  return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - began).count();
}

struct Seen {
  std::string value;
  std::vector<std::pair<std::string, OwnedBytes>> headers;
};

// A group with one member, whose metadata and stable offsets the transactions are about.
class Group {
 public:
  Group(const Broker& broker, const std::string& input, const std::string& name)
      : input_(input), client_(broker.Options()) {
    watch_ = std::shared_ptr<TopicWatch>(*TopicWatch::Create(client_, {input}));
    member_ =
        *GroupMember::Join({.client = client_, .group = name, .topics = {input}, .watch = watch_});
    worker_ = std::make_unique<OffsetsWorker>(*member_, std::vector<InputTopic>{{input, {}}});
    offsets_ = worker_->ForLane(-1);
  }

  void Poll() {
    membership::GroupEvent event;
    while (member_->Poll(&event)) {
      if (event.kind == membership::GroupEvent::Kind::kAssigned) {
        metadata = event.group_metadata;
        owned = event.partitions.size();
        member_->Accept();
      } else if (event.kind == membership::GroupEvent::Kind::kRevoked ||
                 event.kind == membership::GroupEvent::Kind::kLost) {
        owned = 0;
        member_->Release({});
      }
    }
  }
  bool Assigned(size_t partitions) {
    return Eventually([&] {
      Poll();
      return owned == partitions;
    });
  }

  // Asks until the answer is no "try again"; the group lives meanwhile.
  commit::StartingPoint Committed(int32_t partition) {
    commit::StartReply reply;
    Eventually([&] {
      offsets_->StartLookup(partition, 1);
      Eventually([&] {
        Poll();
        return offsets_->PollLookup(&reply);
      });
      return reply.result.has_value();
    });
    return reply.result ? reply.result->front() : commit::StartingPoint{};
  }
  commit::StartReply LookUpOnce(int32_t partition) {
    commit::StartReply reply;
    offsets_->StartLookup(partition, 1);
    Eventually([&] { return offsets_->PollLookup(&reply); });
    return reply;
  }

  std::string metadata;
  size_t owned = 0;

 private:
  std::string input_;
  ClientOptions client_;
  std::shared_ptr<TopicWatch> watch_;
  std::unique_ptr<GroupMember> member_;
  std::unique_ptr<OffsetsWorker> worker_;
  std::unique_ptr<commit::GroupOffsets> offsets_;
};

class TransactionsTest : public testing::Test {
 protected:
  TransactionsTest()
      : input_(broker_.MakeTopic("input", 2)),
        output_(broker_.MakeTopic("output", 2)),
        group_name_(broker_.UniqueName("group")),
        id_(broker_.UniqueName("mr.default.f.host.0")) {}

  std::unique_ptr<commit::Transactions> Make(const std::string& id,
                                             Millis timeout = Millis(15'000)) {
    return *MakeTransactions({.client = broker_.Options(),
                              .transactional_id = id,
                              .transaction_timeout = timeout,
                              .wake_fd = -1});
  }
  Group Join() { return Group(broker_, input_, group_name_); }

  // One publication per group of values, all to partition 0 of `topic`.
  commit::PublicationPtr Outputs(const std::string& topic, const std::vector<std::string>& values) {
    const std::vector<std::string> topics = {"unused", topic};
    const std::vector<std::string> sources = {"f/" + input_ + "/0"};
    commit::OutboxWriter writer(&topics, &sources);
    uint32_t index = 0;
    for (const std::string& value : values) {
      writer.Add({.topic = 1,
                  .key = "key",
                  .value = value,
                  .headers = headers_,
                  .offset = 41,
                  .index = index++,
                  .timestamp_ms = 1'442'016'000'123,
                  .partition = 0});
    }
    return writer.Finish(1, {{input_, 5}});
  }

  commit::TransactionRequest Request(const Group& group, int64_t offset,
                                     std::vector<commit::PublicationPtr> publications) {
    return {.number = ++number_,
            .publications = std::move(publications),
            .offsets = {{{input_, 0}, offset, std::to_string(offset) + " " + id_},
                        {{input_, 1}, offset + 1, std::to_string(offset) + " " + id_}},
            .group_metadata = group.metadata};
  }

  static commit::TransactionReply Await(commit::Transactions* transactions,
                                        std::chrono::milliseconds patience = kPatience) {
    commit::TransactionReply reply;
    EXPECT_TRUE(Eventually([&] { return transactions->PollTransaction(&reply); }, patience));
    return reply;
  }
  commit::TransactionReply Run(commit::Transactions* transactions,
                               commit::TransactionRequest request) {
    const uint64_t number = request.number;
    transactions->StartTransaction(std::move(request));
    commit::TransactionReply reply = Await(transactions);
    EXPECT_EQ(reply.number, number);
    return reply;
  }
  // The helper thread is in a call to the broker then; nothing tells from outside.
  static void GiveTimeToBegin() {
    Eventually([] { return false; }, Millis(300));
  }
  static commit::FenceReply Fence(commit::Transactions* transactions, const std::string& owner) {
    transactions->StartFence(owner, 77);
    commit::FenceReply reply;
    EXPECT_TRUE(Eventually([&] { return transactions->PollFence(&reply); }));
    return reply;
  }

  // What a reader of committed records sees in partition 0, up to its end.
  std::vector<Seen> Read(const std::string& topic) {
    auto source = *MakeRecordConsumer({.client = broker_.Options(), .group = "readers"});
    auto from = source->Open({topic, 0}, 0);
    std::vector<Seen> seen;
    std::vector<HeaderView> headers;
    Eventually([&] {
      const ingest::Popped popped = from->Pop(1000);
      for (size_t i = 0; popped.batch && i < popped.batch->records().size(); ++i) {
        seen.push_back({std::string(popped.batch->records()[i].value.view()), {}});
        popped.batch->ReadHeaders(i, &headers);
        for (const HeaderView& header : headers) {
          seen.back().headers.emplace_back(header.name.view(), header.value.Copy());
        }
      }
      return popped.end.has_value();
    });
    return seen;
  }
  std::vector<std::string> Values(const std::string& topic) {
    std::vector<std::string> values;
    for (const Seen& seen : Read(topic)) values.push_back(seen.value);
    return values;
  }

  Broker broker_;
  std::string input_;
  std::string output_;
  std::string group_name_;
  std::string id_;
  std::vector<HeaderView> headers_ = {{"a", "1"}, {"null", Slice()}};
  uint64_t number_ = 0;
};

}  // namespace millrace::kafka::test
