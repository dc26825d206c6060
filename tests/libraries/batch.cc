// SPDX-License-Identifier: Apache-2.0
#include <millrace/function.h>
using namespace millrace;

// A batch handler; each value names its outcome: retry, drop, dead-letter, fatal, throw (the whole
// batch), anything else is done. With state, so that the prefix rule shows: `seen` counts the done
// events of the key and `out` gets the count.
constexpr Value<int64_t> seen{"seen"};
constexpr Output out{"out"};

struct Batch {
  void HandleBatch(std::span<Item> batch) {
    for (auto& [event, context, outcome] : batch) {
      const int64_t count = context[seen].Or(0) + 1;
      context[seen] = count;
      context.Emit(out, event.key(), std::to_string(count));
      outcome = Choose(event.value());
    }
  }

  static Outcome Choose(std::string_view what) {
    if (what == "throw") throw std::runtime_error("the batch threw");
    if (what == "retry") return Outcome::Retry("asked to retry");
    if (what == "drop") return Outcome::Drop("asked to drop");
    if (what == "dead-letter") return Outcome::DeadLetter("asked for a dead letter");
    if (what == "fatal") return Outcome::Fatal("asked to stop");
    return Outcome::Done();
  }
};
MILLRACE_FUNCTION(Batch, seen, out);
