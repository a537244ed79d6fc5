// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/Arena.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

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

/// The largest of several, as a tree that is not deep.
static graph::Extent largestOf(llvm::ArrayRef<graph::Extent> extents) {
  if (extents.size() == 1)
    return extents.front();
  size_t half = extents.size() / 2;
  return graph::Extent::max(largestOf(extents.take_front(half)), largestOf(extents.drop_front(half)));
}

void packSymbolicArena(llvm::MutableArrayRef<SymbolicRange> ranges, int64_t alignment, mlir::MLIRContext *context,
                       std::vector<Definition> &definitions) {
  constexpr int64_t kTypical = 100;
  llvm::SmallVector<LiveRange> typical;
  for (const SymbolicRange &range : ranges) {
    int64_t bytes = range.bytes.evaluate([](llvm::StringRef) { return kTypical; }).value_or(0);
    typical.push_back({std::max<int64_t>(bytes, 1), range.first, range.last});
  }
  packArena(typical, alignment);
  llvm::SmallVector<size_t> order(ranges.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::stable_sort(order, [&](size_t a, size_t b) { return typical[a].offset < typical[b].offset; });

  std::vector<llvm::SmallVector<size_t>> below(ranges.size());
  graph::Extents tops(ranges.size(), 0), all{0};
  auto define = [&](std::string symbol, const graph::Extent &value) {
    if (value.isNumber())
      return value;
    definitions.push_back({symbol, value});
    return graph::Extent::symbol(context, symbol);
  };
  for (auto [position, number] : llvm::enumerate(order)) {
    graph::Extents ends{0};
    for (size_t other : llvm::ArrayRef<size_t>(order).take_front(position))
      if (overlap(typical[number], typical[other]))
        below[number].push_back(other);
    // What lies below one that lies below need not be said.
    for (size_t other : below[number]) {
      auto hides = [&](size_t between) { return llvm::is_contained(below[between], other); };
      if (llvm::none_of(below[number], hides))
        ends.push_back(tops[other]);
    }
    ranges[number].offset = define("offset" + std::to_string(position), largestOf(ends));
    tops[number] = ranges[number].offset + ranges[number].bytes.ceilDiv(alignment) * alignment;
    all.push_back(tops[number]);
  }
  definitions.push_back({"arena_bytes", largestOf(all)});
}

} // namespace smelt::plan
