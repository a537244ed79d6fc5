// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is computed in strips of rows has the bits that it has as a whole, and those of the reference within tolerance.

#include "OperatorHarness.h"
#include "llvm/ADT/StringExtras.h"
#include <gtest/gtest.h>

using namespace smelt;
using namespace smelt::test;

/// Elements of each WEIGHTS, by its type.
static std::string withWeights(llvm::StringRef text) {
  std::string result;
  unsigned seed = 0;
  for (;;) {
    auto [before, after] = text.split("WEIGHTS : tensor<");
    result += before;
    if (after.empty())
      return result;
    llvm::SmallVector<int64_t> shape;
    llvm::StringRef type = after.take_until([](char c) { return c == '>'; });
    for (llvm::StringRef extents = type; extents != "f32";) {
      int64_t extent = 0;
      if (extents.consumeInteger(10, extent) || !extents.consume_front("x"))
        return "";
      shape.push_back(extent);
    }
    mlir::MLIRContext context;
    auto tensor = randomTensor(mlir::RankedTensorType::get(shape, mlir::Float32Type::get(&context)), ++seed);
    result +=
        "dense<\"0x" + llvm::toHex(llvm::StringRef(tensor.bytes().data(), tensor.bytes().size())) + "\"> : tensor<";
    text = after;
  }
}

/// Empty where all bits are the same.
static std::string firstDifference(const graph::HostTensor &part, const graph::HostTensor &whole) {
  if (part.bytes() == whole.bytes())
    return "";
  std::vector<double> got = numbers(part), want = numbers(whole);
  for (size_t i = 0; i < got.size(); ++i)
    if (got[i] != want[i])
      return "element " + std::to_string(i) + " is " + std::to_string(got[i]) + ", not " + std::to_string(want[i]);
  return "signs of zeros or NaNs differ";
}

static void expectSameInStrips(llvm::StringRef given, Range range = {}) {
  SCOPED_TRACE(given.str());
  const std::string text = withWeights(given);
  Operator op(text);
  ASSERT_TRUE(op.isValid());
  Tensors inputs = op.randomInputs(range);
  op.expectCompiledMatches(inputs, Tolerance{1e-4, 1e-5});
  Tensors whole = op.runInStrips(inputs, 1);
  for (int64_t strips : {2, 3, 4, 7}) {
    Tensors parts = op.runInStrips(inputs, strips);
    ASSERT_EQ(parts.size(), whole.size());
    for (auto [part, expected] : llvm::zip_equal(parts, whole))
      EXPECT_EQ(firstDifference(part, expected), "") << "in " << strips << " strips";
  }
}

// Windows of unlike sizes and strides one after another, padding on both sides or one, and a last row nobody reads.
TEST(Strips, Windows) {
  expectSameInStrips(R"(
func.func @f(%x: tensor<1x23x11x5xf32>) -> tensor<1x4x4x6xf32> {
  %v = graph.constant WEIGHTS : tensor<3x3x5x8xf32>
  %d = graph.constant WEIGHTS : tensor<3x3x1x8xf32>
  %w = graph.constant WEIGHTS : tensor<5x3x8x6xf32>
  %0 = graph.conv %x, %v {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x23x11x5xf32>, tensor<3x3x5x8xf32>) -> tensor<1x23x11x8xf32>
  %1 = graph.relu %0 : (tensor<1x23x11x8xf32>) -> tensor<1x23x11x8xf32>
  %2 = graph.conv %1, %d {strides = array<i64: 2, 1>, dilations = array<i64: 2, 1>, low = array<i64: 0, 1>, high = array<i64: 1, 1>, groups = 8 : i64, layout = 1 : i32} : (tensor<1x23x11x8xf32>, tensor<3x3x1x8xf32>) -> tensor<1x10x11x8xf32>
  %3 = graph.conv %2, %w {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, low = array<i64: 2, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x10x11x8xf32>, tensor<5x3x8x6xf32>) -> tensor<1x4x5x6xf32>
  %4 = graph.slice %3 {starts = #graph.extents<"0, 0, 1, 0">, steps = #graph.extents<"1, 1, 1, 1">} : (tensor<1x4x5x6xf32>) -> tensor<1x4x4x6xf32>
  %5 = graph.relu %4 : (tensor<1x4x4x6xf32>) -> tensor<1x4x4x6xf32>
  return %5 : tensor<1x4x4x6xf32>
})");
}

// What is added later was computed in a strip before; an inner value is a result as well.
TEST(Strips, Residuals) {
  expectSameInStrips(R"(
func.func @f(%x: tensor<2x3x14x9xf32>) -> (tensor<2x14x9x8xf32>, tensor<2x14x9x8xf32>) {
  %u = graph.constant WEIGHTS : tensor<1x1x3x8xf32>
  %d = graph.constant WEIGHTS : tensor<3x3x1x8xf32>
  %w = graph.constant WEIGHTS : tensor<1x1x8x8xf32>
  %row = graph.constant WEIGHTS : tensor<1x14x1x8xf32>
  %0 = graph.transpose %x {permutation = array<i64: 0, 2, 3, 1>} : (tensor<2x3x14x9xf32>) -> tensor<2x14x9x3xf32>
  %1 = graph.conv %0, %u {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<2x14x9x3xf32>, tensor<1x1x3x8xf32>) -> tensor<2x14x9x8xf32>
  %2 = graph.mul %1, %row : (tensor<2x14x9x8xf32>, tensor<1x14x1x8xf32>) -> tensor<2x14x9x8xf32>
  %3 = graph.conv %2, %d {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 8 : i64, layout = 1 : i32} : (tensor<2x14x9x8xf32>, tensor<3x3x1x8xf32>) -> tensor<2x14x9x8xf32>
  %4 = graph.conv %3, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<2x14x9x8xf32>, tensor<1x1x8x8xf32>) -> tensor<2x14x9x8xf32>
  %5 = graph.add %4, %2 : (tensor<2x14x9x8xf32>, tensor<2x14x9x8xf32>) -> tensor<2x14x9x8xf32>
  return %5, %3 : tensor<2x14x9x8xf32>, tensor<2x14x9x8xf32>
})");
}

// Padding of a pool does not count, wherever a strip ends.
TEST(Strips, Pools) {
  for (const char *pool : {"kind = 0 : i32, count_padding = false", "kind = 1 : i32, count_padding = false",
                           "kind = 1 : i32, count_padding = true"})
    expectSameInStrips(
        (llvm::Twine(R"(
func.func @f(%x: tensor<1x15x8x6xf32>) -> tensor<1x8x8x8xf32> {
  %v = graph.constant WEIGHTS : tensor<3x1x6x8xf32>
  %0 = graph.conv %x, %v {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 0>, high = array<i64: 1, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x15x8x6xf32>, tensor<3x1x6x8xf32>) -> tensor<1x15x8x8xf32>
  %1 = graph.pool %0 {)") +
         pool +
         R"(, window = array<i64: 3, 3>, strides = array<i64: 2, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, declared_high = array<i64: 1, 1>, p = 2 : i64, layout = 1 : i32} : (tensor<1x15x8x8xf32>) -> tensor<1x8x8x8xf32>
  return %1 : tensor<1x8x8x8xf32>
})")
            .str());
}

// Two ways that meet again, as channels side by side and shuffled.
TEST(Strips, Branches) {
  expectSameInStrips(R"(
func.func @f(%x: tensor<1x12x7x8xf32>) -> tensor<1x12x7x8xf32> {
  %d = graph.constant WEIGHTS : tensor<3x3x1x8xf32>
  %w = graph.constant WEIGHTS : tensor<1x1x16x8xf32>
  %0 = graph.relu %x : (tensor<1x12x7x8xf32>) -> tensor<1x12x7x8xf32>
  %1 = graph.conv %0, %d {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 8 : i64, layout = 1 : i32} : (tensor<1x12x7x8xf32>, tensor<3x3x1x8xf32>) -> tensor<1x12x7x8xf32>
  %2 = graph.concat %0, %1 {axis = 3 : i64} : (tensor<1x12x7x8xf32>, tensor<1x12x7x8xf32>) -> tensor<1x12x7x16xf32>
  %3 = graph.reshape %2 : (tensor<1x12x7x16xf32>) -> tensor<1x12x7x2x8xf32>
  %4 = graph.transpose %3 {permutation = array<i64: 0, 1, 2, 4, 3>} : (tensor<1x12x7x2x8xf32>) -> tensor<1x12x7x8x2xf32>
  %5 = graph.reshape %4 : (tensor<1x12x7x8x2xf32>) -> tensor<1x12x7x16xf32>
  %6 = graph.conv %5, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x12x7x16xf32>, tensor<1x1x16x8xf32>) -> tensor<1x12x7x8xf32>
  return %6 : tensor<1x12x7x8xf32>
})");
}
