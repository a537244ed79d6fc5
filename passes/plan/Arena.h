// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_PASSES_PLAN_ARENA_H
#define SMELT_PASSES_PLAN_ARENA_H

#include "dialects/Graph/Extent.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringSet.h"
#include <cstdint>

namespace smelt::plan {

constexpr int64_t kAlignment = 64; // SMELT_ALIGNMENT

/// Bytes that must stay untouched from step `first` to step `last`, both included.
struct LiveRange {
  int64_t bytes = 0;
  int first = 0;
  int last = 0;
  int64_t offset = 0; // chosen by packArena
};

struct ArenaSize {
  int64_t bytes = 0;
  int64_t lowerBound = 0; // the largest sum of what is alive at once
};

/// Chooses offsets, multiples of `alignment`, such that ranges alive at the same time don't overlap. Greedy by size
/// (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020, section 5.2), or by how long
/// they live, whichever needs less.
ArenaSize packArena(llvm::MutableArrayRef<LiveRange> ranges, int64_t alignment);

/// The same where sizes are symbolic.
struct SymbolicRange {
  graph::Extent bytes;
  int first = 0;
  int last = 0;
  graph::Extent offset; // chosen by packSymbolicArena
};

/// A symbol and what it stands for.
struct Definition {
  std::string symbol;
  graph::Extent value;
};

/// Chooses offsets that are right whatever the sizes are, and good where symbols are what is usual: those of
/// `batchSymbols` mostly 1. Which range lies above which is taken from packArena at such sizes, and each begins where
/// the highest below it ends. Adds the definitions that offsets refer to, whose names begin with `prefix`; the last is
/// the arena's size, `arena_bytes`.
void packSymbolicArena(llvm::MutableArrayRef<SymbolicRange> ranges, int64_t alignment, mlir::MLIRContext *context,
                       const llvm::StringSet<> &batchSymbols, const std::string &prefix,
                       std::vector<Definition> &definitions);

} // namespace smelt::plan

#endif // SMELT_PASSES_PLAN_ARENA_H
