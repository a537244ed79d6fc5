// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Kernel/Machine.h"
#include "gtest/gtest.h"

using namespace smelt;

namespace {

constexpr int64_t kKiB = 1 << 10;

// An input that fits into the second cache is read from there for every panel.
TEST(LoopOrder, SmallInputsLeavePanelsOutermost) {
  kernel::LoopOrder order = kernel::chooseLoopOrder(kernel::Machine(), {4, 8}, 400 * kKiB, 4000 * kKiB, 16);
  EXPECT_EQ(order.outside, 0u);
  EXPECT_EQ(order.blocks, 1);
}

// All panels fit: they take turns with a row of points each.
TEST(LoopOrder, SmallPanelsGoInside) {
  kernel::LoopOrder order = kernel::chooseLoopOrder(kernel::Machine(), {1, 56, 8}, 800 * kKiB, 64 * kKiB, 16);
  EXPECT_EQ(order.outside, 2u);
  EXPECT_EQ(order.blocks, 1);
}

// Neither fits: reading the panels twice costs less than reading the input for each of them.
TEST(LoopOrder, LargeProductsAreCutInBlocks) {
  kernel::LoopOrder order = kernel::chooseLoopOrder(kernel::Machine(), {1, 22}, 1000 * kKiB, 4000 * kKiB, 32);
  EXPECT_EQ(order.outside, 1u);
  EXPECT_EQ(order.blocks, 2);
}

// A larger second cache holds a larger input.
TEST(LoopOrder, LargeCachesLeavePanelsOutermost) {
  kernel::Machine machine;
  machine.secondCacheBytes = 2048 * kKiB;
  EXPECT_EQ(kernel::chooseLoopOrder(machine, {4, 8}, 800 * kKiB, 8000 * kKiB, 64).outside, 0u);
  EXPECT_GT(kernel::chooseLoopOrder(kernel::Machine(), {4, 8}, 800 * kKiB, 8000 * kKiB, 64).outside, 0u);
}

TEST(LoopOrder, OnePanelNeedsNoOrder) {
  EXPECT_EQ(kernel::chooseLoopOrder(kernel::Machine(), {9, 9}, 9000 * kKiB, 100 * kKiB, 1).outside, 0u);
}

} // namespace
