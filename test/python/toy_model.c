/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* A compiled model written by hand: y = (x + w) * 2, in two steps of four tiles, and n = 3 i. Lets the runtime's users
 * be tested without the compiler. */
#include "smelt/smelt.h"

enum { kTile = 16, kTiles = 4, kCount = kTile * kTiles };

static const float weights[kCount] = {1, 2, 3, 4};

static void add(void *const *operands, int64_t first, int64_t last) {
  const float *x = operands[0], *w = operands[1];
  float *sum = operands[2];
  for (int64_t i = first * kTile; i < last * kTile; ++i)
    sum[i] = x[i] + w[i];
}

static void twice(void *const *operands, int64_t first, int64_t last) {
  const float *sum = operands[0];
  float *y = operands[1];
  for (int64_t i = first * kTile; i < last * kTile; ++i)
    y[i] = 2 * sum[i];
}

static void triple(void *const *operands, int64_t first, int64_t last) {
  (void)first, (void)last;
  *(int64_t *)operands[1] = 3 * *(const int64_t *)operands[0];
}

static const smelt_operand add_operands[] = {
    {0, SMELT_BASE_INPUT, 0}, {0, SMELT_BASE_WEIGHTS, 0}, {64, SMELT_BASE_ARENA, 0}};
static const smelt_operand twice_operands[] = {{64, SMELT_BASE_ARENA, 0}, {0, SMELT_BASE_OUTPUT, 0}};
static const smelt_operand triple_operands[] = {{0, SMELT_BASE_INPUT, 1}, {0, SMELT_BASE_OUTPUT, 1}};
static const smelt_step steps[] = {{add, add_operands, "Add_0", kTiles, 3, 0},
                                   {twice, twice_operands, "Mul_1", kTiles, 2, 0},
                                   {triple, triple_operands, "Mul_2", 1, 2, 0}};
static const int64_t matrix[] = {4, kTile};
static const smelt_tensor_info inputs[] = {{"x", matrix, sizeof weights, 2, SMELT_F32}, {"i", 0, 8, 0, SMELT_I64}};
static const smelt_tensor_info outputs[] = {{"y", matrix, sizeof weights, 2, SMELT_F32}, {"n", 0, 8, 0, SMELT_I64}};

/* In C, smelt_model is the name of a type. */
const smelt_model toy __asm__("smelt_model") = {.abi_version = SMELT_ABI_VERSION,
                                                .input_count = 2,
                                                .output_count = 2,
                                                .step_count = 3,
                                                .arena_bytes = 64 + sizeof weights,
                                                .weights_bytes = sizeof weights,
                                                .name = "toy",
                                                .target = "native",
                                                .inputs = inputs,
                                                .outputs = outputs,
                                                .steps = steps,
                                                .weights = (const unsigned char *)weights};
