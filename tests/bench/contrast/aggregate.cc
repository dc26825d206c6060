// SPDX-License-Identifier: Apache-2.0
#include <millrace/function.h>

#include <cstring>
using namespace millrace;

// The aggregate that every engine runs: count and sum per key, and one output for every input.
struct Total {
  int64_t count;
  int64_t sum;
};

struct Change {
  Total total;
  uint64_t tag;  // of the input
};

// How an input begins, little-endian; the rest is filler.
struct Input {
  uint64_t tag;
  int64_t amount;
};

constexpr Value<Total> totals{"totals"};
constexpr Output changes{"changes"};

Outcome Add(const Event& event, Context& context) {
  const std::string_view value = event.value().view();
  Input input;
  if (value.size() < sizeof(input)) return Outcome::DeadLetter("the value holds no amount");
  std::memcpy(&input, value.data(), sizeof(input));
  Total total = context[totals].Or({});
  total.count += 1;
  total.sum += input.amount;
  context[totals] = total;
  context.Emit(changes, event.key(), Codec<Change>::Encode({total, input.tag}));
  return Outcome::Done();
}
MILLRACE_FUNCTION(Add, totals, changes);
