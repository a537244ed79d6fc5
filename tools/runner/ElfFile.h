// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What can be known of a shared object without loading it: loading runs code of it.

#ifndef SMELT_TOOLS_RUNNER_ELFFILE_H
#define SMELT_TOOLS_RUNNER_ELFFILE_H

#include "tools/runner/File.h"

#include <elf.h>
#include <map>
#include <optional>
#include <vector>

namespace smelt::runner {

class ElfFile {
public:
  /// Which machine's code may be in a file.
  enum class Machine { This, Any };

  /// Whether a file begins as ELF does; false for one that cannot be read.
  static bool isElf(const std::string &path);

  /// Throws Malformed unless `path` is a whole ELF shared object, Environment if it is one for a machine that it may
  /// not be for.
  explicit ElfFile(std::string path, Machine machine = Machine::This);

  const std::string &path() const { return file_.path(); }
  uint64_t size() const { return file_.size(); }

  /// Whether the object exports data of at least `bytes` under this name.
  bool exportsObject(const std::string &name, uint64_t bytes) const { return addressOf(name, bytes).has_value(); }
  /// Where it lies.
  std::optional<uint64_t> addressOf(const std::string &name, uint64_t bytes) const;

  /// The name of the function at an address of the file, "" where it has none. Reads the file anew.
  std::string functionAt(uint64_t address) const;

  /// The contents of the first section of this name, up to `most` bytes; "" where there is none, or a larger one.
  std::string section(const std::string &name, uint64_t most) const;

  // Data as the file has it, by address. Throw Malformed for what is not in it.
  void read(uint64_t address, void *to, size_t bytes) const;
  /// Text up to a zero.
  std::string textAt(uint64_t address) const;
  /// What the pointer that lies at each address points to.
  std::map<uint64_t, uint64_t> pointers() const;

private:
  void checkHeader(const Elf64_Ehdr &header, Machine machine) const;
  void readSegments(const Elf64_Ehdr &header);
  template <typename Visit> void forEachSymbol(uint32_t sectionType, Visit visit) const;
  std::string nameAt(const Elf64_Shdr &strings, uint32_t offset) const;

  InputFile file_;
  std::vector<Elf64_Phdr> segments_; // that are loaded
  std::vector<Elf64_Shdr> sections_;
  uint16_t sectionNames_ = 0; // which of them
};

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_ELFFILE_H
