// SPDX-License-Identifier: Apache-2.0
// Throws an int where nobody can catch it: from a static initialiser.
#include <millrace/function.h>
using namespace millrace;

static int Throw() { throw 123; }
static const int kThrown = Throw();

void ConstructorThrows(const Event&, Context&) { static_cast<void>(kThrown); }
MILLRACE_FUNCTION(ConstructorThrows);
