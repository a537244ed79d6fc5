// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The linker writes a digest of what it links into each program and library, as a note. Those of all that this process
// has loaded (Smelt, MLIR, LLVM, …) are its identity: a few bytes to read, and other ones after each build or upgrade.

#include "codegen/artifact/ContentCache.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include <elf.h>
#include <link.h>

using namespace llvm;

namespace smelt::artifact {

/// The note "GNU" of type NT_GNU_BUILD_ID among those of a segment; empty where there is none.
static StringRef buildIdIn(StringRef notes) {
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    const auto *header = reinterpret_cast<const ElfW(Nhdr) *>(notes.data());
    const uint64_t name = alignTo(header->n_namesz, 4), description = alignTo(header->n_descsz, 4);
    notes = notes.drop_front(sizeof *header);
    if (name > notes.size() || description > notes.size() - name)
      return {};
    if (header->n_type == NT_GNU_BUILD_ID && notes.take_front(header->n_namesz) == StringRef("GNU\0", 4))
      return notes.substr(name, header->n_descsz);
    notes = notes.drop_front(name + description);
  }
  return {};
}

static StringRef buildIdOf(const dl_phdr_info &object) {
  for (unsigned number = 0; number < object.dlpi_phnum; ++number) {
    const ElfW(Phdr) &segment = object.dlpi_phdr[number];
    if (segment.p_type != PT_NOTE)
      continue;
    const StringRef id =
        buildIdIn({reinterpret_cast<const char *>(object.dlpi_addr + segment.p_vaddr), segment.p_memsz});
    if (!id.empty())
      return id;
  }
  return {};
}

/// Of a file without the note: its size and when it was written.
static std::string describeFile(StringRef path) {
  sys::fs::file_status status;
  if (sys::fs::status(path.empty() ? "/proc/self/exe" : path, status))
    return "unknown";
  return utostr(status.getSize()) + " " + itostr(status.getLastModificationTime().time_since_epoch().count());
}

static int addObject(dl_phdr_info *object, size_t, void *identity) {
  const StringRef name = object->dlpi_name, id = buildIdOf(*object);
  if (!name.contains("vdso")) // the operating system's, which computes nothing here
    *static_cast<std::string *>(identity) += (id.empty() ? describeFile(name) : toHex(id)) + "\n";
  return 0;
}

std::string buildIdentity() {
  std::string identity;
  dl_iterate_phdr(addObject, &identity);
  return identity;
}

} // namespace smelt::artifact
