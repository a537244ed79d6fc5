// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A kernel's scratch memory: the arena's for one range of tiles at a time, null for those beside it.
#include "SampleModel.h"

#include "smelt/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

using namespace smelt_test;

namespace {

constexpr int64_t kScratchOffset = kTensorBytes;
constexpr int64_t kMeeting = 2; // ranges that wait for one another

// What ranges of the kernel saw, and, where they shall run side by side, how many have begun.
struct Seen {
  bool meets = false;
  std::atomic<int64_t> begun{0};
  std::array<void *, kTiles> scratch{};
};
Seen *seen = nullptr;

// y = 2 x by way of the scratch memory, or of the stack where there is none.
void twice(void *const *operands, int64_t first, int64_t last) {
  float own[kTileLength];
  float *scratch = operands[2] ? floats(operands[2]) : own;
  seen->begun += 1;
  while (seen->meets && seen->begun < kMeeting)
    ;
  for (int64_t tile = first; tile < last; ++tile) {
    seen->scratch[tile] = operands[2];
    for (int64_t i = 0; i < kTileLength; ++i)
      scratch[i] = floats(operands[0])[tile * kTileLength + i];
    for (int64_t i = 0; i < kTileLength; ++i)
      floats(operands[1])[tile * kTileLength + i] = 2 * scratch[i];
  }
}

const smelt_operand kTwiceOperands[] = {
    {0, SMELT_BASE_INPUT, 0}, {0, SMELT_BASE_OUTPUT, 0}, {kScratchOffset, SMELT_BASE_SCRATCH, 0}};
const smelt_step kTwice = {twice, kTwiceOperands, "Twice_0", kTiles, 3, 0, SMELT_STEP_KERNEL, 0, 0, 0};

struct Scratch : testing::Test {
  Sample sample;
  Seen noted;
  smelt_model model = sampleModel();
  smelt_instance instance{};

  void SetUp() override {
    seen = &noted;
    model.steps = &kTwice;
    model.step_count = 1;
    ASSERT_EQ(smelt_init(&instance, &model, sample.arena, sizeof sample.arena), SMELT_OK);
  }
  void *reserved() { return sample.arena + kScratchOffset; }
  void run() {
    ASSERT_EQ(smelt_run(&instance, sample.inputs.data(), sample.outputs.data()), SMELT_OK);
    for (int64_t i = 0; i < kLength; ++i)
      ASSERT_EQ(sample.result[i], 2 * sample.left[i]);
  }
};

TEST_F(Scratch, LiesInTheArena) {
  run();
  for (void *scratch : noted.scratch)
    EXPECT_EQ(scratch, reserved());
}

void oneByOne(void *, int64_t count, smelt_range_body body, void *context) {
  for (int64_t tile = count; tile-- > 0;)
    body(context, tile, tile + 1);
}

TEST_F(Scratch, IsEveryRangesThatRunsAlone) {
  smelt_set_parallel_for(&instance, oneByOne, nullptr);
  run();
  for (void *scratch : noted.scratch)
    EXPECT_EQ(scratch, reserved());
}

TEST_F(Scratch, IsNoTwoRangesAtTheSameTime) {
  noted.meets = true;
  smelt_pool pool;
  ASSERT_EQ(smelt_pool_start(&pool, kMeeting), SMELT_OK);
  smelt_set_parallel_for(&instance, smelt_pool_parallel_for, &pool);
  run();
  smelt_pool_stop(&pool);
  // Each range has half of the tiles.
  EXPECT_EQ(noted.scratch[0], noted.scratch[1]);
  EXPECT_EQ(noted.scratch[2], noted.scratch[3]);
  EXPECT_NE(noted.scratch[0], noted.scratch[2]);
  for (void *scratch : noted.scratch)
    EXPECT_TRUE(scratch == reserved() || scratch == nullptr);
}

} // namespace
