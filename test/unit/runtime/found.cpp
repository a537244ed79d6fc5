// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A model that finds sizes as it runs: y holds the numbers n - 1, …, 0, where n is what the input holds, in a block
// that grows one number after another.
#include "smelt/smelt.h"

#include "gtest/gtest.h"

#include <cstdlib>
#include <cstring>

namespace {

enum { LEFT, ONE, MINUS, LESS, COUNT, NEXT, EIGHT, PLACE, BYTES, SIZES };
const smelt_size kSizes[] = {
    {0, SMELT_SIZE_COUNT, 0, 0, 0},            // LEFT
    {1, SMELT_SIZE_NUMBER, 0, 0, 0},           // ONE
    {-1, SMELT_SIZE_NUMBER, 0, 0, 0},          // MINUS
    {0, SMELT_SIZE_ADD, LEFT, MINUS, 0},       // LESS
    {0, SMELT_SIZE_VALUE, 0, 0, 0},            // COUNT
    {0, SMELT_SIZE_ADD, COUNT, ONE, 0},        // NEXT
    {8, SMELT_SIZE_NUMBER, 0, 0, 0},           // EIGHT
    {0, SMELT_SIZE_MULTIPLY, COUNT, EIGHT, 0}, // PLACE
    {0, SMELT_SIZE_MULTIPLY, NEXT, EIGHT, 0},  // BYTES
};
static_assert(std::size(kSizes) == SIZES);

void append(void *const *operands, int64_t, int64_t) {
  *static_cast<int64_t *>(operands[0]) = *static_cast<const int64_t *>(operands[1]);
}

constexpr smelt_operand sizeNumber(int64_t size) {
  return {size * static_cast<int64_t>(sizeof(int64_t)), SMELT_BASE_SIZES, 0};
}
const int64_t kZero = 0;
const smelt_operand kRead[] = {{0, SMELT_BASE_INPUT, 0}};
const smelt_operand kNone[] = {{0, SMELT_BASE_WEIGHTS, 0}};
const smelt_operand kAppend[] = {{PLACE, SMELT_BASE_BLOCK | SMELT_OFFSET_IS_SIZE, 0}, sizeNumber(LESS)};
const smelt_operand kAdvance[] = {sizeNumber(NEXT)}, kDecrease[] = {sizeNumber(LESS)};
const smelt_step kSteps[] = {
    {nullptr, kRead, "n", 0, 1, 0, SMELT_STEP_SIZES, LEFT, COUNT, 0},
    {nullptr, kNone, "count", 0, 1, 0, SMELT_STEP_SIZES, COUNT, SIZES, 0},
    {nullptr, nullptr, "while", 0, 0, 0, SMELT_STEP_JUMP, 8, LEFT, 0},
    {nullptr, nullptr, "grow", 0, 0, 0, SMELT_STEP_GROW, 0, BYTES, 0},
    {append, kAppend, "append", 1, 2, 0, SMELT_STEP_KERNEL, 0, 0, 0},
    {nullptr, kDecrease, "left", 0, 1, 0, SMELT_STEP_SIZES, LEFT, COUNT, 0},
    {nullptr, kAdvance, "count", 0, 1, 0, SMELT_STEP_SIZES, COUNT, SIZES, 0},
    {nullptr, nullptr, "again", 0, 0, 0, SMELT_STEP_JUMP, 2, UINT32_MAX, 0},
};
const int64_t kOpen[] = {-1};
const uint32_t kIsCount[] = {COUNT};
const smelt_operand kHeld[] = {{0, SMELT_BASE_BLOCK, 0}};
const smelt_tensor_info kInputs[] = {{"n", nullptr, 8, 0, SMELT_I64, nullptr, nullptr, nullptr}};
const smelt_tensor_info kOutputs[] = {{"y", kOpen, 0, 1, SMELT_I64, kIsCount, "count", kHeld}};

/// Counts what it gives and takes back, and has no more than `most` bytes.
struct Memory {
  uint64_t most = 1 << 20, given = 0;
  int resized = 0;

  static void *resize(void *user, void *block, uint64_t oldBytes, uint64_t bytes) {
    auto *memory = static_cast<Memory *>(user);
    if (memory->given - oldBytes + bytes > memory->most)
      return nullptr;
    memory->given = memory->given - oldBytes + bytes;
    ++memory->resized;
    void *grown =
        bytes ? std::aligned_alloc(SMELT_ALIGNMENT, (bytes + SMELT_ALIGNMENT - 1) / SMELT_ALIGNMENT * SMELT_ALIGNMENT)
              : nullptr;
    if (grown && block)
      std::memcpy(grown, block, oldBytes);
    std::free(block);
    return grown;
  }
};

class Found : public testing::Test {
protected:
  Found() {
    model.abi_version = SMELT_ABI_VERSION;
    model.input_count = model.output_count = 1;
    model.step_count = std::size(kSteps);
    model.arena_bytes = 128;
    model.inputs = kInputs;
    model.outputs = kOutputs;
    model.steps = kSteps;
    model.weights = reinterpret_cast<const unsigned char *>(&kZero);
    model.sizes = kSizes;
    model.size_count = SIZES;
    model.block_count = 1;
    EXPECT_EQ(smelt_init(&instance, &model, arena, sizeof arena), SMELT_OK);
    smelt_set_resize(&instance, Memory::resize, &memory);
  }
  ~Found() override {
    smelt_release(&instance);
    EXPECT_EQ(memory.given, 0u);
  }

  smelt_status run(int64_t n) {
    alignas(SMELT_ALIGNMENT) const int64_t aligned = n;
    const void *inputs[] = {&aligned};
    void *outputs[] = {nullptr};
    return smelt_run(&instance, inputs, outputs);
  }

  Memory memory;
  smelt_model model{};
  smelt_instance instance{};
  alignas(SMELT_ALIGNMENT) unsigned char arena[128];
};

} // namespace

TEST_F(Found, OutputsAreHeldWithTheShapesThatTheRunFinds) {
  for (int64_t n : {5, 200, 0, 3}) {
    ASSERT_EQ(run(n), SMELT_OK);
    ASSERT_EQ(smelt_tensor_extent(&instance, &model.outputs[0], 0), n);
    EXPECT_EQ(smelt_tensor_bytes(&instance, &model.outputs[0]), static_cast<uint64_t>(n) * 8);
    for (int64_t i = 0; i < n; ++i)
      EXPECT_EQ(static_cast<const int64_t *>(smelt_output(&instance, 0))[i], n - 1 - i);
  }
}

TEST_F(Found, BlocksGrowSeldom) {
  ASSERT_EQ(run(1000), SMELT_OK);
  EXPECT_LT(memory.resized, 20);
}

TEST_F(Found, CountsAreNotNegative) { EXPECT_EQ(run(-1), SMELT_ERROR_SHAPE); }

TEST_F(Found, MemoryMayEnd) {
  memory.most = 100;
  EXPECT_EQ(run(12), SMELT_OK);
  EXPECT_EQ(run(50), SMELT_ERROR_MEMORY);
  EXPECT_EQ(run(2), SMELT_OK);
}

TEST_F(Found, NoMemoryIsGivenWithoutResize) {
  smelt_set_resize(&instance, nullptr, nullptr);
  EXPECT_EQ(run(0), SMELT_OK);
  EXPECT_EQ(run(1), SMELT_ERROR_MEMORY);
}
