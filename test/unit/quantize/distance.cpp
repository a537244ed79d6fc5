// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// How far outputs are from those that they should be.
#include "tools/quantize/Distance.h"
#include "gmock/gmock.h"
#include <cmath>
#include <cstring>
#include <limits>

using namespace smelt;
using quantize::DecisionDistance;
using quantize::OutputDistance;
using testing::DoubleNear;

namespace {

runner::Tensor of(const std::vector<float> &numbers) {
  runner::Tensor tensor{
      "y", SMELT_F32, {static_cast<int64_t>(numbers.size())}, runner::AlignedBytes(numbers.size() * sizeof(float))};
  std::memcpy(tensor.bytes.data(), numbers.data(), tensor.bytes.size());
  return tensor;
}

using Outputs = std::vector<std::vector<float>>;

std::vector<runner::Tensor> all(const Outputs &outputs) {
  std::vector<runner::Tensor> tensors;
  for (const std::vector<float> &output : outputs)
    tensors.push_back(of(output));
  return tensors;
}

double decision(const std::vector<std::pair<Outputs, Outputs>> &samples) {
  DecisionDistance distance;
  for (const auto &[got, want] : samples)
    distance.add(all(got), all(want));
  return distance.relative();
}

TEST(OutputDistance, IsTheNormOfTheDifference) {
  OutputDistance distance;
  distance.add(all({{3, 4}}), all({{3, 5}}));
  distance.add(all({{0}}), all({{std::numeric_limits<float>::quiet_NaN()}})); // counts for nothing
  EXPECT_THAT(distance.relative(), DoubleNear(1 / std::sqrt(34), 1e-9));
}

TEST(DecisionDistance, OfSeveralSamplesIsTheGeometricMean) {
  EXPECT_THAT(decision({{{{-99}}, {{-100}}}, {{{-100.01f}}, {{-100}}}}), DoubleNear(1e-3, 1e-6));
}

TEST(DecisionDistance, EachOutputCountsAlike) {
  const double small = decision({{{{1e6f, 2e6f}, {-2}}, {{1e6f, 2e6f}, {-1}}}});
  EXPECT_THAT(small, DoubleNear(std::sqrt(0.5), 1e-6));
}

// 0.5 to 0.6 turns more decisions than 0.9 to 1 would, but that is not small either, as it is between 0.001 and 0.01.
TEST(DecisionDistance, ProbabilitiesCountByTheirOdds) {
  const double among = decision({{{{0.999f, 0.0005f}}, {{0.99f, 0.0005f}}}});
  const double plain = decision({{{{9.99f, 0.005f}}, {{9.9f, 0.005f}}}});
  EXPECT_GT(among, 5 * plain);
}

TEST(DecisionDistance, OfEqualOutputsIsZeroAndOfNoNumbersIsAll) {
  EXPECT_EQ(decision({{{{1, 2}}, {{1, 2}}}}), 0);
  EXPECT_THAT(decision({{{{std::numeric_limits<float>::infinity()}}, {{-2}}}}), DoubleNear(1, 1e-9));
}

} // namespace
