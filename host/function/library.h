// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <millrace/abi.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "function/library_cache.h"
#include "function/note.h"
#include "model/handler.h"

namespace millrace::function {

// A library that may be loaded as far as its bytes tell: format and note are good, and there is a
// private copy.
struct CheckedCopy {
  std::string file;  // the user's, for messages
  std::string sha256;
  std::string copy;  // path
  LibraryNote note;
  std::shared_ptr<const UniqueFd> in_use = nullptr;  // keeps the copy there
};

// One loaded library: mapped from its private copy, its table checked. Immutable, so it may be used
// from any thread; functions that share a library share this object. The code is never unmapped,
// not even when the object goes: destructors of thread-locals and unique symbols may still need it.
class Library {
 public:
  // Checks the bytes and the note, and stores the private copy; runs no code of the library. A
  // refusal is kFatal and gives the reason; kRetriable when the cache directory cannot be written.
  // Blocks on the disk; any thread.
  static Result<CheckedCopy> Check(const LibraryBytes& bytes, LibraryCache* cache);

  // Loads the copy and checks what it exports; both run code of the library, which can do to this
  // process whatever it likes: see Probe. `mapped` is called between the two. A refusal is kFatal
  // and gives the reason. Any thread.
  static Result<std::shared_ptr<const Library>> Load(
      const CheckedCopy& checked, const std::function<void()>& mapped = [] {});

  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  const std::string& file() const { return file_; }  // the user's, for messages
  const std::string& sha256() const { return sha256_; }
  const LibraryNote& note() const { return note_; }
  const mr_function& table() const { return table_; }
  const std::vector<Use>& uses() const { return uses_; }  // in the table's order

 private:
  Library() = default;

  std::string file_;
  std::string sha256_;
  LibraryNote note_;
  mr_function table_{};  // the part that this host knows
  std::vector<Use> uses_;
};

// What the bytes say before any code of the library runs: file format, note, ABI major. Pure.
Result<LibraryNote> InspectLibrary(const LibraryBytes& bytes);

// Checks a table and its uses against the ABI of this host; on success gives the uses. A table of a
// newer minor version is accepted: it only appends members, which this host does not read, and the
// library finds out from mr_host.size what this host lacks. Pure; any thread.
Result<std::vector<Use>> CheckTable(const mr_function* table, const LibraryNote& note,
                                    const std::string& file);

}  // namespace millrace::function
