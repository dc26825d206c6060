// SPDX-License-Identifier: Apache-2.0
#include "http/duplicate_keys.h"

#include <boost/json/basic_parser_impl.hpp>
#include <limits>
#include <set>
#include <vector>

namespace millrace::http {
namespace {

using boost::json::error_code;
using boost::json::string_view;

// The events of boost::json::basic_parser; only keys and the ends of objects matter.
struct KeyHandler {
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = max_object_size;
  static constexpr std::size_t max_key_size = max_object_size;
  static constexpr std::size_t max_string_size = max_object_size;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) {
    objects.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, error_code&) {
    objects.pop_back();
    return true;
  }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t, error_code&) { return true; }
  bool on_key_part(string_view part, std::size_t, error_code&) {
    key.append(part);
    return true;
  }
  bool on_key(string_view part, std::size_t, error_code& stop) {
    key.append(part);
    if (!objects.back().insert(key).second) {
      duplicate = key;
      stop = boost::json::make_error_code(boost::json::error::syntax);
      return false;
    }
    key.clear();
    return true;
  }
  bool on_string_part(string_view, std::size_t, error_code&) { return true; }
  bool on_string(string_view, std::size_t, error_code&) { return true; }
  bool on_number_part(string_view, error_code&) { return true; }
  bool on_int64(std::int64_t, string_view, error_code&) { return true; }
  bool on_uint64(std::uint64_t, string_view, error_code&) { return true; }
  bool on_double(double, string_view, error_code&) { return true; }
  bool on_bool(bool, error_code&) { return true; }
  bool on_null(error_code&) { return true; }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

  std::vector<std::set<std::string>> objects;
  std::string key;
  std::optional<std::string> duplicate;
};

}  // namespace

std::optional<std::string> FindDuplicateKey(std::string_view json) {
  boost::json::basic_parser<KeyHandler> parser{boost::json::parse_options()};
  error_code failure;
  parser.write_some(false, json.data(), json.size(), failure);
  return parser.handler().duplicate;
}

}  // namespace millrace::http
