// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// concat, pad, reverse_sequence and pack_panels.

#include "OperatorHarness.h"
#include "gmock/gmock.h"
#include <limits>

using namespace smelt::test;
using testing::HasSubstr;

namespace {

constexpr const char *kTypes[] = {"f32", "f64", "f16", "bf16", "i1", "i8", "ui8", "i16", "i32", "ui32", "i64", "ui64"};

std::string of(llvm::StringRef shape, llvm::StringRef element) { return ("tensor<" + shape + element + ">").str(); }

} // namespace

// Concat.

TEST(Concat, Rows) {
  expectValues(oneOp("graph.concat", "{axis = 0 : i64}", {"tensor<1x2xf32>", "tensor<2x2xf32>"}, "tensor<3x2xf32>"),
               {{1, 2}, {3, 4, 5, 6}}, {1, 2, 3, 4, 5, 6});
}

TEST(Concat, Columns) {
  expectValues(oneOp("graph.concat", "{axis = 1 : i64}", {"tensor<2x1xf32>", "tensor<2x2xf32>"}, "tensor<2x3xf32>"),
               {{1, 2}, {3, 4, 5, 6}}, {1, 3, 4, 2, 5, 6});
}

TEST(Concat, EmptyOperands) {
  expectValues(
      oneOp("graph.concat", "{axis = 0 : i64}", {"tensor<0xi64>", "tensor<2xi64>", "tensor<0xi64>"}, "tensor<2xi64>"),
      {{}, {7, -8}, {}}, {7, -8});
}

TEST(Concat, OneOperandTwice) {
  expectValues(R"(func.func @f(%x: tensor<2xf32>) -> tensor<4xf32> {
    %0 = graph.concat %x, %x {axis = 0 : i64} : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
    return %0 : tensor<4xf32>
  })",
               {{1, 2}}, {1, 2, 1, 2});
}

TEST(Concat, AllTypes) {
  for (const char *type : kTypes)
    expectCodeMatches(oneOp("graph.concat", "{axis = 1 : i64}",
                            {of("3x2x17x", type), of("3x1x17x", type), of("3x4x17x", type)}, of("3x7x17x", type)));
}

// relu(concat(a, b)) + concat(b, a): read in the middle of other work.
TEST(Concat, Fused) {
  expectCodeMatches(R"(func.func @f(%a: tensor<4x3xf32>, %b: tensor<4x35xf32>) -> tensor<4x38xf32> {
    %0 = graph.concat %a, %b {axis = 1 : i64} : (tensor<4x3xf32>, tensor<4x35xf32>) -> tensor<4x38xf32>
    %1 = graph.concat %b, %a {axis = 1 : i64} : (tensor<4x35xf32>, tensor<4x3xf32>) -> tensor<4x38xf32>
    %2 = graph.relu %0 : (tensor<4x38xf32>) -> tensor<4x38xf32>
    %3 = graph.add %2, %1 : (tensor<4x38xf32>, tensor<4x38xf32>) -> tensor<4x38xf32>
    return %3 : tensor<4x38xf32>
  })");
}

TEST(Concat, Errors) {
  auto concat = [](llvm::StringRef a, llvm::StringRef b, llvm::StringRef axis) {
    return diagnosticOf(oneOp("graph.concat", ("{axis = " + axis + " : i64}").str(), {a, b}, "tensor<9xf32>"));
  };
  EXPECT_THAT(concat("tensor<2xf32>", "tensor<2xf32>", "1"), HasSubstr("axis 1 is not one of the 1 dims"));
  EXPECT_THAT(concat("tensor<2xf32>", "tensor<2xf32>", "-1"), HasSubstr("axis -1 is not one of the 1 dims"));
  EXPECT_THAT(concat("tensor<2xf32>", "tensor<2xi32>", "0"), HasSubstr("different element types, 'f32' and 'i32'"));
  EXPECT_THAT(concat("tensor<2xf32>", "tensor<2x1xf32>", "0"), HasSubstr("different ranks, 1 and 2"));
  EXPECT_THAT(concat("tensor<2x3xf32>", "tensor<2x4xf32>", "0"), HasSubstr("differ in dim 1, 3 and 4"));
  EXPECT_THAT(concat("tensor<9223372036854775807xf32>", "tensor<1xf32>", "0"), HasSubstr("than can be counted"));
  EXPECT_THAT(concat("tensor<?xf32>", "tensor<1xf32>", "0"), HasSubstr("not known"));
  EXPECT_THAT(concat("tensor<2xf32>", "tensor<2xf32>", "0"), HasSubstr("incompatible with return type"));
}

// Pad.

static std::string pad(llvm::StringRef input, llvm::StringRef value, llvm::StringRef low, llvm::StringRef high,
                       int mode, llvm::StringRef result) {
  auto array = [](llvm::StringRef values) { return ("#graph.extents<\"" + values + "\">").str(); };
  std::string attributes =
      "{low = " + array(low) + ", high = " + array(high) + ", mode = " + std::to_string(mode) + " : i32}";
  return oneOp("graph.pad", attributes, {input, value}, result);
}
constexpr int kConstant = 0, kEdge = 1, kReflect = 2, kWrap = 3;

TEST(Pad, Constant) {
  expectValues(pad("tensor<2x2xf32>", "tensor<f32>", "1, 0", "0, 2", kConstant, "tensor<3x4xf32>"), {{1, 2, 3, 4}, {9}},
               {9, 9, 9, 9, 1, 2, 9, 9, 3, 4, 9, 9});
}

TEST(Pad, Crop) {
  expectValues(pad("tensor<5xf32>", "tensor<f32>", "-1", "-2", kConstant, "tensor<2xf32>"), {{1, 2, 3, 4, 5}, {9}},
               {2, 3});
  expectValues(pad("tensor<3xf32>", "tensor<f32>", "-1", "2", kConstant, "tensor<4xf32>"), {{1, 2, 3}, {9}},
               {2, 3, 9, 9});
  expectValues(pad("tensor<3xf32>", "tensor<f32>", "1", "-1", kConstant, "tensor<3xf32>"), {{1, 2, 3}, {9}}, {9, 1, 2});
  expectValues(pad("tensor<4xf32>", "tensor<f32>", "-1", "2", kReflect, "tensor<5xf32>"), {{1, 2, 3, 4}, {9}},
               {2, 3, 4, 3, 2});
}

TEST(Pad, Edge) {
  expectValues(pad("tensor<2x2xi64>", "tensor<i64>", "1, 2", "1, 0", kEdge, "tensor<4x4xi64>"), {{1, -2, 3, -4}, {9}},
               {1, 1, 1, -2, 1, 1, 1, -2, 3, 3, 3, -4, 3, 3, 3, -4});
}

TEST(Pad, Reflect) {
  expectValues(pad("tensor<3xf32>", "tensor<f32>", "2", "2", kReflect, "tensor<7xf32>"), {{1, 2, 3}, {9}},
               {3, 2, 1, 2, 3, 2, 1});
  // Further than there are elements: back and forth, as NumPy does.
  expectValues(pad("tensor<3xf32>", "tensor<f32>", "5", "6", kReflect, "tensor<14xf32>"), {{1, 2, 3}, {9}},
               {2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3, 2, 1});
  expectValues(pad("tensor<1xf32>", "tensor<f32>", "2", "1", kReflect, "tensor<4xf32>"), {{5}, {9}}, {5, 5, 5, 5});
}

TEST(Pad, Wrap) {
  expectValues(pad("tensor<3xf32>", "tensor<f32>", "4", "2", kWrap, "tensor<9xf32>"), {{1, 2, 3}, {9}},
               {3, 1, 2, 3, 1, 2, 3, 1, 2});
}

TEST(Pad, EmptyAndScalar) {
  expectValues(pad("tensor<0x2xf32>", "tensor<f32>", "1, 0", "1, 0", kConstant, "tensor<2x2xf32>"), {{}, {7}},
               {7, 7, 7, 7});
  expectValues(pad("tensor<f32>", "tensor<f32>", "", "", kConstant, "tensor<f32>"), {{3}, {7}}, {3});
  expectValues(pad("tensor<f32>", "tensor<f32>", "", "", kEdge, "tensor<f32>"), {{3}, {7}}, {3});
}

TEST(Pad, AllTypesAndModes) {
  for (const char *type : kTypes)
    for (int mode : {kConstant, kEdge, kReflect, kWrap})
      expectCodeMatches(pad(of("3x4x19x", type), of("", type), "2, 1, 0", "1, -1, 0", mode, of("6x4x19x", type)));
}

TEST(Pad, InnerDim) {
  for (int mode : {kConstant, kEdge, kReflect, kWrap})
    expectCodeMatches(pad("tensor<3x19xf32>", "tensor<f32>", "0, 3", "0, 17", mode, "tensor<3x39xf32>"));
}

TEST(Pad, Errors) {
  auto diagnostic = [](llvm::StringRef low, llvm::StringRef high, int mode, llvm::StringRef value) {
    return diagnosticOf(pad("tensor<2xf32>", value, low, high, mode, "tensor<9xf32>"));
  };
  EXPECT_THAT(diagnostic("1, 2", "1", kConstant, "tensor<f32>"), HasSubstr("for each of the 1 dims"));
  EXPECT_THAT(diagnostic("1", "1", kConstant, "tensor<f16>"), HasSubstr("`value` is a scalar of 'f32'"));
  EXPECT_THAT(diagnostic("1", "1", kConstant, "tensor<1xf32>"), HasSubstr("`value` is a scalar"));
  EXPECT_THAT(diagnostic("-2", "-1", kConstant, "tensor<f32>"), HasSubstr("crops more than the 2 elements"));
  EXPECT_THAT(diagnostic("-2", "1", kEdge, "tensor<f32>"), HasSubstr("none to repeat"));
  EXPECT_THAT(diagnostic("9223372036854775807", "1", kEdge, "tensor<f32>"), HasSubstr("too large"));
  EXPECT_THAT(diagnostic("-9223372036854775808", "1", kEdge, "tensor<f32>"), HasSubstr("too large"));
}

// Reverse sequence.

static std::string reverse(int batch, int time, llvm::StringRef input, llvm::StringRef lengths) {
  std::string attributes =
      "{batch_axis = " + std::to_string(batch) + " : i64, time_axis = " + std::to_string(time) + " : i64}";
  return oneOp("graph.reverse_sequence", attributes, {input, lengths}, input);
}

TEST(ReverseSequence, TimeFirst) {
  expectValues(reverse(1, 0, "tensor<4x2xf32>", "tensor<2xi64>"), {{0, 1, 2, 3, 4, 5, 6, 7}, {3, 4}},
               {4, 7, 2, 5, 0, 3, 6, 1});
}

TEST(ReverseSequence, BatchFirst) {
  expectValues(reverse(0, 1, "tensor<2x3xf32>", "tensor<2xi64>"), {{1, 2, 3, 4, 5, 6}, {0, 2}}, {1, 2, 3, 5, 4, 6});
}

TEST(ReverseSequence, LengthsOutsideAreLimited) {
  expectValues(reverse(0, 1, "tensor<2x3xf32>", "tensor<2xi64>"), {{1, 2, 3, 4, 5, 6}, {-5, 99}}, {1, 2, 3, 6, 5, 4});
}

TEST(ReverseSequence, Types) {
  for (const char *type : kTypes)
    for (auto [batch, time] : {std::pair(0, 1), std::pair(1, 0)})
      expectCodeMatches(reverse(batch, time, of("5x5x35x", type), "tensor<5xi64>"), {0, 6});
  expectCodeMatches(reverse(0, 1, "tensor<4x37xf32>", "tensor<4xi32>"), {0, 38});
}

TEST(ReverseSequence, Errors) {
  EXPECT_THAT(diagnosticOf(reverse(0, 0, "tensor<2x3xf32>", "tensor<2xi64>")),
              HasSubstr("both the batch and the time"));
  EXPECT_THAT(diagnosticOf(reverse(0, 2, "tensor<2x3xf32>", "tensor<2xi64>")), HasSubstr("axis 2"));
  EXPECT_THAT(diagnosticOf(reverse(0, 1, "tensor<2x3xf32>", "tensor<3xi64>")), HasSubstr("each of the 2 sequences"));
  EXPECT_THAT(diagnosticOf(reverse(0, 1, "tensor<2x3xf32>", "tensor<2xf32>")), HasSubstr("indices are integers"));
}

// Pack panels.

static std::string pack(int width, llvm::StringRef input, llvm::StringRef result) {
  return oneOp("graph.pack_panels", "{width = " + std::to_string(width) + " : i64}", {input}, result);
}

TEST(PackPanels, LastPanelEndsInZeros) {
  expectValues(pack(2, "tensor<2x3xf32>", "tensor<2x2x2xf32>"), {{1, 2, 3, 4, 5, 6}}, {1, 2, 4, 5, 3, 0, 6, 0});
}

TEST(PackPanels, WiderThanTheInput) {
  expectValues(pack(4, "tensor<2x1x3xf32>", "tensor<2x1x1x4xf32>"), {{1, 2, 3, 4, 5, 6}}, {1, 2, 3, 0, 4, 5, 6, 0});
}

// Every remainder of the last panel, narrower and wider than a vector.
TEST(PackPanels, Remainders) {
  for (int columns : {1, 5, 15, 16, 17, 31, 32, 33, 47, 49, 63, 64, 70})
    for (int width : {8, 32, 48}) {
      std::string panels = std::to_string((columns + width - 1) / width), n = std::to_string(columns);
      expectCodeMatches(
          pack(width, of("2x3x" + n + "x", "f32"), of("2x" + panels + "x3x" + std::to_string(width) + "x", "f32")));
    }
}

TEST(PackPanels, AllTypes) {
  for (const char *type : kTypes)
    expectCodeMatches(pack(32, of("3x45x", type), of("2x3x32x", type)));
}

// pack(kᵀ): the columns of a panel are far from each other in memory.
TEST(PackPanels, Transposed) {
  expectCodeMatches(R"(func.func @f(%k: tensor<2x37x8xf32>) -> tensor<2x2x8x32xf32> {
    %0 = graph.transpose %k {permutation = array<i64: 0, 2, 1>} : (tensor<2x37x8xf32>) -> tensor<2x8x37xf32>
    %1 = graph.pack_panels %0 {width = 32 : i64} : (tensor<2x8x37xf32>) -> tensor<2x2x8x32xf32>
    return %1 : tensor<2x2x8x32xf32>
  })");
}

TEST(PackPanels, Errors) {
  EXPECT_THAT(diagnosticOf(pack(2, "tensor<3xf32>", "tensor<2x2xf32>")), HasSubstr("needs rows and columns"));
  EXPECT_THAT(diagnosticOf(pack(0, "tensor<3x3xf32>", "tensor<2x3x2xf32>")), HasSubstr("at least one column"));
  EXPECT_THAT(diagnosticOf(pack(2, "tensor<3x3xf32>", "tensor<1x3x2xf32>")), HasSubstr("are 'tensor<2x3x2xf32>'"));
}
