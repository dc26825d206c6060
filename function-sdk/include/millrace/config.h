// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <millrace/abi.h>
#include <millrace/bytes.h>

#include <charconv>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace millrace {
inline namespace sdk {

// The function's `config:` block, for the handler's constructor, and valid no longer than that.
// Paths are dotted ("window.size"); scalars are converted, a subtree reads as JSON text into a
// string. What cannot be converted throws with the path, which refuses the function.
class Config {
 public:
  Config(const mr_host* host, mr_setup* setup) : host_(host), setup_(setup) {}
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;

  // T is a string, bool (true, false), integer or floating point type.
  template <class T>
  std::optional<T> Find(std::string_view path) const {
    mr_slice out{};
    const int32_t status = host_->config(setup_, Bytes(path).slice(), &out);
    if (status == MR_ABSENT) return std::nullopt;
    if (status != MR_OK) Fail(path, "cannot be read, status " + std::to_string(status));
    return Convert<T>(path, Bytes(out));
  }

  template <class T>
  T Get(std::string_view path, T otherwise) const {
    return Find<T>(path).value_or(std::move(otherwise));
  }
  std::string Get(std::string_view path, const char* otherwise) const {
    return Get<std::string>(path, otherwise);
  }

  template <class T>
  T Require(std::string_view path) const {
    auto found = Find<T>(path);
    if (!found) Fail(path, "missing");
    return *std::move(found);
  }

 private:
  [[noreturn]] static void Fail(std::string_view path, const std::string& what) {
    throw std::runtime_error("config " + std::string(path) + ": " + what);
  }

  template <class T>
  static T Convert(std::string_view path, std::string_view text) {
    if constexpr (std::is_same_v<T, std::string>) {
      return std::string(text);
    } else if constexpr (std::is_same_v<T, bool>) {
      if (text != "true" && text != "false") Fail(path, "not true or false: " + std::string(text));
      return text == "true";
    } else {
      static_assert(std::is_arithmetic_v<T>, "a string, bool, integer or floating point type");
      T value{};
      const char* const end = text.data() + text.size();
      const auto [stop, error] = std::from_chars(text.data(), end, value);
      if (error == std::errc::result_out_of_range) Fail(path, "out of range: " + std::string(text));
      if (error != std::errc{} || stop != end) Fail(path, "not a number: " + std::string(text));
      return value;
    }
  }

  const mr_host* host_;
  mr_setup* setup_;
};

}  // namespace sdk
}  // namespace millrace
