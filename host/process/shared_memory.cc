// SPDX-License-Identifier: Apache-2.0
#include "process/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "process/spawn.h"

namespace millrace::process {
namespace {

void* Map(int fd, size_t bytes, Access access) {
  const int protection = access == Access::kRead ? PROT_READ : PROT_READ | PROT_WRITE;
  void* data = ::mmap(nullptr, bytes, protection, MAP_SHARED, fd, 0);
  return data == MAP_FAILED ? nullptr : data;
}

}  // namespace

Result<std::unique_ptr<SharedMemory>> SharedMemory::Create(size_t bytes) {
  UniqueFd made(::memfd_create("millrace", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  // Nobody can take away what others have mapped.
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (!made || ::ftruncate(made.get(), static_cast<off_t>(bytes)) != 0 ||
      ::fcntl(made.get(), F_ADD_SEALS, kSeals) != 0) {
    return Retriable(SystemText("shared memory", errno));
  }
  auto fd = MoveUp(std::move(made));
  if (!fd) return fd.error();
  void* data = Map(fd->get(), bytes, Access::kReadWrite);
  if (!data) return Retriable(SystemText("shared memory", errno));
  return std::unique_ptr<SharedMemory>(new SharedMemory(*std::move(fd), data, bytes));
}

Result<std::unique_ptr<SharedMemory>> SharedMemory::Keep(const std::string& path, size_t bytes) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
  struct stat there {};
  const auto size = static_cast<off_t>(bytes);
  bool fits = fd && ::fstat(fd.get(), &there) == 0;
  if (fits && there.st_size != size) {
    fits = ::ftruncate(fd.get(), 0) == 0 && ::ftruncate(fd.get(), size) == 0;
  }
  void* data = fits ? Map(fd.get(), bytes, Access::kReadWrite) : nullptr;
  if (!data) return Retriable(SystemText(path, errno));
  return std::unique_ptr<SharedMemory>(new SharedMemory(std::move(fd), data, bytes));
}

Result<std::unique_ptr<SharedMemory>> SharedMemory::Attach(UniqueFd fd, size_t bytes,
                                                           Access access) {
  struct stat there {};
  const bool fits = ::fstat(fd.get(), &there) == 0 && there.st_size >= static_cast<off_t>(bytes);
  void* data = fits ? Map(fd.get(), bytes, access) : nullptr;
  if (!data) return Fatal("the shared memory of the host is not there");
  return std::unique_ptr<SharedMemory>(new SharedMemory(UniqueFd(), data, bytes));
}

SharedMemory::~SharedMemory() { ::munmap(data_, bytes_); }

}  // namespace millrace::process
