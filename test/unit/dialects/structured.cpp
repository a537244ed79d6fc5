// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pools, reductions, normalisations, scans and selections: known results of the reference, and the code of many shapes
// against it.

#include "OperatorHarness.h"
#include "gmock/gmock.h"
#include <cmath>

using namespace smelt::test;
using testing::ElementsAre;
using testing::Pointwise;

namespace {

/// One op with one operand.
struct Case {
  std::string op, attributes, input, output;
  Tolerance tolerance = Tolerance::ofFloat();

  std::string text() const {
    return "func.func @f(%x: tensor<" + input + ">) -> tensor<" + output + "> { %0 = graph." + op + " %x {" +
           attributes + "} : (tensor<" + input + ">) -> tensor<" + output + "> return %0 : tensor<" + output + "> }";
  }
};

void PrintTo(const Case &c, std::ostream *stream) { *stream << c.op << " {" << c.attributes << "} " << c.input; }

class Structured : public testing::TestWithParam<Case> {};

std::string reduce(int kind, const std::string &axes) {
  return "kind = " + std::to_string(kind) + " : i32, axes = array<i64" + (axes.empty() ? "" : ": ") + axes + ">";
}

enum ReduceKinds { Sum, Mean, Max, Min, Prod, SumSquare, L1, L2, LogSum, LogSumExp };

std::string softmax(int axis, bool log = false) {
  return "axis = " + std::to_string(axis) + (log ? ", log = true" : "");
}

std::string layerNorm(int axis, bool rms = false) {
  return "axis = " + std::to_string(axis) + ", epsilon = 1.0e-5" + (rms ? ", rms = true" : "");
}

/// Of two spatial dims.
struct Pool2d {
  int kind = 0;
  std::string window = "3, 3", strides = "1, 1", dilations = "1, 1", low = "0, 0", high = "0, 0", declared = "0, 0";
  bool countPadding = false, channelsLast = false;
  int p = 2;

  operator std::string() const {
    return "kind = " + std::to_string(kind) + " : i32, window = array<i64: " + window +
           ">, strides = array<i64: " + strides + ">, dilations = array<i64: " + dilations +
           ">, low = array<i64: " + low + ">, high = array<i64: " + high + ">, declared_high = array<i64: " + declared +
           ">, count_padding = " + (countPadding ? "true" : "false") + ", p = " + std::to_string(p) +
           ", layout = " + (channelsLast ? "1" : "0") + " : i32";
  }
};

Pool2d pool(int kind, bool channelsLast) {
  Pool2d attributes;
  attributes.kind = kind;
  attributes.channelsLast = channelsLast;
  return attributes;
}

Pool2d padded(Pool2d pool, const std::string &low, const std::string &high, const std::string &strides = "1, 1") {
  pool.low = low;
  pool.high = high;
  pool.declared = high;
  pool.strides = strides;
  return pool;
}

enum PoolKinds { MaxPool, AveragePool, LpPool };

} // namespace

TEST_P(Structured, CompiledMatchesReference) {
  Operator op(GetParam().text());
  ASSERT_TRUE(op.isValid());
  op.expectCompiledMatches(op.randomInputs(), GetParam().tolerance);
}

static const Case kReductions[] = {
    // the innermost dim: whole vectors, rests of all sizes, less than a vector
    {"reduce", reduce(Sum, "1"), "3x384xf32", "3x1xf32"},
    {"reduce", reduce(Sum, "1"), "3x127xf32", "3x1xf32"},
    {"reduce", reduce(Mean, "1"), "3x3xf32", "3x1xf32"},
    {"reduce", reduce(Sum, "0"), "1000xf32", "1xf32"},
    {"reduce", reduce(Max, "0, 1"), "5x77xf32", "1x1xf32"},
    {"reduce", reduce(Mean, "2, 3"), "2x3x7x7xf32", "2x3x1x1xf32"},
    {"reduce", reduce(Sum, "0"), "100x1xf32", "1x1xf32"},
    // outer dims: lanes along what stays
    {"reduce", reduce(Mean, "1, 2"), "1x7x7x200xf32", "1x1x1x200xf32"},
    {"reduce", reduce(Sum, "0"), "9x37xf32", "1x37xf32"},
    {"reduce", reduce(Sum, "0, 2"), "3x4x5x6xf32", "1x4x1x6xf32"},
    {"reduce", reduce(Sum, "0, 2"), "3x4x50xf32", "1x4x1xf32"},
    {"reduce", reduce(Sum, ""), "3x4xf32", "3x4xf32"},
    // all kinds
    {"reduce", reduce(Min, "1"), "3x50xf32", "3x1xf32"},
    {"reduce", reduce(Prod, "1"), "3x50xf32", "3x1xf32"},
    {"reduce", reduce(SumSquare, "1"), "3x50xf32", "3x1xf32"},
    {"reduce", reduce(L1, "1"), "3x50xf32", "3x1xf32"},
    {"reduce", reduce(L2, "1"), "3x50xf32", "3x1xf32"},
    {"reduce", reduce(L2, "0"), "3x50xf32", "1x50xf32"},
    {"reduce", reduce(LogSumExp, "1"), "3x50xf32", "3x1xf32"},
    {"reduce", reduce(LogSumExp, "0"), "3x50xf32", "1x50xf32"},
    {"reduce", reduce(LogSumExp, "1"), "3x50xf64", "3x1xf64", {1e-14, 1e-14}},
    // all element types
    {"reduce", reduce(Sum, "1"), "3x50xf64", "3x1xf64", {1e-12, 1e-12}},
    {"reduce", reduce(Mean, "1"), "3x50xf16", "3x1xf16", {2e-3, 1e-3}},
    {"reduce", reduce(Mean, "0"), "3x50xbf16", "1x50xbf16", {1e-2, 8e-3}},
    {"reduce", reduce(Sum, "1"), "3x50xi32", "3x1xi32", Tolerance::ofBits()},
    {"reduce", reduce(Mean, "1"), "3x50xi64", "3x1xi64", Tolerance::ofBits()},
    {"reduce", reduce(Mean, "0"), "3x50xui32", "1x50xui32", Tolerance::ofBits()},
    {"reduce", reduce(L2, "1"), "3x50xi32", "3x1xi32", Tolerance::ofBits()},
    {"reduce", reduce(Max, "1"), "3x50xui8", "3x1xui8", Tolerance::ofBits()},
    {"reduce", reduce(Max, "1"), "3x50xi8", "3x1xi8", Tolerance::ofBits()},
    {"reduce", reduce(Min, "0"), "3x50xui64", "1x50xui64", Tolerance::ofBits()},
    {"reduce", reduce(Max, "1"), "3x5xi1", "3x1xi1", Tolerance::ofBits()},
};
INSTANTIATE_TEST_SUITE_P(Reduce, Structured, testing::ValuesIn(kReductions));

static const Case kNormalisations[] = {
    {"softmax", softmax(1), "3x128xf32", "3x128xf32"},
    {"softmax", softmax(1), "3x37xf32", "3x37xf32"},
    {"softmax", softmax(1), "2x9000xf32", "2x9000xf32"}, // no room for a row
    {"softmax", softmax(1, true), "3x37xf32", "3x37xf32"},
    {"softmax", softmax(1), "2x5x3x21xf32", "2x5x3x21xf32"},
    {"softmax", softmax(0), "5x3xf32", "5x3xf32"},
    {"softmax", softmax(0, true), "5x40xf32", "5x40xf32"},
    {"softmax", softmax(0), "700x20xf32", "700x20xf32"},
    {"softmax", softmax(1), "2x30x1x1xf32", "2x30x1x1xf32"},
    {"softmax", softmax(1), "3x1xf32", "3x1xf32"},
    {"softmax", softmax(1), "3x50xf64", "3x50xf64", {1e-16, 1e-14}},
    {"softmax", softmax(0, true), "50x3xf64", "50x3xf64", {1e-14, 1e-14}},
    {"softmax", softmax(1), "3x50xf16", "3x50xf16", {1e-3, 1e-3}},
    {"layer_norm", layerNorm(1), "3x384xf32", "3x384xf32", {2e-6, 1e-5}},
    {"layer_norm", layerNorm(1), "2x3x37xf32", "2x3x37xf32", {2e-6, 1e-5}},
    {"layer_norm", layerNorm(0), "2x3x37xf32", "2x3x37xf32", {2e-6, 1e-5}},
    {"layer_norm", layerNorm(1), "2x9001xf32", "2x9001xf32", {2e-6, 1e-5}}, // no room for a row
    {"layer_norm", layerNorm(1), "3x2x1xf32", "3x2x1xf32", {2e-6, 1e-5}},
    {"layer_norm", layerNorm(1, true), "3x384xf32", "3x384xf32", {2e-6, 1e-5}},
    {"layer_norm", layerNorm(1), "3x50xf64", "3x50xf64", {1e-12, 1e-12}},
    {"layer_norm", layerNorm(1), "3x50xbf16", "3x50xbf16", {1e-2, 8e-3}},
};
INSTANTIATE_TEST_SUITE_P(Normalise, Structured, testing::ValuesIn(kNormalisations));

static Pool2d dilated(Pool2d pool) {
  pool.dilations = "2, 3";
  return pool;
}
static Pool2d counting(Pool2d pool) {
  pool.countPadding = true;
  return pool;
}
static Pool2d windowed(Pool2d pool, const std::string &window) {
  pool.window = window;
  return pool;
}
static Pool2d withP(Pool2d pool, int p) {
  pool.p = p;
  return pool;
}
static Pool2d ceiled(Pool2d pool) { // the last windows reach beyond what was declared
  pool.declared = "0, 0";
  return pool;
}

static const Case kPools[] = {
    {"pool", padded(pool(MaxPool, true), "1, 1", "1, 1", "2, 2"), "1x13x14x70xf32", "1x7x7x70xf32"},
    {"pool", padded(pool(MaxPool, false), "1, 1", "1, 1", "2, 2"), "1x5x13x14xf32", "1x5x7x7xf32"},
    {"pool", padded(pool(MaxPool, false), "1, 1", "1, 1"), "2x2x9x45xf32", "2x2x9x45xf32"},
    {"pool", padded(pool(AveragePool, true), "1, 1", "1, 1"), "2x5x6x19xf32", "2x5x6x19xf32"},
    {"pool", counting(padded(pool(AveragePool, true), "1, 1", "1, 1")), "1x5x6x19xf32", "1x5x6x19xf32"},
    {"pool", counting(ceiled(padded(pool(AveragePool, true), "1, 0", "1, 2", "2, 2"))), "1x5x6x9xf32", "1x3x3x9xf32"},
    {"pool", ceiled(padded(pool(AveragePool, false), "1, 0", "1, 2", "2, 2")), "1x9x5x6xf32", "1x9x3x3xf32"},
    {"pool", windowed(pool(AveragePool, true), "7, 7"), "1x7x7x100xf32", "1x1x1x100xf32"},
    {"pool", windowed(pool(AveragePool, false), "7, 7"), "1x10x7x7xf32", "1x10x1x1xf32"},
    {"pool", dilated(padded(pool(MaxPool, true), "2, 3", "1, 4", "2, 1")), "1x9x10x7xf32", "1x4x11x7xf32"},
    {"pool", dilated(padded(pool(AveragePool, false), "2, 3", "1, 4", "1, 2")), "1x3x9x10xf32", "1x3x8x6xf32"},
    {"pool", padded(pool(LpPool, true), "1, 1", "1, 1"), "1x5x6x19xf32", "1x5x6x19xf32"},
    {"pool", withP(pool(LpPool, false), 3), "1x2x5x20xf32", "1x2x3x18xf32"},
    {"pool", withP(pool(LpPool, true), 1), "1x5x5x20xf32", "1x3x3x20xf32"},
    {"pool", windowed(padded(pool(MaxPool, true), "4, 4", "4, 4"), "9, 9"), "1x3x20x20xf32", "1x3x20x20xf32"},
    {"pool", pool(MaxPool, true), "1x5x5x40xui8", "1x3x3x40xui8", Tolerance::ofBits()},
    {"pool", padded(pool(MaxPool, false), "1, 1", "1, 1"), "1x2x5x40xi8", "1x2x5x40xi8", Tolerance::ofBits()},
    {"pool", pool(AveragePool, true), "1x5x5x40xf64", "1x3x3x40xf64", {1e-12, 1e-12}},
    {"pool", pool(AveragePool, true), "1x5x5x40xf16", "1x3x3x40xf16", {2e-3, 1e-3}},
};
INSTANTIATE_TEST_SUITE_P(Pool, Structured, testing::ValuesIn(kPools));

static std::string argReduce(int axis, bool minimum = false, bool last = false) {
  return "axis = " + std::to_string(axis) + ", minimum = " + (minimum ? "true" : "false") +
         ", last = " + (last ? "true" : "false");
}
static std::string cumulative(int axis, bool exclusive, bool reverse, bool product = false) {
  return "axis = " + std::to_string(axis) + ", exclusive = " + (exclusive ? "true" : "false") +
         ", reverse = " + (reverse ? "true" : "false") + ", product = " + (product ? "true" : "false");
}
static std::string lrn(int size) {
  return "size = " + std::to_string(size) + ", alpha = 1.0e-1, beta = 7.5e-1, bias = 2.0";
}

static const Case kScans[] = {
    {"arg_reduce", argReduce(1), "3x50xf32", "3x1xi64", Tolerance::ofBits()},
    {"arg_reduce", argReduce(1, true, true), "3x50xi8", "3x1xi64", Tolerance::ofBits()},
    {"arg_reduce", argReduce(1, false, true), "3x50xi8", "3x1xi64", Tolerance::ofBits()},
    {"arg_reduce", argReduce(0), "5x3x21xf32", "1x3x21xi64", Tolerance::ofBits()},
    {"arg_reduce", argReduce(0, true), "50x21xui8", "1x21xi64", Tolerance::ofBits()},
    {"arg_reduce", argReduce(1, true), "3x50xf64", "3x1xi64", Tolerance::ofBits()},
    {"arg_reduce", argReduce(1), "3x50xf16", "3x1xi64", Tolerance::ofBits()},
    {"arg_reduce", argReduce(1), "3x1xf32", "3x1xi64", Tolerance::ofBits()},
    {"cumulative", cumulative(1, false, false), "3x50xf32", "3x50xf32"},
    {"cumulative", cumulative(0, true, false), "5x50xf32", "5x50xf32"},
    {"cumulative", cumulative(1, false, true), "2x5x50xf32", "2x5x50xf32"},
    {"cumulative", cumulative(1, true, true), "3x5xi32", "3x5xi32", Tolerance::ofBits()},
    {"cumulative", cumulative(1, false, false, true), "3x50xf64", "3x50xf64", {1e-12, 1e-12}},
    {"lrn", lrn(5), "2x7x5x21xf32", "2x7x5x21xf32"},
    {"lrn", lrn(4), "1x3x5xf32", "1x3x5xf32"},
    {"lrn", lrn(99), "1x3x5xf16", "1x3x5xf16", {1e-3, 1e-3}},
    {"lrn", lrn(3), "2x20xf32", "2x20xf32"},
};
INSTANTIATE_TEST_SUITE_P(Scan, Structured, testing::ValuesIn(kScans));

/// Input, results' extent along the axis, axis.
struct TopKCase {
  std::string input, values, indices;
  int axis;
  bool smallest;
};

class TopK : public testing::TestWithParam<TopKCase> {};

static std::string topK(const TopKCase &c) {
  std::string results = "tensor<" + c.values + ">, tensor<" + c.indices + ">";
  return "func.func @f(%x: tensor<" + c.input + ">) -> (" + results +
         ") { %0:2 = graph.top_k %x {axis = " + std::to_string(c.axis) +
         ", smallest = " + (c.smallest ? "true" : "false") + "} : (tensor<" + c.input + ">) -> (" + results +
         ") return %0#0, %0#1 : " + results + " }";
}

TEST_P(TopK, CompiledMatchesReference) {
  Operator op(topK(GetParam()));
  op.expectCompiledMatches(op.randomInputs());
}

static const TopKCase kTopK[] = {
    {"3x50xf32", "3x5xf32", "3x5xi64", 1, false},
    {"3x50xf32", "3x50xf32", "3x50xi64", 1, true},
    {"50x3xf32", "7x3xf32", "7x3xi64", 0, false},
    {"3x50xi8", "3x20xi8", "3x20xi64", 1, false},
    {"3x50xui8", "3x1xui8", "3x1xi64", 1, true},
    {"1x300xf16", "1x9xf16", "1x9xi64", 1, false},
    {"8200xf32", "8195xf32", "8195xi64", 0, false}, // a heap in the result
    {"2x8200x2xf64", "2x8200x2xf64", "2x8200x2xi64", 1, true},
};
INSTANTIATE_TEST_SUITE_P(Select, TopK, testing::ValuesIn(kTopK));

// NaN is beyond all numbers; among equals the lower index comes first.
TEST(TopK, Order) {
  Operator op(topK({"6xf32", "6xf32", "6xi64", 0, false})), ascending(topK({"6xf32", "6xf32", "6xi64", 0, true}));
  Tensors inputs{tensor(op.inputType(0), {1, NAN, 2, 1, NAN, 2})};
  EXPECT_THAT(numbers(op.evaluate(inputs)[1]), ElementsAre(1, 4, 2, 5, 0, 3));
  op.expectCompiledMatches(inputs);
  EXPECT_THAT(numbers(ascending.evaluate(inputs)[1]), ElementsAre(0, 3, 2, 5, 1, 4));
  ascending.expectCompiledMatches(inputs);
}

// What follows may need both results at once.
TEST(TopK, BothResultsAreUsed) {
  Operator op(R"(func.func @f(%x: tensor<9xf32>) -> tensor<4xf32> {
    %0:2 = graph.top_k %x {axis = 0, smallest = false} : (tensor<9xf32>) -> (tensor<4xf32>, tensor<4xi64>)
    %1 = graph.cast %0#1 {to = f32} : (tensor<4xi64>) -> tensor<4xf32>
    %2 = graph.add %0#0, %1 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    return %2 : tensor<4xf32>
  })");
  op.expectCompiledMatches(op.randomInputs());
}

static std::string nonMaxSuppression(bool center) {
  return std::string("func.func @f(%b: tensor<1x6x4xf32>, %s: tensor<1x1x6xf32>, %m: tensor<i64>, %i: tensor<f32>, %t: "
                     "tensor<f32>) -> tensor<1x1x4xi64> { %0:2 = graph.non_max_suppression %b, %s, %m, %i, %t {center "
                     "= ") +
         (center ? "true" : "false") +
         "} : (tensor<1x6x4xf32>, tensor<1x1x6xf32>, tensor<i64>, tensor<f32>, tensor<f32>) -> (tensor<1x1x4xi64>, "
         "tensor<1x1x6xi32>) return %0#0 : tensor<1x1x4xi64> }";
}

// By descending score, the first of equals first; what overlaps a better one, or has a score that is not above the
// threshold, or none at all, is left out.
TEST(NonMaxSuppression, ChoosesByScore) {
  Operator corners(nonMaxSuppression(false)), centers(nonMaxSuppression(true));
  Tensors inputs{tensor(corners.inputType(0),
                        {0, 0, 1, 1, 0, 0.1, 1, 1.1, 1, 0.9, 0, -0.1, 0, 10, 1, 11, 0, 10, 1, 11, 0, 100, 1, 101}),
                 tensor(corners.inputType(1), {0.9, 0.75, 0.6, 0.95, 0.95, NAN}), tensor(corners.inputType(2), {3}),
                 tensor(corners.inputType(3), {0.5}), tensor(corners.inputType(4), {0.6})};
  EXPECT_THAT(numbers(corners.evaluate(inputs)[0]), ElementsAre(3, 0, -1, -1));
  corners.expectCompiledMatches(inputs);
  inputs[4] = tensor(corners.inputType(4), {0.5});
  inputs[3] = tensor(corners.inputType(3), {0.9});
  EXPECT_THAT(numbers(corners.evaluate(inputs)[0]), ElementsAre(3, 0, 1, -1));
  corners.expectCompiledMatches(inputs);
  centers.expectCompiledMatches(inputs);
}

// Whatever the numbers are, it ends and stays within its memory.
TEST(NonMaxSuppression, TakesAnyNumbers) {
  Operator op(nonMaxSuppression(false));
  Tensors inputs = op.randomInputs();
  for (double most : {-1e18, -1.0, 0.0, 1e18})
    for (double threshold : {double(NAN), double(INFINITY), -double(INFINITY)}) {
      inputs[2] = tensor(op.inputType(2), {most});
      inputs[3] = inputs[4] = tensor(op.inputType(3), {threshold});
      op.expectCompiledMatches(inputs);
    }
}

// The first and the last of equals; NaN is beyond all numbers.
TEST(ArgReduce, Order) {
  Operator first(Case{"arg_reduce", argReduce(1), "2x4xf32", "2x1xi64"}.text());
  Operator last(Case{"arg_reduce", argReduce(1, true, true), "2x4xf32", "2x1xi64"}.text());
  Tensors inputs{tensor(first.inputType(0), {1, 3, 3, 1, NAN, 1, NAN, 5})};
  EXPECT_THAT(numbers(first.evaluate(inputs)[0]), ElementsAre(1, 0));
  first.expectCompiledMatches(inputs);
  EXPECT_THAT(numbers(last.evaluate(inputs)[0]), ElementsAre(3, 2));
  last.expectCompiledMatches(inputs);
}

TEST(Cumulative, ExclusiveAndReverse) {
  Operator op(Case{"cumulative", cumulative(0, true, true), "4xi32", "4xi32"}.text());
  Tensors inputs{tensor(op.inputType(0), {1, 2, 3, 4})};
  EXPECT_THAT(numbers(op.evaluate(inputs)[0]), ElementsAre(9, 7, 4, 0));
}

// e^x and ln x of f64, seen through log Σ e^x of one element and log of a sum of one.
TEST(Reduce, FunctionsOfF64) {
  Operator logarithm(Case{"reduce", reduce(LogSum, "1"), "12x1xf64", "12x1xf64"}.text());
  Tensors inputs{
      tensor(logarithm.inputType(0), {1, 1.0000001, 0.75, 1.42, 2, 1e300, 1e-300, 5e-324, 0, INFINITY, -1, NAN})};
  logarithm.expectCompiledMatches(inputs, {0, 4e-16});
  Operator power(Case{"softmax", softmax(1), "8x2xf64", "8x2xf64"}.text());
  Tensors exponents{
      tensor(power.inputType(0), {0, -1, 0, -700, 0, -744, 0, -746, 0, -1e-9, 0, -0.3, 0, -0.4, 0, -36.5})};
  power.expectCompiledMatches(exponents, {0, 1e-15});
}

// Maxima of NaN are NaN; the exponentials of large numbers overflow on the way, not in the result.
TEST(Reduce, SpecialNumbers) {
  Operator most(Case{"reduce", reduce(Max, "1"), "2x3xf32", "2x1xf32"}.text());
  Tensors inputs{tensor(most.inputType(0), {1, NAN, 2, -INFINITY, -INFINITY, -INFINITY})};
  most.expectCompiledMatches(inputs);
  Operator sum(Case{"reduce", reduce(LogSumExp, "1"), "3x2xf32", "3x1xf32"}.text());
  Tensors large{tensor(sum.inputType(0), {1000, 1000, -INFINITY, -INFINITY, INFINITY, 1})};
  EXPECT_NEAR(numbers(sum.evaluate(large)[0])[0], 1000 + M_LN2, 1e-4);
  sum.expectCompiledMatches(large, Tolerance::ofFloat());
}

// Minus infinity everywhere is NaN, one of them is 0, as in NumPy.
TEST(Softmax, Infinities) {
  Operator op(Case{"softmax", softmax(1), "3x2xf32", "3x2xf32"}.text());
  const double kInfinity = INFINITY;
  Tensors inputs{tensor(op.inputType(0), {-kInfinity, 1, -kInfinity, -kInfinity, kInfinity, 1})};
  std::vector<double> result = numbers(op.evaluate(inputs)[0]);
  EXPECT_EQ(result[0], 0);
  EXPECT_EQ(result[1], 1);
  for (int element = 2; element < 6; ++element)
    EXPECT_TRUE(std::isnan(result[element])) << element;
  op.expectCompiledMatches(inputs);
}

// In lanes, in what is left of them and across borders; numbers lie before NaN and behind it.
TEST(Pool, MaximumOfNanIsNan) {
  Operator op(Case{"pool", windowed(pool(MaxPool, true), "1, 2"), "1x1x6x1xf32", "1x1x5x1xf32"}.text());
  Tensors inputs{tensor(op.inputType(0), {1, NAN, 3, -INFINITY, -INFINITY, 2})};
  EXPECT_THAT(numbers(op.evaluate(inputs)[0]),
              Pointwise(testing::NanSensitiveDoubleEq(), {double(NAN), double(NAN), 3.0, -double(INFINITY), 2.0}));
  for (const char *element : {"f32", "f64", "f16", "bf16"})
    for (bool channelsLast : {false, true}) {
      const std::string type = std::string(channelsLast ? "1x9x10x21x" : "1x3x9x45x") + element;
      Operator each(Case{"pool", padded(pool(MaxPool, channelsLast), "1, 1", "1, 1"), type, type}.text());
      ASSERT_TRUE(each.isValid());
      std::vector<double> some = numbers(each.randomInputs()[0]);
      for (size_t place = 0; place < some.size(); place += 23)
        some[place] = NAN;
      each.expectCompiledMatches({tensor(each.inputType(0), some)});
    }
}

// What has no elements: sums of nothing are 0, results without elements are computed by no one.
TEST(Structured, Empty) {
  const Case cases[] = {
      {"reduce", reduce(Sum, "0"), "0x5xf32", "1x5xf32"},
      {"reduce", reduce(Max, "1"), "5x0xf32", "5x1xf32"},
      {"reduce", reduce(Sum, "1"), "0x5xf32", "0x1xf32"},
      {"softmax", softmax(1), "0x5xf32", "0x5xf32"},
      {"softmax", softmax(1), "5x0xf32", "5x0xf32"},
      {"layer_norm", layerNorm(1), "5x0xf32", "5x0xf32"},
      {"layer_norm", layerNorm(0), "0x3xf32", "0x3xf32"},
      {"arg_reduce", argReduce(1), "0x5xf32", "0x1xi64"},
      {"cumulative", cumulative(0, false, false), "0x5xf32", "0x5xf32"},
      {"pool", pool(MaxPool, true), "0x5x5x40xf32", "0x3x3x40xf32"},
      {"pool", pool(MaxPool, false), "1x0x5x5xf32", "1x0x3x3xf32"},
      {"lrn", lrn(5), "2x0x5x21xf32", "2x0x5x21xf32"},
  };
  for (const Case &c : cases) {
    SCOPED_TRACE(c.op + " " + c.input);
    Operator op(c.text());
    op.expectCompiledMatches(op.randomInputs());
  }
}
