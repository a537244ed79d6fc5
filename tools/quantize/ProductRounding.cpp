// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/ProductRounding.h"
#include "mlir/IR/BuiltinOps.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/RoundingSteps.h"
#include "tools/driver/Progress.h"
#include "tools/quantize/InputMoments.h"
#include "tools/quantize/Parallel.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>

using namespace mlir;

namespace smelt::quantize {

constexpr float kMostCode = 127;

/// Whether a product's channels, of one group, are neighbours in its input and its weights.
static bool isRoundedByMoments(const WeightedProduct &product) {
  constexpr int64_t kMostChannels = 1536; // of an input: time grows with their cube
  const ArrayRef<int64_t> shape = product.weights().shape();
  return product.inputChannels() <= kMostChannels && product.inputChannels() > 1 &&
         product.inputDim() == graph::typeOf(product.input()).getRank() - 1 &&                     // rows of channels
         shape[shape.size() - 2] == product.inputChannels() && shape.back() == product.channels(); // one group
}

namespace {
/// Some columns of a matrix [channels, columns], in steps of their scales.
class Columns {
public:
  Columns(ArrayRef<float> scales, int64_t channels)
      : scales_(scales), columns_(static_cast<int64_t>(scales.size())), channels_(channels),
        weights_(channels * columns_), nearest_(channels * columns_), codes_(channels * columns_), errors_(columns_) {}

  float &weight(int64_t channel, int64_t column) { return weights_[channel * columns_ + column]; }
  /// Chooses all codes; `factors` are Moments::inverseFactors.
  void round(ArrayRef<float> factors);
  /// Steps away from the nearest codes, in columns where that makes less of the rows.
  template <typename Write> bool compare(ArrayRef<float> exact, const Moments &moments, Write write) const;
  ArrayRef<float> weights() const { return weights_; }

private:
  std::vector<double> squares(ArrayRef<float> exact, ArrayRef<float> codes, const Moments &moments) const;

  ArrayRef<float> scales_;
  int64_t columns_, channels_;
  std::vector<float> weights_, nearest_, codes_, errors_;
};
} // namespace

void Columns::round(ArrayRef<float> factors) {
  for (size_t i = 0; i < weights_.size(); ++i)
    nearest_[i] = std::clamp(std::nearbyint(weights_[i] / scales_[i % columns_]), -kMostCode, kMostCode);
  for (int64_t channel = 0; channel < channels_; ++channel) {
    const float *factor = &factors[channel * channels_];
    const float inverse = 1 / factor[channel];
    for (int64_t column = 0; column < columns_; ++column) {
      const int64_t at = channel * columns_ + column;
      const float near = nearest_[at], wanted = std::nearbyint(weights_[at] / scales_[column]);
      codes_[at] = std::clamp(std::clamp(wanted, near - 1, near + 1), -kMostCode, kMostCode);
      errors_[column] = (weights_[at] - codes_[at] * scales_[column]) * inverse;
    }
    for (int64_t later = channel + 1; later < channels_; ++later)
      for (int64_t column = 0; column < columns_; ++column)
        weights_[later * columns_ + column] -= factor[later] * errors_[column];
  }
}

std::vector<double> Columns::squares(ArrayRef<float> exact, ArrayRef<float> codes, const Moments &moments) const {
  std::vector<float> off(exact.size());
  for (size_t i = 0; i < exact.size(); ++i)
    off[i] = codes[i] * scales_[i % columns_] - exact[i];
  return moments.squaresOf(off, columns_);
}

template <typename Write> bool Columns::compare(ArrayRef<float> exact, const Moments &moments, Write write) const {
  const std::vector<double> plain = squares(exact, nearest_, moments), found = squares(exact, codes_, moments);
  bool isBetter = false;
  for (int64_t column = 0; column < columns_; ++column) {
    if (!(found[column] < plain[column]))
      continue;
    isBetter = true;
    for (int64_t channel = 0; channel < channels_; ++channel)
      write(channel, column,
            static_cast<int8_t>(codes_[channel * columns_ + column] - nearest_[channel * columns_ + column]));
  }
  return isBetter;
}

std::string roundingOf(const WeightedProduct &product, const QuantisedWeights &plain, ArrayRef<float> smoothing,
                       const Moments &given) {
  constexpr int64_t kAtOnce = 64; // columns, which a cache holds
  const Moments moments = given.aroundMeans(smoothing);
  const std::optional<std::vector<float>> factors = moments.inverseFactors();
  if (!factors || !llvm::all_of(*factors, [](float factor) { return std::isfinite(factor); }))
    return "";
  const ArrayRef<float> numbers = product.weights().as<float>();
  const int64_t channels = moments.channels(), results = product.channels(), tap = channels * results;
  std::vector<int8_t> steps(numbers.size(), 0);
  bool isBetter = false;
  for (int64_t start = 0; start < static_cast<int64_t>(numbers.size()); start += tap)
    for (int64_t first = 0; first < results; first += kAtOnce) {
      Columns columns(ArrayRef(plain.scales).slice(first, std::min(kAtOnce, results - first)), channels);
      const int64_t count = std::min(kAtOnce, results - first);
      for (int64_t channel = 0; channel < channels; ++channel)
        for (int64_t column = 0; column < count; ++column)
          columns.weight(channel, column) =
              numbers[start + channel * results + first + column] * (smoothing.empty() ? 1 : smoothing[channel]);
      const std::vector<float> exact = columns.weights().vec();
      columns.round(*factors);
      isBetter |= columns.compare(exact, moments, [&](int64_t channel, int64_t column, int8_t step) {
        steps[start + channel * results + first + column] = step;
      });
    }
  return isBetter ? textOfSteps(steps) : "";
}

llvm::Error roundProducts(const driver::CompileOptions &options, const std::vector<std::string> &samples,
                          Configuration &configuration) {
  auto isAsked = [&](const WeightedProduct &product, const Layer &layer) {
    const bool isInteger =
        layer.precision == nameOf(Precision::Int8) || layer.precision == nameOf(Precision::Int8Dynamic);
    return isInteger && !layer.isRangeGiven && isRoundedByMoments(product);
  };
  if (llvm::none_of(configuration.layers, [](const Layer &layer) { return !layer.isRangeGiven; }))
    return llvm::Error::success();
  llvm::Expected<InputMoments> observed =
      InputMoments::find(options, samples, [&](ModuleOp, ArrayRef<WeightedProduct> products) {
        std::vector<bool> chosen;
        for (auto [product, layer] : llvm::zip_equal(products, configuration.layers))
          chosen.push_back(isAsked(product, layer));
        return chosen;
      });
  if (!observed)
    return observed.takeError();
  driver::Progress progress(options.model);
  progress.stage("rounding weights");
  return driver::lookAtGraph(options, [&](ModuleOp module) {
    const std::vector<WeightedProduct> products = weightedProducts(module);
    std::vector<QuantisedWeights> plain; // which need the context, and so one thread
    for (auto [product, layer] : llvm::zip_equal(products, configuration.layers))
      plain.push_back(isAsked(product, layer) ? roundWeights(product, layer.smoothing) : QuantisedWeights());
    inParallel(products.size(), threadsOf(options), [&](size_t i) {
      Layer &layer = configuration.layers[i];
      if (const Moments *moments = observed->of(i))
        layer.rounding = roundingOf(products[i], plain[i], layer.smoothing, *moments);
    });
    return llvm::Error::success();
  });
}

} // namespace smelt::quantize
