// SPDX-License-Identifier: Apache-2.0
#include <millrace/function.h>
using namespace millrace;

// The value names the outcome: done, retry, drop, dead-letter, fatal, unknown. Each comes after a
// write and an emit, so that a test sees whether the effects were kept.
constexpr Value<std::string> last{"last"};
constexpr Output out{"out"};

Outcome Choose(const Event& event, Context& context) {
  const std::string what(event.value());
  context[last] = what;
  context.Emit(out, event.key(), event.value());
  if (what == "retry") return Outcome::Retry("asked to retry");
  if (what == "drop") return Outcome::Drop("asked to drop");
  if (what == "dead-letter") return Outcome::DeadLetter("asked for a dead letter");
  if (what == "fatal") return Outcome::Fatal("asked to stop");
  if (what == "unknown") return Outcome::Raw(99, "asked for an outcome that is none");
  return Outcome::Done();
}
MILLRACE_FUNCTION(Choose, last, out);
