// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// An archive of arrays: its headers, and the arrays that are small.

#include "tools/runner/Npz.h"
#include "test/fuzz/Fuzz.h"
#include "tools/runner/Error.h"

using namespace smelt;

constexpr uint64_t kMostBytes = 1 << 20; // of an array that is read

static void read(const runner::NpzReader &archive, const runner::NpzEntry &entry) {
  try {
    (void)archive.read(entry);
    for (uint32_t dtype = 0; dtype < 32; ++dtype)
      if (runner::canHold(entry.header.dtype, static_cast<smelt_dtype>(dtype)))
        (void)archive.readAs(entry, static_cast<smelt_dtype>(dtype));
  } catch (const runner::Error &) {
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const fuzz::MemoryFile file(data, size);
  try {
    const runner::NpzReader archive(file.path());
    for (const runner::NpzEntry &entry : archive.entries())
      if (entry.bytes <= kMostBytes)
        read(archive, entry);
  } catch (const runner::Error &error) {
    fuzz::require(error.code() != runner::Exit::Usage, error.what());
  }
  return 0;
}
