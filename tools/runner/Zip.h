// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Archives as NumPy writes them: stored or deflated members, sizes beyond 4 GB. Over zlib alone: libzip brings a
// cryptography library, which with its relocations takes more memory than all the rest of a small model's run.

#ifndef SMELT_TOOLS_RUNNER_ZIP_H
#define SMELT_TOOLS_RUNNER_ZIP_H

#include "tools/runner/File.h"

#include <memory>
#include <vector>

namespace smelt::runner {

struct ZipMember {
  std::string name;
  uint64_t headerOffset = 0;
  uint64_t storedBytes = 0; // as it lies in the file
  uint64_t bytes = 0;       // as it is read
  uint32_t checksum = 0;
  bool deflated = false;
  bool isWholeFile = false; // which is no archive
};

/// An archive's members. Sizes that the file cannot hold are refused here, so that a reader may allocate what they say.
class ZipReader {
public:
  explicit ZipReader(std::string path);
  /// A file that is no archive, as the only member, without a name.
  static ZipReader ofWhole(std::string path);

  const InputFile &file() const { return file_; }
  const std::vector<ZipMember> &members() const { return members_; }

private:
  explicit ZipReader(InputFile file) : file_(std::move(file)) {}

  InputFile file_;
  std::vector<ZipMember> members_;
};

/// Reads one member from its beginning. The reader must outlive it.
class ZipStream {
public:
  ZipStream(const ZipReader &archive, const ZipMember &member);
  ~ZipStream();

  /// Reads exactly `bytes`.
  void read(void *to, size_t bytes);
  /// After the last byte: whether they were the right ones.
  void finish();

private:
  struct Inflater;

  [[noreturn]] void damaged(const char *why) const;
  size_t inflateInto(void *to, size_t bytes);

  const InputFile &file_;
  const ZipMember &member_;
  uint64_t position_; // in the file
  uint64_t unread_;   // bytes of the file
  uint64_t delivered_ = 0;
  unsigned long checksum_ = 0;
  std::unique_ptr<Inflater> inflater_; // null for stored members
};

/// Writes stored members, the same bytes for the same content.
class ZipWriter {
public:
  explicit ZipWriter(std::string path) : file_(std::move(path)) {}

  /// A member made of two pieces.
  void add(const std::string &name, const std::string &head, const void *body, uint64_t bodyBytes);
  void commit();

private:
  OutputFile file_;
  std::vector<ZipMember> members_;
};

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_ZIP_H
