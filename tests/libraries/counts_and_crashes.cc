// SPDX-License-Identifier: Apache-2.0
#include <millrace/function.h>

#include <string>
using namespace millrace;

// Counts the events of each key and emits "key:count". At the value "segv" it then, with the count
// written and emitted, writes through a null pointer.
constexpr Value<std::string> counts{"counts"};
constexpr Output out{"out"};

static int* volatile nowhere = nullptr;  // volatile: what is read from it is not known to be null

void CountAndCrash(const Event& event, Context& context) {
  const std::string count = std::to_string(std::stoll(context[counts].Or("0")) + 1);
  context[counts] = count;
  context.Emit(out, event.key(), std::string(std::string_view(event.key())) + ":" + count);
  if (event.value() == "segv") *nowhere = 1;
}
MILLRACE_FUNCTION(CountAndCrash, counts, out);
