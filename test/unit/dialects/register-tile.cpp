// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Kernel/Machine.h"
#include "gtest/gtest.h"

using namespace smelt;

namespace {

kernel::Machine wideMachine() {
  kernel::Machine machine;
  machine.vectorBytes = 64;
  machine.vectorRegisters = 32;
  machine.multiplyAdds = 2;
  return machine;
}

int64_t widthOf(int64_t rows, int64_t channels) {
  return kernel::chooseTile(wideMachine(), 1, rows, channels, sizeof(float), 1).width;
}

// One row waits for its weights: of 1000 channels, panels of 48 leave 8 empty, those of 96 would 56.
TEST(RegisterTile, OneRowHasFullPanels) {
  EXPECT_EQ(widthOf(1, 1000), 48);
  EXPECT_EQ(widthOf(1, 768), 96);
  EXPECT_EQ(widthOf(1, 16), 16);
}

// Many rows wait for multiply-adds.
TEST(RegisterTile, ManyRowsHaveNarrowPanels) {
  EXPECT_EQ(widthOf(196, 1024), 32);
  EXPECT_EQ(widthOf(3136, 144), 48);
}

} // namespace
