// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace millrace::config {

// One thing that is wrong with a configuration. `what` names the key and what to write instead; it
// never holds a secret, nor any value of `kafka`, `redis` or a function's `config`.
struct ConfigError {
  enum class Kind {
    kInvalid,
    kNotAvailable,  // asks for something that this version does not have
  };
  std::string file;
  int line = 0;    // from 1; 0 = the file as a whole
  int column = 0;  // from 1, in bytes
  std::string what;
  Kind kind = Kind::kInvalid;
};

using ConfigErrors = std::vector<ConfigError>;

// "file:line:col: error: what", or "file: error: what" for the file as a whole. No line end.
std::string ToString(const ConfigError& error);

constexpr size_t kErrorsMax = 100;

// The value, or every error that was found (at most kErrorsMax, in the order of files and lines);
// never an empty list.
template <class T>
using ConfigResult = boost::system::result<T, ConfigErrors>;

// value() of a failed result is a defect of the caller.
BOOST_NORETURN inline void throw_exception_from_error(const ConfigErrors& errors,
                                                      const boost::source_location& where) {
  const std::string first = errors.empty() ? "" : ToString(errors.front());
  boost::throw_exception(std::logic_error("unchecked configuration errors: " + first), where);
}

}  // namespace millrace::config
