// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <map>

#include "function/elf_image.h"

namespace millrace::function {
namespace {

std::string N(uint64_t number) { return std::to_string(number); }

// The dynamic table with what it names; one object checks one file.
class DynamicTable {
 public:
  explicit DynamicTable(const ElfImage& image) : image_(image) {}

  Status Check(const Elf64_Phdr& dynamic) {
    if (Status read = Read(dynamic); !read) return read;
    for (auto step :
         {&DynamicTable::CheckStrings, &DynamicTable::CheckGnuHash, &DynamicTable::CheckSysvHash,
          &DynamicTable::CheckSymbols, &DynamicTable::CheckRelocations, &DynamicTable::CheckCode}) {
      if (Status checked = (this->*step)(); !checked) return checked;
    }
    return {};
  }

 private:
  Status Read(const Elf64_Phdr& dynamic);
  Status CheckStrings();
  Status CheckGnuHash();
  Status CheckSysvHash();
  Status CheckSymbols();
  Status CheckRelocations();
  Status CheckCode();
  Status CheckRelocationTable(int64_t address_tag, int64_t size_tag);
  Status CheckPointers(int64_t address_tag, int64_t size_tag);

  bool Has(int64_t tag) const { return values_.contains(tag); }
  uint64_t Value(int64_t tag) const {
    const auto found = values_.find(tag);
    return found == values_.end() ? 0 : found->second;
  }
  // The file offset of `size` bytes at a tag's address.
  Result<uint64_t> Table(int64_t tag, uint64_t size, const char* what) const {
    uint64_t offset = 0;
    if (!image_.FileOffset(Value(tag), size, &offset))
      return image_.Refuse(std::string(what) + " (" + N(size) + " bytes at address " +
                           N(Value(tag)) + ") is outside the loaded segments");
    return offset;
  }

  const ElfImage& image_;
  std::map<int64_t, uint64_t> values_;  // the last of each tag
  std::vector<uint64_t> names_;         // offsets into the string table
  uint64_t strings_at_ = 0;
  uint64_t symbols_ = 0;  // how many the hash tables reach
};

Status DynamicTable::Read(const Elf64_Phdr& dynamic) {
  uint64_t at = 0;
  if (dynamic.p_vaddr % alignof(Elf64_Dyn) != 0 ||
      !image_.FileOffset(dynamic.p_vaddr, dynamic.p_filesz, &at) || at != dynamic.p_offset)
    return image_.Refuse("PT_DYNAMIC is not part of a loaded segment");
  // The loader relocates the table in place.
  if ((image_.Mapping(dynamic.p_vaddr, dynamic.p_filesz)->p_flags & PF_W) == 0)
    return image_.Refuse("PT_DYNAMIC is in a segment that is not writable");
  for (uint64_t i = 0; Inside(i, sizeof(Elf64_Dyn), dynamic.p_filesz); i += sizeof(Elf64_Dyn)) {
    const auto entry = image_.At<Elf64_Dyn>(at + i);
    if (entry.d_tag == DT_NULL) return {};
    if (entry.d_tag == DT_NEEDED || entry.d_tag == DT_SONAME || entry.d_tag == DT_RPATH ||
        entry.d_tag == DT_RUNPATH)
      names_.push_back(entry.d_un.d_val);
    values_[entry.d_tag] = entry.d_un.d_val;
  }
  return image_.Refuse("the dynamic table has no end");
}

Status DynamicTable::CheckStrings() {
  if (!Has(DT_STRTAB) || !Has(DT_STRSZ) || !Has(DT_SYMTAB))
    return image_.Refuse("the dynamic table lacks strings or symbols");
  const uint64_t size = Value(DT_STRSZ);
  auto at = Table(DT_STRTAB, size, "the string table");
  if (!at) return at.error();
  strings_at_ = *at;
  if (size == 0 || image_.bytes[strings_at_ + size - 1] != '\0')
    return image_.Refuse("the string table has no end");
  for (uint64_t name : names_) {
    if (name >= size)
      return image_.Refuse("a name at " + N(name) + " is outside the string table of " + N(size) +
                           " bytes");
  }
  return {};
}

// Bloom filter, buckets, then one chain value per symbol from `first` on; the last of a chain is
// odd.
Status DynamicTable::CheckGnuHash() {
  if (!Has(DT_GNU_HASH)) return {};
  auto at = Table(DT_GNU_HASH, 16, "the hash table");
  if (!at) return at.error();
  const auto head = image_.At<std::array<uint32_t, 4>>(*at);
  const uint64_t buckets = head[0], first = head[1], bloom = head[2];
  const uint64_t fixed = 16 + bloom * 8 + buckets * 4;
  if (buckets == 0 || bloom == 0 || (bloom & (bloom - 1)) != 0 || head[3] > 31)
    return image_.Refuse("the hash table has impossible sizes");
  if (auto all = Table(DT_GNU_HASH, fixed, "the hash table"); !all) return all.error();
  uint64_t last = 0;
  for (uint64_t i = 0; i < buckets; ++i) {
    const uint64_t symbol = image_.At<uint32_t>(*at + 16 + bloom * 8 + i * 4);
    if (symbol != 0 && symbol < first) return image_.Refuse("a hash bucket names no symbol");
    last = std::max(last, symbol);
  }
  symbols_ = std::max(symbols_, std::max(first, uint64_t{1}));
  if (last == 0) return {};
  for (uint64_t symbol = last;; ++symbol) {
    const uint64_t size = fixed + (symbol - first + 1) * 4;
    if (auto chain = Table(DT_GNU_HASH, size, "a hash chain"); !chain) return chain.error();
    symbols_ = std::max(symbols_, symbol + 1);
    if (image_.At<uint32_t>(*at + size - 4) & 1) return {};
  }
}

Status DynamicTable::CheckSysvHash() {
  if (!Has(DT_HASH)) {
    if (Has(DT_GNU_HASH)) return {};
    return image_.Refuse("has no symbol hash table");
  }
  auto at = Table(DT_HASH, 8, "the hash table");
  if (!at) return at.error();
  const auto head = image_.At<std::array<uint32_t, 2>>(*at);
  const uint64_t count = uint64_t{head[0]} + head[1];
  if (head[0] == 0) return image_.Refuse("the hash table has impossible sizes");
  if (auto all = Table(DT_HASH, 8 + count * 4, "the hash table"); !all) return all.error();
  for (uint64_t i = 0; i < count; ++i) {
    if (image_.At<uint32_t>(*at + 8 + i * 4) >= head[1])
      return image_.Refuse("the hash table names a symbol that does not exist");
  }
  symbols_ = std::max<uint64_t>(symbols_, head[1]);
  return {};
}

Status DynamicTable::CheckSymbols() {
  if (Has(DT_SYMENT) && Value(DT_SYMENT) != sizeof(Elf64_Sym))
    return image_.Refuse("symbols of " + N(Value(DT_SYMENT)) + " bytes");
  auto at = Table(DT_SYMTAB, symbols_ * sizeof(Elf64_Sym), "the symbol table");
  if (!at) return at.error();
  if (Has(DT_VERSYM))
    if (auto versions = Table(DT_VERSYM, symbols_ * 2, "the version table"); !versions)
      return versions.error();
  for (uint64_t i = 0; i < symbols_; ++i) {
    const auto symbol = image_.At<Elf64_Sym>(*at + i * sizeof(Elf64_Sym));
    if (symbol.st_name >= Value(DT_STRSZ))
      return image_.Refuse("symbol " + N(i) + " has its name outside the string table");
    const unsigned type = ELF64_ST_TYPE(symbol.st_info);
    const bool has_address = symbol.st_shndx != SHN_UNDEF && symbol.st_shndx != SHN_ABS &&
                             (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_OBJECT);
    if (has_address && !image_.Mapping(symbol.st_value, 0))
      return image_.Refuse("symbol " + N(i) + " is outside the loaded segments");
  }
  return {};
}

Status DynamicTable::CheckRelocationTable(int64_t address_tag, int64_t size_tag) {
  if (!Has(address_tag)) return {};
  const uint64_t size = Value(size_tag);
  auto at = Table(address_tag, size, "a relocation table");
  if (!at) return at.error();
  if (size % sizeof(Elf64_Rela) != 0) return image_.Refuse("a relocation table of odd size");
  const bool text = Has(DT_TEXTREL) || (Value(DT_FLAGS) & DF_TEXTREL) != 0;
  for (uint64_t i = 0; i < size; i += sizeof(Elf64_Rela)) {
    const auto entry = image_.At<Elf64_Rela>(*at + i);
    const Elf64_Phdr* target = image_.Mapping(entry.r_offset, sizeof(uint64_t));
    if (!target || (!text && (target->p_flags & PF_W) == 0))
      return image_.Refuse("relocation " + N(i / sizeof entry) + " writes to address " +
                           N(entry.r_offset) + ", which is not in a writable segment");
    // Undefined symbols stand before or behind those that the hash table reaches.
    const uint64_t symbol = ELF64_R_SYM(entry.r_info);
    uint64_t symbol_at = 0;
    if (!image_.FileOffset(Value(DT_SYMTAB) + symbol * sizeof(Elf64_Sym), sizeof(Elf64_Sym),
                           &symbol_at) ||
        image_.At<Elf64_Sym>(symbol_at).st_name >= Value(DT_STRSZ))
      return image_.Refuse("relocation " + N(i / sizeof entry) + " names symbol " + N(symbol) +
                           ", which does not exist");
  }
  return {};
}

Status DynamicTable::CheckRelocations() {
  if (Has(DT_RELAENT) && Value(DT_RELAENT) != sizeof(Elf64_Rela))
    return image_.Refuse("relocations of " + N(Value(DT_RELAENT)) + " bytes");
  if (Has(DT_JMPREL) && Value(DT_PLTREL) != DT_RELA)
    return image_.Refuse("relocations without addends are not used on this machine");
  if (Status plain = CheckRelocationTable(DT_RELA, DT_RELASZ); !plain) return plain;
  return CheckRelocationTable(DT_JMPREL, DT_PLTRELSZ);
}

Status DynamicTable::CheckPointers(int64_t address_tag, int64_t size_tag) {
  if (!Has(address_tag)) return {};
  const uint64_t size = Value(size_tag);
  if (Value(address_tag) % 8 != 0 || size % 8 != 0 || !image_.Mapping(Value(address_tag), size))
    return image_.Refuse("a table of start or end functions is outside the loaded segments");
  return {};
}

Status DynamicTable::CheckCode() {
  for (int64_t tag : {DT_INIT, DT_FINI}) {
    const Elf64_Phdr* code = Has(tag) ? image_.Mapping(Value(tag), 1) : nullptr;
    if (Has(tag) && (!code || (code->p_flags & PF_X) == 0))
      return image_.Refuse("its start or end function is not in an executable segment");
  }
  if (Status init = CheckPointers(DT_INIT_ARRAY, DT_INIT_ARRAYSZ); !init) return init;
  if (Status fini = CheckPointers(DT_FINI_ARRAY, DT_FINI_ARRAYSZ); !fini) return fini;
  for (int64_t tag : {DT_VERNEED, DT_VERDEF, DT_PLTGOT}) {
    if (Has(tag) && !image_.Mapping(Value(tag), 1))
      return image_.Refuse("dynamic entry " + N(static_cast<uint64_t>(tag)) +
                           " is outside the loaded segments");
  }
  return {};
}

}  // namespace

Status CheckDynamic(const ElfImage& image, const Elf64_Phdr& dynamic) {
  return DynamicTable(image).Check(dynamic);
}

}  // namespace millrace::function
