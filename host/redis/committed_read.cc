// SPDX-License-Identifier: Apache-2.0
#include "redis/committed_read.h"

#include <charconv>

#include "commit/redo.h"

namespace millrace::redis {
namespace {

constexpr size_t kAroundCommands = 3;  // MULTI, the redo, EXEC

void Fail(ReadJob* job, Error error) {
  if (job->reply.status) job->reply.status = std::move(error);
}

// How many nodes the element at `at` of a reply takes, what it holds included; 0: it is cut off.
size_t NodesAt(Reply reply, size_t at) {
  size_t end = at;
  for (size_t due = 1; due > 0; --due) {
    if (end == reply.size()) return 0;
    if (reply[end].type == ReplyNode::Type::kArray) due += reply[end].elements;
    ++end;
  }
  return end - at;
}

// The redo by unit. False: a field is no number.
bool SortRedo(Reply redo, std::map<uint64_t, Slice>* entries) {
  for (size_t i = 1; i + 1 < redo.size(); i += 2) {
    const std::string_view field = redo[i].text.view();
    uint64_t seq = 0;
    const auto [stop, error] = std::from_chars(field.data(), field.data() + field.size(), seq);
    if (error != std::errc() || stop != field.data() + field.size()) return false;
    (*entries)[seq] = redo[i + 1].text;
  }
  return true;
}

void Overlay(Slice packed, ReadJob* job) {
  commit::RedoReader reader(packed);
  while (const commit::RedoCell* cell = reader.Next()) {
    const auto items =
        job->cells.find({reader.states()[cell->state], std::string(cell->key.view())});
    if (items == job->cells.end()) continue;
    for (const uint32_t item : items->second) {
      state::Found& found = job->reply.found[item];
      found.what = cell->value.is_null() ? state::Found::What::kAbsent : state::Found::What::kValue;
      found.value = cell->value;
    }
  }
  if (reader.damaged()) {
    Fail(job, Fatal("key " + job->redo_key + " holds a damaged entry: the state is not known"));
  }
}

// False: not what was asked for.
bool DecodeExec(Reply reply, ReadJob* job) {
  if (reply[0].type != ReplyNode::Type::kArray) return false;
  if (reply[0].elements != job->commands.size() + 1) return false;
  const size_t redo = NodesAt(reply, 1);
  if (redo == 0 || reply[1].type != ReplyNode::Type::kArray) return false;
  for (size_t at = 1 + redo; job->answered < job->commands.size();) {
    const size_t size = NodesAt(reply, at);
    if (size == 0) return false;
    DecodeRead(reply.subspan(at, size), job);
    at += size;
  }
  std::map<uint64_t, Slice> entries;
  if (!SortRedo(reply.subspan(1, redo), &entries)) return false;
  for (const auto& [seq, packed] : entries) Overlay(packed, job);
  return true;
}

}  // namespace

void BeginCommitted(const TaskKeys& keys, std::span<const state::StateDecl> states,
                    std::span<const state::ReadItem> items, ReadJob* job, OutBuffer* out) {
  for (uint32_t i = 0; i < items.size(); ++i) {
    const state::StateDecl& state = states[items[i].state];
    if (state.kind != state::StateKind::kValue) continue;  // the redo has no maps
    job->cells[{state.name, std::string(items[i].key.view())}].push_back(i);
  }
  job->redo_key = keys.redo;
  CommandWriter writer(out);
  writer.Begin(1).Arg("MULTI");
  writer.Begin(2).Arg("HGETALL").Arg(keys.redo);
}

void EndCommitted(ReadJob* job, OutBuffer* out) {
  CommandWriter(out).Begin(1).Arg("EXEC");
  job->queued = job->commands.size() + kAroundCommands;
}

void DecodeCommitted(Reply reply, ReadJob* job) {
  const bool is_exec = --job->queued == 0;
  if (reply[0].type == ReplyNode::Type::kError) {
    Fail(job, Fatal("Redis refuses a read of state: " + std::string(reply[0].text.view())));
  } else if (is_exec && !DecodeExec(reply, job)) {
    Fail(job, Fatal("Redis gave an unexpected reply to a read of state"));
  }
  if (is_exec) job->answered = job->commands.size();
}

}  // namespace millrace::redis
