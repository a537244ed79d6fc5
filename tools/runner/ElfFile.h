// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What can be known of a shared object without loading it: loading runs code of it.

#ifndef SMELT_TOOLS_RUNNER_ELFFILE_H
#define SMELT_TOOLS_RUNNER_ELFFILE_H

#include "tools/runner/File.h"

#include <elf.h>
#include <vector>

namespace smelt::runner {

class ElfFile {
public:
  /// Whether a file begins as ELF does; false for one that cannot be read.
  static bool isElf(const std::string &path);

  /// Throws Malformed unless `path` is a whole ELF shared object, Environment if it is one for another machine.
  explicit ElfFile(std::string path);

  /// Whether the object exports data of at least `bytes` under this name.
  bool exportsObject(const std::string &name, uint64_t bytes) const;

  /// The name of the function at an address of the file, "" where it has none. Reads the file anew.
  std::string functionAt(uint64_t address) const;

private:
  void checkHeader(const Elf64_Ehdr &header) const;
  void checkSegments(const Elf64_Ehdr &header) const;
  template <typename Visit> void forEachSymbol(uint32_t sectionType, Visit visit) const;
  std::string nameAt(const Elf64_Shdr &strings, uint32_t offset) const;

  InputFile file_;
  std::vector<Elf64_Shdr> sections_;
};

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_ELFFILE_H
