// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mathematical functions over all magnitudes, in f32 and f64, against those of the C library.

#include "OperatorHarness.h"
#include "gmock/gmock.h"
#include <cmath>

using namespace smelt::test;

namespace {

struct Function {
  std::string name;
  double most = INFINITY;   // of an argument's magnitude
  double least = -INFINITY; // of an argument
  std::string attributes;
};

void PrintTo(const Function &f, std::ostream *stream) { *stream << f.name; }

class Functions : public testing::TestWithParam<Function> {};

/// Numbers of both signs, of magnitudes from 2^-80 to 2^80 or the function's largest, and what is special.
std::vector<double> arguments(const Function &f) {
  std::vector<double> all{0, -0.0, INFINITY, -INFINITY, NAN, 1, -1, 0.5, -0.5, 2};
  for (double magnitude = 0x1p-80; magnitude < std::min(f.most, 0x1p80); magnitude *= 1.37)
    for (double x : {magnitude, -magnitude})
      if (x >= f.least)
        all.push_back(x);
  return all;
}

void check(const Function &f, const std::string &type, Tolerance tolerance) {
  std::vector<double> x = arguments(f);
  std::string tensorType = "tensor<" + std::to_string(x.size()) + "x" + type + ">";
  Operator op("func.func @f(%x: " + tensorType + ") -> " + tensorType + " { %0 = graph." + f.name + " %x {" +
              f.attributes + "} : (" + tensorType + ") -> " + tensorType + " return %0 : " + tensorType + " }");
  op.expectCompiledMatches({tensor(op.inputType(0), x)}, tolerance);
}

TEST_P(Functions, OfF32) { check(GetParam(), "f32", {1e-38, 1e-6}); }
TEST_P(Functions, OfF64) { check(GetParam(), "f64", {1e-300, 1e-14}); }

const Function kFunctions[] = {{"exp"},
                               {"log"},
                               {"erf"},
                               {"tanh"},
                               {"sinh"},
                               {"cosh"},
                               {"asinh"},
                               {"acosh"},
                               {"atanh"},
                               {"sin"},
                               {"cos"},
                               {"tan"},
                               {"asin"},
                               {"acos"},
                               {"atan"},
                               {"sigmoid"},
                               {"mish", INFINITY, -80},
                               {"softplus", INFINITY, -80},
                               {"gelu", INFINITY, -1},
                               {"elu", INFINITY, -INFINITY, "alpha = 0.7"}};
INSTANTIATE_TEST_SUITE_P(All, Functions, testing::ValuesIn(kFunctions));

TEST(Zeros, KeepTheirSign) {
  for (const char *function : {"sin", "tan"})
    for (const char *type : {"tensor<2xf32>", "tensor<2xf64>"}) {
      Operator op(std::string("func.func @f(%x: ") + type + ") -> " + type + " { %0 = graph." + function + " %x : (" +
                  type + ") -> " + type + " %1 = graph.reciprocal %0 : (" + type + ") -> " + type +
                  " return %1 : " + type + " }");
      op.expectCompiledMatches({tensor(op.inputType(0), std::vector<double>{0, -0.0})}, {0, 0});
    }
}

TEST(Power, OfF64) {
  Operator op("func.func @f(%x: tensor<7x1xf64>, %y: tensor<9xf64>) -> tensor<7x9xf64> { %0 = graph.pow %x, %y : "
              "(tensor<7x1xf64>, tensor<9xf64>) -> tensor<7x9xf64> return %0 : tensor<7x9xf64> }");
  op.expectCompiledMatches({tensor(op.inputType(0), {0, -0.0, 1.0000001, -2, 17.3, INFINITY, NAN}),
                            tensor(op.inputType(1), {0, -1, 3, 0.37, -250.5, 1e6, -3, INFINITY, NAN})},
                           {1e-300, 1e-13});
}

// A constant of one number has some of the dims that the kernel walks as one.
TEST(Constants, BroadcastAlongSomeDims) {
  Operator op(R"(func.func @f(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
    %0 = graph.constant dense<0.25> : tensor<3x1xf32>
    %1 = graph.prelu %x, %0 : (tensor<2x3x4xf32>, tensor<3x1xf32>) -> tensor<2x3x4xf32>
    return %1 : tensor<2x3x4xf32>
  })");
  op.expectCompiledMatches(op.randomInputs());
}

} // namespace
