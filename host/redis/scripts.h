// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace millrace::redis {

// The version of the layout in Redis, kept in the field `format` of :task. The one before had no
// redo, and is read as it is.
inline constexpr std::string_view kFormat = "2";
inline constexpr std::string_view kFormatWithoutRedo = "1";

// The Lua that makes several steps one. Numbers are compared as strings: Lua's are doubles.
enum class Script { kAcquire, kCommit, kReadMaps };
inline constexpr size_t kScriptCount = 3;

std::string_view ScriptText(Script script);

// What SCRIPT LOAD called each script on the present connection.
using ScriptNames = std::array<std::string, kScriptCount>;
inline std::string_view NameOf(const ScriptNames& names, Script script) {
  return names[static_cast<size_t>(script)];
}

}  // namespace millrace::redis
