// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recurrences: the code of many shapes against the reference. The reference itself is held to ONNX's own tests, and to
// ONNX Runtime by test/operators.

#include "OperatorHarness.h"
#include "gmock/gmock.h"

using namespace smelt::test;
using testing::HasSubstr;

namespace {

struct Cell {
  std::string name;
  int kind, gates;
  std::string activations = "\"sigmoid\", \"tanh\", \"tanh\"", alphas = "0.0, 0.0, 0.0";
  std::string flags = "input_forget = false, linear_before_reset = false, clip = 0.0";
};
const Cell kLstm{"lstm", 0, 4}, kGru{"gru", 1, 3, "\"sigmoid\", \"tanh\"", "0.0, 0.0"},
    kRnn{"rnn", 2, 1, "\"tanh\"", "0.0"};

std::string dims(std::initializer_list<int> extents, const std::string &element = "f32") {
  std::string text = "tensor<";
  for (int extent : extents)
    text += std::to_string(extent) + "x";
  return text + element + ">";
}

struct Shape {
  int steps = 3, batch = 2, size = 5, width = 16, direction = 0;
  bool lengths = false, peepholes = false, candidateBias = false;
};

std::string recurrent(const Cell &cell, const Shape &shape, const std::string &element = "f32") {
  int directions = shape.direction == 2 ? 2 : 1, panels = (shape.size + shape.width - 1) / shape.width;
  std::string state = dims({directions, shape.batch, shape.size}, element);
  std::string types = dims({shape.steps, shape.batch, directions, cell.gates, shape.size}, element) + ", " +
                      dims({directions, panels, shape.size, cell.gates, shape.width}, element) + ", " + state;
  std::string segments = "1, 1, 1";
  auto operand = [&](bool isThere, const std::string &type) {
    segments += isThere ? ", 1" : ", 0";
    if (isThere)
      types += ", " + type;
  };
  operand(cell.kind == 0, state);
  operand(shape.peepholes, dims({directions, 3, shape.size}, element));
  operand(shape.candidateBias, dims({directions, shape.size}, element));
  operand(shape.lengths, dims({shape.batch}, "i32"));
  std::string results = dims({directions, shape.batch, shape.steps, shape.size}, element) + ", " + state +
                        (cell.kind == 0 ? ", " + state : "");
  std::string arguments, names, values = cell.kind == 0 ? "%0#0, %0#1, %0#2" : "%0#0, %0#1";
  size_t count = std::count(segments.begin(), segments.end(), '1'), at = 0;
  for (size_t number = 0; number < count; ++number) {
    size_t end = types.find(", ", at);
    arguments += (number ? ", %a" : "%a") + std::to_string(number) + ": " + types.substr(at, end - at);
    names += (number ? ", %a" : "%a") + std::to_string(number);
    at = end + 2;
  }
  return "func.func @f(" + arguments + ") -> (" + results + ") { %0:" + (cell.kind == 0 ? "3" : "2") +
         " = graph.recurrent " + names + " {operandSegmentSizes = array<i32: " + segments +
         ">, kind = " + std::to_string(cell.kind) + " : i32, direction = " + std::to_string(shape.direction) +
         " : i32, activations = [" + cell.activations + "], alphas = array<f64: " + cell.alphas +
         ">, betas = array<f64: " + cell.alphas + ">, " + cell.flags + "} : (" + types + ") -> (" + results +
         ") return " + values + " : " + results + " }";
}

void expectCode(const Cell &cell, const Shape &shape, const std::string &element = "f32",
                Tolerance tolerance = {1e-5, 1e-5}) {
  SCOPED_TRACE(cell.name + " of " + std::to_string(shape.size));
  Operator op(recurrent(cell, shape, element));
  ASSERT_TRUE(op.isValid());
  op.expectCompiledMatches(op.randomInputs({-1, 5}), tolerance);
}

TEST(Recurrent, HasCodeForAnySize) {
  for (const Cell &cell : {kLstm, kGru, kRnn})
    for (int size : {1, 3, 16, 17, 31, 40})
      expectCode(cell, {2, 1, size});
}

TEST(Recurrent, GoesBackAndBothWays) {
  for (const Cell &cell : {kLstm, kGru, kRnn})
    for (int direction : {1, 2})
      expectCode(cell, {3, 2, 6, 8, direction});
}

TEST(Recurrent, EndsWithTheSequence) {
  for (const Cell &cell : {kLstm, kGru, kRnn})
    expectCode(cell, {4, 3, 5, 4, 2, /*lengths=*/true});
}

TEST(Recurrent, HasPeepholes) { expectCode(kLstm, {3, 2, 19, 16, 0, false, /*peepholes=*/true}); }

TEST(Recurrent, ResetsAfterTheProduct) {
  Cell cell = kGru;
  cell.flags = "input_forget = false, linear_before_reset = true, clip = 0.5";
  expectCode(cell, {3, 2, 19});
  expectCode(cell, {3, 2, 19, 16, 0, false, false, /*candidateBias=*/true});
}

TEST(Recurrent, CouplesInputAndForget) {
  Cell cell = kLstm;
  cell.flags = "input_forget = true, linear_before_reset = false, clip = 0.3";
  expectCode(cell, {3, 2, 9});
}

TEST(Recurrent, KnowsEveryActivation) {
  for (const char *name : {"affine", "elu", "hardsigmoid", "leakyrelu", "relu", "scaledtanh", "sigmoid", "softplus",
                           "softsign", "tanh", "thresholdedrelu"}) {
    SCOPED_TRACE(name);
    Cell cell{"rnn", 2, 1, "\"" + std::string(name) + "\"", "0.4"};
    expectCode(cell, {2, 1, 9});
    expectCode(cell, {2, 1, 9}, "f64");
  }
}

TEST(Recurrent, TakesOtherFloats) {
  for (const Cell &cell : {kLstm, kGru, kRnn}) {
    expectCode(cell, {2, 1, 9}, "f64", {1e-12, 1e-12});
    expectCode(cell, {2, 1, 9}, "f16", {2e-3, 2e-3}); // the reference rounds no sums
  }
}

TEST(Recurrent, RefusesWhatDoesNotFit) {
  Cell cell = kLstm;
  cell.activations = "\"sigmoid\", \"tanh\", \"tan\"";
  EXPECT_THAT(diagnosticOf(recurrent(cell, {})), HasSubstr("knows no activation 'tan'"));
  cell = kGru;
  cell.activations = "\"sigmoid\"";
  EXPECT_THAT(diagnosticOf(recurrent(cell, {})), HasSubstr("needs 2 activations"));
  Shape shape;
  shape.peepholes = true;
  EXPECT_THAT(diagnosticOf(recurrent(kGru, shape)), HasSubstr("only an lstm has peepholes"));
  EXPECT_THAT(diagnosticOf(recurrent({"gru", 1, 4, kGru.activations, kGru.alphas}, {})),
              HasSubstr("do not fit its kind"));
}

std::string linearAttention(int batch, int steps, int heads, int group, int size, int columns, int decay, int beta) {
  std::string state = dims({batch, heads, size, columns}), out = dims({batch, heads, steps, group, columns});
  std::string arguments = "%q: " + dims({batch, steps, heads, group, size}) +
                          ", %k: " + dims({batch, steps, heads, size}) +
                          ", %v: " + dims({batch, steps, heads, columns}) + ", %s: " + state;
  std::string names = "%q, %k, %v, %s", segments = "1, 1, 1, 1";
  segments += decay ? ", 1" : ", 0";
  segments += beta ? ", 1" : ", 0";
  if (decay)
    arguments += ", %d: " + dims({batch, steps, heads, decay}), names += ", %d";
  if (beta)
    arguments += ", %b: " + dims({batch, steps, beta}), names += ", %b";
  std::string types;
  for (size_t at = arguments.find(": "); at != std::string::npos; at = arguments.find(": ", at + 1))
    types += (types.empty() ? "" : ", ") + arguments.substr(at + 2, arguments.find('>', at) - at - 1);
  return "func.func @f(" + arguments + ") -> (" + out + ", " + state + ") { %0:2 = graph.linear_attention " + names +
         " {operandSegmentSizes = array<i32: " + segments + ">} : (" + types + ") -> (" + out + ", " + state +
         ") return %0#0, %0#1 : " + out + ", " + state + " }";
}

TEST(LinearAttention, HasCodeForEachRule) {
  for (int decay : {0, 1, 7})
    for (int beta : {0, 1, 2})
      for (int columns : {1, 5, 40}) {
        Operator op(linearAttention(2, 3, 2, 3, 7, columns, decay, beta));
        ASSERT_TRUE(op.isValid());
        op.expectCompiledMatches(op.randomInputs(), {1e-3, 1e-4});
      }
}

TEST(LinearAttention, SplitsLargeStates) {
  Operator op(linearAttention(1, 2, 1, 1, 600, 33, 1, 1));
  ASSERT_TRUE(op.isValid());
  Tensors inputs = op.randomInputs();
  for (unsigned operand : {1, 4, 5}) { // a long key or a growing state would only amplify rounding
    std::vector<double> values = numbers(inputs[operand]);
    for (double &value : values)
      value *= 0.05;
    inputs[operand] = tensor(op.inputType(operand), values);
  }
  op.expectCompiledMatches(inputs, {1e-4, 1e-4});
}

// The known answer of Random123's philox 4x32-10 for counter 0 and key 0 begins with 6627e8d5 e169c58d.
TEST(Philox, IsTheCipher) {
  Operator op(
      "func.func @f(%x: tensor<40xui64>) -> tensor<40xui64> { %0 = graph.philox %x {seed = 0} : (tensor<40xui64>) "
      "-> tensor<40xui64> return %0 : tensor<40xui64> }");
  Tensors inputs = op.randomInputs({0, 1});
  EXPECT_EQ(op.evaluate(inputs)[0].get(0).asUnsigned(), 0xe169c58d6627e8d5U);
  op.expectCompiledMatches(inputs);
  op.expectCompiledMatches(op.randomInputs({0, 1000}));
}

} // namespace
