// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What matrices lose when they are kept in few bits, with data and without.
#include "mlir/IR/MLIRContext.h"
#include "passes/quantize/BlockRounding.h"
#include "tools/quantize/Moments.h"
#include "gmock/gmock.h"
#include <cmath>
#include <limits>

using namespace smelt;
using namespace smelt::quantize;
using graph::HostTensor;

namespace {

class Blocks : public testing::Test {
protected:
  /// Numbers of a bell-shaped distribution, the same ones every time.
  float draw() {
    double sum = -6;
    for (int k = 0; k < 12; ++k) {
      state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
      sum += static_cast<double>(state_ >> 11) * 0x1p-53;
    }
    return static_cast<float>(sum);
  }

  HostTensor matrix(int64_t rows, int64_t columns, float deviation) {
    HostTensor tensor = zeros(rows, columns);
    for (float &number : tensor.asMutable<float>())
      number = deviation * draw();
    return tensor;
  }

  HostTensor zeros(int64_t rows, int64_t columns) {
    return HostTensor::zeros(mlir::RankedTensorType::get({rows, columns}, mlir::Float32Type::get(&context_)));
  }

private:
  mlir::MLIRContext context_;
  uint64_t state_ = 1;
};

/// (code - zero / fraction) · scale
std::vector<double> numbersOf(const RoundedBlocks &rounded, int64_t axis) {
  std::vector<double> numbers;
  const int64_t columns = rounded.codes.shape()[1], blocks = rounded.scales.shape()[1];
  for (int64_t at = 0; at < rounded.codes.size(); ++at) {
    const int64_t row = at / columns, column = at % columns;
    const int64_t block = axis == 0 ? row / rounded.block * columns + column : row * blocks + column / rounded.block;
    double zero =
        rounded.zeroPoints ? static_cast<double>(rounded.zeroPoints->code(block)) / double(rounded.fraction) : 0;
    double code = rounded.zeroPoints ? double(rounded.codes.code(at)) : double(int8_t(rounded.codes.code(at)));
    numbers.push_back((code - zero) * rounded.scales.get(block).asFloat());
  }
  return numbers;
}

/// Of the root of the sum of squares.
double errorOf(llvm::ArrayRef<float> exact, const std::vector<double> &numbers) {
  double off = 0, all = 0;
  for (size_t i = 0; i < numbers.size(); ++i) {
    off += (numbers[i] - exact[i]) * (numbers[i] - exact[i]);
    all += double(exact[i]) * exact[i];
  }
  return std::sqrt(off / all);
}

TEST_F(Blocks, LoseNoMoreThanTheBestKnownRounding) {
  HostTensor weights = matrix(256, 96, 0.02f);
  for (int64_t axis : {0, 1}) {
    EXPECT_LT(errorOf(weights.as<float>(), numbersOf(*roundBlocks(weights, axis, 4), axis)), 0.073);
    EXPECT_LT(errorOf(weights.as<float>(), numbersOf(*roundBlocks(weights, axis, 8), axis)), 0.0075);
  }
}

TEST_F(Blocks, EndWithTheMatrix) {
  HostTensor weights = matrix(77, 65, 3.0f);
  for (int64_t axis : {0, 1}) {
    RoundedBlocks rounded = *roundBlocks(weights, axis, 4);
    EXPECT_EQ(rounded.scales.shape()[axis], 3);
    EXPECT_LT(errorOf(weights.as<float>(), numbersOf(rounded, axis)), 0.073);
  }
}

TEST_F(Blocks, OfZerosAreZero) {
  HostTensor weights = matrix(64, 64, 1.0f);
  for (int64_t row = 0; row < 32; ++row)
    weights.asMutable<float>()[row * 64 + 5] = 0;
  std::vector<double> numbers = numbersOf(*roundBlocks(weights, 0, 4), 0);
  for (int64_t row = 0; row < 32; ++row)
    EXPECT_EQ(numbers[row * 64 + 5], 0);
}

TEST_F(Blocks, OfWideAndOfSmallNumbersKeepTheirDigits) {
  for (float deviation : {1e-12f, 1e-4f, 1e5f, 1e15f}) {
    HostTensor weights = matrix(128, 64, deviation);
    EXPECT_LT(errorOf(weights.as<float>(), numbersOf(*roundBlocks(weights, 0, 4), 0)), 0.073) << deviation;
  }
}

TEST_F(Blocks, AreNotMadeOfWhatIsNoNumber) {
  for (float odd : {std::nanf(""), std::numeric_limits<float>::infinity(), 1e30f}) {
    HostTensor weights = matrix(64, 64, 1.0f);
    weights.asMutable<float>()[77] = odd;
    EXPECT_FALSE(roundBlocks(weights, 0, 4));
  }
}

TEST_F(Blocks, MakeUpForEachOther) {
  // Inputs whose channels go together: a few directions, and a little of their own.
  constexpr int64_t kChannels = 128, kRows = 512, kDirections = 8;
  HostTensor directions = matrix(kDirections, kChannels, 1.0f), inputs = zeros(kRows, kChannels);
  for (int64_t row = 0; row < kRows; ++row)
    for (int64_t direction = 0; direction < kDirections; ++direction) {
      const float amount = draw();
      for (int64_t channel = 0; channel < kChannels; ++channel)
        inputs.asMutable<float>()[row * kChannels + channel] +=
            amount * directions.as<float>()[direction * kChannels + channel];
    }
  for (float &number : inputs.asMutable<float>())
    number += 0.3f * draw();
  Moments moments(kChannels);
  moments.add(inputs.as<float>().data(), kRows);
  HostTensor weights = matrix(kChannels, 64, 0.05f);
  auto resultsOff = [&](const RoundedBlocks &rounded) {
    std::vector<double> numbers = numbersOf(rounded, 0);
    double off = 0;
    for (int64_t row = 0; row < kRows; ++row)
      for (int64_t column = 0; column < 64; ++column) {
        double sum = 0;
        for (int64_t k = 0; k < kChannels; ++k)
          sum += inputs.as<float>()[row * kChannels + k] *
                 (numbers[k * 64 + column] - weights.as<float>()[k * 64 + column]);
        off += sum * sum;
      }
    return std::sqrt(off);
  };
  EXPECT_LT(resultsOff(*roundBlocks(weights, *moments.inverseFactors(), 4)),
            0.7 * resultsOff(*roundBlocks(weights, 0, 4)));
}

TEST(MomentsOfInputs, HaveNoFactorsWithoutNumbers) {
  Moments zeros(4);
  const float rows[] = {0, 0, 0, 0, 0, 0, 0, 0};
  zeros.add(rows, 2);
  EXPECT_FALSE(zeros.inverseFactors());
  Moments odd(2);
  const float infinite[] = {1, std::numeric_limits<float>::infinity()};
  odd.add(infinite, 1);
  EXPECT_FALSE(odd.inverseFactors());
}

TEST(MomentsOfInputs, AreInverted) {
  Moments moments(3);
  const float rows[] = {1, 2, 0, 0, 1, 3, 2, 0, 1, 1, 1, 1};
  moments.add(rows, 4);
  std::vector<float> u = *moments.inverseFactors();
  // H · Uᵀ U is the identity; H is damped by a hundredth of the mean of its diagonal.
  const double damping = 0.01 * (6 + 6 + 11) / 3;
  const double h[3][3] = {{6 + damping, 3, 3}, {3, 6 + damping, 4}, {3, 4, 11 + damping}};
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) {
      double sum = 0;
      for (int k = 0; k < 3; ++k)
        for (int l = 0; l < 3; ++l)
          sum += h[i][k] * u[l * 3 + k] * u[l * 3 + j];
      EXPECT_NEAR(sum, i == j, 1e-4);
    }
}

} // namespace
