// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "commit/commit_store.h"
#include "state/state_reader.h"
#include "unit/fakes/fake_database.h"
#include "unit/fakes/fake_reads.h"

namespace millrace::fakes {

// One lane's connection to a FakeDatabase: both ports of the store. A request is executed by the
// server and then answered, in order; a test holds back either step:
//   held = true       nothing happens until Execute(n), then Deliver(n)
//   held = false      a request is executed at once, and its answer waits to be polled
// Disconnect() answers everything outstanding with "unavailable"; what was executed before stays
// executed (a lost reply), what was not never will be, unless it is kept as late (see LeaveLate).
class FakeStore final : public commit::CommitStore, public state::StateReader {
 public:
  explicit FakeStore(FakeDatabase* database) : database_(database) {}

  bool held = false;
  bool cut = false;  // what is sent from now on goes nowhere
  state::ReadView view = state::ReadView::kOwner;
  bool read_now_fails = false;
  uint64_t reads = 0;       // requests of StartRead
  uint64_t items_read = 0;  // of StartRead
  uint64_t reads_now = 0;   // blocking ones
  uint64_t acquires = 0;
  bool keeps_commits = true;
  std::vector<FakeDatabase::Commit> commits;  // as sent, in order, if kept

  // --- The server's side.
  void Execute(size_t count = SIZE_MAX) {
    for (; count > 0 && executed_ < requests_.size(); --count) Answer(&requests_[executed_++]);
  }
  void Deliver(size_t count = SIZE_MAX) {
    for (; count > 0 && executed_ > 0; --count, --executed_) {
      Hand(std::move(requests_.front()));
      requests_.pop_front();
    }
  }
  void Settle() {
    Execute();
    Deliver();
  }
  size_t outstanding() const { return requests_.size(); }
  size_t executed() const { return executed_; }
  size_t commits_unexecuted() const { return CommitsIn(executed_, requests_.size()); }
  size_t commits_unanswered() const { return CommitsIn(0, executed_); }  // their replies

  void Disconnect() {
    connected_ = false;
    for (Request& request : requests_) {
      Fail(&request);
      Hand(std::move(request));
    }
    requests_.clear();
    executed_ = 0;
  }
  void NeverConnected() {  // so far
    connected_ = false;
    connection_number_ = 0;
  }
  void Reconnect() {
    if (connected_) Disconnect();
    connected_ = true;
    ++connection_number_;
  }
  // Takes what was sent and not executed out of the connection, to reach the server at some later
  // time: bytes of a dead connection that were on their way.
  std::vector<FakeDatabase::Commit> LeaveLate() {
    std::vector<FakeDatabase::Commit> late;
    for (size_t i = executed_; i < requests_.size(); ++i) {
      if (const auto* commit = std::get_if<FakeDatabase::Commit>(&requests_[i].ask)) {
        late.push_back(*commit);
      }
    }
    return late;
  }

  // What wakes the lane.
  bool has_news() const {
    return !acquired_.empty() || !committed_.empty() || !read_.empty() ||
           connection_number_ != seen_connection_;
  }

  // --- The lane's side.
  void StartAcquire(const commit::AcquireRequest& request) override {
    ++acquires;
    Send(request);
  }
  bool PollAcquire(commit::AcquireReply* reply) override { return Take(&acquired_, reply); }

  void StartCommit(const commit::CommitRequest& request) override {
    FakeDatabase::Commit commit{
        .partition = request.partition,
        .epoch = *request.epoch,
        .expected_seq = request.expected_seq,
        .seq = request.seq,
        .applied = {request.applied.begin(), request.applied.end()},
        .writes = {},
        .packed = request.publication ? request.publication->packed : "",
        .published_seq = request.published_seq,
        .trimmed = {request.trimmed.begin(), request.trimmed.end()},
        .seen = {request.seen.begin(), request.seen.end()},
        .redo = std::string(request.redo),
        .redo_trimmed = {request.redo_trimmed.begin(), request.redo_trimmed.end()},
        .aside = {request.aside.begin(), request.aside.end()}};
    for (const commit::WriteOp& write : request.writes) {
      commit.writes.push_back({write.kind, write.state, std::string(write.key.view()),
                               std::string(write.field.view()), std::string(write.value.view())});
    }
    if (keeps_commits) commits.push_back(commit);
    Send(std::move(commit));
  }
  bool PollCommit(commit::CommitReply* reply) override { return Take(&committed_, reply); }
  uint64_t connection_number() const override {
    seen_connection_ = connection_number_;
    return connection_number_;
  }

  state::ReadId StartRead(int32_t partition, std::span<const state::ReadItem> items) override {
    ++reads;
    items_read += items.size();
    Read read{.partition = partition, .id = ++last_read_, .items = {}};
    for (const state::ReadItem& item : items) {
      read.items.push_back({item.state, std::string(item.key.view()), item.field.Copy()});
    }
    Send(std::move(read));
    return last_read_;
  }
  bool PollRead(state::ReadReply* reply) override { return Take(&read_, reply); }

  state::ReadReply ReadNow(int32_t partition, std::span<const state::ReadItem> items) override {
    ++reads_now;
    state::ReadReply reply;
    if (BlockingReadFails(&reply)) return reply;
    for (const state::ReadItem& item : items) {
      FindItem(partition, {item.state, std::string(item.key.view()), item.field.Copy()},
               state::kWholeMapBytesMax, &reply);
    }
    AddEpoch(partition, &reply);
    return reply;
  }
  state::ReadReply ReadWholeMapNow(int32_t partition, uint32_t state, Slice key) override {
    ++reads_now;
    state::ReadReply reply;
    if (BlockingReadFails(&reply)) return reply;
    FindItem(partition, {state, std::string(key.view()), {}}, SIZE_MAX, &reply);
    AddEpoch(partition, &reply);
    return reply;
  }

 private:
  using Item = ReadItemCopy;
  struct Read {
    int32_t partition;
    state::ReadId id;
    std::vector<Item> items;
  };
  using Ask = std::variant<commit::AcquireRequest, FakeDatabase::Commit, Read>;
  struct Request {
    explicit Request(Ask what) : ask(std::move(what)) {}
    Ask ask;
    commit::CommitReply commit;
    commit::AcquireReply acquired;
    state::ReadReply read;
  };

  size_t CommitsIn(size_t from, size_t to) const {
    size_t count = 0;
    for (; from < to; ++from) {
      count += std::holds_alternative<FakeDatabase::Commit>(requests_[from].ask) ? 1 : 0;
    }
    return count;
  }

  void Send(Ask ask) {
    if (cut) return;
    Request request(std::move(ask));
    if (!connected_) {
      Fail(&request);
      Hand(std::move(request));
      return;
    }
    requests_.push_back(std::move(request));
    if (!held) Settle();
  }

  void Answer(Request* request) {
    if (const auto* ask = std::get_if<commit::AcquireRequest>(&request->ask)) {
      request->acquired = {
          .partition = ask->partition, .epoch = ask->epoch, .result = database_->Acquire(*ask)};
    } else if (const auto* sent = std::get_if<FakeDatabase::Commit>(&request->ask)) {
      const commit::CommitResult result = database_->Apply(*sent);
      request->commit = {.partition = sent->partition,
                         .epoch = sent->epoch,
                         .seq = sent->seq,
                         .result = result,
                         .detail = result == commit::CommitResult::kRejected
                                       ? database_->rejects.value_or("")
                                       : ""};
    } else if (const auto* read = std::get_if<Read>(&request->ask)) {
      request->read.id = read->id;
      for (const Item& item : read->items) {
        FindItem(read->partition, item, state::kWholeMapBytesMax, &request->read);
      }
      AddEpoch(read->partition, &request->read);
    }
  }

  static void Fail(Request* request) {
    const std::string reason = "the connection to the store was lost";
    if (const auto* ask = std::get_if<commit::AcquireRequest>(&request->ask)) {
      request->acquired = {
          .partition = ask->partition, .epoch = ask->epoch, .result = Retriable(reason)};
    } else if (const auto* sent = std::get_if<FakeDatabase::Commit>(&request->ask)) {
      request->commit = {.partition = sent->partition,
                         .epoch = sent->epoch,
                         .seq = sent->seq,
                         .result = commit::CommitResult::kUnavailable,
                         .detail = reason};
    } else if (const auto* read = std::get_if<Read>(&request->ask)) {
      request->read = state::ReadReply();
      request->read.id = read->id;
      request->read.status = Retriable(reason);
    }
  }

  void Hand(Request request) {
    if (std::holds_alternative<commit::AcquireRequest>(request.ask)) {
      acquired_.push_back(std::move(request.acquired));
    } else if (std::holds_alternative<FakeDatabase::Commit>(request.ask)) {
      committed_.push_back(std::move(request.commit));
    } else {
      read_.push_back(std::move(request.read));
    }
  }

  template <class Reply>
  static bool Take(std::deque<Reply>* from, Reply* reply) {
    if (from->empty()) return false;
    *reply = std::move(from->front());
    from->pop_front();
    return true;
  }

  // A blocking read travels behind what was sent before it.
  bool BlockingReadFails(state::ReadReply* reply) {
    if (!connected_ || read_now_fails) {
      reply->status = Retriable("the store did not answer in time");
      return true;
    }
    Execute();
    return false;
  }

  void FindItem(int32_t partition, const Item& item, size_t map_bytes_max,
                state::ReadReply* reply) {
    if (view == state::ReadView::kOwner) {
      return Find(database_->task(partition), item, map_bytes_max, reply);
    }
    StoredTask committed = database_->task(partition);
    committed.values = CommittedValues(committed);
    Find(committed, item, map_bytes_max, reply);
  }
  void AddEpoch(int32_t partition, state::ReadReply* reply) {
    fakes::AddEpoch(database_->task(partition), reply);
  }

  FakeDatabase* database_;
  bool connected_ = true;
  uint64_t connection_number_ = 1;
  mutable uint64_t seen_connection_ = 0;
  uint64_t last_read_ = 0;
  std::deque<Request> requests_;  // sent and not answered; the first `executed_` are executed
  size_t executed_ = 0;
  std::deque<commit::AcquireReply> acquired_;
  std::deque<commit::CommitReply> committed_;
  std::deque<state::ReadReply> read_;
};

}  // namespace millrace::fakes
