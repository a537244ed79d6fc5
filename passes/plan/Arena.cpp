// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/Arena.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
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

/// Each range, in this order, in the smallest gap that it fits in, or above all others. The arena's bytes.
static int64_t packInOrder(llvm::ArrayRef<LiveRange *> order, int64_t alignment) {
  llvm::SmallVector<LiveRange *> placed; // by offset
  int64_t most = 0;
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
    auto *position = llvm::upper_bound(placed, range, [](auto *a, auto *b) { return a->offset < b->offset; });
    placed.insert(position, range);
    most = std::max(most, range->offset + bytes);
  }
  return most;
}

ArenaSize packArena(llvm::MutableArrayRef<LiveRange> ranges, int64_t alignment) {
  llvm::SmallVector<LiveRange *> order = llvm::map_to_vector(ranges, [](LiveRange &range) { return &range; });
  llvm::stable_sort(order, [](const LiveRange *a, const LiveRange *b) { return a->bytes > b->bytes; });
  ArenaSize size;
  size.bytes = packInOrder(order, alignment);
  size.lowerBound = lowerBound(ranges, alignment);
  if (size.bytes == size.lowerBound)
    return size;
  // Small ranges that live long cut what is left into pieces: before or after all others they do not.
  auto length = [](const LiveRange *range) { return int64_t(range->last) - range->first; };
  llvm::stable_sort(order, [&](const LiveRange *a, const LiveRange *b) { return length(a) > length(b); });
  llvm::SmallVector<int64_t> offsets = llvm::map_to_vector(ranges, [](const LiveRange &range) { return range.offset; });
  if (int64_t bytes = packInOrder(order, alignment); bytes < size.bytes) {
    size.bytes = bytes;
    return size;
  }
  for (auto [range, offset] : llvm::zip_equal(ranges, offsets))
    range.offset = offset;
  return size;
}

/// The largest of several, as a tree that is not deep.
static graph::Extent largestOf(llvm::ArrayRef<graph::Extent> extents) {
  if (extents.size() == 1)
    return extents.front();
  size_t half = extents.size() / 2;
  return graph::Extent::max(largestOf(extents.take_front(half)), largestOf(extents.drop_front(half)));
}

namespace {
/// What the symbols may be when a model runs.
struct UsualSizes {
  int64_t batch, other;
};
/// An order of ranges from below to above, and where it was found to lie.
struct Stack {
  llvm::SmallVector<LiveRange> ranges;
  llvm::SmallVector<size_t> order;
};
} // namespace

static llvm::SmallVector<LiveRange> atSizes(llvm::ArrayRef<SymbolicRange> ranges, const UsualSizes &sizes,
                                            const llvm::StringSet<> &batchSymbols) {
  auto valueOf = [&](llvm::StringRef symbol) { return batchSymbols.contains(symbol) ? sizes.batch : sizes.other; };
  return llvm::map_to_vector(ranges, [&](const SymbolicRange &range) {
    return LiveRange{std::max<int64_t>(range.bytes.evaluate(valueOf).value_or(0), 1), range.first, range.last};
  });
}

/// The size of an arena where each range begins at the highest end of those below it.
static int64_t heightOf(llvm::ArrayRef<LiveRange> ranges, llvm::ArrayRef<size_t> order, int64_t alignment) {
  llvm::SmallVector<int64_t> tops(ranges.size(), 0);
  int64_t height = 0;
  for (auto [position, number] : llvm::enumerate(order)) {
    int64_t start = 0;
    for (size_t other : order.take_front(position))
      if (overlap(ranges[number], ranges[other]))
        start = std::max(start, tops[other]);
    tops[number] = start + static_cast<int64_t>(llvm::alignTo(ranges[number].bytes, alignment));
    height = std::max(height, tops[number]);
  }
  return height;
}

/// The order that is packed best at one of the usual sizes, and whose arena is the least larger than need be at all of
/// them.
static Stack chooseStack(llvm::ArrayRef<SymbolicRange> ranges, int64_t alignment,
                         const llvm::StringSet<> &batchSymbols) {
  constexpr UsualSizes kUsual[] = {{1, 128}, {1, 32}, {1, 64}, {1, 256}, {1, 512}, {8, 128}};
  llvm::SmallVector<Stack> stacks;
  llvm::SmallVector<int64_t> least; // bytes at each of the sizes
  for (const UsualSizes &sizes : kUsual) {
    Stack stack{atSizes(ranges, sizes, batchSymbols), llvm::to_vector(llvm::seq<size_t>(0, ranges.size()))};
    least.push_back(std::max<int64_t>(packArena(stack.ranges, alignment).bytes, 1));
    llvm::stable_sort(stack.order, [&](size_t a, size_t b) { return stack.ranges[a].offset < stack.ranges[b].offset; });
    stacks.push_back(std::move(stack));
  }
  auto excess = [&](const Stack &stack) {
    double worst = 0;
    for (auto [at, bytes] : llvm::zip_equal(stacks, least))
      worst = std::max(worst, double(heightOf(at.ranges, stack.order, alignment)) / double(bytes));
    return worst;
  };
  llvm::SmallVector<double> excesses = llvm::map_to_vector(stacks, excess);
  return stacks[llvm::min_element(excesses) - excesses.begin()];
}

void packSymbolicArena(llvm::MutableArrayRef<SymbolicRange> ranges, int64_t alignment, mlir::MLIRContext *context,
                       const llvm::StringSet<> &batchSymbols, const std::string &prefix,
                       std::vector<Definition> &definitions) {
  auto [typical, order] = chooseStack(ranges, alignment, batchSymbols);
  std::vector<llvm::SmallVector<size_t>> below(ranges.size());
  graph::Extents tops(ranges.size(), 0), all{0};
  auto define = [&](const std::string &symbol, const graph::Extent &value) {
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
    ranges[number].offset = define(prefix + "offset" + std::to_string(position), largestOf(ends));
    tops[number] = ranges[number].offset + ranges[number].bytes.ceilDiv(alignment) * alignment;
    all.push_back(tops[number]);
  }
  definitions.push_back({prefix + "arena_bytes", largestOf(all)});
}

} // namespace smelt::plan
