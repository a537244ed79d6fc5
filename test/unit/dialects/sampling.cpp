// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Places of maxima, regions of interest and determinants: their code against the reference, and what is known by hand.

#include "OperatorHarness.h"
#include "gmock/gmock.h"
#include <cmath>

using namespace smelt::test;
using testing::HasSubstr;

namespace {

std::string argPool(const std::string &input, const std::string &result, const std::string &window,
                    const std::string &strides, const std::string &dilations, const std::string &pads,
                    bool columnMajor) {
  return oneOp("graph.arg_pool",
               "{window = array<i64: " + window + ">, strides = array<i64: " + strides +
                   ">, dilations = array<i64: " + dilations + ">, low = array<i64: " + pads +
                   ">, high = array<i64: " + pads + ">, column_major = " + (columnMajor ? "true" : "false") + "}",
               {input}, result);
}

// 1 5 2
// 4 5 3    windows of 2 x 2: the first 5 in all of them
TEST(ArgPool, FindsTheFirstMaximum) {
  std::string input = "tensor<1x1x2x3xf32>", result = "tensor<1x1x1x2xi64>";
  expectValues(argPool(input, result, "2, 2", "1, 1", "1, 1", "0, 0", false), {{1, 5, 2, 4, 5, 3}}, {1, 1});
  expectValues(argPool(input, result, "2, 2", "1, 1", "1, 1", "0, 0", true), {{1, 5, 2, 4, 5, 3}}, {2, 2});
}

TEST(ArgPool, FindsTheLastNan) {
  expectValues(argPool("tensor<1x1x1x6xf32>", "tensor<1x1x1x4xi64>", "1, 3", "1, 1", "1, 1", "0, 0", false),
               {{1, NAN, 3, NAN, 5, 2}}, {1, 3, 3, 3});
  Operator op(argPool("tensor<1x2x9x45xf32>", "tensor<1x2x9x45xi64>", "3, 3", "1, 1", "1, 1", "1, 1", false));
  ASSERT_TRUE(op.isValid());
  std::vector<double> some = numbers(op.randomInputs()[0]);
  for (size_t place = 0; place < some.size(); place += 7)
    some[place] = NAN;
  op.expectCompiledMatches({tensor(op.inputType(0), some)});
}

TEST(ArgPool, HasCode) {
  for (bool columnMajor : {false, true}) {
    expectCodeMatches(
        argPool("tensor<2x3x7x37xf32>", "tensor<2x3x7x37xi64>", "3, 3", "1, 1", "1, 1", "1, 1", columnMajor));
    expectCodeMatches(
        argPool("tensor<1x2x9x21xi8>", "tensor<1x2x4x10xi64>", "2, 3", "2, 2", "1, 1", "0, 0", columnMajor));
    expectCodeMatches(argPool("tensor<1x2x4x5x6xf32>", "tensor<1x2x3x4x5xi64>", "2, 2, 2", "1, 1, 1", "1, 1, 1",
                              "0, 0, 0", columnMajor));
  }
  expectCodeMatches(argPool("tensor<1x1x40xf16>", "tensor<1x1x36xi64>", "3", "1", "2", "0", false));
}

std::string det(const std::string &input, const std::string &result) {
  return oneOp("graph.det", "{}", {input}, result);
}

TEST(Det, IsTheDeterminant) {
  expectValues(det("tensor<2x2xf32>", "tensor<f32>"), {{1, 2, 3, 4}}, {-2}, Tolerance::ofFloat());
  expectValues(det("tensor<1x3x3xf32>", "tensor<1xf32>"), {{0, 2, 0, 3, 0, 0, 0, 0, 5}}, {-30}, Tolerance::ofFloat());
  expectValues(det("tensor<3x3xf32>", "tensor<f32>"), {{1, 2, 3, 0, 0, 0, 1, 5, 2}}, {0});
  expectValues(det("tensor<0x0xf32>", "tensor<f32>"), {{}}, {1});
}

TEST(Det, HasCode) {
  expectCodeMatches(det("tensor<2x3x7x7xf32>", "tensor<2x3xf32>"), {}, {1e-3, 1e-3});
  expectCodeMatches(det("tensor<5x5xf64>", "tensor<f64>"), {}, {1e-9, 1e-9});
}

std::string roiAlign(const std::string &flags, const std::string &element = "f32") {
  return oneOp("graph.roi_align", "{height = 3 : i64, width = 2 : i64, " + flags + "}",
               {"tensor<2x3x6x5x" + element + ">", "tensor<4x4x" + element + ">", "tensor<4xi64>"},
               "tensor<4x3x3x2x" + element + ">");
}

TEST(RoiAlign, HasCode) {
  for (const char *ratio : {"0", "2"})
    for (const char *maximum : {"false", "true"})
      for (const char *halfPixel : {"false", "true"}) {
        Operator op(roiAlign(std::string("sampling_ratio = ") + ratio +
                             " : i64, spatial_scale = 0.75, half_pixel = " + halfPixel + ", maximum = " + maximum));
        ASSERT_TRUE(op.isValid());
        Tensors inputs = op.randomInputs();
        // Inside, across a border, beyond all of it, and the wrong way around.
        inputs[1] = tensor(op.inputType(1), {1, 1, 4, 5, -3, 2, 9, 9, 20, 30, 40, 50, 4, 4, 1, 1});
        inputs[2] = tensor(op.inputType(2), {0, 1, 1, 0});
        op.expectCompiledMatches(inputs, Tolerance::ofFloat());
      }
}

TEST(MaxRoiPool, HasCode) {
  Operator op(oneOp("graph.max_roi_pool", "{height = 3 : i64, width = 2 : i64, spatial_scale = 0.75}",
                    {"tensor<2x3x6x5xf32>", "tensor<4x5xf32>"}, "tensor<4x3x3x2xf32>"));
  ASSERT_TRUE(op.isValid());
  Tensors inputs = op.randomInputs();
  inputs[1] = tensor(op.inputType(1), {0, 1, 1, 4, 5, 1, -3, 2, 9, 9, 1, 20, 30, 40, 50, 0, 4, 4, 1, 1});
  op.expectCompiledMatches(inputs);
}

TEST(RoiAlign, RefusesWhatDoesNotFit) {
  EXPECT_THAT(
      diagnosticOf(roiAlign("sampling_ratio = -1 : i64, spatial_scale = 1.0, half_pixel = true, maximum = true")),
      HasSubstr("sampling_ratio of -1"));
}

} // namespace
