// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/ElfFile.h"

#include "tools/runner/Error.h"

#include <algorithm>
#include <cstring>

namespace smelt::runner {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "artefacts are little-endian, and are read as they lie");

#if defined(__aarch64__)
constexpr uint16_t kThisMachine = EM_AARCH64;
#else
constexpr uint16_t kThisMachine = EM_X86_64;
#endif
constexpr size_t kSymbolsAtATime = 1024;
constexpr size_t kMostNameBytes = 1 << 12;

static std::string machineName(uint16_t machine) {
  if (machine == EM_X86_64)
    return "x86-64";
  return machine == EM_AARCH64 ? "AArch64" : "machine " + std::to_string(machine);
}

[[noreturn]] static void notAnArtefact(const InputFile &file, const std::string &why) {
  throw Error(Exit::Malformed, file.path() + ": not a shared artefact of Smelt: " + why);
}

bool ElfFile::isElf(const std::string &path) {
  try {
    const InputFile file(path);
    char magic[SELFMAG];
    if (!file.holds(0, SELFMAG))
      return false;
    file.readAt(0, magic, SELFMAG);
    return std::memcmp(magic, ELFMAG, SELFMAG) == 0;
  } catch (const Error &) {
    return false;
  }
}

void ElfFile::checkHeader(const Elf64_Ehdr &header, Machine machine) const {
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    notAnArtefact(file_, "it is no ELF file; compile a model with --emit shared");
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
    notAnArtefact(file_, "it is not a 64-bit little-endian ELF file");
  if (header.e_type != ET_DYN)
    notAnArtefact(file_, "it is no shared object; compile the model with --emit shared");
  if (machine == Machine::This && header.e_machine != kThisMachine)
    throw Error(Exit::Environment, file_.path() + ": compiled for " + machineName(header.e_machine) +
                                       ", this machine is " + machineName(kThisMachine));
}

/// A segment beyond the file's end would end the process when it is touched.
void ElfFile::readSegments(const Elf64_Ehdr &header) {
  if (header.e_phentsize != sizeof(Elf64_Phdr) ||
      !file_.holds(header.e_phoff, uint64_t(header.e_phnum) * sizeof(Elf64_Phdr)))
    notAnArtefact(file_, "the file ends too early");
  for (uint16_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    file_.readAt(header.e_phoff + i * sizeof segment, &segment, sizeof segment);
    if (segment.p_type != PT_LOAD)
      continue;
    segments_.push_back(segment);
    if ((!file_.holds(segment.p_offset, segment.p_filesz) || segment.p_filesz > segment.p_memsz))
      notAnArtefact(file_, "the file ends too early");
  }
}

ElfFile::ElfFile(std::string path, Machine machine) : file_(std::move(path)) {
  Elf64_Ehdr header;
  if (!file_.holds(0, sizeof header))
    notAnArtefact(file_, "it is no ELF file; compile a model with --emit shared");
  file_.readAt(0, &header, sizeof header);
  checkHeader(header, machine);
  readSegments(header);
  if (header.e_shentsize != sizeof(Elf64_Shdr) ||
      !file_.holds(header.e_shoff, uint64_t(header.e_shnum) * sizeof(Elf64_Shdr)))
    notAnArtefact(file_, "the file ends too early");
  sectionNames_ = header.e_shstrndx;
  sections_.resize(header.e_shnum);
  file_.readAt(header.e_shoff, sections_.data(), sections_.size() * sizeof(Elf64_Shdr));
  for (const Elf64_Shdr &section : sections_)
    if (section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL &&
        !file_.holds(section.sh_offset, section.sh_size))
      notAnArtefact(file_, "the file ends too early");
}

std::string ElfFile::nameAt(const Elf64_Shdr &strings, uint32_t offset) const {
  if (offset >= strings.sh_size)
    return "";
  char text[256];
  std::string name;
  for (uint64_t at = offset; at < strings.sh_size && name.size() < kMostNameBytes;) {
    const size_t count = std::min<uint64_t>(sizeof text, strings.sh_size - at);
    file_.readAt(strings.sh_offset + at, text, count);
    const size_t length = strnlen(text, count);
    name.append(text, length);
    if (length < count)
      break;
    at += count;
  }
  return name;
}

/// Calls visit(symbol, its table of names) until one returns true.
template <typename Visit> void ElfFile::forEachSymbol(uint32_t sectionType, Visit visit) const {
  std::vector<Elf64_Sym> symbols(kSymbolsAtATime);
  for (const Elf64_Shdr &section : sections_) {
    if (section.sh_type != sectionType || section.sh_link >= sections_.size())
      continue;
    const uint64_t count = section.sh_size / sizeof(Elf64_Sym);
    for (uint64_t first = 0; first < count; first += kSymbolsAtATime) {
      const size_t batch = std::min<uint64_t>(kSymbolsAtATime, count - first);
      file_.readAt(section.sh_offset + first * sizeof(Elf64_Sym), symbols.data(), batch * sizeof(Elf64_Sym));
      for (size_t i = 0; i < batch; ++i)
        if (visit(symbols[i], sections_[section.sh_link]))
          return;
    }
  }
}

std::optional<uint64_t> ElfFile::addressOf(const std::string &name, uint64_t bytes) const {
  std::optional<uint64_t> address;
  forEachSymbol(SHT_DYNSYM, [&](const Elf64_Sym &symbol, const Elf64_Shdr &strings) {
    if (symbol.st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol.st_info) == STT_OBJECT && symbol.st_size >= bytes &&
        nameAt(strings, symbol.st_name) == name)
      address = symbol.st_value;
    return address.has_value();
  });
  return address;
}

void ElfFile::read(uint64_t address, void *to, size_t bytes) const {
  for (const Elf64_Phdr &segment : segments_) {
    const uint64_t offset = address - segment.p_vaddr;
    if (address < segment.p_vaddr || offset > segment.p_filesz || bytes > segment.p_filesz - offset)
      continue;
    return file_.readAt(segment.p_offset + offset, to, bytes);
  }
  notAnArtefact(file_, "its descriptor is damaged");
}

std::string ElfFile::textAt(uint64_t address) const {
  std::string text;
  for (char c = 0;; text += c) {
    read(address + text.size(), &c, 1);
    if (!c)
      return text;
    if (text.size() == kMostNameBytes)
      return text + "...";
  }
}

std::string ElfFile::section(const std::string &name, uint64_t most) const {
  if (sectionNames_ >= sections_.size())
    return "";
  for (const Elf64_Shdr &section : sections_) {
    if (section.sh_type != SHT_PROGBITS || nameAt(sections_[sectionNames_], section.sh_name) != name)
      continue;
    if (section.sh_size > most)
      return "";
    std::string bytes(section.sh_size, 0);
    file_.readAt(section.sh_offset, bytes.data(), bytes.size());
    return bytes;
  }
  return "";
}

/// Only those that say nothing but how far the object is from the address that it was linked for.
std::map<uint64_t, uint64_t> ElfFile::pointers() const {
  std::map<uint64_t, uint64_t> pointers;
  std::vector<Elf64_Rela> entries;
  for (const Elf64_Shdr &section : sections_) {
    if (section.sh_type != SHT_RELA)
      continue;
    entries.resize(section.sh_size / sizeof(Elf64_Rela));
    file_.readAt(section.sh_offset, entries.data(), entries.size() * sizeof(Elf64_Rela));
    for (const Elf64_Rela &entry : entries)
      if (const auto type = ELF64_R_TYPE(entry.r_info); type == R_X86_64_RELATIVE || type == R_AARCH64_RELATIVE)
        pointers.emplace(entry.r_offset, static_cast<uint64_t>(entry.r_addend));
  }
  return pointers;
}

std::string ElfFile::functionAt(uint64_t address) const {
  std::string name;
  forEachSymbol(SHT_SYMTAB, [&](const Elf64_Sym &symbol, const Elf64_Shdr &strings) {
    if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_value == address)
      name = nameAt(strings, symbol.st_name);
    return !name.empty();
  });
  return name;
}

} // namespace smelt::runner
