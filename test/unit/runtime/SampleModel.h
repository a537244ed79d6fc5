// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A model written by hand, small enough to follow on paper:
//   sum   = left + right       step 0, "Add_0",   4 tiles, into the arena
//   scaled = sum · weights      step 1, "Mul_1",   4 tiles, into the arena
//   total = Σ scaled           step 2, "Sum_2",   1 tile,  output 1
//   result = scaled + total     step 3, "Add_3",   4 tiles, output 0
#ifndef SMELT_TEST_UNIT_RUNTIME_SAMPLEMODEL_H
#define SMELT_TEST_UNIT_RUNTIME_SAMPLEMODEL_H

#include "smelt/smelt.h"

#include <array>

namespace smelt_test {

constexpr int64_t kTiles = 4;
constexpr int64_t kTileLength = 16;
constexpr int64_t kLength = kTiles * kTileLength;
constexpr int64_t kTensorBytes = kLength * sizeof(float);

struct alignas(SMELT_ALIGNMENT) Tensor : std::array<float, kLength> {};

inline float *floats(void *operand) { return static_cast<float *>(operand); }

inline void add(void *const *operands, int64_t first, int64_t last) {
  for (int64_t i = first * kTileLength; i < last * kTileLength; ++i)
    floats(operands[2])[i] = floats(operands[0])[i] + floats(operands[1])[i];
}

inline void multiply(void *const *operands, int64_t first, int64_t last) {
  for (int64_t i = first * kTileLength; i < last * kTileLength; ++i)
    floats(operands[2])[i] = floats(operands[0])[i] * floats(operands[1])[i];
}

inline void sum(void *const *operands, int64_t first, int64_t last) {
  if (first == last)
    return;
  *floats(operands[1]) = 0;
  for (int64_t i = 0; i < kLength; ++i)
    *floats(operands[1]) += floats(operands[0])[i];
}

inline void addScalar(void *const *operands, int64_t first, int64_t last) {
  for (int64_t i = first * kTileLength; i < last * kTileLength; ++i)
    floats(operands[2])[i] = floats(operands[0])[i] + *floats(operands[1]);
}

// The weights start after a gap, so that a lost offset shows.
constexpr int64_t kWeightsOffset = SMELT_ALIGNMENT;

struct alignas(SMELT_ALIGNMENT) Weights {
  float gap[kWeightsOffset / sizeof(float)];
  float scales[kLength];
};

constexpr Weights makeWeights() {
  Weights weights{};
  for (int64_t i = 0; i < kLength; ++i)
    weights.scales[i] = float(i % 5);
  return weights;
}

inline const Weights kWeights = makeWeights();

inline const int64_t kVectorShape[] = {kTiles, kTileLength};
inline const smelt_tensor_info kInputs[] = {{"left", kVectorShape, kTensorBytes, 2, SMELT_F32},
                                            {"right", kVectorShape, kTensorBytes, 2, SMELT_F32}};
inline const smelt_tensor_info kOutputs[] = {{"result", kVectorShape, kTensorBytes, 2, SMELT_F32},
                                             {"total", nullptr, sizeof(float), 0, SMELT_F32}};

inline const smelt_operand kAddOperands[] = {
    {0, SMELT_BASE_INPUT, 0}, {0, SMELT_BASE_INPUT, 1}, {0, SMELT_BASE_ARENA, 0}};
inline const smelt_operand kMulOperands[] = {
    {0, SMELT_BASE_ARENA, 0}, {kWeightsOffset, SMELT_BASE_WEIGHTS, 0}, {kTensorBytes, SMELT_BASE_ARENA, 0}};
inline const smelt_operand kSumOperands[] = {{kTensorBytes, SMELT_BASE_ARENA, 0}, {0, SMELT_BASE_OUTPUT, 1}};
inline const smelt_operand kAddScalarOperands[] = {
    {kTensorBytes, SMELT_BASE_ARENA, 0}, {0, SMELT_BASE_OUTPUT, 1}, {0, SMELT_BASE_OUTPUT, 0}};

inline const smelt_step kSteps[] = {{add, kAddOperands, "Add_0", kTiles, 3, 0},
                                    {multiply, kMulOperands, "Mul_1", kTiles, 3, 0},
                                    {sum, kSumOperands, "Sum_2", 1, 2, 0},
                                    {addScalar, kAddScalarOperands, "Add_3", kTiles, 3, 0}};

constexpr uint64_t kArenaBytes = 2 * kTensorBytes;

inline smelt_model sampleModel() {
  smelt_model model{};
  model.abi_version = SMELT_ABI_VERSION;
  model.input_count = 2;
  model.output_count = 2;
  model.step_count = 4;
  model.arena_bytes = kArenaBytes;
  model.weights_bytes = sizeof(Weights);
  model.name = "sample";
  model.target = "any";
  model.inputs = kInputs;
  model.outputs = kOutputs;
  model.steps = kSteps;
  model.weights = reinterpret_cast<const unsigned char *>(&kWeights);
  return model;
}

// One inference's memory and what must come out of it.
struct Sample {
  Tensor left, right, result{}, total{};
  alignas(SMELT_ALIGNMENT) unsigned char arena[kArenaBytes];
  std::array<const void *, 2> inputs{left.data(), right.data()};
  std::array<void *, 2> outputs{result.data(), total.data()};

  // Small whole numbers: every sum is exact.
  explicit Sample(float seed = 1) {
    for (int64_t i = 0; i < kLength; ++i) {
      left[i] = seed + float(i % 7);
      right[i] = float(i % 3) - seed * 2;
    }
  }
  Sample(const Sample &) = delete; // inputs and outputs point into it

  Tensor expected() const {
    Tensor expected;
    float total = 0;
    for (int64_t i = 0; i < kLength; ++i)
      total += expected[i] = (left[i] + right[i]) * kWeights.scales[i];
    for (float &value : expected)
      value += total;
    return expected;
  }
};

} // namespace smelt_test

#endif // SMELT_TEST_UNIT_RUNTIME_SAMPLEMODEL_H
