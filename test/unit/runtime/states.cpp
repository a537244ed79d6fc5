// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Two models that keep something from run to run: one a sum of four numbers, in the arena; one a list, to which every
// run adds a number, in blocks that grow.
#include "smelt/smelt.h"

#include "gtest/gtest.h"

#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

// sum' = sum + x, y = sum'

void add(void *const *operands, int64_t first, int64_t last) {
  const auto *x = static_cast<const int64_t *>(operands[0]), *before = static_cast<const int64_t *>(operands[1]);
  auto *after = static_cast<int64_t *>(operands[2]), *y = static_cast<int64_t *>(operands[3]);
  for (int64_t i = first; i < last; ++i)
    y[i] = after[i] = before[i] + x[i];
}

const int64_t kFour[] = {4};
const smelt_tensor_info kX[] = {{"x", kFour, 32, 1, SMELT_I64, nullptr, nullptr, nullptr}};
const smelt_tensor_info kY[] = {{"y", kFour, 32, 1, SMELT_I64, nullptr, nullptr, nullptr}};
const smelt_operand kAdd[] = {
    {0, SMELT_BASE_INPUT, 0}, {0, SMELT_BASE_BLOCK, 0}, {0, SMELT_BASE_BLOCK, 1}, {0, SMELT_BASE_OUTPUT, 0}};
const smelt_step kAddStep[] = {{add, kAdd, "add", 4, 4, 0, SMELT_STEP_KERNEL, 0, 0, 0}};
const smelt_state kSum[] = {{{"sum", kFour, 32, 1, SMELT_I64, nullptr, nullptr, nullptr},
                             {"next", kFour, 32, 1, SMELT_I64, nullptr, nullptr, nullptr},
                             nullptr,
                             {0, 1},
                             {0, 64},
                             64}};
constexpr uint64_t kSumBytes = 128 + 128; // blocks and words, then the two places

smelt_model sumModel() {
  smelt_model model{};
  model.abi_version = SMELT_ABI_VERSION;
  model.input_count = model.output_count = model.step_count = model.state_count = 1;
  model.arena_bytes = kSumBytes;
  model.name = "sum";
  model.target = "any";
  model.inputs = kX;
  model.outputs = kY;
  model.steps = kAddStep;
  model.block_count = 2;
  model.states = kSum;
  model.state_bytes = 128;
  return model;
}

struct alignas(SMELT_ALIGNMENT) Numbers {
  int64_t values[8] = {};
};

/// An instance, what it works in, and its input and output.
struct Sum {
  smelt_model model = sumModel();
  smelt_instance instance{};
  alignas(SMELT_ALIGNMENT) unsigned char arena[kSumBytes];
  Numbers x, y;

  Sum() { EXPECT_EQ(smelt_init(&instance, &model, arena, sizeof arena), SMELT_OK); }
  /// The second of the numbers after adding (1, 2, 3, 4) times `factor`.
  int64_t run(int64_t factor = 1) {
    for (int64_t i = 0; i < 4; ++i)
      x.values[i] = factor * (i + 1);
    const void *inputs[] = {&x};
    void *outputs[] = {&y};
    EXPECT_EQ(smelt_run(&instance, inputs, outputs), SMELT_OK);
    return y.values[1];
  }
};

// list' = concat(list, [n]), of which the run knows the length alone

enum { N, ONE, NEXT, EIGHT, PLACE, BYTES, SIZES };
const smelt_size kSizes[] = {
    {-1, SMELT_SIZE_STATE, 0, 0, 0}, {1, SMELT_SIZE_NUMBER, 0, 0, 0},       {0, SMELT_SIZE_ADD, N, ONE, 0},
    {8, SMELT_SIZE_NUMBER, 0, 0, 0}, {0, SMELT_SIZE_MULTIPLY, N, EIGHT, 0}, {0, SMELT_SIZE_MULTIPLY, NEXT, EIGHT, 0},
};
static_assert(std::size(kSizes) == SIZES);

void append(void *const *operands, int64_t, int64_t) {
  const int64_t count = *static_cast<const int64_t *>(operands[2]);
  auto *after = static_cast<int64_t *>(operands[1]);
  if (operands[0] != operands[1] && count > 0)
    std::memcpy(after, operands[0], static_cast<size_t>(count) * 8);
  after[count] = 10 * count;
}

const int64_t kOpen[] = {-1};
const uint32_t kIsN[] = {N}, kIsNext[] = {NEXT};
const smelt_tensor_info kList = {"list", kOpen, 0, 1, SMELT_I64, kIsN, "n", nullptr};
const smelt_tensor_info kLonger = {"longer", kOpen, 0, 1, SMELT_I64, kIsNext, "n + 1", nullptr};
const smelt_state kSwapped[] = {{kList, kLonger, nullptr, {0, 1}, {-1, -1}, 0}};
const smelt_state kInPlace[] = {{kList, kLonger, nullptr, {0, 0}, {-1, -1}, 0}};

void *resize(void *user, void *block, uint64_t old_bytes, uint64_t bytes) {
  *static_cast<int64_t *>(user) += static_cast<int64_t>(bytes - old_bytes);
  void *grown = bytes ? std::aligned_alloc(SMELT_ALIGNMENT, (bytes + 63) / 64 * 64) : nullptr;
  if (grown && block)
    std::memcpy(grown, block, old_bytes < bytes ? old_bytes : bytes);
  std::free(block);
  return grown;
}

class List : public testing::TestWithParam<const smelt_state *> {
protected:
  List() {
    const uint32_t after = GetParam()->blocks[1];
    operands[0] = {0, SMELT_BASE_BLOCK, 0};
    operands[1] = {0, SMELT_BASE_BLOCK, after};
    operands[2] = {N * sizeof(int64_t), SMELT_BASE_SIZES, 0};
    steps[0] = {nullptr, nullptr, "grow", 0, 0, 0, SMELT_STEP_GROW, after, BYTES, 0};
    steps[1] = {append, operands, "append", 1, 3, 0, SMELT_STEP_KERNEL, 0, 0, 0};
    model.abi_version = SMELT_ABI_VERSION;
    model.step_count = 2;
    model.steps = steps;
    model.sizes = kSizes;
    model.size_count = model.shape_sizes = SIZES;
    model.arena_size = PLACE; // as if something else took as much
    model.block_count = after + 1;
    model.states = GetParam();
    model.state_count = 1;
    arena = static_cast<unsigned char *>(std::aligned_alloc(64, 128));
    EXPECT_EQ(smelt_init(&instance, &model, arena, 128), SMELT_OK);
    smelt_set_resize(&instance, resize, &given);
  }
  ~List() override {
    smelt_release(&instance);
    EXPECT_EQ(given, 0);
    std::free(arena);
  }

  smelt_status run() {
    const int64_t *shapes[] = {nullptr};
    uint64_t bytes = 0;
    EXPECT_EQ(smelt_needed_bytes(&instance, shapes, &bytes), SMELT_OK);
    if (bytes > instance.arena_bytes) {
      auto *larger = static_cast<unsigned char *>(std::aligned_alloc(64, (bytes + 127) / 64 * 64));
      EXPECT_EQ(smelt_set_shapes(&instance, shapes), SMELT_ERROR_ARENA);
      EXPECT_EQ(smelt_move(&instance, larger, (bytes + 127) / 64 * 64), SMELT_OK);
      std::free(arena);
      arena = larger;
    }
    EXPECT_EQ(smelt_set_shapes(&instance, shapes), SMELT_OK);
    const void *inputs[] = {nullptr};
    void *outputs[] = {nullptr};
    return smelt_run(&instance, inputs, outputs);
  }
  std::vector<int64_t> held() const {
    const auto *data = static_cast<const int64_t *>(smelt_state_data(&instance, 0));
    return {data, data + smelt_state_extent(&instance, 0, 0)};
  }

  smelt_operand operands[3];
  smelt_step steps[2];
  smelt_model model{};
  smelt_instance instance{};
  unsigned char *arena = nullptr;
  int64_t given = 0;
};

} // namespace

TEST(States, StayFromRunToRun) {
  Sum sum;
  EXPECT_EQ(sum.run(), 2);
  EXPECT_EQ(sum.run(), 4);
  EXPECT_EQ(sum.run(10), 24);
  EXPECT_EQ(static_cast<const int64_t *>(smelt_state_data(&sum.instance, 0))[1], 24);
  EXPECT_EQ(smelt_state_extent(&sum.instance, 0, 0), 4);
  smelt_reset(&sum.instance);
  EXPECT_EQ(sum.run(), 2);
}

TEST(States, BelongToTheirInstance) {
  Sum one, other;
  one.run();
  EXPECT_EQ(other.run(), 2);
  EXPECT_EQ(one.run(), 4);
}

TEST(States, AreZerosInAnArenaThatWasUsed) {
  Sum sum;
  std::memset(sum.arena, 0xff, sizeof sum.arena);
  EXPECT_EQ(smelt_init(&sum.instance, &sum.model, sum.arena, sizeof sum.arena), SMELT_OK);
  EXPECT_EQ(sum.run(), 2);
}

TEST(States, MoveWithTheArena) {
  for (int runs : {1, 2}) { // read from either place
    Sum sum;
    for (int run = 0; run < runs; ++run)
      sum.run();
    alignas(SMELT_ALIGNMENT) unsigned char larger[kSumBytes];
    EXPECT_EQ(smelt_move(&sum.instance, larger, sizeof larger - 1), SMELT_ERROR_ARENA);
    EXPECT_EQ(smelt_move(&sum.instance, larger + 1, sizeof larger), SMELT_ERROR_ALIGNMENT);
    EXPECT_EQ(smelt_move(&sum.instance, larger, sizeof larger), SMELT_OK);
    std::memset(sum.arena, 0xff, sizeof sum.arena);
    EXPECT_EQ(sum.run(), 2 * (runs + 1));
  }
}

TEST_P(List, Grows) {
  std::vector<int64_t> want;
  for (int64_t n = 0; n < 100; ++n) {
    ASSERT_EQ(run(), SMELT_OK);
    want.push_back(10 * n);
    ASSERT_EQ(held(), want);
  }
  smelt_reset(&instance);
  EXPECT_EQ(smelt_state_extent(&instance, 0, 0), 0);
  ASSERT_EQ(run(), SMELT_OK);
  EXPECT_EQ(held(), std::vector<int64_t>{0});
}

TEST_P(List, StaysAsItWasWhereARunFails) {
  ASSERT_EQ(run(), SMELT_OK);
  ASSERT_EQ(run(), SMELT_OK);
  smelt_set_resize(&instance, nullptr, nullptr);
  smelt_status status = SMELT_OK;
  int64_t count = 2;
  for (; status == SMELT_OK && count < 100; ++count)
    status = run();
  EXPECT_EQ(status, SMELT_ERROR_MEMORY);
  EXPECT_EQ(smelt_state_extent(&instance, 0, 0), count - 1);
  smelt_set_resize(&instance, resize, &given);
  ASSERT_EQ(run(), SMELT_OK);
  EXPECT_EQ(held().back(), 10 * (count - 1));
}

TEST_P(List, AnArenaThatHasBecomeTooSmallIsRefused) {
  const int64_t *shapes[] = {nullptr};
  const void *inputs[] = {nullptr};
  void *outputs[] = {nullptr};
  ASSERT_EQ(smelt_set_shapes(&instance, shapes), SMELT_OK);
  smelt_status status = SMELT_OK;
  for (int n = 0; n < 20 && status == SMELT_OK; ++n)
    status = smelt_run(&instance, inputs, outputs);
  EXPECT_EQ(status, SMELT_ERROR_ARENA);
}

INSTANTIATE_TEST_SUITE_P(Places, List, testing::Values(kSwapped, kInPlace),
                         [](const auto &info) { return info.param == kSwapped ? "Swapped" : "InPlace"; });
