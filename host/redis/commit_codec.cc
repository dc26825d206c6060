// SPDX-License-Identifier: Apache-2.0
#include "redis/commit_codec.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <numeric>
#include <optional>
#include <tuple>

#include "commit/crash_text.h"
#include "redis/scripts.h"

namespace millrace::redis {
namespace {

using commit::CommitResult;
using commit::WriteOp;
using Kind = WriteOp::Kind;

constexpr std::string_view kAppliedPrefix = "applied:";
constexpr std::string_view kPublished = "published";
constexpr std::string_view kSeenPrefix = "seen:";

bool IsMap(const WriteOp& op) {
  return op.kind == Kind::kPutField || op.kind == Kind::kEraseField || op.kind == Kind::kEraseMap;
}

// UNLINK, HDEL, HSET: a map is erased before its new fields are written.
int Rank(const WriteOp& op) {
  switch (op.kind) {
    case Kind::kEraseMap:
      return 0;
    case Kind::kEraseField:
    case Kind::kEraseValue:
      return 1;
    case Kind::kPutField:
    case Kind::kPutValue:
      return 2;
  }
  return 2;
}

int Compare(const WriteOp& a, const WriteOp& b) {
  if (a.state != b.state) return a.state < b.state ? -1 : 1;
  if (IsMap(a)) {
    if (const int keys = a.key.view().compare(b.key.view()); keys != 0) return keys;
  }
  return Rank(a) - Rank(b);
}

int64_t ArgumentCount(const WriteOp& op, size_t writes) {
  const auto count = static_cast<int64_t>(writes);
  switch (Rank(op)) {
    case 0:
      return 0;
    case 1:
      return -count;
    default:
      return 2 * count;
  }
}

void WriteKey(CommandWriter& writer, const TaskKeys& keys, const WriteOp& op) {
  writer.Arg(keys.states[op.state], IsMap(op) ? op.key.view() : std::string_view());
}

void WriteCell(CommandWriter& writer, const WriteOp& op) {
  switch (op.kind) {
    case Kind::kEraseMap:
      break;
    case Kind::kEraseField:
      writer.Arg(op.field.view());
      break;
    case Kind::kEraseValue:
      writer.Arg(op.key.view());
      break;
    case Kind::kPutField:
      writer.Arg(op.field.view()).Arg(op.value.view());
      break;
    case Kind::kPutValue:
      writer.Arg(op.key.view()).Arg(op.value.view());
      break;
  }
}

template <class Integer>
bool ParseNumber(std::string_view text, Integer* number) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *number);
  return error == std::errc() && stop == end;
}

Error Refusal(const TaskKeys& keys, const commit::AcquireRequest& request, const std::string& what,
              std::string_view differs, const std::string& stored) {
  if (differs == "GROUP") {
    return Fatal(what + " is kept for group " + stored + "; this function's group is " +
                 request.group + ": set group: " + stored + ", or use another namespace");
  }
  if (differs == "PARTITIONS") {
    return Fatal(what + " was kept with " + stored + " partitions; the input topics have " +
                 std::to_string(request.partition_count) +
                 " now: keys have moved between tasks; use another namespace to begin anew");
  }
  if (differs == "VERSIONS") {
    StoredVersions versions;
    const size_t dash = stored.find('-');
    if (dash == std::string::npos || !ParseNumber(stored.substr(0, dash), &versions.oldest) ||
        !ParseNumber(stored.substr(dash + 1), &versions.newest)) {
      return Fatal(what + ": fields state:oldest and state:newest of its :task hash are not what " +
                   "the host writes: somebody else wrote there");
    }
    return Fatal(what + WhyUnreadable(request.versions, versions));
  }
  if (differs == "OUTBOX" || differs == "REDO" || differs == "ASIDE") {
    const std::string& key = differs == "REDO"    ? keys.redo
                             : differs == "ASIDE" ? keys.aside
                                                  : keys.outbox;
    return Fatal(what + ": key " + key + " holds a " + stored +
                 " where a hash belongs: somebody else wrote there");
  }
  if (stored == kRemovedFormat) {
    return Fatal(what + " is being removed by millrace state rebuild, or was, and that ended " +
                 "halfway: run it again, or wait for it");
  }
  return Fatal(what + " has the layout format \"" + stored + "\"; this host reads formats \"" +
               std::string(kFormatWithoutRedo) + "\" and \"" + std::string(kFormat) +
               "\": run a host that knows it");
}

// "seen:<topic>:<source>" and "<offset>/<index>".
bool ReadSeen(std::string_view name, std::string_view value, commit::Acquired* acquired) {
  name.remove_prefix(kSeenPrefix.size());
  const size_t colon = name.find(':'), slash = value.find('/');
  if (colon == std::string_view::npos || slash == std::string_view::npos) return false;
  SeenOutput seen{.topic = std::string(name.substr(0, colon)),
                  .source = std::string(name.substr(colon + 1))};
  if (!ParseNumber(value.substr(0, slash), &seen.offset)) return false;
  if (!ParseNumber(value.substr(slash + 1), &seen.index)) return false;
  acquired->seen.push_back(std::move(seen));
  return true;
}

bool ReadTaskField(std::string_view name, std::string_view value, commit::Acquired* acquired) {
  if (name == "seq") return ParseNumber(value, &acquired->seq);
  if (name == kPublished) return ParseNumber(value, &acquired->published_seq);
  if (name == "owner") acquired->former_owner = value;
  if (name.starts_with(kSeenPrefix)) return ReadSeen(name, value, acquired);
  if (!name.starts_with(kAppliedPrefix)) return true;
  TopicOffset applied{.topic = std::string(name.substr(kAppliedPrefix.size()))};
  if (!ParseNumber(value, &applied.offset)) return false;
  acquired->applied.push_back(std::move(applied));
  return true;
}

Status ReadTask(const std::string& what, Reply fields, commit::Acquired* acquired) {
  for (size_t i = 0; i + 1 < fields.size(); i += 2) {
    if (ReadTaskField(fields[i].text.view(), fields[i + 1].text.view(), acquired)) continue;
    return Fatal(what + ": field " + std::string(fields[i].text.view()) +
                 " of its :task hash is not what the host writes: somebody else wrote there");
  }
  std::sort(acquired->applied.begin(), acquired->applied.end(),
            [](const TopicOffset& a, const TopicOffset& b) { return a.topic < b.topic; });
  std::sort(acquired->seen.begin(), acquired->seen.end(),
            [](const SeenOutput& a, const SeenOutput& b) {
              return std::tie(a.topic, a.source) < std::tie(b.topic, b.source);
            });
  return {};
}

// A field that is not written as the host writes it could not be removed under its number.
bool ParseSeq(std::string_view field, uint64_t* seq) {
  return ParseNumber(field, seq) && *seq > 0 && field.front() != '0';
}

// The entries of a hash by unit, each read by `read`, which says in words what is wrong with one.
template <class Read>
Status ReadEntries(const std::string& key, const std::string& what, Reply entries, Read read) {
  for (size_t i = 0; i + 1 < entries.size(); i += 2) {
    uint64_t seq = 0;
    const bool is_seq = ParseSeq(entries[i].text.view(), &seq);
    const std::string wrong = is_seq ? read(seq, std::string(entries[i + 1].text.view()))
                                     : "is not the number of a unit: somebody else wrote there";
    if (wrong.empty()) continue;
    return Fatal(what + ": field " + std::string(entries[i].text.view()) + " of key " + key + " " +
                 wrong);
  }
  return {};
}

Status ReadOutbox(const TaskKeys& keys, const std::string& what, Reply entries,
                  commit::Acquired* acquired) {
  acquired->outbox.reserve(entries.size() / 2);
  const Status read =
      ReadEntries(keys.outbox, what, entries, [&](uint64_t seq, std::string packed) -> std::string {
        auto entry = commit::Unpack(seq, std::move(packed));
        if (!entry) return "is a damaged entry: its outputs cannot be published";
        acquired->outbox.push_back(*std::move(entry));
        return "";
      });
  std::sort(acquired->outbox.begin(), acquired->outbox.end(),
            [](const auto& a, const auto& b) { return a.seq < b.seq; });
  return read;
}

Status ReadRedo(const TaskKeys& keys, const std::string& what, Reply entries,
                commit::Acquired* acquired) {
  acquired->redo.reserve(entries.size() / 2);
  const Status read =
      ReadEntries(keys.redo, what, entries, [&](uint64_t seq, std::string packed) -> std::string {
        if (!commit::IsRedoEntry(Slice(packed))) {
          return "is a damaged entry: the state that it holds is lost";
        }
        acquired->redo.push_back({.seq = seq, .packed = std::move(packed)});
        return "";
      });
  std::sort(acquired->redo.begin(), acquired->redo.end(),
            [](const auto& a, const auto& b) { return a.seq < b.seq; });
  return read;
}

// One that cannot be read counts nothing.
void ReadCrashes(Reply crashes, commit::Acquired* acquired) {
  for (size_t i = 0; i + 1 < crashes.size(); i += 2) {
    auto crash = commit::CrashOf(crashes[i + 1].text.view());
    if (!crash) continue;
    acquired->crashes.push_back(
        {.topic = std::string(crashes[i].text.view()), .crash = *std::move(crash)});
  }
  std::sort(acquired->crashes.begin(), acquired->crashes.end(),
            [](const TopicCrash& a, const TopicCrash& b) { return a.topic < b.topic; });
}

// A field that the host does not write is counted and has no name.
void ReadAside(int64_t count, Reply names, commit::Acquired* acquired) {
  acquired->aside_count = static_cast<uint64_t>(count);
  for (const ReplyNode& field : names) {
    if (auto name = commit::AsideNameOf(field.text.view())) {
      acquired->aside.push_back(*std::move(name));
    }
  }
  std::sort(acquired->aside.begin(), acquired->aside.end());
}

// Takes the array at `at` of a reply, and steps behind it; false: there is none of texts.
bool TakeTexts(Reply reply, size_t* at, Reply* texts) {
  if (*at >= reply.size() || reply[*at].type != ReplyNode::Type::kArray) return false;
  const size_t count = reply[*at].elements;
  if (count > reply.size() - *at - 1) return false;
  *texts = reply.subspan(*at + 1, count);
  *at += count + 1;
  return true;
}

// What an acquire answers behind "OK".
struct AcquireParts {
  Reply task, outbox, redo, crashes;
  int64_t aside_count = 0;
  Reply aside;
};

std::optional<AcquireParts> PartsOf(Reply reply) {
  AcquireParts parts;
  size_t at = 2;
  for (Reply* part : {&parts.task, &parts.outbox, &parts.redo, &parts.crashes}) {
    if (!TakeTexts(reply, &at, part)) return std::nullopt;
  }
  if (at >= reply.size() || reply[at].type != ReplyNode::Type::kInteger) return std::nullopt;
  parts.aside_count = reply[at++].integer;
  if (!TakeTexts(reply, &at, &parts.aside)) return std::nullopt;
  return parts;
}

bool HasOutputs(const commit::CommitRequest& request) {
  return request.publication != nullptr && !request.publication->packed.empty();
}

size_t OutboxSteps(const commit::CommitRequest& request) {
  return (request.trimmed.empty() ? 0 : 1) + (HasOutputs(request) ? 1 : 0);
}

size_t RedoSteps(const commit::CommitRequest& request) {
  return (request.redo_trimmed.empty() ? 0 : 1) + (request.redo.empty() ? 0 : 1);
}

size_t AsideSteps(const commit::CommitRequest& request) { return request.aside.empty() ? 0 : 1; }

size_t TaskArguments(const commit::CommitRequest& request) {
  return 2 + 2 * request.applied.size() + 2 * request.seen.size() +
         (request.published_seq > 0 ? 2 : 0);
}

void WriteTask(CommandWriter& writer, const commit::CommitRequest& request) {
  writer.Number(static_cast<int64_t>(TaskArguments(request)));
  writer.Arg("seq").Number(request.seq);
  for (const TopicOffset& applied : request.applied) {
    writer.Arg(kAppliedPrefix, applied.topic).Number(applied.offset);
  }
  if (request.published_seq > 0) writer.Arg(kPublished).Number(request.published_seq);
  for (const SeenOutput& seen : request.seen) {
    writer.Arg(kSeenPrefix, seen.topic + ":" + seen.source);
    writer.Arg(std::to_string(seen.offset) + "/" + std::to_string(seen.index));
  }
}

// What is trimmed goes first, as erasures of state do.
void WriteEntries(CommandWriter& writer, std::span<const uint64_t> trimmed, uint64_t seq,
                  std::string_view packed) {
  if (!trimmed.empty()) {
    writer.Number(-static_cast<int64_t>(trimmed.size()));
    for (const uint64_t entry : trimmed) writer.Number(entry);
  }
  if (!packed.empty()) writer.Number(2).Number(seq).Arg(packed);
}

}  // namespace

void EncodeAcquire(std::string_view script, const TaskKeys& keys,
                   const commit::AcquireRequest& request, OutBuffer* out) {
  static const CrashMark kNone;
  const CrashMark& crash = request.crash ? *request.crash : kNone;
  CommandWriter writer(out);
  writer.Begin(21).Arg("EVALSHA").Arg(script).Number(4);
  writer.Arg(keys.task).Arg(keys.outbox).Arg(keys.redo).Arg(keys.aside);
  writer.Arg(request.epoch).Arg(request.owner).Arg(request.group);
  writer.Number(request.partition_count).Arg(kFormat).Arg(kFormatWithoutRedo);
  writer.Number(request.versions.written).Number(request.versions.oldest_read);
  writer.Number(static_cast<uint64_t>(commit::kAsideListedMax));
  writer.Arg(crash.topic).Number(crash.offset).Arg(crash.hash12).Arg(crash.id);
  writer.Number(kCrashIdsMax);
}

Result<commit::Acquired> DecodeAcquire(const TaskKeys& keys, const commit::AcquireRequest& request,
                                       const std::string& what, Reply reply) {
  if (reply[0].type == ReplyNode::Type::kError) {
    return Retriable(what + " could not be acquired: Redis says " +
                     std::string(reply[0].text.view()));
  }
  const std::string_view verdict = reply.size() > 1 ? reply[1].text.view() : std::string_view();
  if (verdict != "OK" && reply.size() == 3) {
    return Refusal(keys, request, what, verdict, std::string(reply[2].text.view()));
  }
  const auto parts = PartsOf(reply);
  if (verdict != "OK" || !parts) {
    return Retriable(what + " could not be acquired: unexpected reply");
  }
  commit::Acquired acquired;
  const Status task = ReadTask(what, parts->task, &acquired);
  if (!task) return task.error();
  const Status outbox = ReadOutbox(keys, what, parts->outbox, &acquired);
  if (!outbox) return outbox.error();
  const Status redo = ReadRedo(keys, what, parts->redo, &acquired);
  if (!redo) return redo.error();
  ReadCrashes(parts->crashes, &acquired);
  ReadAside(parts->aside_count, parts->aside, &acquired);
  return acquired;
}

void CommitEncoder::MakeSteps(std::span<const WriteOp> writes) {
  order_.resize(writes.size());
  std::iota(order_.begin(), order_.end(), 0U);
  const auto less = [&](uint32_t a, uint32_t b) { return Compare(writes[a], writes[b]) < 0; };
  if (!std::is_sorted(order_.begin(), order_.end(), less)) {
    std::stable_sort(order_.begin(), order_.end(), less);
  }
  steps_.clear();
  for (size_t i = 0; i < order_.size(); ++i) {
    if (i > 0 && !less(order_[i - 1], order_[i])) {
      ++steps_.back().count;
    } else {
      steps_.push_back({.first = i, .count = 1});
    }
  }
}

const WriteOp& CommitEncoder::FirstOf(const Step& step,
                                      const commit::CommitRequest& request) const {
  return request.writes[order_[step.first]];
}

// Of the whole command: EVALSHA, name, key count; keys; epoch, seq, n; a count per step; the rest.
size_t CommitEncoder::CountArguments(const commit::CommitRequest& request) const {
  const size_t steps =
      steps_.size() + OutboxSteps(request) + RedoSteps(request) + AsideSteps(request);
  size_t arguments = 3 + 1 + steps + 3 + TaskArguments(request) + steps;
  for (const Step& step : steps_) {
    arguments += static_cast<size_t>(std::abs(ArgumentCount(FirstOf(step, request), step.count)));
  }
  return arguments + request.trimmed.size() + (HasOutputs(request) ? 2 : 0) +
         request.redo_trimmed.size() + (request.redo.empty() ? 0 : 2) + 2 * request.aside.size();
}

void CommitEncoder::Encode(std::string_view script, const TaskKeys& keys,
                           const commit::CommitRequest& request, OutBuffer* out) {
  MakeSteps(request.writes);
  CommandWriter writer(out);
  writer.Begin(CountArguments(request)).Arg("EVALSHA").Arg(script);
  const size_t outbox = OutboxSteps(request), redo = RedoSteps(request);
  const size_t aside = AsideSteps(request);
  writer.Number(static_cast<int64_t>(1 + steps_.size() + outbox + redo + aside)).Arg(keys.task);
  for (const Step& step : steps_) WriteKey(writer, keys, FirstOf(step, request));
  for (size_t i = 0; i < outbox; ++i) writer.Arg(keys.outbox);
  for (size_t i = 0; i < redo; ++i) writer.Arg(keys.redo);
  if (aside > 0) writer.Arg(keys.aside);
  writer.Arg(*request.epoch).Number(request.expected_seq);
  WriteTask(writer, request);
  for (const Step& step : steps_) {
    writer.Number(ArgumentCount(FirstOf(step, request), step.count));
    for (size_t i = step.first; i < step.first + step.count; ++i) {
      WriteCell(writer, request.writes[order_[i]]);
    }
  }
  const bool outputs = HasOutputs(request);
  WriteEntries(writer, request.trimmed, request.seq,
               outputs ? std::string_view(request.publication->packed) : std::string_view());
  WriteEntries(writer, request.redo_trimmed, request.seq, request.redo);
  if (aside > 0) writer.Number(static_cast<int64_t>(2 * request.aside.size()));
  for (const commit::AsideEntry& entry : request.aside) {
    writer.Arg(commit::TextOf(entry.name)).Arg(entry.packed);
  }
}

bool IsApplied(Reply reply) {
  return reply[0].type == ReplyNode::Type::kInteger && reply[0].integer == 1;
}

CommitAnswer DecodeCommit(const std::string& what, Reply reply) {
  const ReplyNode& answer = reply[0];
  const std::string text(answer.text.view());
  const std::string rest = text.substr(std::min(text.size(), text.find(' ') + 1));
  if (answer.type == ReplyNode::Type::kString && text == "UNKNOWN") {
    return {CommitResult::kDiverged, what + ": the store does not know the task any more"};
  }
  if (answer.type == ReplyNode::Type::kString && text.starts_with("FENCED ")) {
    return {CommitResult::kFenced, what + " is owned by " + rest + " now"};
  }
  if (answer.type == ReplyNode::Type::kString && text.starts_with("DIVERGED ")) {
    return {CommitResult::kDiverged, what + " is at seq " + rest};
  }
  if (answer.type == ReplyNode::Type::kString && text.starts_with("REJECTED ")) {
    const size_t space = rest.find(' ');
    return {CommitResult::kRejected, what + ": key " + rest.substr(space + 1) + " holds a " +
                                         rest.substr(0, space) +
                                         " where a hash belongs: somebody else wrote there"};
  }
  return {CommitResult::kRejected, what + ": Redis refuses the write: " + text};
}

}  // namespace millrace::redis
