// SPDX-License-Identifier: Apache-2.0
#include "app/suggestion.h"

#include <filesystem>

namespace millrace::app {

std::optional<FunctionSpec> SuggestedSpec(const function::CheckedCopy& library,
                                          const std::string& namespace_name) {
  const function::LibraryNote& note = library.note;
  if (note.triggers.empty()) return std::nullopt;
  FunctionSpec spec;
  spec.library = std::filesystem::path(library.file).filename();
  spec.name = note.name;
  if (spec.name.empty()) {
    spec.name = std::filesystem::path(spec.library).stem();
    for (char& c : spec.name) c = c == '_' ? '-' : c;
  }
  if (!function::IsFunctionName(spec.name)) return std::nullopt;
  spec.group = "millrace." + namespace_name + "." + spec.name;
  spec.triggers = note.triggers;
  for (const Use& use : note.uses) {
    if (use.kind == UseKind::kOutput) spec.outputs[use.name] = use.name;
  }
  return spec;
}

}  // namespace millrace::app
