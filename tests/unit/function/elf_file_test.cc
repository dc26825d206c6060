// SPDX-License-Identifier: Apache-2.0
#include "function/elf_file.h"

#include <elf.h>
#include <gmock/gmock.h>

#include <cstring>
#include <random>

#include "unit/function/files.h"

namespace millrace::function {
namespace {

using ::testing::HasSubstr;

std::string Refusal(std::string_view bytes) {
  auto facts = CheckElfFile(bytes, "x.so");
  return facts ? "" : facts.error().message;
}

// Bytes of exactly the given size on the heap, so that the sanitizer sees one byte too far.
std::string Cut(const std::string& bytes, size_t size) { return bytes.substr(0, size); }

template <class T>
void Patch(std::string* bytes, size_t at, T value) {
  std::memcpy(bytes->data() + at, &value, sizeof value);
}

template <class T>
T Peek(const std::string& bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// The file offset of the first program header of a type.
size_t SegmentAt(const std::string& bytes, uint32_t type) {
  const auto header = Peek<Elf64_Ehdr>(bytes, 0);
  for (size_t i = 0; i < header.e_phnum; ++i) {
    const size_t at = header.e_phoff + i * sizeof(Elf64_Phdr);
    if (Peek<Elf64_Phdr>(bytes, at).p_type == type) return at;
  }
  ADD_FAILURE() << "no segment of type " << type;
  return 0;
}

class ElfFile : public ::testing::Test {
 protected:
  const std::string good_ = ReadFile(TestLibrary("good"));
};

TEST_F(ElfFile, RealLibraryIsAcceptedWithItsNote) {
  auto facts = CheckElfFile(good_, "good.so");
  ASSERT_TRUE(facts) << facts.error().message;
  ASSERT_TRUE(facts->note);
  EXPECT_THAT(*facts->note, HasSubstr("abi 1.0\nname tester\n"));
  EXPECT_EQ(facts->note->back(), '\n');
}

TEST_F(ElfFile, LibraryWithoutNoteIsAnElfFileAllTheSame) {
  auto facts = CheckElfFile(ReadFile(TestLibrary("no_note")), "no_note.so");
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_FALSE(facts->note);
}

TEST_F(ElfFile, LibrariesOfTheSystemAreAccepted) {
  int seen = 0;
  for (const char* folder : {"/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu"}) {
    std::error_code absent;
    for (const auto& entry : std::filesystem::directory_iterator(folder, absent)) {
      const std::string name = entry.path().filename();
      if (seen >= 100 || !entry.is_regular_file() || name.find(".so.") == std::string::npos)
        continue;
      EXPECT_EQ(Refusal(ReadFile(entry.path())), "") << name;
      ++seen;
    }
  }
  EXPECT_GT(seen, 5);
}

TEST_F(ElfFile, EveryTruncationIsRefused) {
  for (size_t size = 0; size < good_.size(); ++size)
    ASSERT_NE(Refusal(Cut(good_, size)), "") << size << " of " << good_.size();
}

TEST_F(ElfFile, TruncationIsNamedWithNumbers) {
  EXPECT_THAT(Refusal(""), HasSubstr("x.so: the file is empty: was it copied completely?"));
  EXPECT_THAT(Refusal(Cut(good_, 10)), HasSubstr("the file has 10: was"));
  std::string stripped = good_;  // no section headers, as some strippers leave it
  Patch(&stripped, offsetof(Elf64_Ehdr, e_shoff), uint64_t{0});
  Patch(&stripped, offsetof(Elf64_Ehdr, e_shnum), uint16_t{0});
  EXPECT_EQ(Refusal(stripped), "");
  const auto load = Peek<Elf64_Phdr>(stripped, SegmentAt(stripped, PT_LOAD));
  EXPECT_THAT(Refusal(Cut(stripped, load.p_filesz - 1)),
              HasSubstr("ends at " + std::to_string(load.p_filesz) + ", the file has " +
                        std::to_string(load.p_filesz - 1) + " bytes: was it copied completely?"));
}

TEST_F(ElfFile, DamagedLibrariesNeverReadPastTheEnd) {
  std::mt19937 random(20240611);  // NOLINT: a fixed seed, so that a failure repeats
  const auto below = [&](size_t limit) {
    return std::uniform_int_distribution<size_t>(0, limit - 1)(random);
  };
  int refused = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string bytes = good_;
    // Half of the damage goes to the headers, where it matters most.
    const size_t reach = i % 2 ? bytes.size() : sizeof(Elf64_Ehdr) + 12 * sizeof(Elf64_Phdr);
    for (size_t flips = 1 + below(8); flips > 0; --flips) {
      char& damaged = bytes[below(reach)];
      damaged = static_cast<char>(damaged ^ 1 << below(8));
    }
    if (i % 5 == 0) bytes.resize(below(bytes.size()));
    bytes.shrink_to_fit();
    refused += !CheckElfFile(bytes, "x.so");
  }
  EXPECT_GT(refused, 2000);
}

TEST_F(ElfFile, DamagedDynamicTablesAreSurvived) {
  const auto dynamic = Peek<Elf64_Phdr>(good_, SegmentAt(good_, PT_DYNAMIC));
  std::mt19937_64 random(7);  // NOLINT: a fixed seed, so that a failure repeats
  for (size_t at = dynamic.p_offset; at < dynamic.p_offset + dynamic.p_filesz; at += 8) {
    for (uint64_t value : {uint64_t{0}, uint64_t{1}, ~uint64_t{0}, uint64_t{good_.size() - 1},
                           uint64_t{random()}, uint64_t{1} << 63}) {
      std::string bytes = good_;
      Patch(&bytes, at, value);
      Refusal(bytes);
    }
  }
}

TEST_F(ElfFile, WrongFilesAreToldApart) {
  EXPECT_THAT(Refusal("#!/bin/sh\necho hello\n"), HasSubstr("not an ELF file"));
  std::string bytes = good_;
  bytes[EI_CLASS] = ELFCLASS32;
  EXPECT_THAT(Refusal(bytes), HasSubstr("a 32-bit library, this host is 64-bit"));
  bytes = good_;
  bytes[EI_DATA] = ELFDATA2MSB;
  EXPECT_THAT(Refusal(bytes), HasSubstr("little-endian"));
  bytes = good_;
  Patch(&bytes, offsetof(Elf64_Ehdr, e_machine), uint16_t{EM_RISCV});
  EXPECT_THAT(Refusal(bytes), HasSubstr("built for ELF machine 243, this host is"));
  bytes = good_;
  Patch(&bytes, offsetof(Elf64_Ehdr, e_type), uint16_t{ET_REL});
  EXPECT_THAT(Refusal(bytes), HasSubstr("ELF type 1 is not a shared library"));
}

TEST_F(ElfFile, SegmentsThatWrapAroundAreRefused) {
  std::string bytes = good_;
  const size_t load = SegmentAt(bytes, PT_LOAD);
  Patch(&bytes, load + offsetof(Elf64_Phdr, p_offset), ~uint64_t{0} - 4095);
  EXPECT_THAT(Refusal(bytes), HasSubstr("PT_LOAD"));
  bytes = good_;
  Patch(&bytes, load + offsetof(Elf64_Phdr, p_memsz), uint64_t{1} << 62);
  EXPECT_THAT(Refusal(bytes), HasSubstr("asks for memory"));
  bytes = good_;
  Patch(&bytes, SegmentAt(bytes, PT_NOTE) + offsetof(Elf64_Phdr, p_filesz), uint64_t{1} << 40);
  EXPECT_THAT(Refusal(bytes), HasSubstr("PT_NOTE"));
}

}  // namespace
}  // namespace millrace::function
