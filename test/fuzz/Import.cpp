// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A model → a graph whose shapes are known and whose constants are folded. What is imported verifies.

#include "test/fuzz/Fuzz.h"
#include "test/fuzz/ImportFile.h"

using namespace smelt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const fuzz::MemoryFile file(data, size);
  fuzz::importFile(file.path());
  return 0;
}
