// SPDX-License-Identifier: Apache-2.0
// What throws_over_the_line.c lets out of its handler.
#include <stdexcept>

extern "C" void ThrowInt() { throw 123; }
extern "C" void ThrowStd() { throw std::runtime_error("boom"); }
