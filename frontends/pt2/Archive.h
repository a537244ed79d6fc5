// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_ARCHIVE_H
#define SMELT_FRONTENDS_PT2_ARCHIVE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"

namespace smelt::frontend::pt2 {

/// The members of a zip archive that stores them, as PyTorch does (PKWARE's APPNOTE 6.3.10, with its 64-bit records).
/// They are views of the archive's bytes: nothing is unpacked. Refuses archives whose records contradict each other,
/// whose members overlap or share a name, and, by name, members that are encrypted, or compressed and asked for.
class Archive {
public:
  explicit Archive(llvm::ArrayRef<char> bytes);

  bool has(llvm::StringRef name) const { return members_.contains(name); }
  /// A member's bytes. Refuses one that is missing.
  llvm::ArrayRef<char> member(llvm::StringRef name) const;
  /// The same of one that is read as a whole: its checksum must hold.
  llvm::StringRef text(llvm::StringRef name) const;
  /// The names of all members, in the archive's order.
  llvm::ArrayRef<llvm::StringRef> names() const { return names_; }

private:
  struct Member {
    llvm::ArrayRef<char> bytes;
    uint32_t checksum;
    bool isCompressed;
  };
  llvm::StringMap<Member> members_;
  std::vector<llvm::StringRef> names_;
};

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_ARCHIVE_H
