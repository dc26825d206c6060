// SPDX-License-Identifier: Apache-2.0
#include <millrace/function.h>

#include <charconv>
using namespace millrace;

// "retry:3" retries until the third attempt; any other value is done at once. Echoes when done.
constexpr Output out{"out"};

Outcome RetryThenDone(const Event& event, Context& context) {
  constexpr std::string_view kPrefix = "retry:";
  const std::string_view value = event.value();
  if (value.starts_with(kPrefix)) {
    uint32_t attempts = 0;
    std::from_chars(value.data() + kPrefix.size(), value.data() + value.size(), attempts);
    if (event.attempt() < attempts) {
      return Outcome::Retry("attempt " + std::to_string(event.attempt()) + " of " +
                            std::to_string(attempts));
    }
  }
  context.Emit(out, event.key(), event.value());
  return Outcome::Done();
}
MILLRACE_FUNCTION(RetryThenDone, out);
