// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <millrace/abi.h>

#include <cstddef>
#include <string>
#include <string_view>

// The SDK lives in an inline namespace, so that a host which links a handler into its own tests
// does not share symbol names with it.
namespace millrace {
inline namespace sdk {

// Null has a type of its own: no key, a tombstone, nothing stored. It is never made from a string.
struct Null {};
inline constexpr Null kNull{};

// Borrowed bytes that may be null. A string, even a default string_view, is bytes and never null;
// only kNull is. Reads as a string_view, null as an empty one. Owns nothing.
class Bytes {
 public:
  constexpr Bytes(Null) {}                 // NOLINT: kNull is written where bytes are wanted
  constexpr Bytes(std::string_view bytes)  // NOLINT: so are strings
      : data_(bytes.data() ? bytes.data() : ""), size_(bytes.size()) {}
  constexpr Bytes(const std::string& bytes) : Bytes(std::string_view(bytes)) {}  // NOLINT
  constexpr Bytes(const char* text) : Bytes(std::string_view(text)) {}           // NOLINT
  constexpr explicit Bytes(mr_slice slice) : data_(slice.data), size_(slice.size) {}

  constexpr bool is_null() const { return data_ == nullptr; }
  constexpr std::string_view view() const { return data_ ? std::string_view(data_, size_) : ""; }
  constexpr operator std::string_view() const { return view(); }  // NOLINT
  constexpr mr_slice slice() const { return {data_, size_}; }

  friend constexpr bool operator==(Bytes a, Bytes b) {
    return a.is_null() == b.is_null() && a.view() == b.view();
  }

 private:
  const char* data_ = nullptr;
  size_t size_ = 0;
};

struct Header {
  std::string_view name;
  Bytes value = kNull;
};

}  // namespace sdk
}  // namespace millrace
