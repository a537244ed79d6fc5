// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Kernel/Machine.h"
#include "gtest/gtest.h"

using namespace smelt;

namespace {

constexpr int64_t kKiB = 1 << 10;

struct Bytes {
  int64_t input, result, panels;
};

kernel::LoopOrder orderOf(const kernel::Machine &machine, llvm::ArrayRef<int64_t> points, Bytes bytes, int64_t panels) {
  return kernel::chooseLoopOrder(machine, {points, bytes.input, bytes.result, bytes.panels, panels});
}

// An input that fits into the second cache is read from there for every panel.
TEST(LoopOrder, SmallInputsLeavePanelsOutermost) {
  kernel::LoopOrder order = orderOf(kernel::Machine(), {4, 8}, {400 * kKiB, 100 * kKiB, 4000 * kKiB}, 16);
  EXPECT_EQ(order.outside, 0u);
  EXPECT_EQ(order.blocks, 1);
}

// All panels fit: they take turns with a row of points each.
TEST(LoopOrder, SmallPanelsGoInside) {
  kernel::LoopOrder order = orderOf(kernel::Machine(), {1, 56, 8}, {800 * kKiB, 100 * kKiB, 64 * kKiB}, 16);
  EXPECT_EQ(order.outside, 2u);
  EXPECT_EQ(order.blocks, 1);
}

// Neither fits: reading the panels twice costs less than reading the input for each of them.
TEST(LoopOrder, LargeProductsAreCutInBlocks) {
  kernel::LoopOrder order = orderOf(kernel::Machine(), {1, 22}, {1000 * kKiB, 100 * kKiB, 4000 * kKiB}, 32);
  EXPECT_EQ(order.outside, 1u);
  EXPECT_EQ(order.blocks, 2);
}

// A larger second cache holds a larger input.
TEST(LoopOrder, LargeCachesLeavePanelsOutermost) {
  kernel::Machine machine;
  machine.secondCacheBytes = 2048 * kKiB;
  EXPECT_EQ(orderOf(machine, {4, 8}, {800 * kKiB, 100 * kKiB, 8000 * kKiB}, 64).outside, 0u);
  EXPECT_GT(orderOf(kernel::Machine(), {4, 8}, {800 * kKiB, 100 * kKiB, 8000 * kKiB}, 64).outside, 0u);
}

// Panels that fit, and have fewer bytes than the points: two threads have halves of these.
TEST(LoopOrder, ThreadsHaveHalvesOfThePoints) {
  kernel::LoopOrder order = orderOf(kernel::Machine(), {1, 14, 2}, {50 * kKiB, 300 * kKiB, 100 * kKiB}, 12);
  EXPECT_EQ(order.outside, 1u);
  EXPECT_EQ(order.blocks, 2);
}

// Panels that have more bytes than the points are read by one thread each; so are points that have no halves.
TEST(LoopOrder, ThreadsHaveHalvesOfThePanels) {
  EXPECT_EQ(orderOf(kernel::Machine(), {1, 14, 2}, {50 * kKiB, 100 * kKiB, 100 * kKiB}, 12).blocks, 1);
  EXPECT_EQ(orderOf(kernel::Machine(), {1, 5}, {50 * kKiB, 300 * kKiB, 100 * kKiB}, 12).blocks, 1);
  EXPECT_EQ(orderOf(kernel::Machine(), {1, 13}, {50 * kKiB, 300 * kKiB, 100 * kKiB}, 12).blocks, 2);
}

// A group's channels share lines with those of the next.
TEST(LoopOrder, ThreadsHaveHalvesOfThePointsOfGroups) {
  constexpr int64_t points[] = {1, 14};
  kernel::LoopTraffic traffic{points, 50 * kKiB, 300 * kKiB, 100 * kKiB, /*panels=*/1, /*groups=*/4};
  EXPECT_EQ(kernel::chooseLoopOrder(kernel::Machine(), traffic).blocks, 2);
}

TEST(LoopOrder, OnePanelNeedsNoOrder) {
  EXPECT_EQ(orderOf(kernel::Machine(), {9, 9}, {9000 * kKiB, 100 * kKiB, 100 * kKiB}, 1).outside, 0u);
  EXPECT_EQ(orderOf(kernel::Machine(), {10, 9}, {400 * kKiB, 100 * kKiB, 100 * kKiB}, 1).blocks, 1);
}

} // namespace
