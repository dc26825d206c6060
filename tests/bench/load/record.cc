// SPDX-License-Identifier: Apache-2.0
#include "record.h"

#include <bit>
#include <cstring>
#include <stdexcept>

namespace millrace::load {
namespace {

static_assert(std::endian::native == std::endian::little, "records are written as they lie");

constexpr size_t kFillerStarts = 1 << 16;  // where a record's filler may begin
constexpr uint64_t kForKey = 1;
constexpr uint64_t kForAmount = 2;
constexpr uint64_t kForFiller = 3;

// The finishing step of splitmix64: every bit of the result depends on every bit of x.
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

Records::Records(const RecordSpec& spec)
    : spec_(spec), value_bytes_(static_cast<size_t>(spec.bytes) - bench::kKeyBytes) {
  filler_.resize(kFillerStarts + value_bytes_);
  for (size_t i = 0; i < filler_.size(); ++i) {
    filler_[i] = static_cast<char>('a' + Mix(Mix(spec.seed + kForFiller) + i) % 26);
  }
}

uint64_t Records::Random(int64_t index, uint64_t purpose) const {
  return Mix(Mix(spec_.seed + purpose) + static_cast<uint64_t>(index) * 0x9e3779b97f4a7c15);
}

RecordHead Records::Head(int64_t index) const {
  const auto keys = static_cast<uint64_t>(spec_.keys);
  const uint64_t key = index < spec_.sequential_until ? static_cast<uint64_t>(index) % keys
                                                      : Random(index, kForKey) % keys;
  return {.key = static_cast<int64_t>(key),
          .tag = static_cast<uint64_t>(index),
          .amount = static_cast<int64_t>(Random(index, kForAmount) % kAmountEnd)};
}

void Records::Write(int64_t index, const RecordHead& head, char* key, char* value) const {
  bench::WriteKey(static_cast<uint64_t>(head.key), key);
  std::memcpy(value, &head.tag, kTagBytes);
  std::memcpy(value + kTagBytes, &head.amount, kAmountBytes);
  const size_t from = Random(index, kForFiller) % kFillerStarts;
  constexpr size_t kHead = kTagBytes + kAmountBytes;
  std::memcpy(value + kHead, filler_.data() + from, value_bytes_ - kHead);
}

std::array<char, kTotalBytes> Total::Bytes() const {
  std::array<char, kTotalBytes> bytes;
  std::memcpy(bytes.data(), &count, sizeof(count));
  std::memcpy(bytes.data() + 8, &sum, sizeof(sum));
  std::memcpy(bytes.data() + 16, &tag, sizeof(tag));
  return bytes;
}

Total ReadTotal(const void* value, size_t bytes) {
  if (bytes != kTotalBytes) {
    throw std::runtime_error("an output of " + std::to_string(bytes) +
                             " bytes is no total, which has 24; is it --cell pass-through?");
  }
  const auto* from = static_cast<const char*>(value);
  Total total;
  std::memcpy(&total.count, from, sizeof(total.count));
  std::memcpy(&total.sum, from + 8, sizeof(total.sum));
  std::memcpy(&total.tag, from + 16, sizeof(total.tag));
  return total;
}

uint64_t ReadTag(const void* value, size_t bytes) {
  if (bytes < kTagBytes) {
    throw std::runtime_error("a value of " + std::to_string(bytes) +
                             " bytes holds no tag, which has 8");
  }
  uint64_t tag = 0;
  std::memcpy(&tag, value, sizeof(tag));
  return tag;
}

uint64_t TagOf(Cell cell, const void* value, size_t bytes) {
  return cell == Cell::kAggregate ? ReadTotal(value, bytes).tag : ReadTag(value, bytes);
}

}  // namespace millrace::load
