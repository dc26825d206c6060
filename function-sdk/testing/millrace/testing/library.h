// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dlfcn.h>
#include <millrace/abi.h>

#include <stdexcept>
#include <string>

namespace millrace::testing {

// A function library loaded from a file, for tests of the very .so that will be deployed, in C or
// C++. Throws std::runtime_error with the loader's words. Never unloads: dlclose often does not
// either.
class Library {
 public:
  explicit Library(const std::string& path) {
    void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) throw std::runtime_error(dlerror());
    void* const symbol = dlsym(handle, "millrace_function");
    if (symbol == nullptr) throw std::runtime_error(path + ": no symbol millrace_function");
    table_ = reinterpret_cast<const mr_function* (*)()>(symbol)();
  }

  const mr_function* table() const { return table_; }

 private:
  const mr_function* table_ = nullptr;
};

}  // namespace millrace::testing
