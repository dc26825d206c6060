// SPDX-License-Identifier: Apache-2.0
#include "function/library_cache.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/system_text.h"

namespace millrace::function {
namespace {

Result<std::string> Sha256(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) != 1)
    return Fatal("SHA-256 is not available in this system's OpenSSL");
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex += kDigits[digest[i] >> 4];
    hex += kDigits[digest[i] & 15];
  }
  return hex;
}

// Reads to the end of the file; one byte more than expected is enough to see that it grew.
Result<std::string> ReadAll(int fd, size_t expected, const std::string& path) {
  std::string bytes(expected + 1, '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(fd, bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Retriable(SystemText(path + ": cannot be read", errno));
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return Retriable(SystemText(path + ": cannot be written", errno));
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  if (::fsync(fd) != 0) return Retriable(SystemText(path + ": cannot be synced", errno));
  return {};
}

Status CheckKind(const struct stat& info, const std::string& path) {
  if (!S_ISREG(info.st_mode)) return Fatal(path + ": not a regular file");
  if (info.st_size > kLibraryBytesMax)
    return Fatal(path + ": has " + std::to_string(info.st_size) + " bytes, the limit is " +
                 std::to_string(kLibraryBytesMax));
  return {};
}

// Never waits; false when somebody else's lock is in the way. A file system without locks has only
// the age of the copies to go by.
bool Lock(int folder, int kind) {
  return ::flock(folder, kind | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

// <sha256>.so, or that and the six letters of a file that was being written.
bool IsCopyName(std::string_view name) {
  constexpr size_t kHash = 64;
  if (name.size() < kHash || name.find_first_not_of("0123456789abcdef") != kHash) return false;
  const std::string_view ending = name.substr(kHash);
  return ending == ".so" || (ending.starts_with(".so.") && ending.size() == 10);
}

}  // namespace

bool MayPass(int code) {
  return code == EMFILE || code == ENFILE || code == ENOMEM || code == EIO || code == ESTALE ||
         code == EINTR;
}

namespace {

// `stays`: whether a file that changes meanwhile is to be told from one that does not.
Result<LibraryBytes> Read(const std::string& path, bool stays) {
  // O_NONBLOCK: a FIFO under this name must not hold us until somebody writes to it.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    const int code = errno;
    std::string why = SystemText(path + ": cannot be opened", code);
    return MayPass(code) ? Retriable(std::move(why)) : Fatal(std::move(why));
  }
  struct stat before {};
  if (::fstat(fd.get(), &before) != 0) return Retriable(SystemText(path + ": fstat", errno));
  if (Status kind = CheckKind(before, path); !kind) return kind.error();

  auto bytes = ReadAll(fd.get(), static_cast<size_t>(before.st_size), path);
  if (!bytes) return bytes.error();
  struct stat after {};
  if (::fstat(fd.get(), &after) != 0) return Retriable(SystemText(path + ": fstat", errno));
  if (stays && (IdentityOf(before) != IdentityOf(after) ||
                static_cast<int64_t>(bytes->size()) != after.st_size))
    return Retriable(path + ": changed while it was read");

  auto hash = Sha256(*bytes);
  if (!hash) return hash.error();
  return LibraryBytes{.file = path,
                      .bytes = *std::move(bytes),
                      .sha256 = *std::move(hash),
                      .identity = IdentityOf(after),
                      .owner = after.st_uid,
                      .mode = after.st_mode & 07777};
}

}  // namespace

Result<LibraryBytes> ReadLibrary(const std::string& path) { return Read(path, true); }

Result<LibraryBytes> ReadCopy(const std::string& path) {
  auto copy = Read(path, false);
  if (copy && std::filesystem::path(path).stem() != copy->sha256)
    return Fatal(path + ": is no longer what its name says; remove it");
  return copy;
}

Result<std::string> LibraryCache::Store(const LibraryBytes& library) {
  std::error_code code;
  const auto directory = std::filesystem::absolute(directory_, code);
  if (!std::filesystem::exists(directory, code)) {
    std::filesystem::create_directories(directory, code);
    if (!code) std::filesystem::permissions(directory, std::filesystem::perms::owner_all, code);
  }
  if (code) return Retriable(directory_ + ": cache_dir cannot be made: " + code.message());

  const UniqueFd folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return Retriable(SystemText(directory_ + ": cache_dir cannot be opened", errno));
  if (!Lock(folder.get(), LOCK_SH))
    return Retriable(directory_ + ": another host removes unused copies from cache_dir");
  const std::string path = (directory / (library.sha256 + ".so")).string();
  const auto existing = ReadCopy(path);
  const bool usable =
      existing && existing->owner == ::geteuid() && (existing->mode & (S_IWGRP | S_IWOTH)) == 0;
  // One that is somebody else's is replaced by our own.
  if (usable && ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0) == 0) return path;

  std::string temporary = path + ".XXXXXX";
  UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return Retriable(SystemText(directory_ + ": cache_dir cannot be written", errno));
  Status written = WriteAll(fd.get(), library.bytes, temporary);
  if (written && ::fchmod(fd.get(), S_IRUSR | S_IXUSR) != 0)
    written = Retriable(SystemText(temporary + ": chmod", errno));
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0)
    written = Retriable(SystemText(path + ": rename", errno));
  if (!written) {
    ::unlink(temporary.c_str());
    return written.error();
  }
  ::fsync(folder.get());
  return path;
}

std::optional<std::string> LibraryCache::FolderProblem(uint32_t self) const {
  struct stat info {};
  if (::stat(directory_.c_str(), &info) != 0) return std::nullopt;  // Store tells of it
  const bool ours = info.st_uid == self || info.st_uid == 0;
  if (ours && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0) return std::nullopt;
  return directory_ +
         ": others can write to cache_dir, and so change what is loaded after it was " +
         "checked: chmod go-w it, or set host.cache_dir to a folder that is not there yet";
}

std::shared_ptr<const UniqueFd> LibraryCache::Use(const std::string& copy) {
  UniqueFd fd(::open(copy.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd || !Lock(fd.get(), LOCK_SH)) return nullptr;
  return std::make_shared<const UniqueFd>(std::move(fd));
}

int LibraryCache::RemoveUnused() {
  namespace fs = std::filesystem;
  const UniqueFd folder(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || !Lock(folder.get(), LOCK_EX)) return 0;
  const auto used_after = fs::file_time_type::clock::now() - kUnusedAfter;
  int removed = 0;
  std::error_code code;
  for (fs::directory_iterator entry(directory_, code), end; !code && entry != end;
       entry.increment(code)) {
    if (removed == kRemovalsMax) break;
    std::error_code ignored;
    if (!IsCopyName(entry->path().filename().string())) continue;
    if (entry->symlink_status(ignored).type() != fs::file_type::regular) continue;
    const auto used = entry->last_write_time(ignored);
    if (ignored || used > used_after) continue;
    const UniqueFd copy(::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!copy || !Lock(copy.get(), LOCK_EX)) continue;  // a host has it in use
    if (fs::remove(entry->path(), ignored)) ++removed;
  }
  return removed;
}

}  // namespace millrace::function
