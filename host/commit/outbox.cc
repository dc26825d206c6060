// SPDX-License-Identifier: Apache-2.0
#include "commit/outbox.h"

#include <algorithm>

#include "model/output_id.h"

namespace millrace::commit {
namespace {

constexpr uint8_t kFormat = 2;
constexpr size_t kNumberMax = 10;  // bytes of a 64-bit number
constexpr size_t kNumbersOfRecord = 9;
constexpr int kBits = 7;  // of a number, in each byte of it
constexpr uint8_t kMore = 1 << kBits;

// The difference as an unsigned number that is small when the difference is.
uint64_t Zigzag(int64_t to, int64_t from) {
  const uint64_t difference = static_cast<uint64_t>(to) - static_cast<uint64_t>(from);
  return (difference << 1) ^ (0 - (difference >> 63));
}

// Writes where there is room enough.
class Packer {
 public:
  explicit Packer(char* at) : at_(at) {}
  char* at() const { return at_; }

  void Number(uint64_t number) {
    for (; number >= kMore; number >>= kBits) *at_++ = static_cast<char>(number | kMore);
    *at_++ = static_cast<char>(number);
  }
  void Text(std::string_view text) {
    Number(text.size());
    at_ = std::copy_n(text.data(), text.size(), at_);
  }
  void Bytes(Slice bytes) {
    if (bytes.is_null()) return Number(0);
    Number(bytes.size() + 1);
    at_ = std::copy_n(bytes.data(), bytes.size(), at_);
  }

 private:
  char* at_;
};

size_t RoomFor(const std::vector<std::string>& texts) {
  size_t room = kNumberMax;
  for (const std::string& text : texts) room += kNumberMax + text.size();
  return room;
}

size_t RoomFor(const OutboxRecord& record) {
  size_t room = kNumbersOfRecord * kNumberMax + record.key.size() + record.value.size();
  for (const HeaderView& header : record.headers) {
    room += 2 * kNumberMax + header.name.size() + header.value.size();
  }
  return room;
}

void PackTexts(const std::vector<std::string>& texts, Packer* packer) {
  packer->Number(texts.size());
  for (const std::string& text : texts) packer->Text(text);
}

}  // namespace

void OutboxWriter::Add(const OutboxRecord& record) {
  const size_t room = used_ + RoomFor(record);
  if (records_.size() < room) records_.resize(2 * room);
  Packer packer(records_.data() + used_);
  packer.Number(record.topic);
  packer.Number(static_cast<uint32_t>(record.partition));
  packer.Number(Zigzag(record.timestamp_ms, timestamp_ms_));
  packer.Number(record.source);
  packer.Number(Zigzag(record.offset, offset_));
  packer.Number(record.index);
  packer.Bytes(record.key);
  packer.Bytes(record.value);
  packer.Number(record.headers.size());
  for (const HeaderView& header : record.headers) {
    packer.Bytes(header.name);
    packer.Bytes(header.value);
  }
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
    size_t room = 1 + 2 * kNumberMax + RoomFor(*topics_) + RoomFor(*sources_);
    for (const TopicOffset& offset : applied) room += 2 * kNumberMax + offset.topic.size();
    packed.reserve(room + used_);
    packed.resize(room);
    Packer packer(packed.data());
    packer.Number(kFormat);
    packer.Number(applied.size());
    for (const TopicOffset& offset : applied) {
      packer.Text(offset.topic);
      packer.Number(static_cast<uint64_t>(offset.offset));
    }
    PackTexts(*topics_, &packer);
    PackTexts(*sources_, &packer);
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

OutboxReader::OutboxReader(Slice packed) : packed_(packed) {
  if (ReadNumber() != kFormat) damaged_ = true;
  for (uint64_t inputs = ReadNumber(); inputs > 0 && !damaged_; --inputs) {
    std::string topic(ReadText().view());
    applied_.push_back({std::move(topic), ReadUpTo<int64_t>(INT64_MAX)});
  }
  topics_ = ReadTexts();
  sources_ = ReadTexts();
  outputs_ = ReadNumber();
}

const OutboxRecord* OutboxReader::Next() {
  if (damaged_) return nullptr;
  if (read_ == outputs_) {
    damaged_ = at_ != packed_.size();
    return nullptr;
  }
  ++read_;
  record_.topic = ReadUpTo<uint32_t>(UINT32_MAX);
  record_.partition = ReadUpTo<int32_t>(INT32_MAX);
  record_.timestamp_ms = ReadSum(record_.timestamp_ms);
  record_.source = ReadUpTo<uint32_t>(UINT32_MAX);
  record_.offset = ReadSum(record_.offset);
  record_.index = ReadUpTo<uint32_t>(UINT32_MAX);
  record_.key = ReadBytes();
  record_.value = ReadBytes();
  headers_.clear();
  for (uint64_t headers = ReadNumber(); headers > 0 && !damaged_; --headers) {
    const Slice name = ReadBytes();
    headers_.push_back({name, ReadBytes()});
  }
  record_.headers = headers_;
  if (record_.topic >= topics_.size() || record_.source >= sources_.size()) damaged_ = true;
  return damaged_ ? nullptr : &record_;
}

Slice OutboxReader::Id() {
  return FormatOutputId(
      {.source = Slice(sources_[record_.source]), .offset = record_.offset, .index = record_.index},
      &id_);
}

uint64_t OutboxReader::ReadNumber() {
  uint64_t number = 0;
  for (int shift = 0; shift < 64 && !damaged_ && at_ < packed_.size(); shift += kBits) {
    const auto byte = static_cast<uint8_t>(packed_.data()[at_++]);
    number |= static_cast<uint64_t>(byte % kMore) << shift;
    if (byte < kMore) return number;
  }
  damaged_ = true;
  return 0;
}

template <class Number>
Number OutboxReader::ReadUpTo(uint64_t max) {
  const uint64_t number = ReadNumber();
  if (number > max) damaged_ = true;
  return static_cast<Number>(number);
}

// Wraps around, as what wrote it did.
int64_t OutboxReader::ReadSum(int64_t before) {
  const uint64_t zigzag = ReadNumber();
  const uint64_t difference = (zigzag >> 1) ^ (0 - (zigzag & 1));
  return static_cast<int64_t>(static_cast<uint64_t>(before) + difference);
}

std::vector<std::string> OutboxReader::ReadTexts() {
  std::vector<std::string> texts;
  for (uint64_t left = ReadNumber(); left > 0 && !damaged_; --left) {
    texts.emplace_back(ReadText().view());
  }
  return texts;
}

Slice OutboxReader::ReadBytes() {
  const uint64_t size = ReadNumber();
  return size == 0 ? Slice() : Take(size - 1);
}

Slice OutboxReader::Take(uint64_t size) {
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
