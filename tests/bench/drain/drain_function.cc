// SPDX-License-Identifier: Apache-2.0
#include <millrace/function.h>

#include <cstring>
using namespace millrace;

// What `drain` measures: count and sum per key, and one output for every input.
struct Total {
  int64_t count;
  int64_t sum;
};

constexpr Value<Total> totals{"totals"};
constexpr Output changes{"changes"};

// The value begins with the amount, 8 bytes, little-endian.
Outcome Add(const Event& event, Context& context) {
  const std::string_view value = event.value().view();
  int64_t amount = 0;
  if (value.size() < sizeof(amount)) return Outcome::DeadLetter("the value holds no amount");
  std::memcpy(&amount, value.data(), sizeof(amount));
  Total total = context[totals].Or({});
  total.count += 1;
  total.sum += amount;
  context[totals] = total;
  context.Emit(changes, event.key(), Codec<Total>::Encode(total));
  return Outcome::Done();
}
MILLRACE_FUNCTION(Add, totals, changes);
