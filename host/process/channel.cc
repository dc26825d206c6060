// SPDX-License-Identifier: Apache-2.0
#include "process/channel.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "process/spawn.h"

namespace millrace::process {
namespace {

constexpr size_t kSizeBytes = 4;
constexpr size_t kReadBytes = 64 * 1024;
constexpr size_t kStepBytesMax = 4 * 1024 * 1024;

std::array<char, kSizeBytes> SizeText(size_t size) {
  std::array<char, kSizeBytes> text{};
  for (size_t i = 0; i < kSizeBytes; ++i) text[i] = static_cast<char>(size >> (8 * i));
  return text;
}

size_t SizeIn(const char* text) {
  size_t size = 0;
  for (size_t i = 0; i < kSizeBytes; ++i) {
    size |= static_cast<size_t>(static_cast<uint8_t>(text[i])) << (8 * i);
  }
  return size;
}

bool IsForLater(int code) { return code == EAGAIN || code == EWOULDBLOCK || code == EINTR; }

}  // namespace

Result<std::pair<UniqueFd, UniqueFd>> Channel::Connect() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return Retriable(SystemText("socketpair", errno));
  }
  UniqueFd first(ends[0]);
  auto second = MoveUp(UniqueFd(ends[1]));
  if (!second) return second.error();
  return std::make_pair(std::move(first), *std::move(second));
}

void Channel::Send(const std::string& message) {
  const auto size = SizeText(message.size());
  out_.append(size.data(), size.size()).append(message);
  if (!Write()) broken_ = true;
}

bool Channel::Step() {
  if (!broken_ && !(Write() && Read())) broken_ = true;
  return !broken_;
}

bool Channel::Write() {
  while (unsent_bytes() > 0) {
    const ssize_t sent = ::send(fd(), out_.data() + sent_, unsent_bytes(), MSG_NOSIGNAL);
    if (sent < 0) return IsForLater(errno);
    sent_ += static_cast<size_t>(sent);
  }
  out_.clear();
  sent_ = 0;
  return true;
}

bool Channel::Read() {
  std::array<char, kReadBytes> buffer;
  // Who sends without end is read in parts.
  for (size_t read_bytes = 0; read_bytes < kStepBytesMax;) {
    const ssize_t got = ::recv(fd(), buffer.data(), buffer.size(), 0);
    if (got < 0) return IsForLater(errno);
    if (got == 0) return false;
    read_bytes += static_cast<size_t>(got);
    in_.append(buffer.data(), static_cast<size_t>(got));
    const bool sized = in_.size() - taken_ >= kSizeBytes;
    if (sized && SizeIn(in_.data() + taken_) > kMessageBytesMax) return false;
  }
  return true;
}

std::optional<std::string> Channel::Take() {
  const size_t there = in_.size() - taken_;
  const size_t size = there >= kSizeBytes ? SizeIn(in_.data() + taken_) : 0;
  if (there < kSizeBytes || there - kSizeBytes < size) {
    in_.erase(0, taken_);
    taken_ = 0;
    return std::nullopt;
  }
  std::string message = in_.substr(taken_ + kSizeBytes, size);
  taken_ += kSizeBytes + size;
  return message;
}

}  // namespace millrace::process
