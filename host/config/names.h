// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::config {

// Each Check says in what way the text is wrong, as the end of a sentence that begins with the
// setting's name, or gives an empty string when it is right.

std::string CheckFunctionName(std::string_view name);  // also namespaces
std::string CheckOutputName(std::string_view name);
std::string CheckTopicName(std::string_view name);  // also groups
std::string CheckHostId(std::string_view id);
// redis://[[user]:password@]host[:port][/database] or rediss://. Never repeats the URL.
std::string CheckRedisUrl(std::string_view url);

// An ed25519 public key in base64: its 32 bytes, or what a PEM file of one holds.
std::string CheckPublicKey(std::string_view key);

struct ListenAddress {
  std::string address;  // an IP address
  uint16_t port = 0;    // 0 = any free one

  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};
// "127.0.0.1:8080", "[::1]:8080", "localhost:8080"; absent when it is none of these.
std::optional<ListenAddress> ParseListen(std::string_view text);

}  // namespace millrace::config
