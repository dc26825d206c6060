// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

// Borrowed bytes in which null and empty differ: a null key, a tombstone and "nothing stored" have
// no data; an empty value has data and size 0. Trivially copyable; owns nothing.
class Slice {
 public:
  constexpr Slice() = default;  // null
  constexpr Slice(const char* data, size_t size) : data_(data), size_(size) {}
  constexpr Slice(std::string_view bytes)  // NOLINT: a string is bytes, never null
      : data_(bytes.data() ? bytes.data() : ""), size_(bytes.size()) {}
  Slice(const std::string& bytes) : Slice(std::string_view(bytes)) {}   // NOLINT
  constexpr Slice(const char* text) : Slice(std::string_view(text)) {}  // NOLINT

  constexpr bool is_null() const { return data_ == nullptr; }
  constexpr const char* data() const { return data_; }
  constexpr size_t size() const { return size_; }
  constexpr std::string_view view() const { return {data_ ? data_ : "", size_}; }
  std::optional<std::string> Copy() const {
    return is_null() ? std::nullopt : std::optional<std::string>(view());
  }

  friend constexpr bool operator==(Slice a, Slice b) {
    return a.is_null() == b.is_null() && a.view() == b.view();
  }

 private:
  const char* data_ = nullptr;
  size_t size_ = 0;
};

// Owned bytes, or null.
using OwnedBytes = std::optional<std::string>;
Slice Borrow(OwnedBytes&&) = delete;  // it would outlive what it points to
inline Slice Borrow(const OwnedBytes& bytes) { return bytes ? Slice(*bytes) : Slice(); }

}  // namespace millrace
