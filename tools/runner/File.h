// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_RUNNER_FILE_H
#define SMELT_TOOLS_RUNNER_FILE_H

#include <cstdint>
#include <string>
#include <utility>

namespace smelt::runner {

/// Whether two paths lead to the same file, over links as well; where there is none yet, to the same place.
bool isSameFile(const std::string &a, const std::string &b);

/// An open file descriptor.
class Descriptor {
public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor &&other) noexcept : number_(other.number_) { other.number_ = -1; }
  Descriptor &operator=(Descriptor &&other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor();

  int number() const { return number_; }

private:
  int number_;
};

/// A regular file, read at places. Errors name the file.
class InputFile {
public:
  explicit InputFile(std::string path);

  const std::string &path() const { return path_; }
  uint64_t size() const { return size_; }
  /// Whether [offset, offset + bytes) lies in the file.
  bool holds(uint64_t offset, uint64_t bytes) const { return offset <= size_ && bytes <= size_ - offset; }
  /// Reads exactly `bytes`; a file that ends before is malformed.
  void readAt(uint64_t offset, void *to, size_t bytes) const;

private:
  std::string path_;
  Descriptor descriptor_;
  uint64_t size_ = 0;
};

/// A file that comes into being whole: written under a temporary name beside its destination, which commit() gives it.
/// Without commit() nothing remains of it.
class OutputFile {
public:
  explicit OutputFile(std::string path);
  OutputFile(OutputFile &&) = delete;
  OutputFile &operator=(OutputFile &&) = delete;
  ~OutputFile();

  void write(const void *from, size_t bytes);
  /// Bytes written so far.
  uint64_t position() const { return position_; }
  void commit();

private:
  std::string path_, temporary_;
  Descriptor descriptor_;
  uint64_t position_ = 0;
};

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_FILE_H
