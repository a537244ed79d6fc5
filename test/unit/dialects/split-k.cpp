// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Kernel/Machine.h"
#include "gtest/gtest.h"

using namespace smelt;

namespace {

int64_t splitsOf(const kernel::GroupProduct &product, int64_t multiprocessors = 128) {
  kernel::Machine machine;
  machine.multiprocessors = multiprocessors;
  return kernel::chooseSplits(machine, product);
}

// 49 points by 512 channels are 32 tiles, which 128 multiprocessors have room for four times over.
TEST(SplitK, FewTilesOfLongSumsAreSplit) {
  EXPECT_EQ(splitsOf({49, 512, 1, 2048, 2}), 4);
  EXPECT_EQ(splitsOf({49, 512, 9, 512, 2}), 4);
  EXPECT_EQ(splitsOf({49, 512, 9, 512, 2}, 80), 2);
  EXPECT_EQ(splitsOf({49, 512, 9, 512, 2}, 0), 1);
}

// What is saved must be worth another kernel, and the memory of partial sums.
TEST(SplitK, ShortSumsAreNot) {
  EXPECT_EQ(splitsOf({49, 512, 1, 256, 2}), 1);
  EXPECT_EQ(splitsOf({49, 512, 1, 512, 4}), 4);
  EXPECT_EQ(splitsOf({49, 512, 1, 512, 1}), 1);
}

// Tiles that keep the device busy; few points or channels, for which threads of a group split K.
TEST(SplitK, ManyTilesAndFewPointsAreNot) {
  EXPECT_EQ(splitsOf({784, 512, 9, 512, 2}), 1);
  EXPECT_EQ(splitsOf({4, 512, 9, 512, 2}), 1);
  EXPECT_EQ(splitsOf({49, 8, 9, 512, 2}), 1);
  EXPECT_GT(splitsOf({1, 256, 1, 4096, 1}), 1); // of bytes
}

// Parts are equal, and whole copies of 16 bytes.
TEST(SplitK, PartsAreWhole) {
  EXPECT_EQ(splitsOf({32, 64, 1, 3000, 2}), 5);
  EXPECT_EQ(splitsOf({32, 64, 81, 8, 2}), 1);
}

} // namespace
