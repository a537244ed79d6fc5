// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/WinogradTile.h"
#include "dialects/Kernel/Machine.h"
#include "llvm/Support/MathExtras.h"
#include "gtest/gtest.h"

using namespace smelt;

namespace {

constexpr unsigned kMegabyte = 1 << 20;
constexpr kernel::Machine kOne{64, 32, 0, false, 1, kMegabyte}, kTwo{64, 32, 0, false, 2, 2 * kMegabyte};

/// Of a 3x3 convolution of `side` × `side` results, in tiles of `rows` × `columns`.
kernel::WinogradWork work(int64_t side, int64_t channels, int64_t rows, int64_t columns) {
  kernel::WinogradWork work;
  work.results = side * side;
  work.taps = 9;
  work.tiles = llvm::divideCeil(side, rows) * llvm::divideCeil(side, columns);
  work.products = (rows + 2) * (columns + 2);
  work.dims = 2;
  work.inputs = work.channels = channels;
  return work;
}

double timeOf(const kernel::Machine &machine, const kernel::WinogradWork &work) {
  return kernel::winogradTime(machine, work).value_or(1);
}

// 36 of 144 products, and transformations.
TEST(WinogradTime, LargeImagesGainMost) {
  double time = timeOf(kOne, work(56, 64, 4, 4));
  EXPECT_GT(time, 0.25);
  EXPECT_LT(time, 0.5);
  EXPECT_LT(time, timeOf(kOne, work(56, 64, 2, 2)));
}

// What is read per product weighs more where more is multiplied in a cycle.
TEST(WinogradTime, FastMachinesWantSmallerFilters) {
  EXPECT_LT(timeOf(kOne, work(14, 256, 4, 4)), timeOf(kOne, work(14, 256, 2, 2)));
  EXPECT_GT(timeOf(kTwo, work(14, 256, 4, 4)), timeOf(kTwo, work(14, 256, 4, 2)));
  EXPECT_LT(timeOf(kOne, work(7, 512, 2, 2)), 0.8);
  EXPECT_EQ(kernel::winogradTime(kTwo, work(7, 512, 2, 2)), std::nullopt);
}

// A block is all that the cache holds, and on a thread's stack no more than 1.5 MB with its products.
TEST(WinogradBlock, FitsCacheAndStack) {
  for (const kernel::Machine &machine : {kOne, kTwo})
    for (int64_t channels : {16, 64, 256, 1024, 4096})
      for (int64_t width : {16, 32, 96})
        for (int64_t products : {4, 16, 24, 36, 64}) {
          kernel::WinogradBlock block = kernel::chooseWinogradBlock(machine, products, 1 << 20, channels, 4, width);
          int64_t transformed = block.tiles * products * channels * 4;
          if (block.tiles > 1) {
            EXPECT_LE(transformed, machine.secondCacheBytes / 2);
            EXPECT_LE(transformed + block.tiles * products * width * 4, int64_t(1536) << 10);
          }
        }
  EXPECT_EQ(kernel::chooseWinogradBlock(kTwo, 36, 49, 128, 4, 32).count, 1);
  EXPECT_EQ(kernel::chooseWinogradBlock(kOne, 36, 49, 128, 4, 32).count, 2);
}

// Each tile has m + taps - 1 points; those of most results come first.
TEST(WinogradTile, HasAsManyPointsAsItNeeds) {
  for (int64_t taps : {1, 2, 3, 5, 7}) {
    ASSERT_FALSE(graph::winogradTiles(taps).empty());
    int64_t last = graph::winogradTiles(taps).front().results + 1;
    for (const graph::WinogradTile &tile : graph::winogradTiles(taps)) {
      EXPECT_EQ(tile.points, tile.results + taps - 1);
      EXPECT_LT(tile.results, last);
      last = tile.results;
    }
  }
  EXPECT_TRUE(graph::winogradTiles(4).empty());
  EXPECT_EQ(graph::winogradTile(3, 2)->points, 4);
  EXPECT_FALSE(graph::winogradTile(3, 3).has_value());
}

} // namespace
