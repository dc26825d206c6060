// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <utility>

namespace millrace {

// Decides what happens next; callers branch on nothing else.
enum class ErrorClass {
  kRetriable,  // the same call may succeed later (service away, time-out)
  kPoison,     // this input can never succeed; others can
  kFatal,      // no input can succeed until somebody changes something
};

// What went wrong between two components, as a value. `message` says what happened, where, and what
// to do, in words fit for a log line; it never holds a payload or a secret.
struct Error {
  ErrorClass error_class = ErrorClass::kFatal;
  std::string message;

  friend bool operator==(const Error&, const Error&) = default;
};

inline Error Retriable(std::string message) { return {ErrorClass::kRetriable, std::move(message)}; }
inline Error Poison(std::string message) { return {ErrorClass::kPoison, std::move(message)}; }
inline Error Fatal(std::string message) { return {ErrorClass::kFatal, std::move(message)}; }

// Asked for by boost::system::result: value() of a failed result is a defect of the caller.
BOOST_NORETURN inline void throw_exception_from_error(const Error& error,
                                                      const boost::source_location& where) {
  boost::throw_exception(std::logic_error("unchecked error: " + error.message), where);
}

template <class T>
using Result = boost::system::result<T, Error>;
using Status = Result<void>;

}  // namespace millrace
