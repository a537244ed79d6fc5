// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_DIALECTS_KERNEL_MACHINE_H
#define SMELT_DIALECTS_KERNEL_MACHINE_H

#include "dialects/Graph/Extent.h"
#include "mlir/IR/Types.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <algorithm>
#include <cstdint>
#include <optional>

namespace smelt::kernel {

/// Instructions that multiply groups of neighbours along K and add them to one sum of 32 bits, as bits of a mask.
enum Dot : unsigned {
  DotAvx512Bf16 = 1u << 0, // vdpbf16ps
  DotNeonBf16 = 1u << 1,   // bfdot
  DotVnni = 1u << 2,       // vpdpbusd, of vectors of the machine's width: ui8 · i8
  DotWords = 1u << 3,      // vpmaddwd: i16 · i16
  DotNeonSigned = 1u << 4, // sdot: i8 · i8
  DotNeonMixed = 1u << 5,  // usdot: ui8 · i8
};
/// Narrow floats, as bits of a mask.
enum Narrow : unsigned { NarrowF16 = 1u << 0, NarrowBF16 = 1u << 1 };
constexpr unsigned kBf16Dots = DotAvx512Bf16 | DotNeonBf16;
/// Those of integers, which are exact: whatever has them uses them.
constexpr unsigned kIntegerDots = DotVnni | DotWords | DotNeonSigned | DotNeonMixed;

/// What tile choices need to know of a processor.
struct Machine {
  unsigned vectorBytes = 32;
  unsigned vectorRegisters = 16;
  unsigned dots = 0;         // of enum Dot: those that may be used
  bool byLane = false;       // multiplies a vector by one lane of a register; else by a scalar from memory, repeated
  unsigned multiplyAdds = 1; // of vectors of f32, a cycle
  unsigned secondCacheBytes = 1 << 20; // of one core
  bool isDevice = false;               // a GPU, whose invocations have registers, and no memory of their own to work in
  unsigned narrow = 0; // of enum Narrow: what operands of products are rounded to though no dot multiplies them
  int64_t attentionChannels = 512; // of a key or a value in one kernel of attention, at most: rows stay in a cache
  int64_t multiprocessors = 0;     // of a device whose groups of threads share tiles of products; 0 for all others

  int64_t lanes() const { return std::max<int64_t>(1, vectorBytes / sizeof(float)); } // of f32

  /// The same for products in f32.
  Machine withoutDots() const {
    Machine machine = *this;
    machine.dots = 0;
    return machine;
  }
  /// The dot instruction for elements of these types, left and right; nothing where there is none.
  std::optional<Dot> dotOf(mlir::Type left, mlir::Type right) const;
  /// Whether computed operands of products are rounded to a narrow float, or constants alone.
  bool rounds(mlir::Type type) const {
    return together(type, type) > 1 || (narrow & (type.isF16() ? NarrowF16 : type.isBF16() ? NarrowBF16 : 0u)) != 0;
  }
  /// How many neighbours along K it multiplies; 1 where there is none.
  int64_t together(mlir::Type left, mlir::Type right) const;
};

constexpr int64_t kTypicalLength = 128; // of a sequence
constexpr int64_t kTypicalSide = 320;   // of an image

/// What an extent is taken for where a choice needs a number that only the run knows: its value where every symbol is
/// `typical`.
inline int64_t typicalExtent(const graph::Extent &extent, int64_t typical) {
  if (extent.isNumber())
    return extent.number();
  int64_t value = extent.evaluate([&](llvm::StringRef) { return typical; }).value_or(typical);
  return std::max<int64_t>(value, 1);
}
inline int64_t typicalLength(const graph::Extent &extent) { return typicalExtent(extent, kTypicalLength); }
inline int64_t typicalSide(const graph::Extent &extent) { return typicalExtent(extent, kTypicalSide); }
/// The same of a dim of images or sequences of which several may be computed at once, but most often is one.
inline int64_t typicalBatch(const graph::Extent &extent) { return extent.asNumber().value_or(1); }

/// A register tile of a contraction: `rows` × `columns` of the result's points, `width` channels (whole vectors).
struct RegisterTile {
  int64_t rows = 1;
  int64_t columns = 1;
  int64_t width = 1;
};

/// The panel width (in elements of `elementBytes`) and tile that compute `rows` × `columns` points of `channels` in the
/// least estimated time. A width above 0 is kept; `together` neighbours along K are multiplied at once. Source of the
/// candidates: measured register tiles, MR · NV + NV + 2 registers at most.
RegisterTile chooseTile(const Machine &machine, int64_t rows, int64_t columns, int64_t channels, unsigned elementBytes,
                        int64_t together, int64_t width = 0);

/// Where the loop over panels stands among those over tiles of points: inside the first `outside` of them, of which
/// there may be one more, over `blocks` parts of the dim that follows.
struct LoopOrder {
  size_t outside = 0;
  int64_t blocks = 1;
};

/// What decides that order: the tiles of points in each dim, outermost first; the bytes of the whole input, as far as
/// it is read, of the result and of all panels; and of how many groups these panels are, each.
struct LoopTraffic {
  llvm::ArrayRef<int64_t> points;
  int64_t inputBytes = 0, resultBytes = 0, panelBytes = 0;
  int64_t panels = 1, groups = 1;
};

/// The order that reads least from beyond the second cache; of those that read as much, the one where two threads read
/// least of what the other one wrote.
LoopOrder chooseLoopOrder(const Machine &machine, const LoopTraffic &traffic);

/// Tiles that groups of a device's threads share: the side of the smallest, the fewest points of floats that are worth
/// one, and bytes along K of what a group has of its operands at a time.
constexpr int64_t kGroupTile = 32, kFewestTilePoints = 16, kGroupSliceBytes = 64;

/// A product or convolution by such groups: [points, K] by [K, channels], with K = taps · depth.
struct GroupProduct {
  int64_t points = 1, channels = 1, taps = 1, depth = 1;
  unsigned elementBytes = 4;
};

/// In how many parts K is split, each of which other groups sum up, so that few tiles of long sums keep a device busy;
/// 1 where that gains nothing. Parts are of equally many channels of the input, in whole copies.
int64_t chooseSplits(const Machine &machine, const GroupProduct &product);

/// In how many parts K is split where so few results are computed that most threads of a device would have none, as a
/// batch of products whose sum is another kernel's; 1 where that gains nothing. Parts need not be equal.
int64_t chooseProductParts(const Machine &machine, int64_t batch, int64_t rows, int64_t columns, int64_t depth);

/// How a Winograd convolution is cut: `tiles` tiles at a time, `count` times; each block may be spread over groups
/// of panels, so that there is work for several threads.
struct WinogradBlock {
  int64_t tiles = 1;
  int64_t count = 1;
  int64_t panelGroups = 1;
};

/// Blocks whose transformed input stays in the second cache. `products` are those of a tile, `tiles` is the number of
/// tiles in all, and `width` that of a panel in elements: two vectors where it is to be chosen.
WinogradBlock chooseWinogradBlock(const Machine &machine, int64_t products, int64_t tiles, int64_t channels,
                                  int64_t panels, int64_t width);

/// What a convolution of stride 1 computes, and how Winograd's algorithm would with one kind of tile, in f32.
struct WinogradWork {
  int64_t results = 1;  // points
  int64_t taps = 1;     // of the whole window
  int64_t tiles = 1;    // that cover the results
  int64_t products = 1; // of a tile
  int64_t dims = 1;     // that are transformed
  int64_t inputs = 1;   // channels
  int64_t channels = 1; // of the result
  int64_t together = 1; // products that the direct convolution makes at once
};

/// The time that Winograd's algorithm is estimated to take, as a part of the direct convolution's; nothing where that
/// is not clearly less, or one tile is more than a block may hold.
std::optional<double> winogradTime(const Machine &machine, const WinogradWork &work);

} // namespace smelt::kernel

#endif // SMELT_DIALECTS_KERNEL_MACHINE_H
