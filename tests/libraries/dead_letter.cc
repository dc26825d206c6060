// SPDX-License-Identifier: Apache-2.0
#include <millrace/function.h>
using namespace millrace;

// Gives every event up.
Outcome GiveUp(const Event&, Context&) { return Outcome::DeadLetter("never any good"); }
MILLRACE_FUNCTION(GiveUp);
