// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// gather, gather_elements and gather_nd; iota, one_hot and trilu.

#include "OperatorHarness.h"
#include "gmock/gmock.h"

using namespace smelt::test;
using testing::HasSubstr;

namespace {

constexpr const char *kTypes[] = {"f32", "f64", "f16", "bf16", "i1", "i8", "ui8", "i16", "i32", "ui32", "i64", "ui64"};
constexpr const char *kNumbers[] = {"f32", "f64", "f16", "bf16", "i8", "ui8", "i16", "i32", "ui32", "i64", "ui64"};

std::string of(llvm::StringRef shape, llvm::StringRef element) { return ("tensor<" + shape + element + ">").str(); }

std::string onAxis(llvm::StringRef name, int axis, llvm::ArrayRef<llvm::StringRef> operands, llvm::StringRef result) {
  return oneOp(name, "{axis = " + std::to_string(axis) + " : i64}", operands, result);
}

} // namespace

// Gather.

TEST(Gather, Rows) {
  expectValues(onAxis("graph.gather", 0, {"tensor<3x2xf32>", "tensor<2x2xi64>"}, "tensor<2x2x2xf32>"),
               {{1, 2, 3, 4, 5, 6}, {2, 0, -1, 1}}, {5, 6, 1, 2, 5, 6, 3, 4});
}

TEST(Gather, Columns) {
  expectValues(onAxis("graph.gather", 1, {"tensor<2x3xf32>", "tensor<2xi32>"}, "tensor<2x2xf32>"),
               {{1, 2, 3, 4, 5, 6}, {2, -3}}, {3, 1, 6, 4});
}

TEST(Gather, ScalarIndexDropsTheDim) {
  expectValues(onAxis("graph.gather", 0, {"tensor<3x2xi64>", "tensor<i64>"}, "tensor<2xi64>"),
               {{1, 2, 3, 4, 5, 6}, {-2}}, {3, 4});
  expectValues(onAxis("graph.gather", 0, {"tensor<3xi64>", "tensor<i64>"}, "tensor<i64>"), {{1, 2, 3}, {1}}, {2});
}

TEST(Gather, IndicesOutsideAreLimited) {
  expectValues(onAxis("graph.gather", 0, {"tensor<3xf32>", "tensor<4xi64>"}, "tensor<4xf32>"),
               {{1, 2, 3}, {3, -4, 9e15, -9e15}}, {3, 1, 3, 1});
}

TEST(Gather, Empty) {
  expectValues(onAxis("graph.gather", 0, {"tensor<3xf32>", "tensor<0xi64>"}, "tensor<0xf32>"), {{1, 2, 3}, {}}, {});
  expectValues(onAxis("graph.gather", 0, {"tensor<0x4xf32>", "tensor<0xi64>"}, "tensor<0x4xf32>"), {{}, {}}, {});
}

TEST(Gather, AllTypes) {
  for (const char *type : kTypes)
    for (const char *index : {"i32", "i64"})
      expectCodeMatches(onAxis("graph.gather", 0, {of("5x19x", type), of("3x", index)}, of("3x19x", type)), {-7, 7});
  expectCodeMatches(onAxis("graph.gather", 1, {"tensor<3x5xf32>", "tensor<37xi64>"}, "tensor<3x37xf32>"), {-7, 7});
  expectCodeMatches(onAxis("graph.gather", 1, {"tensor<3x5x18xf32>", "tensor<2xi8>"}, "tensor<3x2x18xf32>"), {-7, 7});
}

TEST(Gather, Errors) {
  auto gather = [](int axis, llvm::StringRef data, llvm::StringRef indices) {
    return diagnosticOf(onAxis("graph.gather", axis, {data, indices}, "tensor<9xf32>"));
  };
  EXPECT_THAT(gather(1, "tensor<3xf32>", "tensor<2xi64>"), HasSubstr("axis 1 is not one of the 1 dims"));
  EXPECT_THAT(gather(0, "tensor<f32>", "tensor<2xi64>"), HasSubstr("axis 0 is not one of the 0 dims"));
  EXPECT_THAT(gather(0, "tensor<3xf32>", "tensor<2xf32>"), HasSubstr("indices are integers, not 'f32'"));
  EXPECT_THAT(gather(0, "tensor<0xf32>", "tensor<2xi64>"), HasSubstr("nothing to read"));
  EXPECT_THAT(gather(0, "tensor<3x4294967296xf32>", "tensor<4294967296xi64>"), HasSubstr("than can be counted"));
}

// Gather elements.

TEST(GatherElements, AlongEachAxis) {
  expectValues(onAxis("graph.gather_elements", 1, {"tensor<2x2xf32>", "tensor<2x2xi64>"}, "tensor<2x2xf32>"),
               {{1, 2, 3, 4}, {0, 0, 1, 0}}, {1, 1, 4, 3});
  expectValues(onAxis("graph.gather_elements", 0, {"tensor<3x3xf32>", "tensor<2x3xi64>"}, "tensor<2x3xf32>"),
               {{1, 2, 3, 4, 5, 6, 7, 8, 9}, {-1, -2, 0, -2, 0, 9}}, {7, 5, 3, 4, 2, 9});
}

TEST(GatherElements, FewerIndicesThanData) {
  expectValues(onAxis("graph.gather_elements", 1, {"tensor<3x4xi64>", "tensor<2x2xi64>"}, "tensor<2x2xi64>"),
               {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {3, 0, 1, 2}}, {4, 1, 6, 7});
}

TEST(GatherElements, AllTypes) {
  for (const char *type : kTypes)
    expectCodeMatches(
        onAxis("graph.gather_elements", 1, {of("3x5x17x", type), "tensor<3x2x17xi64>"}, of("3x2x17x", type)), {-7, 7});
}

TEST(GatherElements, Errors) {
  auto gather = [](llvm::StringRef data, llvm::StringRef indices) {
    return diagnosticOf(onAxis("graph.gather_elements", 0, {data, indices}, "tensor<9xf32>"));
  };
  EXPECT_THAT(gather("tensor<3x2xf32>", "tensor<3xi64>"), HasSubstr("rank 2 and indices of rank 1"));
  EXPECT_THAT(gather("tensor<3x2xf32>", "tensor<3x3xi64>"), HasSubstr("dim 1 has more indices, 3, than data, 2"));
  EXPECT_THAT(gather("tensor<0x2xf32>", "tensor<3x2xi64>"), HasSubstr("nothing to read"));
}

// Gather of slices.

static std::string gatherNd(int batch, llvm::StringRef data, llvm::StringRef indices, llvm::StringRef result) {
  return oneOp("graph.gather_nd", "{batch_dims = " + std::to_string(batch) + " : i64}", {data, indices}, result);
}

TEST(GatherNd, Elements) {
  expectValues(gatherNd(0, "tensor<2x2xf32>", "tensor<2x2xi64>", "tensor<2xf32>"), {{0, 1, 2, 3}, {0, 0, -1, 1}},
               {0, 3});
}

TEST(GatherNd, Slices) {
  expectValues(gatherNd(0, "tensor<2x2x2xf32>", "tensor<2x1x2xi64>", "tensor<2x1x2xf32>"),
               {{0, 1, 2, 3, 4, 5, 6, 7}, {0, 1, 1, 0}}, {2, 3, 4, 5});
}

TEST(GatherNd, Batches) {
  expectValues(gatherNd(1, "tensor<2x2x2xf32>", "tensor<2x1xi64>", "tensor<2x2xf32>"),
               {{0, 1, 2, 3, 4, 5, 6, 7}, {1, 0}}, {2, 3, 4, 5});
  expectValues(gatherNd(1, "tensor<2x3xi64>", "tensor<2x2x1xi64>", "tensor<2x2xi64>"),
               {{1, 2, 3, 4, 5, 6}, {0, -1, 9, -9}}, {1, 3, 6, 4});
}

TEST(GatherNd, NoCoordinates) {
  expectValues(gatherNd(0, "tensor<2xf32>", "tensor<3x0xi64>", "tensor<3x2xf32>"), {{1, 2}, {}}, {1, 2, 1, 2, 1, 2});
}

TEST(GatherNd, AllTypes) {
  for (const char *type : kTypes)
    expectCodeMatches(gatherNd(1, of("3x5x4x18x", type), "tensor<3x7x2xi64>", of("3x7x18x", type)), {-6, 6});
}

TEST(GatherNd, Errors) {
  auto gather = [](int batch, llvm::StringRef data, llvm::StringRef indices) {
    return diagnosticOf(gatherNd(batch, data, indices, "tensor<9xf32>"));
  };
  EXPECT_THAT(gather(-1, "tensor<3x2xf32>", "tensor<3x1xi64>"), HasSubstr("-1 batch dims"));
  EXPECT_THAT(gather(2, "tensor<3x2xf32>", "tensor<3x1xi64>"), HasSubstr("2 batch dims"));
  EXPECT_THAT(gather(0, "tensor<3x2xf32>", "tensor<i64>"), HasSubstr("0 batch dims"));
  EXPECT_THAT(gather(1, "tensor<3x2xf32>", "tensor<2x1xi64>"), HasSubstr("differ in the first 1 dims"));
  EXPECT_THAT(gather(0, "tensor<3x2xf32>", "tensor<2x3xi64>"), HasSubstr("an index of 3 coordinates"));
  EXPECT_THAT(gather(0, "tensor<3x0xf32>", "tensor<2x2xi64>"), HasSubstr("nothing to read"));
}

// Iota.

TEST(Iota, CountsAlongTheAxis) {
  expectValues(onAxis("graph.iota", 0, {"tensor<i64>", "tensor<i64>"}, "tensor<4xi64>"), {{5}, {-2}}, {5, 3, 1, -1});
  expectValues(onAxis("graph.iota", 0, {"tensor<f32>", "tensor<f32>"}, "tensor<2x2xf32>"), {{1}, {0.5}},
               {1, 1, 1.5, 1.5});
  expectValues(onAxis("graph.iota", 0, {"tensor<i8>", "tensor<i8>"}, "tensor<3xi8>"), {{100}, {20}}, {100, 120, -116});
}

TEST(Iota, AllTypes) {
  for (const char *type : kNumbers)
    for (int axis : {0, 1})
      expectCodeMatches(onAxis("graph.iota", axis, {of("", type), of("", type)}, of("3x37x", type)), {},
                        llvm::StringRef(type).contains("f") ? Tolerance{1e-2, 1e-2} : Tolerance::ofBits());
}

TEST(Iota, Errors) {
  auto iota = [](llvm::StringRef start, llvm::StringRef result) {
    return diagnosticOf(onAxis("graph.iota", 0, {start, start}, result));
  };
  EXPECT_THAT(iota("tensor<1xi64>", "tensor<3xi64>"), HasSubstr("`start` is a scalar of 'i64'"));
  EXPECT_THAT(iota("tensor<i64>", "tensor<3xf32>"), HasSubstr("`start` is a scalar of 'f32'"));
  EXPECT_THAT(iota("tensor<i1>", "tensor<3xi1>"), HasSubstr("counts in numbers"));
  EXPECT_THAT(iota("tensor<i64>", "tensor<i64>"), HasSubstr("axis 0"));
}

// One-hot.

TEST(OneHot, NewAxisLastAndFirst) {
  expectValues(onAxis("graph.one_hot", 1, {"tensor<3xi64>", "tensor<f32>", "tensor<f32>"}, "tensor<3x4xf32>"),
               {{1, -1, 7}, {5}, {2}}, {2, 5, 2, 2, 2, 2, 2, 5, 2, 2, 2, 2});
  expectValues(onAxis("graph.one_hot", 0, {"tensor<3xi64>", "tensor<i64>", "tensor<i64>"}, "tensor<2x3xi64>"),
               {{1, -2, -3}, {1}, {0}}, {0, 1, 0, 1, 0, 0});
  expectValues(onAxis("graph.one_hot", 0, {"tensor<i64>", "tensor<i64>", "tensor<i64>"}, "tensor<3xi64>"),
               {{1}, {1}, {0}}, {0, 1, 0});
}

TEST(OneHot, AllTypes) {
  for (const char *type : kTypes)
    for (const char *index : {"i64", "i32", "ui8"})
      expectCodeMatches(onAxis("graph.one_hot", 1, {of("21x", index), of("", type), of("", type)}, of("21x19x", type)),
                        {-22, 22});
}

TEST(OneHot, Errors) {
  auto hot = [](llvm::StringRef indices, llvm::StringRef value) {
    return diagnosticOf(onAxis("graph.one_hot", 1, {indices, value, value}, "tensor<3x4xf32>"));
  };
  EXPECT_THAT(hot("tensor<3xf32>", "tensor<f32>"), HasSubstr("indices are integers"));
  EXPECT_THAT(hot("tensor<4xi64>", "tensor<f32>"), HasSubstr("without its dim 1"));
  EXPECT_THAT(hot("tensor<3xi64>", "tensor<1xf32>"), HasSubstr("`on` is a scalar"));
}

// Trilu.

static std::string trilu(bool upper, llvm::StringRef input) {
  return oneOp("graph.trilu", upper ? "{upper = true}" : "{upper = false}", {input, "tensor<i64>"}, input);
}

TEST(Trilu, Diagonals) {
  expectValues(trilu(true, "tensor<2x3xf32>"), {{1, 2, 3, 4, 5, 6}, {0}}, {1, 2, 3, 0, 5, 6});
  expectValues(trilu(false, "tensor<2x3xf32>"), {{1, 2, 3, 4, 5, 6}, {0}}, {1, 0, 0, 4, 5, 0});
  expectValues(trilu(true, "tensor<2x3xf32>"), {{1, 2, 3, 4, 5, 6}, {1}}, {0, 2, 3, 0, 0, 6});
  expectValues(trilu(false, "tensor<2x3xf32>"), {{1, 2, 3, 4, 5, 6}, {-1}}, {0, 0, 0, 4, 0, 0});
  for (double far : {9e18, -9e18}) {
    std::vector<double> all{1, 2, 3, 4, 5, 6}, none(6);
    expectValues(trilu(true, "tensor<2x3xi64>"), {all, {far}}, far < 0 ? all : none);
    expectValues(trilu(false, "tensor<2x3xi64>"), {all, {far}}, far > 0 ? all : none);
  }
}

TEST(Trilu, AllTypes) {
  for (const char *type : kTypes)
    for (bool upper : {false, true})
      expectCodeMatches(trilu(upper, of("2x5x35x", type)), {-3, 12});
}

// The lower triangle of a transposed matrix: lanes run along rows.
TEST(Trilu, Transposed) {
  expectCodeMatches(R"(func.func @f(%x: tensor<37x21xf32>, %k: tensor<i64>) -> tensor<21x37xf32> {
    %0 = graph.trilu %x, %k {upper = false} : (tensor<37x21xf32>, tensor<i64>) -> tensor<37x21xf32>
    %1 = graph.transpose %0 {permutation = array<i64: 1, 0>} : (tensor<37x21xf32>) -> tensor<21x37xf32>
    return %1 : tensor<21x37xf32>
  })",
                    {-3, 3});
}

TEST(Trilu, Errors) {
  EXPECT_THAT(diagnosticOf(trilu(true, "tensor<3xf32>")), HasSubstr("at least two dims"));
  EXPECT_THAT(
      diagnosticOf(oneOp("graph.trilu", "{upper = true}", {"tensor<3x3xf32>", "tensor<i32>"}, "tensor<3x3xf32>")),
      HasSubstr("`k` is a scalar of 'i64'"));
}
