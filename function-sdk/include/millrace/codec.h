// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace millrace {
inline namespace sdk {

// How a T becomes bytes in a state, and back. Specialise it for a type of your own with two
// functions:
//
//   template <> struct millrace::Codec<Total> {
//     static std::string Encode(const Total&);         // or anything that converts to string_view
//     static Total Decode(std::string_view bytes);     // throws std::exception on foreign bytes
//   };
//
// What is here: strings as they are, and trivially copyable types as their memory (little-endian on
// every machine that the host runs on). Types that hold pointers or views have no business in it.
template <class T>
struct Codec {
  static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>,
                "specialise millrace::Codec<T>: T is not trivially copyable");

  // No copy: the view lasts as long as the value.
  static std::string_view Encode(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof(T)};
  }
  static T Decode(std::string_view bytes) {
    if (bytes.size() != sizeof(T)) {
      throw std::runtime_error("stored value has " + std::to_string(bytes.size()) +
                               " bytes, its type has " + std::to_string(sizeof(T)));
    }
    T value;
    std::memcpy(static_cast<void*>(&value), bytes.data(), sizeof(T));
    return value;
  }
};

template <>
struct Codec<std::string> {
  static const std::string& Encode(const std::string& value) { return value; }
  static std::string Decode(std::string_view bytes) { return std::string(bytes); }
};

// Reads without a copy: the view is valid until the handler returns.
template <>
struct Codec<std::string_view> {
  static std::string_view Encode(std::string_view value) { return value; }
  static std::string_view Decode(std::string_view bytes) { return bytes; }
};

}  // namespace sdk
}  // namespace millrace
