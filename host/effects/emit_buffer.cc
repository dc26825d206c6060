// SPDX-License-Identifier: Apache-2.0
#include "effects/emit_buffer.h"

#include <algorithm>

namespace millrace::effects {

uint32_t Murmur2(Slice key) {
  constexpr uint32_t kSeed = 0x9747b28c;
  constexpr uint32_t kMultiplier = 0x5bd1e995;
  constexpr int kShift = 24;
  const auto* at = reinterpret_cast<const unsigned char*>(key.data());
  size_t left = key.size();
  uint32_t hash = kSeed ^ static_cast<uint32_t>(left);
  for (; left >= 4; at += 4, left -= 4) {
    uint32_t word = static_cast<uint32_t>(at[0]) | static_cast<uint32_t>(at[1]) << 8 |
                    static_cast<uint32_t>(at[2]) << 16 | static_cast<uint32_t>(at[3]) << 24;
    word *= kMultiplier;
    word ^= word >> kShift;
    hash = (hash * kMultiplier) ^ (word * kMultiplier);
  }
  if (left >= 3) hash ^= static_cast<uint32_t>(at[2]) << 16;
  if (left >= 2) hash ^= static_cast<uint32_t>(at[1]) << 8;
  if (left >= 1) hash = (hash ^ at[0]) * kMultiplier;
  hash = (hash ^ (hash >> 13)) * kMultiplier;
  return hash ^ (hash >> 15);
}

int32_t PartitionOfKey(Slice key, int32_t partition_count) {
  return static_cast<int32_t>((Murmur2(key) & 0x7fffffffu) %
                              static_cast<uint32_t>(partition_count));
}

EmitStatus EmitBuffer::Add(const Source& source, const EmitRequest& request,
                           const OutputLimits& limits) {
  const int32_t count = limits.partition_counts[request.output];
  if (count <= 0) return EmitStatus::kTopicUnknown;
  if (request.partition < -1 || request.partition >= count) return EmitStatus::kNoSuchPartition;
  size_t size = request.key.size() + request.value.size();
  for (const HeaderView& header : request.headers) size += header.name.size() + header.value.size();
  if (size + kIdBytesMax > limits.message_bytes_max) return EmitStatus::kTooLarge;

  Emitted emitted{
      .event = source.event,
      .output = request.output,
      .key = bytes_.Copy(request.key),
      .value = bytes_.Copy(request.value),
      .first_header = static_cast<uint32_t>(headers_.size()),
      .header_count = static_cast<uint32_t>(request.headers.size()),
      .timestamp_ms = request.timestamp_ms >= 0 ? request.timestamp_ms : source.timestamp_ms,
      .partition = request.partition};
  if (source.event >= next_index_.size()) next_index_.resize(source.event + 1, 0);
  emitted.index = next_index_[source.event]++;
  if (emitted.partition < 0) {
    emitted.partition =
        request.key.is_null() ? source.partition % count : PartitionOfKey(request.key, count);
  }
  for (const HeaderView& header : request.headers) {
    headers_.push_back({bytes_.Copy(header.name), bytes_.Copy(header.value)});
  }
  in_order_ = in_order_ && (emitted_.empty() || emitted_.back().event <= emitted.event);
  emitted_.push_back(emitted);
  return EmitStatus::kOk;
}

void EmitBuffer::SortByEvent() {
  next_ = 0;
  if (in_order_) return;
  std::stable_sort(emitted_.begin(), emitted_.end(),
                   [](const Emitted& a, const Emitted& b) { return a.event < b.event; });
}

const Emitted* EmitBuffer::Next(uint32_t event) {
  while (next_ < emitted_.size() && emitted_[next_].event < event) ++next_;
  if (next_ == emitted_.size() || emitted_[next_].event != event) return nullptr;
  return &emitted_[next_++];
}

void EmitBuffer::Clear() {
  emitted_.clear();
  in_order_ = true;
  next_ = 0;
  headers_.clear();
  next_index_.clear();
  bytes_.Clear();
}

}  // namespace millrace::effects
