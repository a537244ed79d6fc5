// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_PARALLEL_H
#define SMELT_TOOLS_QUANTIZE_PARALLEL_H

#include "tools/driver/Compile.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace smelt::quantize {

/// On how many threads work of a compilation is done.
unsigned threadsOf(const driver::CompileOptions &options);

/// Calls `function` with each index below `count`, on several threads, in any order. Throws what the
/// first of them throws, by index.
void inParallel(size_t count, unsigned threads, llvm::function_ref<void(size_t)> function);

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_PARALLEL_H
