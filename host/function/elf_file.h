// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::function {

// What a shared library's bytes tell without loading it.
struct ElfFacts {
  std::optional<std::string> note;  // text of its `millrace` note; absent when there is none
};

// Decides whether the dynamic loader may be given these bytes. The loader trusts what it maps: a
// file cut short ends in SIGBUS, a table that points outside its segments in SIGSEGV. So before it
// is called, this makes sure that
//  - the file is a little-endian 64-bit shared object for this machine,
//  - program headers, section headers and every segment lie inside the file,
//  - the dynamic table, and the tables it names, lie inside the segments that will be mapped,
//  - symbols, relocations and their targets stay inside those tables and segments.
// It does not prove that the code is right: damage inside a function's instructions is not seen.
// Pure; any thread. Never reads outside `bytes`, whatever they are. `file` is only for messages; a
// refusal is kFatal and says which part is wrong, with the numbers.
Result<ElfFacts> CheckElfFile(std::string_view bytes, const std::string& file);

}  // namespace millrace::function
