// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A model with symbolic dims: y[n] = 2 · x[n], through the arena, where n is a dim of x and m, of z, must be n / 2.
#include "smelt/smelt.h"

#include "gtest/gtest.h"

#include <numeric>
#include <vector>

namespace {

void twice(void *const *operands, int64_t first, int64_t last) {
  const int64_t n = *static_cast<const int64_t *>(operands[2]);
  for (int64_t i = first; i < last; ++i)
    if (i < n)
      static_cast<float *>(operands[1])[i] = 2 * static_cast<const float *>(operands[0])[i];
}

void copy(void *const *operands, int64_t first, int64_t last) {
  for (int64_t i = first; i < last; ++i)
    static_cast<float *>(operands[1])[i] = static_cast<const float *>(operands[0])[i];
}

enum { N, TWO, HALF, M, CHECK, FOUR, BYTES, ARENA };
const smelt_size kSizes[] = {
    {0, SMELT_SIZE_DIM, 0, 0, 0},         {2, SMELT_SIZE_NUMBER, 0, 0, 0},      {0, SMELT_SIZE_DIVIDE, N, TWO, 0},
    {0, SMELT_SIZE_DIM, 1, 0, 0},         {0, SMELT_SIZE_EQUAL, M, HALF, 0},    {4, SMELT_SIZE_NUMBER, 0, 0, 0},
    {0, SMELT_SIZE_MULTIPLY, N, FOUR, 0}, {0, SMELT_SIZE_ADD, BYTES, BYTES, 0},
};
const int64_t kOpen[] = {-1};
const uint32_t kIsN[] = {N}, kIsM[] = {M};
const smelt_tensor_info kInputs[] = {{"x", kOpen, 0, 1, SMELT_F32, kIsN}, {"z", kOpen, 0, 1, SMELT_F32, kIsM}};
const smelt_tensor_info kOutputs[] = {{"y", kOpen, 0, 1, SMELT_F32, kIsN}};
// The arena holds two tensors; the second begins where the first one ends, which only the run knows.
const smelt_operand kTwice[] = {{0, SMELT_BASE_INPUT, 0},
                                {BYTES, SMELT_BASE_ARENA | SMELT_OFFSET_IS_SIZE, 0},
                                {N * sizeof(int64_t), SMELT_BASE_SIZES, 0}};
const smelt_operand kCopy[] = {{BYTES, SMELT_BASE_ARENA | SMELT_OFFSET_IS_SIZE, 0}, {0, SMELT_BASE_OUTPUT, 0}};
const smelt_step kSteps[] = {{twice, kTwice, "twice", N, 3, 1}, {copy, kCopy, "copy", N, 2, 1}};

class Sizes : public testing::Test {
protected:
  Sizes() {
    model.abi_version = SMELT_ABI_VERSION;
    model.input_count = 2;
    model.output_count = 1;
    model.step_count = 2;
    model.inputs = kInputs;
    model.outputs = kOutputs;
    model.steps = kSteps;
    model.sizes = kSizes;
    model.size_count = model.shape_sizes = std::size(kSizes);
    model.arena_size = ARENA;
  }

  smelt_status setShapes(int64_t n, int64_t m) {
    const int64_t *shapes[] = {&n, &m};
    return smelt_set_shapes(&instance, shapes);
  }
  uint64_t arenaBytes(int64_t n) {
    const int64_t m = n / 2, *shapes[] = {&n, &m};
    uint64_t bytes = 0;
    EXPECT_EQ(smelt_arena_bytes(&model, shapes, &bytes), SMELT_OK);
    return bytes;
  }

  smelt_model model{};
  smelt_instance instance{};
  alignas(SMELT_ALIGNMENT) unsigned char arena[1024];
};

TEST_F(Sizes, OneInstanceServesAllThatFit) {
  ASSERT_EQ(smelt_init(&instance, &model, arena, sizeof arena), SMELT_OK);
  alignas(SMELT_ALIGNMENT) float x[64], y[64], z[32];
  std::iota(x, x + 64, 1.0F);
  for (int64_t n : {64, 1, 0, 37}) {
    ASSERT_EQ(setShapes(n, n / 2), SMELT_OK) << n;
    EXPECT_EQ(smelt_tensor_extent(&instance, &kOutputs[0], 0), n);
    EXPECT_EQ(smelt_tensor_bytes(&instance, &kOutputs[0]), n * sizeof(float));
    std::fill(y, y + 64, -1.0F);
    const void *inputs[] = {x, z};
    void *outputs[] = {y};
    ASSERT_EQ(smelt_run(&instance, inputs, outputs), SMELT_OK);
    for (int64_t i = 0; i < 64; ++i)
      EXPECT_EQ(y[i], i < n ? 2 * x[i] : -1.0F) << n << ", " << i;
  }
}

TEST_F(Sizes, TheArenaGrowsWithThem) {
  EXPECT_EQ(arenaBytes(8), 128 + 2 * 8 * sizeof(float)); // the sizes, then two tensors
  EXPECT_EQ(arenaBytes(1000), 128 + 2 * 1000 * sizeof(float));
  ASSERT_EQ(smelt_init(&instance, &model, arena, 192), SMELT_OK);
  EXPECT_EQ(setShapes(8, 4), SMELT_OK);
  EXPECT_EQ(setShapes(9, 4), SMELT_ERROR_ARENA);
  EXPECT_EQ(smelt_init(&instance, &model, arena, 127), SMELT_ERROR_ARENA);
}

TEST_F(Sizes, WhatDoesNotFitIsRefused) {
  ASSERT_EQ(smelt_init(&instance, &model, arena, sizeof arena), SMELT_OK);
  const void *inputs[] = {arena, arena};
  void *outputs[] = {arena};
  EXPECT_EQ(smelt_run(&instance, inputs, outputs), SMELT_ERROR_SHAPE); // none were set
  EXPECT_EQ(setShapes(8, 3), SMELT_ERROR_SHAPE);
  EXPECT_EQ(setShapes(-8, -4), SMELT_ERROR_SHAPE);
  EXPECT_EQ(setShapes(INT64_MAX / 2, INT64_MAX / 4), SMELT_ERROR_SHAPE); // bytes overflow
  EXPECT_EQ(smelt_set_shapes(&instance, nullptr), SMELT_ERROR_SHAPE);
  EXPECT_EQ(smelt_run(&instance, inputs, outputs), SMELT_ERROR_SHAPE);
}

TEST_F(Sizes, WhatIsRefusedIsNamed) {
  const smelt_size_use uses[] = {{"half", nullptr, M, M + 1}, {"bytes", nullptr, M + 1, std::size(kSizes)}};
  model.size_uses = uses;
  model.size_use_count = 2;
  ASSERT_EQ(smelt_init(&instance, &model, arena, sizeof arena), SMELT_OK);
  ASSERT_EQ(setShapes(INT64_MAX / 2, INT64_MAX / 4), SMELT_ERROR_SHAPE);
  EXPECT_STREQ(smelt_size_name(&model, smelt_failed_size(&instance)), "bytes");
  const int64_t n = -1, m = 0, *shapes[] = {&n, &m};
  uint64_t failed = 0;
  ASSERT_EQ(smelt_arena_bytes(&model, shapes, &failed), SMELT_ERROR_SHAPE);
  EXPECT_EQ(failed, N);
  EXPECT_EQ(smelt_size_name(&model, failed), nullptr); // an input's own
  ASSERT_EQ(smelt_set_shapes(&instance, nullptr), SMELT_ERROR_SHAPE);
  EXPECT_EQ(smelt_size_name(&model, smelt_failed_size(&instance)), nullptr);
}

/// What a model says of a size that there is none of, with the numbers that it is made of.
TEST_F(Sizes, WhatIsRefusedIsSaid) {
  smelt_size_use use = {"z", "{{z}} has {3} elements, {0} / {1} are wanted, {5}{999999}", CHECK, CHECK + 1};
  model.size_uses = &use;
  model.size_use_count = 1;
  ASSERT_EQ(smelt_init(&instance, &model, arena, sizeof arena), SMELT_OK);
  ASSERT_EQ(setShapes(8, 3), SMELT_ERROR_SHAPE);
  const std::string want = "{z} has 3 elements, 8 / 2 are wanted, ??";
  char text[64];
  EXPECT_EQ(smelt_failure(&instance, nullptr, 0), want.size());
  ASSERT_EQ(smelt_failure(&instance, text, sizeof text), want.size());
  EXPECT_EQ(text, want);
  std::fill(text, text + 64, 'x');
  ASSERT_EQ(smelt_failure(&instance, text, 5), want.size());
  EXPECT_STREQ(text, "{z} ");
  EXPECT_EQ(text[5], 'x');
  for (auto [says, written] :
       {std::pair("{", "{"), {"a{", "a{"}, {"}", "}"}, {"{}", "{}"}, {"{3", "3"}, {"{-1}", "{-1}"}}) {
    use.says = says;
    smelt_failure(&instance, text, sizeof text);
    EXPECT_STREQ(text, written) << says;
  }
  use.says = nullptr;
  EXPECT_EQ(smelt_failure(&instance, text, sizeof text), 0U);
  EXPECT_STREQ(text, "");
  use.says = "{0}";
  ASSERT_EQ(setShapes(-9223372036854775807 - 1, 3), SMELT_ERROR_SHAPE); // of a size that says nothing
  EXPECT_EQ(smelt_failure(&instance, text, sizeof text), 0U);
  EXPECT_EQ(smelt_failure(nullptr, text, sizeof text), 0U);
  EXPECT_EQ(smelt_failure(&instance, nullptr, 5), 0U);
}

} // namespace
