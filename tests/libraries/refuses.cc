// SPDX-License-Identifier: Apache-2.0
#include <millrace/function.h>

#include <stdexcept>
using namespace millrace;

// Refuses its configuration: config.refuse is the text it throws; without it, it runs and echoes.
constexpr Output out{"out"};

struct Refuses {
  explicit Refuses(const Config& config) {
    if (const auto why = config.Find<std::string>("refuse")) throw std::runtime_error(*why);
  }
  void Handle(const Event& event, Context& context) {
    context.Emit(out, event.key(), event.value());
  }
};
MILLRACE_FUNCTION(Refuses, out);
