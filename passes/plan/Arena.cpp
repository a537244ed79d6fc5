// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/Arena.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/Support/MathExtras.h"

namespace smelt::plan {

static bool overlap(const LiveRange &a, const LiveRange &b) { return a.first <= b.last && b.first <= a.last; }

static int64_t lowerBound(llvm::ArrayRef<LiveRange> ranges, int64_t alignment) {
  int64_t most = 0;
  for (const LiveRange &at : ranges) {
    int64_t sum = 0;
    for (const LiveRange &range : ranges)
      if (range.first <= at.first && at.first <= range.last)
        sum += llvm::alignTo(range.bytes, alignment);
    most = std::max(most, sum);
  }
  return most;
}

ArenaSize packArena(llvm::MutableArrayRef<LiveRange> ranges, int64_t alignment) {
  llvm::SmallVector<LiveRange *> order = llvm::map_to_vector(ranges, [](LiveRange &range) { return &range; });
  llvm::stable_sort(order, [](const LiveRange *a, const LiveRange *b) { return a->bytes > b->bytes; });
  llvm::SmallVector<LiveRange *> placed; // by offset
  ArenaSize size;
  for (LiveRange *range : order) {
    int64_t bytes = llvm::alignTo(range->bytes, alignment), at = 0, best = -1, bestGap = 0;
    for (const LiveRange *other : placed) {
      if (!overlap(*range, *other))
        continue;
      int64_t gap = other->offset - at;
      if (gap >= bytes && (best < 0 || gap < bestGap)) {
        best = at;
        bestGap = gap;
      }
      at = std::max(at, static_cast<int64_t>(llvm::alignTo(other->offset + other->bytes, alignment)));
    }
    range->offset = best >= 0 ? best : at;
    auto position = llvm::upper_bound(placed, range, [](auto *a, auto *b) { return a->offset < b->offset; });
    placed.insert(position, range);
    size.bytes = std::max(size.bytes, range->offset + bytes);
  }
  size.lowerBound = lowerBound(ranges, alignment);
  return size;
}

} // namespace smelt::plan
