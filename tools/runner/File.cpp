// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/File.h"

#include "tools/runner/Error.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace smelt::runner {

[[noreturn]] static void cannot(const std::string &path, const char *what, const std::string &why) {
  throw Error(Exit::Environment, path + ": cannot be " + what + ": " + why);
}

[[noreturn]] static void cannot(const std::string &path, const char *what) { cannot(path, what, std::strerror(errno)); }

/// The folder that a path names a file in.
static std::string folderOf(const std::string &path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

static bool isSame(const struct stat &a, const struct stat &b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

bool isSameFile(const std::string &a, const std::string &b) {
  struct stat first, second;
  const bool isFirst = stat(a.c_str(), &first) == 0, isSecond = stat(b.c_str(), &second) == 0;
  if (isFirst || isSecond)
    return isFirst && isSecond && isSame(first, second);
  return a.substr(a.rfind('/') + 1) == b.substr(b.rfind('/') + 1) && stat(folderOf(a).c_str(), &first) == 0 &&
         stat(folderOf(b).c_str(), &second) == 0 && isSame(first, second);
}

Descriptor::~Descriptor() {
  if (number_ >= 0)
    close(number_);
}

// O_NONBLOCK: a pipe without a writer would wait for ever, before it could be refused.
InputFile::InputFile(std::string path)
    : path_(std::move(path)), descriptor_(open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  struct stat status;
  if (descriptor_.number() < 0 || fstat(descriptor_.number(), &status) != 0)
    cannot(path_, "read");
  if (!S_ISREG(status.st_mode))
    cannot(path_, "read", S_ISDIR(status.st_mode) ? "it is a folder" : "it is not a regular file");
  size_ = static_cast<uint64_t>(status.st_size);
}

void InputFile::readAt(uint64_t offset, void *to, size_t bytes) const {
  auto *at = static_cast<unsigned char *>(to);
  while (bytes > 0) {
    const ssize_t count = pread(descriptor_.number(), at, bytes, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      cannot(path_, "read");
    if (count == 0)
      throw Error(Exit::Malformed, path_ + ": the file ends too early");
    at += count;
    offset += static_cast<uint64_t>(count);
    bytes -= static_cast<size_t>(count);
  }
}

/// As other programs create files: what the user's mask allows.
static mode_t newFileMode() {
  const mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

OutputFile::OutputFile(std::string path) : path_(std::move(path)), temporary_(path_ + ".XXXXXX.tmp") {
  // A device or a pipe must not be replaced by a file.
  struct stat status;
  if (stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    cannot(path_, "written", S_ISDIR(status.st_mode) ? "it is a folder" : "it is not a regular file");
  descriptor_ = Descriptor(mkostemps(temporary_.data(), /*suffix*/ 4, O_CLOEXEC));
  if (descriptor_.number() < 0)
    cannot(path_, "written");
  fchmod(descriptor_.number(), newFileMode());
}

OutputFile::~OutputFile() {
  if (!temporary_.empty())
    unlink(temporary_.c_str());
}

void OutputFile::write(const void *from, size_t bytes) {
  const auto *at = static_cast<const unsigned char *>(from);
  position_ += bytes;
  while (bytes > 0) {
    const ssize_t count = ::write(descriptor_.number(), at, bytes);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      cannot(path_, "written");
    at += count;
    bytes -= static_cast<size_t>(count);
  }
}

void OutputFile::commit() {
  if (rename(temporary_.c_str(), path_.c_str()) != 0)
    cannot(path_, "written");
  temporary_.clear();
}

} // namespace smelt::runner
