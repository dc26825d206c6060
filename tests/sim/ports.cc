// SPDX-License-Identifier: Apache-2.0
#include "sim/ports.h"

#include <cstdlib>

namespace millrace::sim {

using commit::TransactionResult;

void SimTransactions::StartTransaction(commit::TransactionRequest request) {
  if (member_->dead) return;
  if (has_request_) std::abort();  // the port takes one at a time
  has_request_ = true;
  request_ = std::move(request);
  records_.clear();
  next_record_ = 0;
  for (const commit::PublicationPtr& publication : request_.publications) {
    commit::OutboxReader reader{Slice(publication->packed)};
    while (const commit::OutboxRecord* record = reader.Next()) {
      records_.push_back(
          {record->partition,
           {.id = std::string(reader.Id().view()), .value = std::string(record->value.view())}});
    }
    if (reader.damaged()) std::abort();  // the lane wrote it
  }
}

bool SimTransactions::Advance() {
  if (stalled_since_) {
    if (clock_->Now() - *stalled_since_ < kTransactionTimeout) return false;
    stalled_since_.reset();
    stage_ = has_request_ ? Stage::kSettle : Stage::kInit;
  }
  if (AdvanceFence()) return true;
  if (stage_ == Stage::kIdle) {
    if (!has_request_) return false;
    stage_ = records_.empty() ? Stage::kOffsets : Stage::kProduce;
  }
  Step();
  return true;
}

bool SimTransactions::AdvanceFence() {
  if (fences_.empty()) return false;
  uint64_t epoch = 0;
  if (broker_->Init(fences_.front().owner, &epoch) != Answer::kDone) return true;
  fenced_.push_back(std::move(fences_.front()));
  fences_.pop_front();
  return true;
}

void SimTransactions::Step() {
  const Answer answer = Request();
  if (answer != Answer::kBusy) OnAnswer(answer);
}

Answer SimTransactions::Request() {
  switch (stage_) {
    case Stage::kInit:
    case Stage::kSettle:
      return broker_->Init(own_.id, &own_.epoch);
    case Stage::kProduce: {
      const Record& record = records_[next_record_];
      return broker_->Produce(own_, record.partition, record.entry, clock_->Now());
    }
    case Stage::kOffsets:
      return broker_->SendOffsets(own_, request_.offsets,
                                  breaks_.metadata ? member_->metadata : request_.group_metadata,
                                  clock_->Now());
    case Stage::kEnd:
      return broker_->End(own_, true);
    case Stage::kAbort:
      return broker_->End(own_, false);
    case Stage::kIdle:
      return Answer::kDone;
  }
  return Answer::kDone;
}

void SimTransactions::OnAnswer(Answer answer) {
  switch (answer) {
    case Answer::kBusy:
      return;
    case Answer::kFenced:
      settle_for_fence_ = true;
      stage_ = Stage::kSettle;
      return;
    case Answer::kIllegalGeneration:
    case Answer::kUnknownMember:
      after_abort_ = answer == Answer::kUnknownMember ? TransactionResult::kFenced
                                                      : TransactionResult::kAborted;
      stage_ = Stage::kAbort;
      return;
    case Answer::kDone:
      break;
  }
  switch (stage_) {
    case Stage::kInit:
      stage_ = Stage::kIdle;
      return;
    case Stage::kProduce:
      if (++next_record_ == records_.size()) stage_ = Stage::kOffsets;
      return;
    case Stage::kOffsets:
      stage_ = Stage::kEnd;
      return;
    case Stage::kEnd:
      for (const PartitionOffset& offset : request_.offsets) {
        published_[offset.at] = {offset.offset, offset.metadata};
      }
      return Finish(TransactionResult::kCommitted, "");
    case Stage::kAbort:
      return Finish(after_abort_, "the group has moved on");
    case Stage::kSettle:
      return Finish(std::exchange(settle_for_fence_, false) ? TransactionResult::kFenced
                                                            : TransactionResult::kUnknown,
                    "settled");
    case Stage::kIdle:
      return;
  }
}

void SimTransactions::Finish(TransactionResult result, const std::string& detail) {
  stage_ = Stage::kIdle;
  if (!std::exchange(has_request_, false)) return;  // a fence met no transaction of ours
  commit::TransactionReply reply;
  reply.number = request_.number;
  reply.result = result;
  reply.detail = detail;
  replies_.push_back(std::move(reply));
}

void SimTransactions::Stall(bool carried_out) {
  if (stalled_since_ || stage_ <= Stage::kIdle || stage_ == Stage::kSettle) return;
  if (carried_out) Request();
  stalled_since_ = clock_->Now();
}

commit::StartingPoint SimGroupOffsets::Point(int32_t partition) const {
  const TopicPartition at{"in", partition};
  const fakes::FakeLog::Partition& log = log_->at(at);
  commit::StartingPoint point{
      .topic = "in", .committed = {}, .start = log.earliest, .earliest = log.earliest};
  std::optional<CommittedOffset> found = broker_->Committed(at);
  if (breaks_.local_position && transactions_) {
    const auto own = transactions_->published().find(at);
    if (own != transactions_->published().end()) found = own->second;
  }
  if (found) {
    point.committed = found->offset;
    point.metadata = found->metadata;
  }
  return point;
}

bool SimGroupOffsets::Advance() {
  if (asked_.empty()) return false;
  const Asked asked = asked_.front();
  const bool stable = breaks_.stable_offsets || broker_->Stable({"in", asked.partition});
  if (!stable && clock_->Now() - asked.since < kLookupTimeout) {
    asked_.pop_front();  // others are not held up
    asked_.push_back(asked);
    return false;
  }
  commit::StartReply reply;
  reply.partition = asked.partition;
  reply.request = asked.request;
  if (stable) {
    reply.result = std::vector<commit::StartingPoint>{Point(asked.partition)};
  } else {
    reply.result = Retriable("offsets are unstable");
  }
  asked_.pop_front();
  answered_.push_back(std::move(reply));
  return true;
}

bool SimGroupOffsets::PollLookup(commit::StartReply* reply) {
  if (answered_.empty()) return false;
  *reply = std::move(answered_.front());
  answered_.pop_front();
  return true;
}

}  // namespace millrace::sim
