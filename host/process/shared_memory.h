// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace millrace::process {

enum class Access { kReadWrite, kRead };

// Memory that several processes have in common, through a descriptor that children inherit. What
// lies in it outlives each of them but the last. Zero at first.
class SharedMemory {
 public:
  // kRetriable: the system has no descriptor or memory left.
  static Result<std::unique_ptr<SharedMemory>> Create(size_t bytes);
  // In a file, which keeps it when the last process has gone: what is there if it has that size,
  // else zero. Only our user can read it. kRetriable: the file cannot be had.
  static Result<std::unique_ptr<SharedMemory>> Keep(const std::string& path, size_t bytes);
  // Of a descriptor that was inherited, and is closed. kFatal: it is none, or smaller.
  static Result<std::unique_ptr<SharedMemory>> Attach(UniqueFd fd, size_t bytes, Access access);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  void* data() const { return data_; }
  int fd() const { return fd_.get(); }

 private:
  SharedMemory(UniqueFd fd, void* data, size_t bytes)
      : fd_(std::move(fd)), data_(data), bytes_(bytes) {}

  UniqueFd fd_;
  void* data_;
  size_t bytes_;
};

}  // namespace millrace::process
