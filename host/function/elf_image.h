// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace::function {

// True when [at, at + size) lies inside [0, limit); never overflows.
constexpr bool Inside(uint64_t at, uint64_t size, uint64_t limit) {
  return at <= limit && size <= limit - at;
}

// The bytes of an ELF file with its program headers read; what the checks in elf_file.cc and
// elf_dynamic.cc share. Borrows the bytes and the name. Pure; any thread.
struct ElfImage {
  std::string_view bytes;
  std::string_view file;
  std::vector<Elf64_Phdr> segments;

  // The structure at a file offset that is known to be inside.
  template <class T>
  T At(uint64_t offset) const {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
  }

  // The PT_LOAD whose memory holds all of [address, address + size), or null.
  const Elf64_Phdr* Mapping(uint64_t address, uint64_t size) const {
    for (const Elf64_Phdr& load : segments) {
      if (load.p_type != PT_LOAD || address < load.p_vaddr) continue;
      if (Inside(address - load.p_vaddr, size, load.p_memsz)) return &load;
    }
    return nullptr;
  }

  // The same for the part that comes from the file, not from zero fill; gives its file offset.
  bool FileOffset(uint64_t address, uint64_t size, uint64_t* offset) const {
    const Elf64_Phdr* load = Mapping(address, size);
    if (!load || !Inside(address - load->p_vaddr, size, load->p_filesz)) return false;
    *offset = load->p_offset + (address - load->p_vaddr);
    return true;
  }

  Error Refuse(const std::string& what) const { return Fatal(std::string(file) + ": " + what); }
};

// Checks the dynamic table and everything that it points at. `dynamic` is a PT_DYNAMIC of `image`
// whose file range is inside the file.
Status CheckDynamic(const ElfImage& image, const Elf64_Phdr& dynamic);

}  // namespace millrace::function
