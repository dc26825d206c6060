// SPDX-License-Identifier: Apache-2.0
#include <millrace/function.h>

#include <charconv>
using namespace millrace;

// Emits, or stores, a value of as many bytes as the event's value says: "1000", or "state:1000".
constexpr Value<std::string> kept{"kept"};
constexpr Output out{"out"};

void TouchLarge(const Event& event, Context& context) {
  constexpr std::string_view kPrefix = "state:";
  std::string_view value = event.value();
  const bool to_state = value.starts_with(kPrefix);
  if (to_state) value.remove_prefix(kPrefix.size());
  size_t bytes = 0;
  std::from_chars(value.data(), value.data() + value.size(), bytes);
  const std::string large(bytes, 'x');
  if (to_state) context[kept] = large;
  if (!to_state) context.Emit(out, event.key(), large);
}
MILLRACE_FUNCTION(TouchLarge, kept, out);
