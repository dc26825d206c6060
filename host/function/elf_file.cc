// SPDX-License-Identifier: Apache-2.0
#include "function/elf_file.h"

#include "function/elf_image.h"

namespace millrace::function {
namespace {

constexpr size_t kSegmentsMax = 256;
constexpr uint64_t kMemoryBytesMax = uint64_t{4} << 30;  // address space one library may ask for
constexpr uint64_t kNoteBytesMax = 64 * 1024;
constexpr uint64_t kPageBytes = 4096;  // the loader's smallest unit on the machines supported
constexpr std::string_view kNoteName("millrace\0", 9);
constexpr uint32_t kNoteType = 1;

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
constexpr const char* kMachineName = "x86-64";
#elif defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
constexpr const char* kMachineName = "AArch64";
#else
#error "no ELF machine number known for this processor"
#endif

std::string N(uint64_t number) { return std::to_string(number); }

Status CheckIdentity(const ElfImage& image) {
  const std::string_view bytes = image.bytes;
  if (bytes.empty()) return image.Refuse("the file is empty: was it copied completely?");
  if (bytes.substr(0, SELFMAG) != std::string_view(ELFMAG, SELFMAG).substr(0, bytes.size()))
    return image.Refuse("not an ELF file, so not a shared library");
  if (bytes.size() < sizeof(Elf64_Ehdr))
    return image.Refuse("the ELF header needs " + N(sizeof(Elf64_Ehdr)) + " bytes, the file has " +
                        N(bytes.size()) + ": was it copied completely?");
  if (bytes[EI_CLASS] != ELFCLASS64)
    return image.Refuse(bytes[EI_CLASS] == ELFCLASS32 ? "a 32-bit library, this host is 64-bit"
                                                      : "neither a 32-bit nor a 64-bit ELF file");
  if (bytes[EI_DATA] != ELFDATA2LSB) return image.Refuse("not a little-endian ELF file");
  if (bytes[EI_VERSION] != EV_CURRENT) return image.Refuse("unknown ELF version");
  return {};
}

Status CheckHeader(const ElfImage& image, const Elf64_Ehdr& header) {
  if (header.e_machine != kMachine)
    return image.Refuse("built for ELF machine " + N(header.e_machine) + ", this host is " +
                        kMachineName + " (" + N(kMachine) + ")");
  if (header.e_type != ET_DYN)
    return image.Refuse("ELF type " + N(header.e_type) +
                        " is not a shared library (3): link it with -shared");
  if (header.e_version != EV_CURRENT || header.e_ehsize != sizeof(Elf64_Ehdr) ||
      header.e_phentsize != sizeof(Elf64_Phdr))
    return image.Refuse("the ELF header gives sizes that no linker writes");
  if (header.e_phnum == 0 || header.e_phnum > kSegmentsMax)
    return image.Refuse("has " + N(header.e_phnum) + " program headers, 1 to " + N(kSegmentsMax) +
                        " are expected");
  const uint64_t size = image.bytes.size();
  const uint64_t table = uint64_t{header.e_phnum} * sizeof(Elf64_Phdr);
  if (header.e_phoff % alignof(Elf64_Phdr) != 0)
    return image.Refuse("the program headers are not aligned");
  if (!Inside(header.e_phoff, table, size))
    return image.Refuse("the program headers end at " + N(header.e_phoff + table) +
                        ", the file has " + N(size) + " bytes: was it copied completely?");
  if (header.e_shoff == 0) return {};
  if (header.e_shnum != 0 && header.e_shentsize != sizeof(Elf64_Shdr))
    return image.Refuse("section headers of " + N(header.e_shentsize) + " bytes");
  const uint64_t sections = uint64_t{header.e_shnum} * sizeof(Elf64_Shdr);
  if (!Inside(header.e_shoff, sections, size))
    return image.Refuse("the section headers end at " + N(header.e_shoff + sections) +
                        ", the file has " + N(size) + " bytes: was it copied completely?");
  return {};
}

const char* SegmentName(uint32_t type) {
  switch (type) {
    case PT_LOAD:
      return "PT_LOAD";
    case PT_DYNAMIC:
      return "PT_DYNAMIC";
    case PT_NOTE:
      return "PT_NOTE";
    case PT_TLS:
      return "PT_TLS";
    case PT_GNU_RELRO:
      return "PT_GNU_RELRO";
    case PT_GNU_EH_FRAME:
      return "PT_GNU_EH_FRAME";
    default:
      return "segment";
  }
}

bool PowerOfTwo(uint64_t number) { return number != 0 && (number & (number - 1)) == 0; }

Status CheckLoad(const ElfImage& image, const std::string& what, const Elf64_Phdr& load,
                 uint64_t* previous_end) {
  if (load.p_filesz > load.p_memsz)
    return image.Refuse(what + " has " + N(load.p_filesz) + " bytes in the file but " +
                        N(load.p_memsz) + " in memory");
  if (!PowerOfTwo(load.p_align) || load.p_align < kPageBytes || load.p_align > kMemoryBytesMax ||
      (load.p_vaddr - load.p_offset) % load.p_align != 0)
    return image.Refuse(what + " is not aligned to pages");
  if (!Inside(load.p_vaddr, load.p_memsz, kMemoryBytesMax))
    return image.Refuse(what + " asks for memory up to " + N(load.p_vaddr) + " + " +
                        N(load.p_memsz) + ", the limit is " + N(kMemoryBytesMax) + " bytes");
  if (load.p_vaddr < *previous_end) return image.Refuse(what + " overlaps the segment before it");
  *previous_end = load.p_vaddr + load.p_memsz;
  return {};
}

// Segments that the loader reads or protects in memory: they must be part of what is mapped.
Status CheckInMemory(const ElfImage& image, const std::string& what, const Elf64_Phdr& segment) {
  if (segment.p_memsz == 0) return {};
  if (segment.p_type == PT_TLS) {
    if (segment.p_filesz > segment.p_memsz || segment.p_memsz > kMemoryBytesMax ||
        (segment.p_align > 1 && !PowerOfTwo(segment.p_align)) || segment.p_align > kPageBytes)
      return image.Refuse(what + " has impossible sizes");
    if (segment.p_filesz == 0) return {};
    uint64_t offset = 0;
    if (!image.FileOffset(segment.p_vaddr, segment.p_filesz, &offset))
      return image.Refuse(what + " is outside the loaded segments");
    return {};
  }
  // RELRO may end at the page boundary behind its segment.
  const uint64_t size = segment.p_type == PT_GNU_RELRO ? 1 : segment.p_memsz;
  const Elf64_Phdr* load = image.Mapping(segment.p_vaddr, size);
  if (!load) return image.Refuse(what + " is outside the loaded segments");
  const uint64_t end = (load->p_vaddr + load->p_memsz + kPageBytes - 1) / kPageBytes * kPageBytes;
  if (!Inside(segment.p_vaddr - load->p_vaddr, segment.p_memsz, end - load->p_vaddr))
    return image.Refuse(what + " is outside the loaded segments");
  return {};
}

Status CheckSegment(const ElfImage& image, size_t index, uint64_t* previous_end) {
  const Elf64_Phdr& segment = image.segments[index];
  const std::string what = std::string(SegmentName(segment.p_type)) + " " + N(index);
  if (!Inside(segment.p_offset, segment.p_filesz, image.bytes.size()))
    return image.Refuse(what + " ends at " + N(segment.p_offset + segment.p_filesz) +
                        ", the file has " + N(image.bytes.size()) +
                        " bytes: was it copied completely?");
  switch (segment.p_type) {
    case PT_LOAD:
      return CheckLoad(image, what, segment, previous_end);
    case PT_TLS:
    case PT_GNU_RELRO:
    case PT_GNU_EH_FRAME:
    case PT_DYNAMIC:
      return CheckInMemory(image, what, segment);
    default:
      return {};
  }
}

Status CheckSegments(const ElfImage& image) {
  uint64_t previous_end = 0;
  size_t dynamics = 0, loads = 0;
  for (size_t i = 0; i < image.segments.size(); ++i) {
    dynamics += image.segments[i].p_type == PT_DYNAMIC;
    loads += image.segments[i].p_type == PT_LOAD;
    if (image.segments[i].p_type != PT_LOAD) continue;
    if (Status load = CheckSegment(image, i, &previous_end); !load) return load;
  }
  if (loads == 0) return image.Refuse("has no PT_LOAD segment, so nothing to load");
  if (dynamics != 1)
    return image.Refuse("has " + N(dynamics) + " PT_DYNAMIC segments, a shared library has one");
  for (size_t i = 0; i < image.segments.size(); ++i) {
    if (image.segments[i].p_type == PT_LOAD) continue;
    if (Status other = CheckSegment(image, i, &previous_end); !other) return other;
  }
  return {};
}

// Walks the notes of one PT_NOTE; each is a header, a name and a description, both padded.
Status ReadNotes(const ElfImage& image, const Elf64_Phdr& segment, ElfFacts* facts) {
  const uint64_t align = segment.p_align == 8 ? 8 : 4;
  const auto padded = [align](uint64_t size) { return (size + align - 1) / align * align; };
  uint64_t at = 0;
  while (Inside(at, sizeof(Elf64_Nhdr), segment.p_filesz)) {
    const auto note = image.At<Elf64_Nhdr>(segment.p_offset + at);
    const uint64_t name_at = at + sizeof note;
    const uint64_t text_at = at + padded(sizeof note + uint64_t{note.n_namesz});
    if (!Inside(name_at, note.n_namesz, segment.p_filesz) ||
        !Inside(text_at, note.n_descsz, segment.p_filesz))
      return image.Refuse("a note at " + N(segment.p_offset + at) + " runs past its segment");
    const auto name = image.bytes.substr(segment.p_offset + name_at, note.n_namesz);
    if (name == kNoteName && note.n_type == kNoteType) {
      if (facts->note) return image.Refuse("has two millrace notes: a library holds one handler");
      if (note.n_descsz > kNoteBytesMax)
        return image.Refuse("its millrace note has " + N(note.n_descsz) + " bytes, the limit is " +
                            N(kNoteBytesMax));
      auto text = image.bytes.substr(segment.p_offset + text_at, note.n_descsz);
      while (!text.empty() && text.back() == '\0') text.remove_suffix(1);
      facts->note = std::string(text);
    }
    at = text_at + padded(note.n_descsz);
  }
  return {};
}

}  // namespace

Result<ElfFacts> CheckElfFile(std::string_view bytes, const std::string& file) {
  ElfImage image{bytes, file, {}};
  if (Status identity = CheckIdentity(image); !identity) return identity.error();
  const auto header = image.At<Elf64_Ehdr>(0);
  if (Status checked = CheckHeader(image, header); !checked) return checked.error();
  for (uint64_t i = 0; i < header.e_phnum; ++i)
    image.segments.push_back(image.At<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr)));
  if (Status segments = CheckSegments(image); !segments) return segments.error();

  ElfFacts facts;
  for (const Elf64_Phdr& segment : image.segments) {
    Status checked;
    if (segment.p_type == PT_DYNAMIC) checked = CheckDynamic(image, segment);
    if (segment.p_type == PT_NOTE) checked = ReadNotes(image, segment, &facts);
    if (!checked) return checked.error();
  }
  return facts;
}

}  // namespace millrace::function
