// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <millrace/abi.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

namespace millrace::testing {

// The name of a kind of use that this version does not have; empty if it has the kind.
inline std::string MissingKind(uint32_t kind) {
  switch (kind) {
    case MR_VALUE:
    case MR_MAP:
    case MR_OUTPUT:
      return "";
    case 3:
      return "list";
    case 4:
      return "counter";
    case 5:
      return "set";
    default:
      return "kind " + std::to_string(kind);
  }
}

// Why a use is refused, or empty.
inline std::string RefusalOf(const mr_use& use) {
  if (use.name.data == nullptr || use.name.size == 0) return "a state or output has no name";
  const std::string name(use.name.data, use.name.size);
  if (const std::string missing = MissingKind(use.kind); !missing.empty()) {
    return missing + " is not available in this version (" + name + ")";
  }
  if (use.ttl_ms != 0) return "ttl is not available in this version (" + name + ")";
  return "";
}

// Why a host refuses the table, or empty.
inline std::string RefusalOf(const mr_function* table) {
  if (table == nullptr) return "millrace_function returned NULL";
  if (table->major != MR_ABI_MAJOR) {
    return "library ABI " + std::to_string(table->major) + ", host ABI " +
           std::to_string(MR_ABI_MAJOR);
  }
  if (table->size < offsetof(mr_function, self_test))
    return "the function table is too small for its version";
  if (!table->open || !table->close || !table->start || !table->stop || !table->handle) {
    return "the function table lacks open, close, start, stop or handle";
  }
  std::set<uint32_t> ids;
  std::set<std::pair<uint32_t, std::string>> names;
  for (uint32_t i = 0; i < table->use_count; ++i) {
    const mr_use& use = table->uses[i];
    if (std::string refusal = RefusalOf(use); !refusal.empty()) return refusal;
    const std::string name(use.name.data, use.name.size);
    if (!ids.insert(use.id).second) return "two uses share the id of " + name;
    if (!names.insert({use.kind, name}).second) return "two uses share the name " + name;
  }
  return "";
}

}  // namespace millrace::testing
