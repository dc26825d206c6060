// SPDX-License-Identifier: Apache-2.0
#include "function/library.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <set>
#include <utility>

#include "function/elf_file.h"

namespace millrace::function {
namespace {

constexpr uint32_t kUsesMax = 256;
// What a table of the first version holds; what it does not is NULL.
constexpr size_t kTableBytesMin = offsetof(mr_function, self_test);

std::string Version(uint32_t major, uint32_t minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

std::string KindText(uint32_t kind) {
  switch (kind) {
    case 3:
      return "list";
    case 4:
      return "counter";
    case 5:
      return "set";
    default:
      return "use kind " + std::to_string(kind);
  }
}

Result<Use> CheckUse(const mr_use& use) {
  if (!use.name.data || use.name.size > 63 || !IsUseName({use.name.data, use.name.size}))
    return Fatal("use " + std::to_string(use.id) + " has no valid name: [a-z0-9][a-z0-9_-]{0,62}");
  const std::string name(use.name.data, use.name.size);
  if (use.kind != MR_VALUE && use.kind != MR_MAP && use.kind != MR_OUTPUT)
    return Fatal(KindText(use.kind) + " (of '" + name + "') is not available in this version");
  if (use.ttl_ms != 0) return Fatal("ttl (of '" + name + "') is not available in this version");
  const UseKind kind = use.kind == MR_VALUE ? UseKind::kValue
                       : use.kind == MR_MAP ? UseKind::kMap
                                            : UseKind::kOutput;
  return Use{use.id, kind, name};
}

Result<std::vector<Use>> CheckUses(const mr_function& table) {
  if (table.use_count > kUsesMax)
    return Fatal("the table declares " + std::to_string(table.use_count) + " uses, the limit is " +
                 std::to_string(kUsesMax));
  if (table.use_count > 0 && !table.uses) return Fatal("the table declares uses but lists none");
  std::vector<Use> uses;
  std::set<uint32_t> ids;
  std::set<std::pair<bool, std::string>> names;  // a state and an output may share one
  for (uint32_t i = 0; i < table.use_count; ++i) {
    auto use = CheckUse(table.uses[i]);
    if (!use) return use.error();
    if (!ids.insert(use->id).second)
      return Fatal("id " + std::to_string(use->id) + " is declared twice, again by '" + use->name +
                   "'");
    if (!names.emplace(use->kind == UseKind::kOutput, use->name).second)
      return Fatal("'" + use->name + "' is declared twice");
    uses.push_back(*std::move(use));
  }
  return uses;
}

using Declared = std::set<std::pair<UseKind, std::string>>;

Declared KindsAndNames(const std::vector<Use>& uses) {
  Declared declared;
  for (const Use& use : uses) declared.emplace(use.kind, use.name);
  return declared;
}

Status CheckSameUses(const std::vector<Use>& table, const std::vector<Use>& note) {
  const Declared in_table = KindsAndNames(table), in_note = KindsAndNames(note);
  const auto missing = [](const Declared& from, const Declared& in) -> std::string {
    for (const auto& [kind, name] : from)
      if (!in.contains({kind, name})) return std::string(UseKindName(kind)) + " '" + name + "'";
    return {};
  };
  if (const auto use = missing(in_table, in_note); !use.empty())
    return Fatal(use + " is in the table but not in the note");
  if (const auto use = missing(in_note, in_table); !use.empty())
    return Fatal(use + " is in the note but not in the table");
  return {};
}

Status CheckMembers(const mr_function* table) {
  if (!table) return Fatal("millrace_function gave no table");
  // `size`, `major` and `minor` come first in every version.
  if (table->major != MR_ABI_MAJOR)
    return Fatal("library ABI " + Version(table->major, table->minor) + ", this host has ABI " +
                 Version(MR_ABI_MAJOR, MR_ABI_MINOR) + ": build the library with this host's SDK");
  if (table->size < kTableBytesMin)
    return Fatal("its table has " + std::to_string(table->size) + " bytes, ABI " +
                 Version(MR_ABI_MAJOR, 0) + " has " + std::to_string(kTableBytesMin));
  const std::pair<const char*, bool> members[] = {{"open", table->open != nullptr},
                                                  {"close", table->close != nullptr},
                                                  {"start", table->start != nullptr},
                                                  {"stop", table->stop != nullptr},
                                                  {"handle", table->handle != nullptr}};
  for (const auto& [name, present] : members)
    if (!present) return Fatal("its table has no '" + std::string(name) + "'");
  return {};
}

Error Prefix(const std::string& file, const Error& error) {
  return {error.error_class, file + ": " + error.message};
}

std::string LoaderText(const std::string& copy, const std::string& file) {
  const char* text = ::dlerror();  // NOLINT(concurrency-mt-unsafe): per thread in glibc
  std::string reason = text ? text : "no reason given";
  // Users know their own file, not our copy of it.
  if (const size_t at = reason.find(copy); at != std::string::npos)
    reason.replace(at, copy.size(), file);
  return reason.starts_with(file) ? reason : file + ": " + reason;
}

// Asks the library for its table; what a library throws from there must not end the host.
Result<const mr_function*> TableOf(void* handle, const std::string& file) {
  const auto entry =
      reinterpret_cast<const mr_function* (*)()>(::dlsym(handle, "millrace_function"));
  if (!entry)
    return Fatal(file +
                 ": does not export millrace_function: build it with "
                 "millrace_add_function and MILLRACE_FUNCTION");
  try {
    return entry();
  } catch (...) {
    return Fatal(file + ": millrace_function threw an exception");
  }
}

}  // namespace

Result<LibraryNote> InspectLibrary(const LibraryBytes& bytes) {
  auto facts = CheckElfFile(bytes.bytes, bytes.file);
  if (!facts) return facts.error();
  if (!facts->note)
    return Fatal(bytes.file +
                 ": has no millrace note, so it is not a function library: build it "
                 "with MILLRACE_FUNCTION, or MR_NOTE in C");
  return ParseNote(*facts->note, bytes.file);
}

Result<std::vector<Use>> CheckTable(const mr_function* table, const LibraryNote& note,
                                    const std::string& file) {
  if (Status members = CheckMembers(table); !members) return Prefix(file, members.error());
  auto uses = CheckUses(*table);
  if (!uses) return Prefix(file, uses.error());
  if (Status same = CheckSameUses(*uses, note.uses); !same) return Prefix(file, same.error());
  return uses;
}

Result<CheckedCopy> Library::Check(const LibraryBytes& bytes, LibraryCache* cache) {
  auto note = InspectLibrary(bytes);
  if (!note) return note.error();
  auto copy = cache->Store(bytes);
  if (!copy) return copy.error();
  auto in_use = LibraryCache::Use(*copy);
  return CheckedCopy{bytes.file, bytes.sha256, *std::move(copy), *std::move(note),
                     std::move(in_use)};
}

Result<std::shared_ptr<const Library>> Library::Load(const CheckedCopy& checked,
                                                     const std::function<void()>& mapped) {
  // Never closed: unloading is not reliable, and instances may outlive every other trace.
  void* handle = ::dlopen(checked.copy.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) return Fatal(LoaderText(checked.copy, checked.file));
  mapped();
  auto table = TableOf(handle, checked.file);
  if (!table) return table.error();
  auto uses = CheckTable(*table, checked.note, checked.file);
  if (!uses) return uses.error();

  std::shared_ptr<Library> library(new Library);
  library->file_ = checked.file;
  library->sha256_ = checked.sha256;
  library->note_ = checked.note;
  std::memcpy(&library->table_, *table, std::min<size_t>((*table)->size, sizeof(mr_function)));
  library->uses_ = *std::move(uses);
  return std::shared_ptr<const Library>(std::move(library));
}

}  // namespace millrace::function
