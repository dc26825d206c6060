// SPDX-License-Identifier: Apache-2.0
#include <millrace/function.h>
using namespace millrace;

constexpr Output out{"out"};

void Echo(const Event& event, Context& context) { context.Emit(out, event.key(), event.value()); }
MILLRACE_FUNCTION(Echo, out);
