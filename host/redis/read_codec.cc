// SPDX-License-Identifier: Apache-2.0
#include "redis/read_codec.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "redis/scripts.h"

namespace millrace::redis {
namespace {

using state::Found;
using state::ReadItem;
using state::StateKind;

constexpr size_t kCellsPerCommandMax = 1000;  // keeps one HMGET well below a millisecond
constexpr size_t kMapsPerScriptMax = 16;      // at most 1 MiB of maps while Redis waits
constexpr int64_t kFieldsPerPage = 1000;

// What belongs into the same command: values of a state, fields of a map, whole maps.
enum class Shape { kValue, kField, kMap };

Shape ShapeOf(std::span<const state::StateDecl> states, const ReadItem& item) {
  if (states[item.state].kind == StateKind::kValue) return Shape::kValue;
  return item.field.is_null() ? Shape::kMap : Shape::kField;
}

class Grouping {
 public:
  Grouping(std::span<const state::StateDecl> states, std::span<const ReadItem> items)
      : states_(states), items_(items) {}

  bool Less(uint32_t a, uint32_t b) const { return Compare(items_[a], items_[b]) < 0; }
  bool Together(uint32_t a, uint32_t b) const { return Compare(items_[a], items_[b]) == 0; }
  ReadCommand::Kind KindOf(uint32_t item) const {
    const bool map = ShapeOf(states_, items_[item]) == Shape::kMap;
    return map ? ReadCommand::Kind::kMaps : ReadCommand::Kind::kCells;
  }

 private:
  int Compare(const ReadItem& a, const ReadItem& b) const {
    const Shape shape = ShapeOf(states_, a);
    if (const Shape other = ShapeOf(states_, b); shape != other) return shape < other ? -1 : 1;
    if (shape == Shape::kMap) return 0;
    if (a.state != b.state) return a.state < b.state ? -1 : 1;
    return shape == Shape::kValue ? 0 : a.key.view().compare(b.key.view());
  }

  std::span<const state::StateDecl> states_;
  std::span<const ReadItem> items_;
};

void WriteCells(const TaskKeys& keys, std::span<const ReadItem> items,
                std::span<const uint32_t> order, OutBuffer* out) {
  const ReadItem& first = items[order[0]];
  const bool fields = !first.field.is_null();
  CommandWriter writer(out);
  writer.Begin(2 + order.size()).Arg("HMGET");
  writer.Arg(keys.states[first.state], fields ? first.key.view() : std::string_view());
  for (const uint32_t item : order) {
    writer.Arg(fields ? items[item].field.view() : items[item].key.view());
  }
}

void WriteMaps(std::string_view script, const TaskKeys& keys, std::span<const ReadItem> items,
               std::span<const uint32_t> order, OutBuffer* out) {
  CommandWriter writer(out);
  writer.Begin(4 + order.size()).Arg("EVALSHA").Arg(script);
  writer.Number(static_cast<int64_t>(order.size()));
  for (const uint32_t item : order) {
    writer.Arg(keys.states[items[item].state], items[item].key.view());
  }
  writer.Number(static_cast<int64_t>(state::kWholeMapBytesMax));
}

void WriteEpoch(const TaskKeys& keys, ReadJob* job, OutBuffer* out) {
  CommandWriter writer(out);
  writer.Begin(3).Arg("HGET").Arg(keys.task).Arg("epoch");
  job->commands.push_back({.kind = ReadCommand::Kind::kEpoch});
}

void Fail(ReadJob* job, Error error) {
  if (job->reply.status) job->reply.status = std::move(error);
}

bool DecodeCells(Reply reply, const ReadCommand& command, ReadJob* job) {
  if (reply[0].type != ReplyNode::Type::kArray || reply.size() != command.count + 1) return false;
  for (uint32_t i = 0; i < command.count; ++i) {
    const Slice value = reply[i + 1].text;
    if (value.is_null()) continue;
    Found& found = job->reply.found[job->order[command.first + i]];
    found.what = Found::What::kValue;
    found.value = value;
  }
  return true;
}

// Appends `cells` (field, value, field, value, …) to the reply's entries.
void AppendEntries(Reply cells, state::ReadReply* reply) {
  for (size_t i = 0; i + 1 < cells.size(); i += 2) {
    reply->entries.push_back({.field = cells[i].text, .value = cells[i + 1].text});
  }
}

bool DecodeMaps(Reply reply, const ReadCommand& command, ReadJob* job) {
  if (reply[0].type != ReplyNode::Type::kArray || reply[0].elements != command.count) return false;
  size_t at = 1;
  for (uint32_t i = 0; i < command.count; ++i) {
    const ReplyNode& answer = reply[at++];
    Found& found = job->reply.found[job->order[command.first + i]];
    if (answer.type == ReplyNode::Type::kInteger) {
      found.what = Found::What::kLargeMap;
    } else if (answer.elements > 0) {
      found.what = Found::What::kMap;
      found.first_entry = static_cast<uint32_t>(job->reply.entries.size());
      found.entry_count = answer.elements / 2;
      AppendEntries(reply.subspan(at, answer.elements), &job->reply);
      at += answer.elements;
    }
  }
  return true;
}

bool DecodeEpoch(Reply reply, ReadJob* job) {
  job->reply.epoch = reply[0].text;
  return reply[0].type == ReplyNode::Type::kString || reply[0].type == ReplyNode::Type::kNil;
}

bool DecodePage(Reply reply, ReadJob* job) {
  if (reply.size() < 3 || reply[1].text.is_null()) return false;
  job->cursor = reply[1].text.view();
  AppendEntries(reply.subspan(3), &job->reply);
  return true;
}

}  // namespace

void ReadJob::Clear() {
  reply.status.emplace();
  reply.found.clear();
  reply.entries.clear();
  reply.epoch = {};
  reply.bytes.Clear();
  order.clear();
  commands.clear();
  answered = 0;
  cursor.clear();
  queued = 0;
  cells.clear();
}

void ReadEncoder::Encode(std::string_view script, const TaskKeys& keys,
                         std::span<const state::StateDecl> states, std::span<const ReadItem> items,
                         ReadJob* job, OutBuffer* out) {
  const Grouping grouping(states, items);
  job->reply.found.assign(items.size(), {});
  std::vector<uint32_t>& order = job->order;
  order.resize(items.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto less = [&](uint32_t a, uint32_t b) { return grouping.Less(a, b); };
  if (!std::is_sorted(order.begin(), order.end(), less)) {
    std::stable_sort(order.begin(), order.end(), less);
  }
  for (uint32_t first = 0; first < order.size();) {
    const ReadCommand::Kind kind = grouping.KindOf(order[first]);
    const bool maps = kind == ReadCommand::Kind::kMaps;
    const size_t most = first + (maps ? kMapsPerScriptMax : kCellsPerCommandMax);
    uint32_t end = first + 1;
    while (end < std::min(order.size(), most) && grouping.Together(order[first], order[end])) ++end;
    const std::span<const uint32_t> part = std::span(order).subspan(first, end - first);
    maps ? WriteMaps(script, keys, items, part, out) : WriteCells(keys, items, part, out);
    job->commands.push_back({.kind = kind, .first = first, .count = end - first});
    first = end;
  }
  if (!items.empty()) WriteEpoch(keys, job, out);
}

void EncodePage(const TaskKeys& keys, uint32_t state, Slice key, ReadJob* job, OutBuffer* out) {
  CommandWriter writer(out);
  writer.Begin(5).Arg("HSCAN").Arg(keys.states[state], key.view());
  writer.Arg(job->cursor.empty() ? "0" : job->cursor).Arg("COUNT").Number(kFieldsPerPage);
  job->commands.push_back({.kind = ReadCommand::Kind::kPage});
  WriteEpoch(keys, job, out);
}

void KeepFirstOfEachField(std::vector<state::FoundField>* entries) {
  std::unordered_set<std::string_view> seen;
  std::erase_if(*entries, [&](const state::FoundField& entry) {
    return !seen.insert(entry.field.view()).second;
  });
}

void DecodeRead(Reply reply, ReadJob* job) {
  const ReadCommand& command = job->commands[job->answered++];
  if (reply[0].type == ReplyNode::Type::kError) {
    return Fail(job, Fatal("Redis refuses a read of state: " + std::string(reply[0].text.view())));
  }
  bool expected = false;
  switch (command.kind) {
    case ReadCommand::Kind::kCells:
      expected = DecodeCells(reply, command, job);
      break;
    case ReadCommand::Kind::kMaps:
      expected = DecodeMaps(reply, command, job);
      break;
    case ReadCommand::Kind::kPage:
      expected = DecodePage(reply, job);
      break;
    case ReadCommand::Kind::kEpoch:
      expected = DecodeEpoch(reply, job);
      break;
  }
  if (!expected) Fail(job, Fatal("Redis gave an unexpected reply to a read of state"));
}

}  // namespace millrace::redis
