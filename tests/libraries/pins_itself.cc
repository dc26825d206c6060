// SPDX-License-Identifier: Apache-2.0
#include <millrace/function.h>
using namespace millrace;

// Keeps a count in a thread-local with a destructor: the loader can never unload the library, for
// the thread's end still needs its code.
constexpr Output out{"out"};

struct Count {
  ~Count() { events = -1; }
  int64_t events = 0;
};
thread_local Count count;

void Pin(const Event& event, Context& context) {
  ++count.events;
  context.Emit(out, event.key(), std::to_string(PIN_MARK) + ":" + std::to_string(count.events));
}
MILLRACE_FUNCTION(Pin, out);
