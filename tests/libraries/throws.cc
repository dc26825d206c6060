// SPDX-License-Identifier: Apache-2.0
#include <millrace/function.h>

#include <stdexcept>
using namespace millrace;

// Throws what the value names, after effects that must never be seen: int, std, undeclared,
// swallowed.
constexpr Value<std::string> last{"last"};
constexpr Value<std::string> undeclared{"undeclared"};
constexpr Output out{"out"};

void Throws(const Event& event, Context& context) {
  context[last] = std::string(event.value());
  context.Emit(out, event.key(), "must never be seen after a failure");
  if (event.value() == "int") throw 123;
  if (event.value() == "std") throw std::runtime_error("boom");
  if (event.value() == "undeclared") context[undeclared] = "x";
  if (event.value() == "swallowed") {
    try {
      context[undeclared] = "x";
    } catch (...) {
    }
  }
}
MILLRACE_FUNCTION(Throws, last, out);
