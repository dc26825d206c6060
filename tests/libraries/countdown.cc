// SPDX-License-Identifier: Apache-2.0
#include <millrace/function.h>

#include <string>
using namespace millrace;

// Counts the events of each key; a number above 0 is emitted less 1: with the output as an input
// the function calls itself that often.
constexpr Value<std::string> counts{"counts"};
constexpr Output out{"out"};

void Countdown(const Event& event, Context& context) {
  context[counts] = std::to_string(std::stoll(context[counts].Or("0")) + 1);
  const long long left = std::stoll(std::string(std::string_view(event.value())));
  if (left > 0) context.Emit(out, event.key(), std::to_string(left - 1));
}
MILLRACE_FUNCTION(Countdown, counts, out);
