// SPDX-License-Identifier: Apache-2.0
#include <millrace/function.h>

#include <charconv>
#include <chrono>
#include <thread>
using namespace millrace;

// Takes as many milliseconds as the value says, then echoes.
constexpr Output out{"out"};

void Slow(const Event& event, Context& context) {
  const std::string_view value = event.value();
  int milliseconds = 0;
  std::from_chars(value.data(), value.data() + value.size(), milliseconds);
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  context.Emit(out, event.key(), event.value());
}
MILLRACE_FUNCTION(Slow, out);
