// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// quantize and dequantize.

#include "OperatorHarness.h"
#include "gmock/gmock.h"

using namespace smelt::test;

TEST(Quantize, ZeroPointOfEitherSign) {
  expectValues(oneOp("graph.quantize", "{factor = 2.0 : f64, zero_point = -5 : i64, to = i8}", {"tensor<5xf32>"},
                     "tensor<5xi8>"),
               {{0, 1, -1.25, 100, -100}}, {-5, -3, -7, 127, -128});
  expectValues(oneOp("graph.quantize", "{factor = 2.0 : f64, zero_point = 5 : i64, to = ui8}", {"tensor<5xf32>"},
                     "tensor<5xui8>"),
               {{0, 1, -1.25, 200, -100}}, {5, 7, 3, 255, 0});
}

TEST(Dequantize, ZeroPointOfEitherSign) {
  expectValues(
      oneOp("graph.dequantize", "{scale = 0.5 : f64, zero_point = -128 : i64}", {"tensor<4xi8>"}, "tensor<4xf32>"),
      {{-128, -127, 0, 127}}, {0, 0.5, 64, 127.5});
  expectValues(
      oneOp("graph.dequantize", "{scale = 0.5 : f64, zero_point = 200 : i64}", {"tensor<3xui8>"}, "tensor<3xf32>"),
      {{200, 0, 255}}, {0, -100, 27.5});
}

// q · s + c, of a scale with all its digits: the product is rounded before the sum is.
TEST(Dequantize, RoundedBeforeAnythingIsAdded) {
  Operator op(R"(func.func @f(%q: tensor<256xui8>) -> tensor<256xf32> {
    %c = graph.constant dense<0.333333343> : tensor<f32>
    %0 = graph.dequantize %q {scale = 0.019999999552965164 : f64, zero_point = 3 : i64} : (tensor<256xui8>) -> tensor<256xf32>
    %1 = graph.add %0, %c : (tensor<256xf32>, tensor<f32>) -> tensor<256xf32>
    return %1 : tensor<256xf32>
  })");
  std::vector<double> all(256);
  for (int k = 0; k < 256; ++k)
    all[k] = k;
  op.expectCompiledMatches({tensor(op.inputType(0), all)});
}
