// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "function/file_identity.h"

namespace millrace::function {

// A user's library file as it was at one moment.
struct LibraryBytes {
  std::string file;  // where it was read from, for messages
  std::string bytes;
  std::string sha256;  // 64 hex digits
  FileIdentity identity;
  uint32_t owner = 0;  // user id
  uint32_t mode = 0;   // permission bits, such as 0755

  std::string hash12() const { return sha256.substr(0, 12); }
};

// Reads a library once, through one descriptor, and never maps or changes it: what is checked,
// hashed and stored is the same bytes, whatever happens to the file meanwhile.
// kRetriable: the file changed while it was read, a read failed, or the system is short of
// descriptors or memory. kFatal: missing, not a regular
// file, not readable, over kLibraryBytesMax. Blocks on the disk; any thread.
Result<LibraryBytes> ReadLibrary(const std::string& path);

// The same for a copy that a LibraryCache has made. Whoever stores the same bytes again gives it
// another time, also while it is read here; that it is whole is told by its hash, which is its name
// (kFatal: it is not).
Result<LibraryBytes> ReadCopy(const std::string& path);

// Whether a file that could not be opened or read with this errno may be readable later.
bool MayPass(int code);

inline constexpr int64_t kLibraryBytesMax = int64_t{256} << 20;

// Private copies of libraries, named by their hash, in a directory of our own. Only these are
// loaded, so nothing that happens to a user's file reaches running code, and the loader never takes
// a new library for an old one. Copies are complete or absent (temporary file, fsync, rename), so
// several hosts may share the directory. Blocks on the disk; any thread, one call at a time per
// object.
class LibraryCache {
 public:
  static constexpr std::chrono::hours kUnusedAfter{24};
  static constexpr int kRemovalsMax = 256;  // per call, so that a start stays quick

  explicit LibraryCache(std::string directory) : directory_(std::move(directory)) {}

  // The path of the copy, made if need be. A copy that exists is used only if its bytes still have
  // the hash; a damaged one is replaced. Its time of change is now: that marks it as used.
  // kRetriable when the directory cannot be written, or somebody removes copies at the moment.
  Result<std::string> Store(const LibraryBytes& library);

  // Why others than root and user `self` could put other copies there; absent when they cannot.
  std::optional<std::string> FolderProblem(uint32_t self) const;

  // Keeps a copy from being removed for as long as the descriptor lives; null: it could not be
  // opened, and only its age keeps it.
  static std::shared_ptr<const UniqueFd> Use(const std::string& copy);

  // Removes copies, and what writers that were killed left, which nobody has asked for since
  // kUnusedAfter; says how many. Never one that a host is about to load: it marked it as used,
  // under a lock on the directory, which keeps this call out; nor one that a host may load again
  // (Use). What cannot be removed stays, silently.
  int RemoveUnused();

 private:
  std::string directory_;
};

}  // namespace millrace::function
