// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Bytes → a checked model, and its summary.

#include "frontends/common/Import.h"
#include "frontends/common/ImportError.h"
#include "test/fuzz/Fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const smelt::fuzz::MemoryFile file(data, size);
  llvm::Expected<smelt::frontend::ModelSummary> summary = smelt::frontend::summariseModel(file.path());
  if (!summary)
    llvm::consumeError(summary.takeError());
  return 0;
}
