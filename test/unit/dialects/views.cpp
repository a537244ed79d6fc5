// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that rename places, alone and between others.

#include "OperatorHarness.h"
#include "gmock/gmock.h"

using namespace smelt::test;
using testing::ElementsAre;

// (x + x)ᵀ
TEST(Views, AddAndTranspose) {
  Operator op(R"(func.func @f(%x: tensor<2x3xf32>) -> tensor<3x2xf32> {
    %0 = graph.add %x, %x : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
    %1 = graph.transpose %0 {permutation = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
    return %1 : tensor<3x2xf32>
  })");
  Tensors inputs{tensor(op.inputType(0), {1, 2, 3, 4, 5, 6})};
  EXPECT_THAT(numbers(op.evaluate(inputs)[0]), ElementsAre(2, 8, 4, 10, 6, 12));
  op.expectCompiledMatches(inputs);
}
