// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/function_spec.h"
#include "model/handler.h"

namespace millrace::function {

// What the `millrace` note of a library says, known before any of its code has run.
struct LibraryNote {
  uint32_t abi_major = 0;
  uint32_t abi_minor = 0;
  std::string name;                    // suggested function name; empty when it gives none
  uint32_t state_version = 1;          // version of the state that it writes
  uint32_t oldest_readable = 1;        // oldest state version that it reads
  std::vector<Use> uses;               // ids are 0: only the table knows them
  std::vector<KafkaTrigger> triggers;  // suggested, for a library without YAML
};

// Reads the text of a note (see MR_NOTE in millrace/abi.h). What belongs to a version to come is
// refused by its name, another ABI major with both numbers; lines with an unknown first word come
// from a later minor version and are skipped. Pure; any thread. `file` is only for messages.
Result<LibraryNote> ParseNote(std::string_view text, const std::string& file);

// A state's or output's name as the ABI allows it: [a-z0-9][a-z0-9_-]{0,62}.
bool IsUseName(std::string_view name);

// A function's name: [a-z0-9][a-z0-9-]{0,62}.
bool IsFunctionName(std::string_view name);

// "value", "map" or "output".
std::string_view UseKindName(UseKind kind);

}  // namespace millrace::function
