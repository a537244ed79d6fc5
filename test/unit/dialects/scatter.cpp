// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// scatter_elements and scatter_nd.

#include "OperatorHarness.h"
#include "gmock/gmock.h"

using namespace smelt::test;
using testing::HasSubstr;

namespace {

constexpr const char *kTypes[] = {"f32", "f64", "f16", "bf16", "i1", "i8", "ui8", "i16", "i32", "ui32", "i64", "ui64"};
constexpr int kNone = 0, kAdd = 1, kMul = 2, kMax = 3, kMin = 4;

std::string of(llvm::StringRef shape, llvm::StringRef element) { return ("tensor<" + shape + element + ">").str(); }

std::string elements(int axis, int reduction, llvm::StringRef data, llvm::StringRef indices, llvm::StringRef updates) {
  return oneOp("graph.scatter_elements",
               "{axis = " + std::to_string(axis) + " : i64, reduction = " + std::to_string(reduction) + " : i32}",
               {data, indices, updates}, data);
}

std::string slices(int reduction, llvm::StringRef data, llvm::StringRef indices, llvm::StringRef updates) {
  return oneOp("graph.scatter_nd", "{reduction = " + std::to_string(reduction) + " : i32}", {data, indices, updates},
               data);
}

/// Products of many numbers in f16 are rounded once or many times.
Tolerance toleranceOf(llvm::StringRef type) {
  return type.contains("f16") ? Tolerance{1e-1, 1e-1} : Tolerance::ofFloat();
}

} // namespace

TEST(ScatterElements, AlongEachAxis) {
  expectValues(elements(1, kNone, "tensor<1x5xf32>", "tensor<1x2xi64>", "tensor<1x2xf32>"),
               {{1, 2, 3, 4, 5}, {1, -2}, {9, 8}}, {1, 9, 3, 8, 5});
  expectValues(elements(0, kNone, "tensor<3x3xf32>", "tensor<2x3xi64>", "tensor<2x3xf32>"),
               {{0, 0, 0, 0, 0, 0, 0, 0, 0}, {1, 0, 2, 0, 2, 1}, {1, 1.1, 1.2, 2, 2.1, 2.2}},
               {2, 1.1, 0, 1, 0, 2.2, 0, 2.1, 1.2});
}

TEST(ScatterElements, Reductions) {
  auto reduce = [](int reduction, std::vector<double> expected) {
    expectValues(elements(0, reduction, "tensor<3xi64>", "tensor<3xi64>", "tensor<3xi64>"),
                 {{1, 2, 3}, {1, 1, 0}, {5, -4, 7}}, expected);
  };
  reduce(kAdd, {8, 3, 3});
  reduce(kMul, {7, -40, 3});
  reduce(kMax, {7, 5, 3});
  reduce(kMin, {1, -4, 3});
}

TEST(ScatterElements, BoolsMeet) {
  auto reduce = [](int reduction, std::vector<double> expected) {
    expectValues(elements(0, reduction, "tensor<4xi1>", "tensor<4xi64>", "tensor<4xi1>"),
                 {{0, 0, 1, 1}, {0, 1, 2, 3}, {0, 1, 0, 1}}, expected);
  };
  reduce(kAdd, {0, 1, 1, 1});
  reduce(kMul, {0, 0, 0, 1});
  reduce(kMax, {0, 1, 1, 1});
  reduce(kMin, {0, 0, 0, 1});
}

TEST(ScatterElements, IndicesOutsideAreLimited) {
  expectValues(elements(0, kNone, "tensor<3xf32>", "tensor<2xi64>", "tensor<2xf32>"), {{1, 2, 3}, {9, -9}, {8, 7}},
               {7, 2, 8});
}

TEST(ScatterElements, NoUpdates) {
  for (int reduction : {kNone, kAdd})
    expectValues(elements(0, reduction, "tensor<3xf32>", "tensor<0xi64>", "tensor<0xf32>"), {{1, 2, 3}, {}, {}},
                 {1, 2, 3});
}

TEST(ScatterElements, AllTypesAndReductions) {
  for (const char *type : kTypes)
    for (int reduction : {kNone, kAdd, kMul, kMax, kMin})
      expectCodeMatches(elements(1, reduction, of("4x5x19x", type), "tensor<3x7x18xi64>", of("3x7x18x", type)), {-5, 5},
                        toleranceOf(type));
  expectCodeMatches(elements(2, kAdd, "tensor<2x3x40xf32>", "tensor<2x3x50xi32>", "tensor<2x3x50xf32>"), {-50, 50},
                    Tolerance::ofFloat());
}

// Lines longer than the scratch memory are done in parts.
TEST(ScatterElements, LongLines) {
  expectCodeMatches(elements(0, kAdd, "tensor<20000xf32>", "tensor<500xi64>", "tensor<500xf32>"), {-20000, 20000},
                    Tolerance::ofFloat());
}

TEST(ScatterElements, Errors) {
  auto scatter = [](int axis, llvm::StringRef data, llvm::StringRef indices, llvm::StringRef updates) {
    return diagnosticOf(elements(axis, kNone, data, indices, updates));
  };
  EXPECT_THAT(scatter(1, "tensor<3xf32>", "tensor<2xi64>", "tensor<2xf32>"), HasSubstr("axis 1"));
  EXPECT_THAT(scatter(0, "tensor<3xf32>", "tensor<2xi64>", "tensor<2xf64>"), HasSubstr("different element types"));
  EXPECT_THAT(scatter(0, "tensor<3xf32>", "tensor<2xi64>", "tensor<1xf32>"), HasSubstr("one update for each index"));
  EXPECT_THAT(scatter(0, "tensor<3xf32>", "tensor<2xf32>", "tensor<2xf32>"), HasSubstr("indices are integers"));
  EXPECT_THAT(scatter(0, "tensor<f32>", "tensor<i64>", "tensor<f32>"), HasSubstr("no places"));
  EXPECT_THAT(scatter(0, "tensor<3x2xf32>", "tensor<3x3xi64>", "tensor<3x3xf32>"), HasSubstr("more indices"));
  EXPECT_THAT(scatter(0, "tensor<0xf32>", "tensor<1xi64>", "tensor<1xf32>"), HasSubstr("nothing to read"));
}

TEST(ScatterNd, Elements) {
  expectValues(slices(kNone, "tensor<8xf32>", "tensor<4x1xi64>", "tensor<4xf32>"),
               {{1, 2, 3, 4, 5, 6, 7, 8}, {4, 3, 1, -1}, {9, 10, 11, 12}}, {1, 11, 3, 10, 9, 6, 7, 12});
}

TEST(ScatterNd, Slices) {
  expectValues(slices(kNone, "tensor<3x2xi64>", "tensor<2x1xi64>", "tensor<2x2xi64>"),
               {{1, 2, 3, 4, 5, 6}, {2, 0}, {7, 8, 9, 10}}, {9, 10, 3, 4, 7, 8});
  expectValues(slices(kAdd, "tensor<3x2xi64>", "tensor<2x1xi64>", "tensor<2x2xi64>"),
               {{1, 2, 3, 4, 5, 6}, {2, 2}, {7, 8, 9, 10}}, {1, 2, 3, 4, 21, 24});
}

TEST(ScatterNd, WholeTensor) {
  for (int reduction : {kNone, kMax})
    expectValues(slices(reduction, "tensor<2xf32>", "tensor<1x0xi64>", "tensor<1x2xf32>"), {{1, 2}, {}, {7, 8}},
                 {7, 8});
}

TEST(ScatterNd, IndicesOutsideAreLimited) {
  expectValues(slices(kNone, "tensor<2x2xf32>", "tensor<2x2xi64>", "tensor<2xf32>"),
               {{1, 2, 3, 4}, {9, -9, -9, 9}, {8, 7}}, {1, 7, 8, 4});
}

TEST(ScatterNd, AllTypesAndReductions) {
  for (const char *type : kTypes)
    for (int reduction : {kNone, kAdd, kMul, kMax, kMin})
      expectCodeMatches(slices(reduction, of("4x5x19x", type), "tensor<3x3x2xi64>", of("3x3x19x", type)), {-6, 6},
                        toleranceOf(type));
}

TEST(ScatterNd, MoreThanScratchHolds) {
  expectCodeMatches(slices(kAdd, "tensor<50x500xf32>", "tensor<20x1xi64>", "tensor<20x500xf32>"), {-50, 50},
                    Tolerance::ofFloat());
}

TEST(ScatterNd, Errors) {
  auto scatter = [](llvm::StringRef data, llvm::StringRef indices, llvm::StringRef updates) {
    return diagnosticOf(slices(kNone, data, indices, updates));
  };
  EXPECT_THAT(scatter("tensor<3xf32>", "tensor<i64>", "tensor<f32>"), HasSubstr("counts coordinates"));
  EXPECT_THAT(scatter("tensor<3xf32>", "tensor<1x2xi64>", "tensor<1xf32>"), HasSubstr("counts coordinates"));
  EXPECT_THAT(scatter("tensor<3x2xf32>", "tensor<1x1xi64>", "tensor<1xf32>"), HasSubstr("do not have the shape"));
  EXPECT_THAT(scatter("tensor<0xf32>", "tensor<1x1xi64>", "tensor<1xf32>"), HasSubstr("nothing to read"));
}
