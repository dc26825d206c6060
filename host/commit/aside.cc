// SPDX-License-Identifier: Apache-2.0
#include "commit/aside.h"

#include <charconv>

namespace millrace::commit {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kNumbers = 9;

size_t RoomFor(const AsideRecord& record) {
  return kNumbers * kNumberBytesMax + record.kind.size() + record.reason.size() +
         record.hash12.size() + record.key.size() + record.value.size() +
         RoomForHeaders(record.headers);
}

}  // namespace

std::string TextOf(const AsideName& name) {
  return name.kind + " " + name.topic + " " + std::to_string(name.offset);
}

std::optional<AsideName> AsideNameOf(std::string_view text) {
  const size_t first = text.find(' '), last = text.rfind(' ');
  if (first == std::string_view::npos || first == 0 || last < first + 2) return std::nullopt;
  AsideName name{.kind = std::string(text.substr(0, first)),
                 .topic = std::string(text.substr(first + 1, last - first - 1))};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + last + 1, end, name.offset);
  if (error != std::errc() || stop != end || name.offset < 0) return std::nullopt;
  return name;
}

std::string Pack(const AsideRecord& record) {
  std::string packed;
  packed.resize(RoomFor(record));
  Packer packer(packed.data());
  packer.Number(kFormat);
  packer.Text(record.kind);
  packer.Text(record.reason);
  packer.Text(record.hash12);
  packer.Number(record.count);
  packer.Difference(record.when_ms, 0);
  packer.Difference(record.timestamp_ms, 0);
  packer.Bytes(record.key);
  packer.Bytes(record.value);
  packer.Headers(record.headers);
  packed.resize(static_cast<size_t>(packer.at() - packed.data()));
  return packed;
}

AsideReader::AsideReader(Slice packed) : in_(packed) {
  if (in_.Number() != kFormat) in_.Damage();
  record_.kind = in_.Text().view();
  record_.reason = in_.Text().view();
  record_.hash12 = in_.Text().view();
  record_.count = in_.Number();
  record_.when_ms = in_.Sum(0);
  record_.timestamp_ms = in_.Sum(0);
  record_.key = in_.Bytes();
  record_.value = in_.Bytes();
  in_.Headers(&headers_);
  record_.headers = headers_;
  if (!in_.at_end()) in_.Damage();
}

}  // namespace millrace::commit
