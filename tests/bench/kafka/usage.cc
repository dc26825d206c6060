// SPDX-License-Identifier: Apache-2.0
#include "bench/kafka/usage.h"

#include <sys/resource.h>

namespace millrace::bench {

double OwnCpuSeconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

}  // namespace millrace::bench
