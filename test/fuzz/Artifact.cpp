// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A shared object that may be an artefact, as smelt inspect reads it.

#include "test/fuzz/Fuzz.h"
#include "tools/runner/Description.h"
#include "tools/runner/Error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const smelt::fuzz::MemoryFile file(data, size);
  try {
    (void)smelt::runner::describe(file.path());
  } catch (const smelt::runner::Error &) {
  }
  return 0;
}
