// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Which layers go back to more digits, and what measures them.
#include "tools/quantize/Mixture.h"
#include "tools/quantize/Parallel.h"
#include "gmock/gmock.h"
#include <stdexcept>

using namespace smelt::quantize;

namespace {

const std::vector<size_t> kOrder{0, 1, 2, 3};

TEST(Mixture, TakesLayersThatAddMuchForWhatTheyCost) {
  // The first has 97 % of the squared distance; then the second 73 % of the rest, for a tenth of the cost.
  EXPECT_EQ(worthwhile({30, 4.5, 2, 2}, {5, 10, 40, 45}, kOrder, 6), 2u);
}

TEST(Mixture, TakesNoneWhereAllAddAlike) {
  EXPECT_EQ(worthwhile({2, 2, 2, 2}, {25, 25, 25, 25}, kOrder, 6), 0u);
  EXPECT_EQ(worthwhile({4, 2, 2, 2}, {25, 25, 25, 25}, kOrder, 6), 0u); // 57 %, for a quarter
}

TEST(Mixture, JudgesEachLayerByWhatIsLeft) {
  // Of all the second has next to nothing, and of what the first leaves nearly all.
  EXPECT_EQ(worthwhile({100, 1, 0.01, 0.01}, {1, 1, 49, 49}, kOrder, 6), 2u);
  EXPECT_EQ(worthwhile({100, 1, 0.01, 0.01}, {1, 1, 49, 49}, {1, 0, 2, 3}, 6), 0u);
}

TEST(Parallel, ThrowsWhatTheFirstIndexThrows) {
  for (unsigned threads : {1u, 4u})
    try {
      inParallel(64, threads, [](size_t i) {
        if (i % 10 == 7)
          throw std::runtime_error(std::to_string(i));
      });
      FAIL() << "nothing was thrown";
    } catch (const std::runtime_error &error) {
      EXPECT_STREQ(error.what(), "7");
    }
}

} // namespace
