// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// softmax(f(q · keys)) · values as one kernel.

#include "OperatorHarness.h"
#include "gmock/gmock.h"
#include <cmath>
#include <limits>

using namespace smelt::test;

namespace {

struct Sizes {
  int64_t heads, queries, keys, size, values;
  std::string mask; // its shape
};

void PrintTo(const Sizes &s, std::ostream *stream) {
  *stream << s.heads << " heads, " << s.queries << " x " << s.keys << ", " << s.size << " -> " << s.values;
}

std::string tensorType(std::initializer_list<int64_t> shape) {
  std::string text = "tensor<";
  for (int64_t extent : shape)
    text += std::to_string(extent) + "x";
  return text + "f32>";
}

std::string attention(const Sizes &s) {
  std::string q = tensorType({s.heads, s.queries, s.size}), k = tensorType({s.heads, s.size, s.keys}),
              v = tensorType({s.heads, s.keys, s.values}), scores = tensorType({s.heads, s.queries, s.keys}),
              result = tensorType({s.heads, s.queries, s.values}), mask = "tensor<" + s.mask + "xf32>";
  return "func.func @f(%q: " + q + ", %k: " + k + ", %v: " + v + ", %mask: " + mask + ") -> " + result +
         " { %scale = graph.constant dense<0.25> : tensor<1xf32>"
         " %0 = graph.matmul %q, %k : (" +
         q + ", " + k + ") -> " + scores + " %1 = graph.mul %0, %scale : (" + scores + ", tensor<1xf32>) -> " + scores +
         " %2 = graph.add %1, %mask : (" + scores + ", " + mask + ") -> " + scores +
         " %3 = graph.softmax %2 {axis = 2 : i64} : (" + scores + ") -> " + scores + " %4 = graph.matmul %3, %v : (" +
         scores + ", " + v + ") -> " + result + " %5 = graph.relu %4 : (" + result + ") -> " + result +
         " return %5 : " + result + " }";
}

class Attention : public testing::TestWithParam<Sizes> {};

TEST_P(Attention, CompiledMatchesReference) {
  Operator op(attention(GetParam()));
  ASSERT_TRUE(op.isValid());
  op.expectCompiledMatches(op.randomInputs(), {1e-5, 1e-5});
}

const Sizes kSizes[] = {{3, 14, 128, 32, 32, "1x1x128"}, {2, 1, 40, 64, 64, "40"},
                        {1, 33, 257, 24, 40, "33x257"},  {2, 5, 7, 3, 5, "2x1x1"},
                        {1, 29, 1300, 16, 72, "1x1300"}, {1, 3, 1, 8, 8, "1"}};
INSTANTIATE_TEST_SUITE_P(All, Attention, testing::ValuesIn(kSizes));

// Keys that a mask takes out count for nothing, wherever the block that begins with them; a row of nothing else is NaN.
TEST(AttentionMasks, InfinitiesAndNaN) {
  const Sizes sizes{1, 4, 1300, 8, 8, "4x1300"};
  Operator op(attention(sizes));
  ASSERT_TRUE(op.isValid());
  Tensors inputs = op.randomInputs();
  std::vector<double> mask(sizes.queries * sizes.keys, 0);
  std::fill_n(mask.begin(), 700, -INFINITY);
  std::fill_n(mask.begin() + sizes.keys, sizes.keys, -INFINITY);
  mask[2 * sizes.keys + 1100] = NAN;
  std::fill_n(mask.begin() + 3 * sizes.keys + 600, 700, -INFINITY);
  inputs[3] = tensor(op.inputType(3), mask);
  op.expectCompiledMatches(inputs, {1e-5, 1e-5});
}

} // namespace
