// SPDX-License-Identifier: Apache-2.0
#include "function/trust.h"

#include <sys/stat.h>

#include <array>
#include <cstdio>

namespace millrace::function {
namespace {

std::string Octal(uint32_t mode) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04o", mode);
  return text.data();
}

}  // namespace

std::optional<std::string> OwnerProblem(const LibraryBytes& library, uid_t own) {
  if (library.owner != 0 && library.owner != own) {
    return library.file + ": belongs to user " + std::to_string(library.owner) +
           ", and the host runs as user " + std::to_string(own) +
           ": libraries have to belong to root or to the host's user; chown it";
  }
  if ((library.mode & (S_IWGRP | S_IWOTH)) != 0) {
    return library.file + ": has mode " + Octal(library.mode) +
           ", so others than its owner may write it: chmod go-w it";
  }
  return std::nullopt;
}

}  // namespace millrace::function
