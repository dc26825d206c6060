// SPDX-License-Identifier: Apache-2.0
#include "commit/outbox.h"

#include "model/output_id.h"

namespace millrace::commit {
namespace {

constexpr uint8_t kFormat = 2;
constexpr size_t kNumbersOfRecord = 8;

size_t RoomFor(const OutboxRecord& record) {
  return kNumbersOfRecord * kNumberBytesMax + record.key.size() + record.value.size() +
         RoomForHeaders(record.headers);
}

}  // namespace

void OutboxWriter::Add(const OutboxRecord& record) {
  const size_t room = used_ + RoomFor(record);
  if (records_.size() < room) records_.resize(2 * room);
  Packer packer(records_.data() + used_);
  packer.Number(record.topic);
  packer.Number(static_cast<uint32_t>(record.partition));
  packer.Difference(record.timestamp_ms, timestamp_ms_);
  packer.Number(record.source);
  packer.Difference(record.offset, offset_);
  packer.Number(record.index);
  packer.Bytes(record.key);
  packer.Bytes(record.value);
  packer.Headers(record.headers);
  used_ = static_cast<size_t>(packer.at() - records_.data());
  timestamp_ms_ = record.timestamp_ms;
  offset_ = record.offset;
  ++outputs_;
}

PublicationPtr OutboxWriter::Finish(uint64_t seq, Offsets applied) {
  auto publication = std::make_shared<Publication>();
  publication->seq = seq;
  publication->outputs = outputs_;
  if (outputs_ > 0) {
    std::string& packed = publication->packed;
    size_t room = 1 + 2 * kNumberBytesMax + RoomFor(*topics_) + RoomFor(*sources_);
    for (const TopicOffset& offset : applied) room += 2 * kNumberBytesMax + offset.topic.size();
    packed.reserve(room + used_);
    packed.resize(room);
    Packer packer(packed.data());
    packer.Number(kFormat);
    packer.Number(applied.size());
    for (const TopicOffset& offset : applied) {
      packer.Text(offset.topic);
      packer.Number(static_cast<uint64_t>(offset.offset));
    }
    packer.Texts(*topics_);
    packer.Texts(*sources_);
    packer.Number(outputs_);
    packed.resize(static_cast<size_t>(packer.at() - packed.data()));
    packed.append(records_, 0, used_);
  }
  publication->applied = std::move(applied);
  Clear();
  return publication;
}

void OutboxWriter::Clear() {
  used_ = 0;
  outputs_ = 0;
  timestamp_ms_ = 0;
  offset_ = 0;
}

OutboxReader::OutboxReader(Slice packed) : in_(packed) {
  if (in_.Number() != kFormat) in_.Damage();
  for (uint64_t inputs = in_.Number(); inputs > 0 && !in_.damaged(); --inputs) {
    std::string topic(in_.Text().view());
    applied_.push_back({std::move(topic), in_.UpTo<int64_t>(INT64_MAX)});
  }
  topics_ = in_.Texts();
  sources_ = in_.Texts();
  outputs_ = in_.Number();
}

const OutboxRecord* OutboxReader::Next() {
  if (in_.damaged()) return nullptr;
  if (read_ == outputs_) {
    if (!in_.at_end()) in_.Damage();
    return nullptr;
  }
  ++read_;
  record_.topic = in_.UpTo<uint32_t>(UINT32_MAX);
  record_.partition = in_.UpTo<int32_t>(INT32_MAX);
  record_.timestamp_ms = in_.Sum(record_.timestamp_ms);
  record_.source = in_.UpTo<uint32_t>(UINT32_MAX);
  record_.offset = in_.Sum(record_.offset);
  record_.index = in_.UpTo<uint32_t>(UINT32_MAX);
  record_.key = in_.Bytes();
  record_.value = in_.Bytes();
  in_.Headers(&headers_);
  record_.headers = headers_;
  if (record_.topic >= topics_.size() || record_.source >= sources_.size()) in_.Damage();
  return in_.damaged() ? nullptr : &record_;
}

Slice OutboxReader::Id() {
  return FormatOutputId(
      {.source = Slice(sources_[record_.source]), .offset = record_.offset, .index = record_.index},
      &id_);
}

std::optional<Publication> Unpack(uint64_t seq, std::string packed) {
  Publication publication{.seq = seq, .applied = {}, .packed = std::move(packed), .outputs = 0};
  OutboxReader reader{Slice(publication.packed)};
  publication.applied = reader.applied();
  publication.outputs = reader.outputs();
  while (reader.Next()) {
  }
  if (reader.damaged()) return std::nullopt;
  return publication;
}

}  // namespace millrace::commit
