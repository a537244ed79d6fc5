// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products and convolutions of all kinds: the microkernel's, depthwise ones and those that only loops take.

#include "OperatorHarness.h"
#include "gmock/gmock.h"

using namespace smelt::test;
using testing::ElementsAre;

namespace {

/// One op with two operands.
struct Case {
  std::string op, attributes, left, right, output;
  Tolerance tolerance = {1e-5, 1e-5};

  std::string text() const {
    return "func.func @f(%x: tensor<" + left + ">, %y: tensor<" + right + ">) -> tensor<" + output + "> { %0 = graph." +
           op + " %x, %y {" + attributes + "} : (tensor<" + left + ">, tensor<" + right + ">) -> tensor<" + output +
           "> return %0 : tensor<" + output + "> }";
  }
};

void PrintTo(const Case &c, std::ostream *stream) { *stream << c.op << " {" << c.attributes << "} " << c.left; }

class Contractions : public testing::TestWithParam<Case> {};

std::string conv(const std::string &strides, const std::string &dilations, const std::string &low,
                 const std::string &high, int groups, bool channelsLast) {
  return "strides = array<i64: " + strides + ">, dilations = array<i64: " + dilations + ">, low = array<i64: " + low +
         ">, high = array<i64: " + high + ">, groups = " + std::to_string(groups) +
         ", layout = " + (channelsLast ? "1" : "0") + " : i32";
}

std::string transposedConv(const std::string &strides, const std::string &dilations, const std::string &low,
                           const std::string &high, int groups, bool channelsLast,
                           const std::string &outputPadding = "0, 0") {
  return conv(strides, dilations, low, high, groups, channelsLast) + ", output_padding = array<i64: " + outputPadding +
         ">";
}

constexpr bool kLast = true, kFirst = false; // where the channels are

} // namespace

TEST_P(Contractions, CompiledMatchesReference) {
  Operator op(GetParam().text());
  ASSERT_TRUE(op.isValid());
  op.expectCompiledMatches(op.randomInputs(), GetParam().tolerance);
}

static const Case kProducts[] = {
    {"matmul", "", "17x33xf32", "33x70xf32", "17x70xf32"},
    {"matmul", "", "1x64xf32", "64x100xf32", "1x100xf32"},
    {"matmul", "", "2x3x5x7xf32", "3x7x9xf32", "2x3x5x9xf32"},
    {"matmul", "", "100x2048xf32", "2048x200xf32", "100x200xf32", {1e-3, 1e-4}}, // blocks of rows, the last one shorter
    {"matmul", "", "4x5xf32", "3x5x2xf32", "3x4x2xf32"},
    {"matmul", "", "5x1xf32", "1x1xf32", "5x1xf32"},
    {"matmul", "", "17x33xf64", "33x70xf64", "17x70xf64", {1e-12, 1e-12}},
    {"matmul", "", "17x33xf16", "33x70xf16", "17x70xf16", {2e-2, 1e-3}},
    {"matmul", "", "17x33xbf16", "33x70xbf16", "17x70xbf16", {1e-1, 8e-3}},
    {"matmul", "", "17x33xi32", "33x70xi32", "17x70xi32", Tolerance::ofBits()},
    {"matmul", "", "17x33xui32", "33x70xui32", "17x70xui32", Tolerance::ofBits()},
    {"matmul", "", "17x33xi64", "33x70xi64", "17x70xi64", Tolerance::ofBits()},
    {"matmul", "", "5x33xui64", "33x3xui64", "5x3xui64", Tolerance::ofBits()},
};
INSTANTIATE_TEST_SUITE_P(MatMul, Contractions, testing::ValuesIn(kProducts));

static const Case kConvolutions[] = {
    {"conv", conv("1, 1", "1, 1", "1, 1", "1, 1", 1, kLast), "1x9x10x8xf32", "3x3x8x20xf32", "1x9x10x20xf32"},
    {"conv", conv("2, 2", "1, 1", "0, 1", "1, 1", 1, kLast), "2x9x10x3xf32", "3x3x3x20xf32", "2x4x5x20xf32"},
    {"conv", conv("1, 1", "2, 1", "2, 1", "2, 1", 2, kLast), "1x9x10x8xf32", "3x3x4x20xf32", "1x9x10x20xf32"},
    {"conv", conv("1, 1", "1, 1", "1, 1", "1, 1", 20, kLast), "1x9x10x20xf32", "3x3x1x20xf32", "1x9x10x20xf32"},
    {"conv", conv("1, 1", "1, 1", "1, 1", "1, 1", 20, kLast), "1x9x10x20xf32", "3x3x1x40xf32", "1x9x10x40xf32"},
    {"conv", conv("1, 1", "1, 1", "6, 6", "6, 6", 20, kLast), "1x3x4x20xf32", "13x13x1x20xf32", "1x3x4x20xf32"},
    {"conv", conv("1, 1", "1, 1", "0, 0", "0, 0", 1, kLast), "2x43x45x64xf32", "1x1x64x100xf32", "2x43x45x100xf32"},
    {"conv", conv("2", "1", "1", "1", 1, kLast), "1x9x8xf32", "3x8x20xf32", "1x5x20xf32"},
    {"conv", conv("1, 1, 2", "1, 1, 1", "1, 0, 1", "1, 0, 1", 1, kLast), "1x4x4x5x3xf32", "3x2x3x3x20xf32",
     "1x4x3x3x20xf32"},
    {"conv",
     conv("1, 1", "1, 1", "1, 1", "1, 1", 1, kLast),
     "1x9x10x8xf64",
     "3x3x8x20xf64",
     "1x9x10x20xf64",
     {1e-12, 1e-12}},
    {"conv", conv("1, 1", "1, 1", "1, 1", "1, 1", 1, kFirst), "1x8x9x40xf32", "5x8x3x3xf32", "1x5x9x40xf32"},
    {"conv", conv("2, 2", "1, 2", "1, 1", "0, 1", 2, kFirst), "2x8x9x10xf32", "6x4x3x3xf32", "2x6x4x4xf32"},
    {"conv", conv("1", "1", "0", "0", 1, kFirst), "1x3x50xi32", "4x3x5xi32", "1x4x46xi32", Tolerance::ofBits()},
};
INSTANTIATE_TEST_SUITE_P(Conv, Contractions, testing::ValuesIn(kConvolutions));

static const Case kTransposedConvolutions[] = {
    {"conv_transpose", transposedConv("2, 2", "1, 1", "0, 0", "0, 0", 1, kLast), "1x5x6x8xf32", "2x2x8x20xf32",
     "1x10x12x20xf32"},
    {"conv_transpose", transposedConv("2, 1", "1, 1", "1, 1", "1, 0", 1, kLast), "2x5x6x8xf32", "3x3x8x20xf32",
     "2x9x7x20xf32"},
    {"conv_transpose", transposedConv("2, 3", "2, 1", "1, 0", "0, 1", 2, kLast, "1, 2"), "1x5x6x8xf32", "3x3x8x10xf32",
     "1x13x19x20xf32"},
    {"conv_transpose", transposedConv("2, 2", "1, 1", "0, 0", "0, 0", 8, kLast), "1x5x6x8xf32", "3x3x8x1xf32",
     "1x11x13x8xf32"},
    {"conv_transpose", transposedConv("2, 2", "1, 1", "-1, 0", "0, -2", 1, kFirst), "1x4x5x6xf32", "4x3x2x2xf32",
     "1x3x11x14xf32"},
    {"conv_transpose", transposedConv("1, 2", "1, 1", "1, 1", "1, 1", 2, kFirst, "0, 1"), "1x4x5x6xf32", "4x3x3x3xf32",
     "1x6x5x12xf32"},
    {"conv_transpose", transposedConv("2", "1", "0", "0", 1, kLast, "0"), "1x5x8xf32", "2x8x20xf32", "1x10x20xf32"},
    {"conv_transpose",
     transposedConv("2, 2", "1, 1", "0, 0", "0, 0", 1, kLast),
     "1x5x6x8xf16",
     "2x2x8x20xf16",
     "1x10x12x20xf16",
     {1e-2, 1e-3}},
};
INSTANTIATE_TEST_SUITE_P(ConvTranspose, Contractions, testing::ValuesIn(kTransposedConvolutions));

// [1 2; 3 4] · [5 6; 7 8]
TEST(MatMul, Evaluate) {
  Operator op(Case{"matmul", "", "2x2xf32", "2x2xf32", "2x2xf32"}.text());
  auto type = op.inputType(0);
  EXPECT_THAT(numbers(op.evaluate({tensor(type, {1, 2, 3, 4}), tensor(type, {5, 6, 7, 8})})[0]),
              ElementsAre(19, 22, 43, 50));
}

// Each result is the sum of the elements of a padded row under the window, a step of two apart.
TEST(Conv, Evaluate) {
  Operator op(Case{"conv", conv("2", "1", "1", "0", 1, kFirst), "1x1x4xf32", "1x1x3xf32", "1x1x2xf32"}.text());
  EXPECT_THAT(numbers(op.evaluate({tensor(op.inputType(0), {1, 2, 3, 4}), tensor(op.inputType(1), {1, 10, 100})})[0]),
              ElementsAre(210, 432));
}

// Each element spreads the filter over the result, two apart.
TEST(ConvTranspose, Evaluate) {
  Operator op(
      Case{"conv_transpose", transposedConv("2", "1", "0", "0", 1, kFirst, "0"), "1x1x2xf32", "1x1x3xf32", "1x1x5xf32"}
          .text());
  EXPECT_THAT(numbers(op.evaluate({tensor(op.inputType(0), {1, 2}), tensor(op.inputType(1), {1, 10, 100})})[0]),
              ElementsAre(1, 10, 102, 20, 200));
}

// Sums of nothing are 0; results without elements are computed by no one.
TEST(Contractions, Empty) {
  const Case cases[] = {
      {"matmul", "", "3x0xf32", "0x5xf32", "3x5xf32"},
      {"matmul", "", "0x3xf32", "3x5xf32", "0x5xf32"},
      {"matmul", "", "4x3xf32", "3x0xf32", "4x0xf32"},
      {"matmul", "", "0x4x3xf32", "3x5xf32", "0x4x5xf32"},
      {"conv", conv("1, 1", "1, 1", "1, 1", "1, 1", 1, kLast), "0x9x10x8xf32", "3x3x8x20xf32", "0x9x10x20xf32"},
      {"conv", conv("1, 1", "1, 1", "1, 1", "1, 1", 1, kFirst), "0x8x9x40xf32", "5x8x3x3xf32", "0x5x9x40xf32"},
      {"conv_transpose", transposedConv("2, 2", "1, 1", "0, 0", "0, 0", 1, kLast), "0x5x6x8xf32", "2x2x8x20xf32",
       "0x10x12x20xf32"},
  };
  for (const Case &c : cases) {
    SCOPED_TRACE(c.op + " " + c.left);
    Operator op(c.text());
    op.expectCompiledMatches(op.randomInputs());
  }
}
