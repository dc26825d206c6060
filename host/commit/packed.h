// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/slice.h"
#include "model/record.h"

namespace millrace::commit {

// What packed entries are made of: numbers are unsigned LEB128 (as DWARF and protobuf have them),
// `text` is a size and its bytes, `bytes` a size + 1 (0: null) and its bytes, `headers` is n,
// n × (bytes name, bytes value); ±, the zigzag form of a difference, which wraps around.
inline constexpr size_t kNumberBytesMax = 10;  // of a 64-bit number

// Writes where there is room enough, which the caller has seen to.
class Packer {
 public:
  explicit Packer(char* at) : at_(at) {}
  char* at() const { return at_; }

  void Number(uint64_t number) {
    for (; number >= kMore; number >>= kBits) *at_++ = static_cast<char>(number | kMore);
    *at_++ = static_cast<char>(number);
  }
  void Difference(int64_t to, int64_t from) {
    const uint64_t difference = static_cast<uint64_t>(to) - static_cast<uint64_t>(from);
    Number((difference << 1) ^ (0 - (difference >> 63)));
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
  void Texts(const std::vector<std::string>& texts) {
    Number(texts.size());
    for (const std::string& text : texts) Text(text);
  }
  void Headers(std::span<const HeaderView> headers) {
    Number(headers.size());
    for (const HeaderView& header : headers) {
      Bytes(header.name);
      Bytes(header.value);
    }
  }

  static constexpr int kBits = 7;  // of a number, in each byte of it
  static constexpr uint8_t kMore = 1 << kBits;

 private:
  char* at_;
};

// Room that Packer::Texts takes at most.
inline size_t RoomFor(const std::vector<std::string>& texts) {
  size_t room = kNumberBytesMax;
  for (const std::string& text : texts) room += kNumberBytesMax + text.size();
  return room;
}

// Likewise Packer::Headers.
inline size_t RoomForHeaders(std::span<const HeaderView> headers) {
  size_t room = kNumberBytesMax;
  for (const HeaderView& header : headers) {
    room += 2 * kNumberBytesMax + header.name.size() + header.value.size();
  }
  return room;
}

// Reads what a Packer wrote, without trust: what does not fit reads as damaged, and everything
// after it as zero and empty. Slices point into `packed`, which outlives the reader.
class Unpacker {
 public:
  explicit Unpacker(Slice packed) : packed_(packed) {}
  bool damaged() const { return damaged_; }
  bool at_end() const { return at_ == packed_.size(); }
  void Damage() { damaged_ = true; }

  uint64_t Number() {
    uint64_t number = 0;
    for (int shift = 0; shift < 64 && !damaged_ && at_ < packed_.size(); shift += Packer::kBits) {
      const auto byte = static_cast<uint8_t>(packed_.data()[at_++]);
      number |= static_cast<uint64_t>(byte % Packer::kMore) << shift;
      if (byte < Packer::kMore) return number;
    }
    damaged_ = true;
    return 0;
  }
  template <class Integer>
  Integer UpTo(uint64_t max) {
    const uint64_t number = Number();
    if (number > max) damaged_ = true;
    return static_cast<Integer>(number);
  }
  int64_t Sum(int64_t before) {  // of it and a difference
    const uint64_t zigzag = Number();
    const uint64_t difference = (zigzag >> 1) ^ (0 - (zigzag & 1));
    return static_cast<int64_t>(static_cast<uint64_t>(before) + difference);
  }
  Slice Text() { return Take(Number()); }
  Slice Bytes() {
    const uint64_t size = Number();
    return size == 0 ? Slice() : Take(size - 1);
  }
  std::vector<std::string> Texts() {
    std::vector<std::string> texts;
    for (uint64_t left = Number(); left > 0 && !damaged_; --left) {
      texts.emplace_back(Text().view());
    }
    return texts;
  }
  void Headers(std::vector<HeaderView>* headers) {  // in place of what was there
    headers->clear();
    for (uint64_t left = Number(); left > 0 && !damaged_; --left) {
      const Slice name = Bytes();
      headers->push_back({name, Bytes()});
    }
  }

 private:
  Slice Take(uint64_t size) {
    if (damaged_ || packed_.size() - at_ < size) {
      damaged_ = true;
      return "";
    }
    const Slice taken(packed_.data() + at_, size);
    at_ += size;
    return taken;
  }

  Slice packed_;
  size_t at_ = 0;
  bool damaged_ = false;
};

}  // namespace millrace::commit
