// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Kernel/Machine.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

namespace smelt::kernel {

namespace {
/// What an instruction multiplies: so many neighbours along K of the left and right types. Of integers, 8 is ui8 where
/// `isUnsigned`, else i8.
struct DotOperands {
  Dot dot;
  bool isFloat, isUnsigned;
  unsigned leftBits, rightBits;
  int64_t together;
};
} // namespace

static constexpr DotOperands kDots[] = {
    {DotAvx512Bf16, true, false, 16, 16, 2}, {DotNeonBf16, true, false, 16, 16, 2}, {DotVnni, false, true, 8, 8, 4},
    {DotWords, false, false, 16, 8, 2}, // the right side is widened as it is loaded
    {DotNeonSigned, false, false, 8, 8, 4},  {DotNeonMixed, false, true, 8, 8, 4},
};

static const DotOperands *findDot(unsigned dots, mlir::Type left, mlir::Type right) {
  auto isOf = [](mlir::Type type, const DotOperands &row, unsigned bits, bool isUnsigned) {
    return row.isFloat ? type.isBF16() : isUnsigned ? type.isUnsignedInteger(bits) : type.isSignlessInteger(bits);
  };
  for (const DotOperands &row : kDots)
    if (dots & row.dot && isOf(left, row, row.leftBits, row.isUnsigned) && isOf(right, row, row.rightBits, false))
      return &row;
  return nullptr;
}

std::optional<Dot> Machine::dotOf(mlir::Type left, mlir::Type right) const {
  const DotOperands *found = findDot(dots, left, right);
  return found ? std::optional(found->dot) : std::nullopt;
}

int64_t Machine::together(mlir::Type left, mlir::Type right) const {
  const DotOperands *found = findDot(dots, left, right);
  return found ? found->together : 1;
}

/// Cycles a step along K takes for a tile of `points` × `vectors`, times the multiply-adds of a cycle: there are as
/// many loads, and a chain has four cycles' latency. Whole tiles of a few registers wait for latency. Machines that
/// multiply by lanes load four steps of a point at once, and have at least two units of 16 bytes.
static double stepCycles(const Machine &machine, int64_t points, int64_t vectors) {
  if (machine.byLane)
    return std::max({double(points * vectors), 8.0, double(vectors) + double(points) / 4});
  return double(std::max({points * vectors, 4 * int64_t(machine.multiplyAdds), vectors + points}));
}

/// Points of which a tile of so many vectors has accumulators in registers, beside one step of the panel and what it is
/// multiplied by: a register for each point, or one for all and a spare one.
static int64_t mostPoints(const Machine &machine, int64_t vectors) {
  const int64_t registers = machine.vectorRegisters;
  return machine.byLane ? (registers - vectors) / (vectors + 1) : (registers - vectors - 2) / vectors;
}

/// Cost of covering `extent` × `other` points with tiles of rows × columns, remainders included.
static double coverCycles(const Machine &machine, int64_t rows, int64_t columns, int64_t vectors, int64_t height,
                          int64_t width) {
  double cycles = 0;
  for (int64_t h : {rows, height % rows})
    for (int64_t w : {columns, width % columns}) {
      if (h == 0 || w == 0)
        continue;
      int64_t down = h == rows ? height / rows : 1, across = w == columns ? width / columns : 1;
      // The last term stands for what a tile costs beside its steps.
      cycles += double(down * across) * (stepCycles(machine, h * w, vectors) + 0.15 * double(vectors) + 0.3);
    }
  return cycles;
}

RegisterTile chooseTile(const Machine &machine, int64_t rows, int64_t columns, int64_t channels, unsigned elementBytes,
                        int64_t together, int64_t width) {
  int64_t lanes = std::max<int64_t>(1, machine.vectorBytes / elementBytes);
  RegisterTile best;
  double bestCycles = -1;
  for (int64_t vectors = 1; vectors <= 6; ++vectors) {
    if (width && vectors * lanes != width)
      continue;
    const int64_t most = mostPoints(machine, vectors);
    if (most < 1 || (!width && vectors > 1 && (vectors - 1) * lanes >= channels))
      continue;
    double panels = double(llvm::divideCeil(channels, vectors * lanes));
    // Each panel is fetched from beyond the second cache once, while all points are computed: what takes less is hidden
    // but for a part. So a few points have panels that leave as little as possible of the last one empty.
    constexpr double kFarBytesPerCycle = 8, kNotHidden = 1.0 / 16;
    const double fetch = double(machine.multiplyAdds) * double(vectors * machine.vectorBytes) / kFarBytesPerCycle;
    // A dot instruction for each broadcast waits for the loads: 0.75 of the others' speed were measured.
    if (together > 1 && vectors == 1)
      panels /= 0.75;
    for (int64_t h = 1; h <= std::min(most, rows); ++h) {
      int64_t w = std::min(most / h, columns);
      // Columns that divide evenly leave fewer remainders; try every width down to half.
      for (int64_t c = w; c >= std::max<int64_t>(1, w / 2); --c) {
        double computed = coverCycles(machine, h, c, vectors, rows, columns);
        double cycles = panels * (computed < fetch ? fetch + kNotHidden * computed : computed);
        if (bestCycles < 0 || cycles < bestCycles) {
          bestCycles = cycles;
          best = {h, c, vectors * lanes};
        }
      }
    }
  }
  if (bestCycles < 0)
    best = {1, 1, width ? width : lanes};
  return best;
}

/// Threads take tiles in their order. With groups or panels outermost each computes some channels of all points: it
/// reads all of the input, and whoever goes on by rows reads what the others wrote, some of it in the same lines. With
/// halves of the points outermost, two threads find what they need where they left it, and read all panels instead:
/// from the second cache, where these fit.
static LoopOrder halvesOfPoints(const Machine &machine, const LoopTraffic &traffic) {
  constexpr int64_t kMostUneven =
      12; // of an odd number of tiles one half has one more: still better than to share lines
  if (traffic.groups * traffic.panels == 1 || traffic.panelBytes > static_cast<int64_t>(machine.secondCacheBytes) / 2 ||
      2 * traffic.panelBytes > traffic.inputBytes + traffic.resultBytes)
    return {};
  for (auto [dim, points] : llvm::enumerate(traffic.points))
    if (points > 1)
      return points % 2 == 0 || points > kMostUneven || traffic.groups > 1 ? LoopOrder{dim, 2} : LoopOrder();
  return {};
}

LoopOrder chooseLoopOrder(const Machine &machine, const LoopTraffic &traffic) {
  constexpr double kGain = 0.75;                            // what a less simple order must save
  const double cacheBytes = machine.secondCacheBytes / 2.0; // there is more in it
  auto bytesRead = [&](double outside) {
    double input = double(traffic.inputBytes), weights = double(traffic.panelBytes);
    return input * (input / outside <= cacheBytes ? 1 : double(traffic.panels)) +
           weights * (weights <= cacheBytes ? 1 : outside);
  };
  LoopOrder best;
  double least = kGain * bytesRead(1), outside = 1;
  for (auto [dim, points] : llvm::enumerate(traffic.points)) {
    constexpr int64_t kMostBlocks = 8;
    bool isLast = dim + 1 == traffic.points.size();
    for (int64_t blocks = 2; isLast && blocks <= std::min(kMostBlocks, points); ++blocks)
      if (double bytes = bytesRead(outside * double(blocks)); bytes < least) {
        least = bytes;
        best = {dim, blocks};
      }
    outside *= double(points);
    if (double bytes = bytesRead(outside); !isLast && points > 1 && bytes < least) {
      least = bytes;
      best = {dim + 1, 1};
    }
  }
  return best.outside == 0 && best.blocks == 1 ? halvesOfPoints(machine, traffic) : best;
}

/// A block's transformed input, beside which its products and the panels at hand lie in the second cache.
static int64_t transformedBytes(const Machine &machine) { return machine.secondCacheBytes / 2; }

/// Products that a block has at most: threads that got no scratch memory (Scratch.h) have them and the transformed
/// input on their stack, for which smelt.h says 1.5 MB.
static int64_t mostProducts(const Machine &machine, int64_t width) {
  constexpr int64_t kStackBytes = int64_t(1536 - 64) << 10; // of these two
  constexpr int64_t kMany = int64_t(64) * 36;               // of 64 tiles of F(4x4, 3x3)
  int64_t left = kStackBytes - transformedBytes(machine);
  return std::clamp<int64_t>(left / (width * static_cast<int64_t>(sizeof(float))), 1, kMany);
}

WinogradBlock chooseWinogradBlock(const Machine &machine, int64_t products, int64_t tiles, int64_t channels,
                                  int64_t panels, int64_t width) {
  constexpr int64_t kFewBlocks = 4; // fewer leave threads idle
  int64_t tileBytes = products * channels * static_cast<int64_t>(sizeof(float));
  int64_t most = std::min(transformedBytes(machine) / tileBytes, mostProducts(machine, width) / products);
  WinogradBlock block;
  block.count = llvm::divideCeil(tiles, std::max<int64_t>(1, most));
  block.tiles = llvm::divideCeil(tiles, block.count);
  block.count = llvm::divideCeil(tiles, block.tiles);
  if (block.count < kFewBlocks)
    block.panelGroups = std::min<int64_t>(panels, llvm::divideCeil(kFewBlocks, block.count));
  return block;
}

// Measured of chains of convolutions from 56x56 of 64 channels to 7x7 of 512, within 15 % for all tiles (Emerald
// Rapids).
std::optional<double> winogradTime(const Machine &machine, const WinogradWork &work) {
  constexpr double kWeightBytesPerCycle = 5; // from memory: a model's weights do not fit into a cache
  constexpr double kTransformCycles = 3.3;   // of a vector of channels, for each product and dim, each way
  constexpr double kAgain = 0.25;            // of a reading, what another one takes: a third cache has them
  constexpr double kNotHidden = 0.25; // of computing and reading, the part of the shorter that the other waits for
  constexpr double kGain = 0.8;       // what the larger weights must be paid back with
  const int64_t lanes = machine.lanes();
  int64_t tileBytes = work.products * work.inputs * static_cast<int64_t>(sizeof(float));
  if (work.inputs % lanes || work.channels < lanes || tileBytes > transformedBytes(machine))
    return std::nullopt;
  double in = double(work.inputs), out = double(llvm::divideCeil(work.channels, lanes));
  // Of products of matrices, which are read so many times.
  auto cycles = [&](double points, double matrices, double readings, double others) {
    double computing = points * matrices * in * out / machine.multiplyAdds + others;
    double reading = readings * matrices * in * double(work.channels) * sizeof(float) / kWeightBytesPerCycle;
    return std::max(computing, reading) + kNotHidden * std::min(computing, reading);
  };
  double transforms =
      double(work.tiles) * double(work.products * work.dims) * kTransformCycles * (in / double(lanes) + out);
  WinogradBlock block = chooseWinogradBlock(machine, work.products, work.tiles, work.inputs, /*panels=*/1, 2 * lanes);
  double winograd = cycles(double(work.tiles), double(work.products), 1 + kAgain * double(block.count - 1), transforms);
  double time = winograd / cycles(double(work.results), double(work.taps), 1, 0) * double(work.together);
  return time < kGain ? std::optional(time) : std::nullopt;
}

// In units of what a group takes for a slice along K. Estimated for devices of 108 to 132 multiprocessors: a slice of
// the smallest tile waits some 0.25 µs for memory, a kernel more in a graph is 2 µs, and partial sums move at 1 TB/s.
int64_t chooseSplits(const Machine &machine, const GroupProduct &product) {
  constexpr int64_t kMostSplits = 8, kCopyBytes = 16;
  constexpr double kAnotherKernel = 8, kSumBytes = 1 << 18;
  constexpr double kGain = 0.75; // what the memory of partial sums must be paid back with
  const bool isOfFloats = product.elementBytes > 1;
  if (isOfFloats && std::min(product.points, product.channels) < kFewestTilePoints)
    return 1; // threads of a group split K there
  const auto tiles = static_cast<int64_t>(llvm::divideCeil(product.points, kGroupTile) *
                                          llvm::divideCeil(product.channels, kGroupTile));
  const auto bytesOf = [&](int64_t splits) { return product.depth / splits * int64_t(product.elementBytes); };
  const auto slices = [&](int64_t splits) {
    return double(llvm::divideCeil(product.taps * bytesOf(splits), kGroupSliceBytes));
  };
  int64_t best = 1;
  double least = kGain * slices(1);
  for (int64_t splits = 2; splits <= kMostSplits && tiles * splits <= machine.multiprocessors; ++splits) {
    if (product.depth % splits || bytesOf(splits) % kCopyBytes)
      continue;
    const double moved = 2 * sizeof(float) * double(splits * product.points * product.channels); // there and back
    if (double time = slices(splits) + kAnotherKernel + moved / kSumBytes; time < least) {
      least = time;
      best = splits;
    }
  }
  return best;
}

// Where groups share tiles, threads of one split K among themselves, so that only a very long one is worth parts; else
// an invocation goes through all of K alone. Estimated: another kernel is 2 µs, a step along K some 0.1 µs.
int64_t chooseProductParts(const Machine &machine, int64_t batch, int64_t rows, int64_t columns, int64_t depth) {
  struct Choice {
    int64_t rows, columns;          // of a tile, which one group or invocation has
    int64_t most, fewest, shortest; // tiles that keep the device busy, and so few that they don't; and a part of K
  };
  constexpr Choice kGroups{kGroupTile, kGroupTile, 256, 64, 1024}, kInvocations{4, 8, 4096, 64, 64};
  constexpr int64_t kFewestParts = 8;
  const Choice &choice = machine.multiprocessors ? kGroups : kInvocations;
  const auto tiles =
      static_cast<int64_t>(batch * llvm::divideCeil(rows, choice.rows) * llvm::divideCeil(columns, choice.columns));
  const int64_t parts = std::min(choice.most / tiles, depth / choice.shortest);
  return tiles > choice.fewest || depth < kFewestParts * choice.shortest || parts < 2 ? 1 : parts;
}

} // namespace smelt::kernel
