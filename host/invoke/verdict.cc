// SPDX-License-Identifier: Apache-2.0
#include "invoke/verdict.h"

namespace millrace::invoke {

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return "done";
    case Outcome::kRetry:
      return "retry";
    case Outcome::kDrop:
      return "drop";
    case Outcome::kDeadLetter:
      return "dead-letter";
    case Outcome::kFatal:
      return "fatal";
  }
  return "fatal";
}

}  // namespace millrace::invoke
