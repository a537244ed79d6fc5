// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Weights of 8 bits that are rounded up or down by what their inputs have in common, and how that is written down.
#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/RoundingSteps.h"
#include "tools/quantize/ProductRounding.h"
#include "gmock/gmock.h"
#include <cmath>
#include <limits>

using namespace smelt;
using namespace smelt::quantize;

TEST(RoundingSteps, ComeBackFromText) {
  for (size_t count : {0, 1, 2, 3, 4, 5, 163}) {
    std::vector<int8_t> steps;
    for (size_t i = 0; i < count; ++i)
      steps.push_back(static_cast<int8_t>((i * i + i / 3) % 3) - 1);
    const std::string text = textOfSteps(steps);
    EXPECT_EQ(text.size(), (count + 3) / 4);
    EXPECT_THAT(stepsOf(text, count), testing::Optional(steps));
    EXPECT_EQ(text.find_first_of("\"\\"), std::string::npos);
  }
}

TEST(RoundingSteps, AreNotInOtherTexts) {
  EXPECT_EQ(stepsOf("##", 4), std::nullopt);
  EXPECT_EQ(stepsOf("", 1), std::nullopt);
  for (const char *text : {"\"", "\\", " ", "\x7f", "u", "\xff"})
    EXPECT_EQ(stepsOf(text, 4), std::nullopt) << text;
  EXPECT_NE(stepsOf("t", 4), std::nullopt);
}

namespace {
constexpr int64_t kRows = 96, kChannels = 16, kResults = 8;

class Products : public testing::Test {
protected:
  Products() {
    context_.loadDialect<graph::GraphDialect, mlir::func::FuncDialect>();
    for (float &weight : weights_)
      weight = draw();
    module_ = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context_));
    mlir::OpBuilder builder(&context_);
    auto f32 = builder.getF32Type();
    auto x = mlir::RankedTensorType::get({kRows, kChannels}, f32),
         y = mlir::RankedTensorType::get({kRows, kResults}, f32);
    builder.setInsertionPointToEnd(module_->getBody());
    auto loc = builder.getUnknownLoc();
    auto main = mlir::func::FuncOp::create(builder, loc, "main", builder.getFunctionType({x}, {y}));
    builder.setInsertionPointToStart(main.addEntryBlock());
    auto constant = graph::HostTensor::zeros(mlir::RankedTensorType::get({kChannels, kResults}, f32));
    llvm::copy(weights_, constant.asMutable<float>().begin());
    mlir::Value w = graph::makeConstant(builder, loc, constant);
    auto product = graph::MatMulOp::create(builder, loc, main.getArgument(0), w, /*wide=*/false);
    mlir::func::ReturnOp::create(builder, loc, product.getResult());
    product_.push_back(*WeightedProduct::of(product));
  }

  float draw() {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<float>(static_cast<double>(state_ >> 11) * 0x1p-52 - 1);
  }
  /// Rows around a mean of 3, of which neighbouring channels are much alike.
  std::vector<float> rows() {
    std::vector<float> values;
    for (int64_t row = 0; row < kRows; ++row) {
      const float shared = draw();
      for (int64_t channel = 0; channel < kChannels; ++channel)
        values.push_back(3 + shared + 0.2F * draw());
    }
    return values;
  }
  /// The error of results, squared, without its mean.
  double error(llvm::ArrayRef<float> rows, llvm::ArrayRef<float> factors) const {
    const QuantisedWeights rounded = roundWeights(product_[0], factors);
    double sum = 0;
    for (int64_t result = 0; result < kResults; ++result) {
      double total = 0, squares = 0;
      for (int64_t row = 0; row < kRows; ++row) {
        double off = 0;
        for (int64_t channel = 0; channel < kChannels; ++channel) {
          const int64_t at = channel * kResults + result;
          const double factor = factors.empty() ? 1 : factors[channel];
          off +=
              rows[row * kChannels + channel] *
              (rounded.integers.as<int8_t>()[at] * static_cast<double>(rounded.scales[result]) / factor - weights_[at]);
        }
        total += off;
        squares += off * off;
      }
      sum += squares - total * total / kRows;
    }
    return sum;
  }
  /// By how much the error shrinks.
  double gain(llvm::ArrayRef<float> factors) {
    const std::vector<float> seen = rows();
    Moments moments(kChannels);
    moments.add(seen.data(), kRows);
    const double plain = error(seen, factors);
    const std::string text = roundingOf(product_[0], roundWeights(product_[0], factors), factors, moments);
    EXPECT_FALSE(text.empty());
    product_[0].op()->setAttr(kRounding, mlir::StringAttr::get(&context_, text));
    return plain / error(seen, factors);
  }

  mlir::MLIRContext context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
  std::array<float, kChannels * kResults> weights_;
  std::vector<WeightedProduct> product_;
  uint64_t state_ = 1;
};
} // namespace

TEST_F(Products, OfInputsThatGoTogetherAreRoundedBetter) { EXPECT_GT(gain({}), 3); }

TEST_F(Products, AreRoundedBetterBehindFactors) {
  std::vector<float> factors;
  for (int64_t channel = 0; channel < kChannels; ++channel)
    factors.push_back(0.5F + 0.1F * static_cast<float>(channel));
  EXPECT_GT(gain(factors), 3);
}

TEST_F(Products, OfInputsThatAreNoNumbersStay) {
  std::vector<float> seen = rows();
  seen[5] = std::numeric_limits<float>::quiet_NaN();
  Moments moments(kChannels);
  moments.add(seen.data(), kRows);
  EXPECT_EQ(roundingOf(product_[0], roundWeights(product_[0]), {}, moments), "");
  EXPECT_EQ(roundingOf(product_[0], roundWeights(product_[0]), {}, Moments(kChannels)), "");
}

TEST(Moments, SpreadOverAllRows) {
  std::vector<float> rows(1000);
  for (size_t i = 0; i < rows.size(); ++i)
    rows[i] = static_cast<float>(i);
  Moments some(1), last(1);
  some.addSome(rows.data(), 1000, 100);
  std::vector<float> tens;
  for (int i = 0; i < 1000; i += 10)
    tens.push_back(static_cast<float>(i));
  last.add(tens.data(), 100);
  EXPECT_EQ(some.squaresOf({1.0F}, 1), last.squaresOf({1.0F}, 1));
}
