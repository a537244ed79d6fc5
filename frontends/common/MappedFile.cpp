// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/MappedFile.h"
#include "frontends/common/Refusal.h"
#include "llvm/ADT/SmallVector.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace llvm;

namespace smelt::frontend {

namespace {
/// Closes a file descriptor.
class Descriptor {
public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor &&other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor &operator=(Descriptor &&other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0)
      ::close(number_);
  }
  int operator*() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }

private:
  int number_;
};
} // namespace

/// The whole file; null data and errno set where it cannot be mapped.
static ArrayRef<char> mapWhole(const Descriptor &file, uint64_t size, bool &isMapped) {
  isMapped = true;
  if (size == 0)
    return {};
  void *data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, *file, 0);
  isMapped = data != MAP_FAILED;
  return isMapped ? ArrayRef<char>(static_cast<const char *>(data), size) : ArrayRef<char>();
}

// Opening does not wait for the other end of a pipe.
constexpr int kReadFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

std::shared_ptr<const MappedFile> MappedFile::open(StringRef path) {
  auto fail = [](const Twine &why) { refuse(ImportError::Kind::Environment, why); };
  Descriptor file(::open(path.str().c_str(), kReadFlags));
  struct stat status = {};
  if (!file || ::fstat(*file, &status) != 0)
    fail(Twine("cannot be opened: ") + std::strerror(errno));
  if (!S_ISREG(status.st_mode))
    fail("is not a regular file");
  bool isMapped = false;
  ArrayRef<char> bytes = mapWhole(file, static_cast<uint64_t>(status.st_size), isMapped);
  if (!isMapped)
    fail(Twine("cannot be mapped: ") + std::strerror(errno));
  return std::shared_ptr<const MappedFile>(new MappedFile(bytes));
}

/// Opens a path component by component, following no link, so that it cannot leave `folder` whatever anybody renames
/// meanwhile.
static Descriptor openComponents(StringRef folder, StringRef location) {
  SmallVector<StringRef> components;
  location.split(components, '/', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  if (location.starts_with("/") || components.empty() || is_contained(components, "..") || location.contains('\0'))
    malformed("must be a path beneath the model's folder");
  Descriptor at(::open(folder.str().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (StringRef component : ArrayRef<StringRef>(components).drop_back())
    if (at)
      at = Descriptor(::openat(*at, component.str().c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return at ? Descriptor(::openat(*at, components.back().str().c_str(), kReadFlags | O_NOFOLLOW)) : Descriptor(-1);
}

std::shared_ptr<const MappedFile> MappedFile::openBeneath(StringRef folder, StringRef location) {
  Descriptor file = openComponents(folder, location);
  if (!file)
    malformed(errno == ELOOP || errno == ENOTDIR ? Twine("is or passes through a link, which is not followed")
                                                 : Twine("cannot be opened: ") + std::strerror(errno));
  struct stat status = {};
  if (::fstat(*file, &status) != 0 || !S_ISREG(status.st_mode))
    malformed("is not a regular file");
  if (status.st_nlink > 1)
    malformed("is a hard link, which may lead out of the model's folder; copy the file");
  bool isMapped = false;
  ArrayRef<char> bytes = mapWhole(file, static_cast<uint64_t>(status.st_size), isMapped);
  if (!isMapped)
    refuse(ImportError::Kind::Environment, Twine("cannot be mapped: ") + std::strerror(errno));
  return std::shared_ptr<const MappedFile>(new MappedFile(bytes));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty())
    ::munmap(const_cast<char *>(bytes_.data()), bytes_.size());
}

} // namespace smelt::frontend
