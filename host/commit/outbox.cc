// SPDX-License-Identifier: Apache-2.0
#include "commit/outbox.h"

#include <cstring>

namespace millrace::commit {
namespace {

constexpr uint8_t kFormat = 1;
constexpr uint32_t kNull = UINT32_MAX;

// Little-endian on every machine that the host is built for; asserted where it is not.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the outbox is packed little-endian");

template <class Number>
void Append(std::string* to, Number number) {
  to->append(reinterpret_cast<const char*>(&number), sizeof(number));
}

void AppendText(std::string* to, std::string_view text) {
  Append<uint16_t>(to, static_cast<uint16_t>(text.size()));
  to->append(text);
}

void AppendBytes(std::string* to, Slice bytes) {
  Append<uint32_t>(to, bytes.is_null() ? kNull : static_cast<uint32_t>(bytes.size()));
  to->append(bytes.view());
}

}  // namespace

void OutboxWriter::Add(const OutboxRecord& record) {
  ++outputs_;
  Append<uint16_t>(&records_, static_cast<uint16_t>(record.topic));
  Append<int32_t>(&records_, record.partition);
  Append<int64_t>(&records_, record.timestamp_ms);
  AppendBytes(&records_, record.key);
  AppendBytes(&records_, record.value);
  AppendBytes(&records_, record.id);
  Append<uint16_t>(&records_, static_cast<uint16_t>(record.headers.size()));
  for (const HeaderView& header : record.headers) {
    AppendBytes(&records_, header.name);
    AppendBytes(&records_, header.value);
  }
}

PublicationPtr OutboxWriter::Finish(uint64_t seq, Offsets applied) {
  auto publication = std::make_shared<Publication>();
  publication->seq = seq;
  publication->outputs = outputs_;
  if (outputs_ > 0) {
    std::string& packed = publication->packed;
    size_t names = 0;
    for (const std::string& topic : *topics_) names += topic.size() + sizeof(uint16_t);
    packed.reserve(64 * (applied.size() + 1) + names + records_.size());
    Append<uint8_t>(&packed, kFormat);
    Append<uint16_t>(&packed, static_cast<uint16_t>(applied.size()));
    for (const TopicOffset& offset : applied) {
      AppendText(&packed, offset.topic);
      Append<int64_t>(&packed, offset.offset);
    }
    Append<uint16_t>(&packed, static_cast<uint16_t>(topics_->size()));
    for (const std::string& topic : *topics_) AppendText(&packed, topic);
    Append<uint32_t>(&packed, outputs_);
    packed += records_;
  }
  publication->applied = std::move(applied);
  Clear();
  return publication;
}

void OutboxWriter::Clear() {
  records_.clear();
  outputs_ = 0;
}

OutboxReader::OutboxReader(Slice packed) : packed_(packed) {
  if (Read<uint8_t>() != kFormat) damaged_ = true;
  const auto inputs = Read<uint16_t>();
  for (uint16_t i = 0; i < inputs && !damaged_; ++i) {
    std::string topic(ReadText().view());
    const auto offset = Read<int64_t>();
    applied_.push_back({std::move(topic), offset});
  }
  const auto topics = Read<uint16_t>();
  for (uint16_t i = 0; i < topics && !damaged_; ++i) topics_.emplace_back(ReadText().view());
  outputs_ = Read<uint32_t>();
}

const OutboxRecord* OutboxReader::Next() {
  if (damaged_ || read_ == outputs_) return nullptr;
  ++read_;
  record_.topic = Read<uint16_t>();
  record_.partition = Read<int32_t>();
  record_.timestamp_ms = Read<int64_t>();
  record_.key = ReadBytes();
  record_.value = ReadBytes();
  record_.id = ReadBytes();
  headers_.clear();
  const auto headers = Read<uint16_t>();
  for (uint16_t i = 0; i < headers && !damaged_; ++i) {
    const Slice name = ReadBytes();
    headers_.push_back({name, ReadBytes()});
  }
  record_.headers = headers_;
  if (record_.topic >= topics_.size() || record_.partition < 0) damaged_ = true;
  return damaged_ ? nullptr : &record_;
}

template <class Number>
Number OutboxReader::Read() {
  Number number{};
  const Slice bytes = Take(sizeof(number));
  if (!damaged_) std::memcpy(&number, bytes.data(), sizeof(number));
  return number;
}

Slice OutboxReader::ReadText() { return Take(Read<uint16_t>()); }

Slice OutboxReader::ReadBytes() {
  const auto size = Read<uint32_t>();
  return size == kNull ? Slice() : Take(size);
}

Slice OutboxReader::Take(size_t size) {
  if (damaged_ || packed_.size() - at_ < size) {
    damaged_ = true;
    return "";
  }
  const Slice taken(packed_.data() + at_, size);
  at_ += size;
  return taken;
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
