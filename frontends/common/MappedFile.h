// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_COMMON_MAPPEDFILE_H
#define SMELT_FRONTENDS_COMMON_MAPPEDFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <memory>

namespace smelt::frontend {

/// The bytes of a file, mapped read-only for as long as somebody holds it. Only what is read takes memory.
class MappedFile {
public:
  /// A regular file that the user named. Refuses with Environment what cannot be read.
  static std::shared_ptr<const MappedFile> open(llvm::StringRef path);

  /// A file that a model names: `location` is a path relative to `folder`. Refuses as malformed an absolute path, "..",
  /// links, symbolic or hard, on the way or at the end, whatever is no regular file, and what does not exist.
  static std::shared_ptr<const MappedFile> openBeneath(llvm::StringRef folder, llvm::StringRef location);

  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;
  ~MappedFile();

  llvm::ArrayRef<char> bytes() const { return bytes_; }

private:
  explicit MappedFile(llvm::ArrayRef<char> bytes) : bytes_(bytes) {}

  llvm::ArrayRef<char> bytes_;
};

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_MAPPEDFILE_H
