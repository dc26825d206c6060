// SPDX-License-Identifier: Apache-2.0
#include "function/signature.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "base/unique_fd.h"

namespace millrace::function {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kSignatureBytes = 64;
constexpr size_t kFileBytesMax = 256;  // base64, with room for line ends
// Of a public key in DER, before its 32 bytes.
constexpr std::string_view kDerHead = "MCowBQYDK2VwAyEA";

// Exactly `size` bytes, or nothing.
std::optional<std::string> FromBase64(std::string_view text, size_t size) {
  if (text.size() != (size + 2) / 3 * 4) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int decoded = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                      reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()));
  if (decoded < 0) return std::nullopt;
  bytes.resize(size);  // padding is decoded as zeros
  return bytes;
}

std::optional<std::string> KeyBytes(std::string_view key) {
  if (key.starts_with(kDerHead)) key.remove_prefix(kDerHead.size());
  return FromBase64(key, kKeyBytes);
}

// Absent: there is none.
std::optional<Result<std::string>> ReadSignature(const std::string& path) {
  const auto failed = [&path](const std::string& why) { return Fatal(path + ": " + why); };
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd && errno == ENOENT) return std::nullopt;
  std::array<char, kFileBytesMax> bytes{};
  const ssize_t got = fd ? ::read(fd.get(), bytes.data(), bytes.size()) : -1;
  if (got < 0) {
    const int code = errno;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's is safe
    const std::string why = std::string("cannot be read: ") + std::strerror(code);
    if (MayPass(code)) return Retriable(path + ": " + why);
    return failed(why);
  }
  std::string text(bytes.data(), static_cast<size_t>(got));
  if (text.size() == kSignatureBytes) return text;
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  if (auto signature = FromBase64(text, kSignatureBytes)) return *std::move(signature);
  return failed("is no ed25519 signature, which has 64 bytes, or 88 characters of base64");
}

bool IsSignedBy(const std::string& key, std::string_view message, const std::string& signature) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  };
  const auto raw = KeyBytes(key);
  if (!raw) return false;
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> public_key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes(*raw), raw->size()),
      &EVP_PKEY_free);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  return public_key && context &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, public_key.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(message),
                          message.size()) == 1;
}

}  // namespace

Status CheckSignature(const LibraryBytes& library, const SignatureRules& rules) {
  if (!rules.required && rules.keys.empty()) return {};
  const std::string file = library.file + ".sig";
  const auto signature = ReadSignature(file);
  if (!signature) {
    if (!rules.required) return {};
    return Fatal(library.file + ": has no signature " + file +
                 ", and host.trust.require is true: sign it with `openssl pkeyutl -sign -rawin "
                 "-inkey KEY -in LIBRARY -out LIBRARY.sig`");
  }
  if (!*signature) return signature->error();
  const bool good = std::any_of(rules.keys.begin(), rules.keys.end(), [&](const std::string& key) {
    return IsSignedBy(key, library.bytes, **signature);
  });
  if (good) return {};
  return Fatal(library.file + ": " + file + " is no signature of it by any of the " +
               std::to_string(rules.keys.size()) +
               " keys in host.trust.keys: was the library changed after it was signed?");
}

}  // namespace millrace::function
