// SPDX-License-Identifier: Apache-2.0
#include "redis/pipeline.h"

#include <algorithm>
#include <array>

#include "redis/committed_read.h"

namespace millrace::redis {
namespace {

using commit::CommitResult;

// Errors that say: this server cannot serve now, ask again over a new connection. Commands behind
// such a one may have been executed; a commit among them was stopped by the seq check.
constexpr std::array<std::string_view, 9> kServesNoLonger = {
    "NOSCRIPT", "LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN",
    "MOVED",    "BUSY",    "NOAUTH",   "NOREPLICAS",
};

bool ServesNoLonger(std::string_view error) {
  return std::any_of(kServesNoLonger.begin(), kServesNoLonger.end(), [&](std::string_view word) {
    return error.starts_with(word) && error.substr(word.size()).starts_with(' ');
  });
}

}  // namespace

const std::string* Pipeline::Obstacle() {
  if (!session_.ready()) return &session_.last_error();
  if (session_.unanswered() < kUnansweredMax && session_.out()->size() < kUnsentBytesMax) {
    return nullptr;
  }
  too_much_ = "Redis is behind: " + std::to_string(session_.unanswered()) +
              " commands wait for an answer, " + std::to_string(session_.out()->size()) +
              " bytes to be sent";
  return &too_much_;
}

void Pipeline::Count(Kind kind, SteadyTime now) {
  kinds_.push_back(kind);
  session_.CountCommand(now);
}

std::unique_ptr<ReadJob> Pipeline::StartJob(int32_t partition,
                                            std::span<const state::ReadItem> items,
                                            SteadyTime now) {
  std::unique_ptr<ReadJob> job = std::move(spare_job_);
  if (!job) job = std::make_unique<ReadJob>();
  job->Clear();
  job->reply.id = ++last_read_;
  SendRead(partition, items, job.get(), now);
  return job;
}

void Pipeline::SendRead(int32_t partition, std::span<const state::ReadItem> items, ReadJob* job,
                        SteadyTime now) {
  if (const std::string* obstacle = Obstacle()) {
    job->reply.status = Retriable(*obstacle);
    return;
  }
  const TaskKeys& keys = keys_.Of(partition);
  const bool committed = view_ == state::ReadView::kCommitted && !items.empty();
  if (committed) BeginCommitted(keys, keys_.states(), items, job, session_.out());
  read_encoder_.Encode(NameOf(session_.script_names(), Script::kReadMaps), keys, keys_.states(),
                       items, job, session_.out());
  if (committed) EndCommitted(job, session_.out());
  const size_t replies = committed ? job->queued : job->commands.size();
  for (size_t i = 0; i < replies; ++i) Count(Kind::kRead, now);
  if (!job->commands.empty()) waiting_reads_.push_back(job);
}

void Pipeline::ContinueMap(int32_t partition, uint32_t state, Slice key, ReadJob* job,
                           SteadyTime now) {
  if (const std::string* obstacle = Obstacle()) {
    job->reply.status = Retriable(*obstacle);
    return;
  }
  const size_t before = job->commands.size();
  EncodePage(keys_.Of(partition), state, key, job, session_.out());
  for (size_t i = before; i < job->commands.size(); ++i) Count(Kind::kRead, now);
  waiting_reads_.push_back(job);
}

state::ReadId Pipeline::StartRead(int32_t partition, std::span<const state::ReadItem> items,
                                  SteadyTime now) {
  reads_.push_back(StartJob(partition, items, now));
  return reads_.back()->reply.id;
}

bool Pipeline::PollRead(state::ReadReply* reply) {
  if (reads_.empty() || !reads_.front()->done()) return false;
  std::swap(*reply, reads_.front()->reply);
  spare_job_ = std::move(reads_.front());
  reads_.pop_front();
  return true;
}

void Pipeline::StartAcquire(const commit::AcquireRequest& request, SteadyTime now) {
  if (const std::string* obstacle = Obstacle()) {
    acquires_.push_back(
        {.partition = request.partition, .epoch = request.epoch, .result = Retriable(*obstacle)});
    return;
  }
  EncodeAcquire(NameOf(session_.script_names(), Script::kAcquire), keys_.Of(request.partition),
                request, session_.out());
  waiting_acquires_.push_back(request);
  Count(Kind::kAcquire, now);
}

bool Pipeline::PollAcquire(commit::AcquireReply* reply) {
  if (acquires_.empty()) return false;
  *reply = std::move(acquires_.front());
  acquires_.pop_front();
  return true;
}

void Pipeline::StartCommit(const commit::CommitRequest& request, SteadyTime now) {
  commit::CommitReply reply{.partition = request.partition,
                            .epoch = *request.epoch,
                            .seq = request.seq,
                            .result = CommitResult::kUnavailable,
                            .detail = {}};
  if (const std::string* obstacle = Obstacle()) {
    reply.detail = *obstacle;
    commits_.push_back(std::move(reply));
    return;
  }
  commit_encoder_.Encode(NameOf(session_.script_names(), Script::kCommit),
                         keys_.Of(request.partition), request, session_.out());
  waiting_commits_.push_back(std::move(reply));
  Count(Kind::kCommit, now);
}

bool Pipeline::PollCommit(commit::CommitReply* reply) {
  if (commits_.empty()) return false;
  *reply = std::move(commits_.front());
  commits_.pop_front();
  return true;
}

bool Pipeline::has_finished() const {
  return !acquires_.empty() || !commits_.empty() || (!reads_.empty() && reads_.front()->done());
}

Arena* Pipeline::ArenaForNext() {
  return kinds_.front() == Kind::kRead ? &waiting_reads_.front()->reply.bytes : &scratch_;
}

Status Pipeline::OnReply(Reply reply) {
  if (reply[0].type == ReplyNode::Type::kError && ServesNoLonger(reply[0].text.view())) {
    return Retriable("Redis says " + std::string(reply[0].text.view()));
  }
  const Kind kind = kinds_.front();
  kinds_.pop_front();
  switch (kind) {
    case Kind::kRead:
      OnReadReply(reply);
      break;
    case Kind::kAcquire:
      OnAcquireReply(reply);
      break;
    case Kind::kCommit:
      OnCommitReply(reply);
      break;
  }
  return {};
}

void Pipeline::OnReadReply(Reply reply) {
  ReadJob* const job = waiting_reads_.front();
  job->queued > 0 ? DecodeCommitted(reply, job) : DecodeRead(reply, job);
  if (job->done()) waiting_reads_.pop_front();
}

void Pipeline::OnAcquireReply(Reply reply) {
  const commit::AcquireRequest& request = waiting_acquires_.front();
  acquires_.push_back({.partition = request.partition,
                       .epoch = request.epoch,
                       .result = DecodeAcquire(keys_.Of(request.partition), request,
                                               keys_.Describe(request.partition), reply)});
  waiting_acquires_.pop_front();
  scratch_.Clear();
}

void Pipeline::OnCommitReply(Reply reply) {
  commits_.push_back(std::move(waiting_commits_.front()));
  waiting_commits_.pop_front();
  commit::CommitReply& answered = commits_.back();
  if (IsApplied(reply)) {
    answered.result = CommitResult::kApplied;
  } else {
    CommitAnswer answer = DecodeCommit(keys_.Describe(answered.partition), reply);
    answered.result = answer.result;
    answered.detail = std::move(answer.detail);
  }
  scratch_.Clear();
}

void Pipeline::OnLost(const std::string& why) {
  for (ReadJob* job : waiting_reads_) {
    job->reply.status = Retriable(why);
    job->answered = job->commands.size();
    job->queued = 0;
  }
  for (const commit::AcquireRequest& request : waiting_acquires_) {
    acquires_.push_back(
        {.partition = request.partition, .epoch = request.epoch, .result = Retriable(why)});
  }
  for (commit::CommitReply& reply : waiting_commits_) {
    reply.detail = why;  // its result is kUnavailable from the start
    commits_.push_back(std::move(reply));
  }
  kinds_.clear();
  waiting_reads_.clear();
  waiting_acquires_.clear();
  waiting_commits_.clear();
  scratch_.Clear();
}

}  // namespace millrace::redis
