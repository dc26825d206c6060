// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "function/library_cache.h"

namespace millrace::function {

// Whose signature a library needs.
struct SignatureRules {
  bool required = false;
  // ed25519 public keys in base64: the 32 bytes alone, or the line that a PEM file of
  // `openssl pkey -pubout` holds.
  std::vector<std::string> keys = {};
};

// Checks the detached signature FILE.sig beside the library's file against the bytes that were
// read: ed25519 over all of them (RFC 8032, pure), 64 bytes as they are or in base64. A library
// without one is fine unless it is required; one that is there has to be right. Without keys, and
// not required, nothing is looked at. kFatal: why not, and what to do. Blocks on the disk; any
// thread.
Status CheckSignature(const LibraryBytes& library, const SignatureRules& rules);

}  // namespace millrace::function
