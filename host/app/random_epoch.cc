// SPDX-License-Identifier: Apache-2.0
#include "app/random_epoch.h"

#include <sys/random.h>

#include <array>
#include <cstdlib>

namespace millrace::app {

commit::Epoch RandomEpoch() {
  std::array<unsigned char, 16> bytes;
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
  constexpr char kDigits[] = "0123456789abcdef";
  commit::Epoch epoch;
  for (const unsigned char byte : bytes) {
    epoch.push_back(kDigits[byte >> 4]);
    epoch.push_back(kDigits[byte & 15]);
  }
  return epoch;
}

}  // namespace millrace::app
