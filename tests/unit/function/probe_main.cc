// SPDX-License-Identifier: Apache-2.0
// The child of a probe, alone.
#include <unistd.h>

#include <cstdlib>

#include "function/probe_child.h"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  _exit(millrace::function::RunProbe({argv[1], argv[2], std::atoi(argv[3])}));
}
