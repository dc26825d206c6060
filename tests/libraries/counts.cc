// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <millrace/function.h>
#include <unistd.h>

#include <csignal>
#include <string>
using namespace millrace;

// Counts the events of each key and emits the count. A value `die:FILE` makes FILE and kills the
// process with it, unless FILE is there.
constexpr Value<std::string> counts{"counts"};
constexpr Output out{"out"};

void Counts(const Event& event, Context& context) {
  const std::string_view value = event.value();
  if (value.starts_with("die:")) {
    const std::string file(value.substr(4));
    const int made = open(file.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (made >= 0) raise(SIGKILL);
  }
  const std::string count = std::to_string(std::stoll(context[counts].Or("0")) + 1);
  context[counts] = count;
  context.Emit(out, event.key(), count);
}
MILLRACE_FUNCTION(Counts, counts, out);
