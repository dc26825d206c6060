// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <millrace/abi.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace millrace {
inline namespace sdk {

// What becomes of an event. Everything but Done drops what the event wrote and emitted.
class [[nodiscard]] Outcome {
 public:
  static Outcome Done() { return {MR_DONE, {}}; }
  static Outcome Retry(std::string why) { return {MR_RETRY, std::move(why)}; }
  static Outcome Drop(std::string why) { return {MR_DROP, std::move(why)}; }
  static Outcome DeadLetter(std::string why) { return {MR_DEAD_LETTER, std::move(why)}; }
  static Outcome Fatal(std::string why) { return {MR_FATAL, std::move(why)}; }

  // An outcome by its ABI number, known or not.
  static Outcome Raw(int32_t code, std::string why) { return {code, std::move(why)}; }

  int32_t code() const { return code_; }
  const std::string& reason() const { return reason_; }

 private:
  Outcome(int32_t code, std::string reason) : code_(code), reason_(std::move(reason)) {}

  int32_t code_;
  std::string reason_;
};

// A call to the host that failed. The event cannot succeed any more, caught or not.
class HostError : public std::runtime_error {
 public:
  HostError(int32_t status, const mr_context* context, const char* what)
      : std::runtime_error(what), status_(status), context_(context) {}
  int32_t status() const { return status_; }
  const mr_context* context() const { return context_; }

 private:
  int32_t status_;
  const mr_context* context_;
};

namespace detail {

// The outcome that abi.h names beside a failed status.
constexpr int32_t OutcomeOf(int32_t failed_status) {
  switch (failed_status) {
    case MR_UNAVAILABLE:
      return MR_RETRY;
    case MR_NO_KEY:
    case MR_TOO_LARGE:
    case MR_BAD_ARGUMENT:
      return MR_DEAD_LETTER;
    default:
      return MR_FATAL;
  }
}

constexpr const char* Explain(int32_t failed_status) {
  switch (failed_status) {
    case MR_NO_KEY:
      return "the event has no key, so it has no state of its own: name a key with At()";
    case MR_BAD_ID:
      return "used a state or output that MILLRACE_FUNCTION does not list";
    case MR_TOO_LARGE:
      return "a key, a value or the effects of this event are larger than the host's limit";
    case MR_UNAVAILABLE:
      return "the state store is not available";
    case MR_BAD_ARGUMENT:
      return "the host refused an argument: no such partition of the output";
    default:
      return "this host does not support the call";
  }
}

// Passes MR_OK and MR_ABSENT on; throws anything else.
inline int32_t Check(int32_t status, const mr_context* context) {
  if (status != MR_OK && status != MR_ABSENT) throw HostError(status, context, Explain(status));
  return status;
}

}  // namespace detail
}  // namespace sdk
}  // namespace millrace
