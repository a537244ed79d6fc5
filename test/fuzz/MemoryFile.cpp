// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/fuzz/Fuzz.h"
#include <sys/mman.h>
#include <unistd.h>

namespace smelt::fuzz {

MemoryFile::MemoryFile(const uint8_t *data, size_t size) : descriptor_(::memfd_create("input", MFD_CLOEXEC)) {
  require(descriptor_ >= 0, "a file in memory");
  for (size_t done = 0; done < size;) {
    const ssize_t written = ::write(descriptor_, data + done, size - done);
    require(written > 0, "a file in memory is written");
    done += static_cast<size_t>(written);
  }
  path_ = "/proc/self/fd/" + std::to_string(descriptor_);
}

MemoryFile::~MemoryFile() { ::close(descriptor_); }

} // namespace smelt::fuzz
