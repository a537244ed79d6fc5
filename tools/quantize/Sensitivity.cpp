// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Sensitivity.h"
#include "tools/driver/Progress.h"
#include "tools/quantize/Samples.h"
#include "tools/runner/Compare.h"
#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

namespace smelt::quantize {

static runner::TensorView viewOf(const runner::Tensor &tensor) {
  return {tensor.dtype, tensor.shape, tensor.bytes.data()};
}

void OutputDistance::add(const std::vector<runner::Tensor> &got, const std::vector<runner::Tensor> &want) {
  for (size_t i = 0; i < want.size(); ++i) {
    const runner::TensorView a = viewOf(got[i]), b = viewOf(want[i]);
    const bool isAlike = a.shape == b.shape;
    for (uint64_t at = 0, count = b.count(); at < count; ++at) {
      const double wanted = b.at(at), found = isAlike ? a.at(at) : 0;
      if (!b.isFloat()) {
        ++integers_;
        differing_ += !isAlike || found != wanted;
      } else if (std::isfinite(wanted)) {
        norm_ += wanted * wanted;
        apart_ += std::isfinite(found) ? (found - wanted) * (found - wanted) : wanted * wanted;
      }
    }
  }
}

double OutputDistance::relative() const {
  if (norm_ > 0)
    return std::sqrt(apart_ / norm_);
  return integers_ ? static_cast<double>(differing_) / static_cast<double>(integers_) : 0;
}

Sensitivity::Sensitivity(const Trial &trial, const std::vector<std::string> &samples)
    : trial_(trial), samples_(samples) {
  for (const std::string &sample : samples)
    exact_.push_back(trial.run(sample, {}));
}

double Sensitivity::distance(const std::vector<bool> &lowered) const {
  OutputDistance sum;
  for (size_t i = 0; i < samples_.size(); ++i)
    sum.add(trial_.run(samples_[i], lowered), exact_[i]);
  return sum.relative();
}

std::vector<bool> allLowered(const Configuration &layers) {
  std::vector<bool> lowered;
  for (const Layer &layer : layers.layers)
    lowered.push_back(layer.precision != "f32");
  return lowered;
}

namespace {
/// One way down from all layers lowered to as many in f32 as it takes.
class Retreat {
public:
  Retreat(const Budget &budget, const Sensitivity &sensitivity, Configuration &layers, driver::Progress &progress)
      : budget_(budget), sensitivity_(sensitivity), layers_(layers), progress_(progress), lowered_(allLowered(layers)) {
  }

  double run(const std::string &fallback);

private:
  std::vector<size_t> worstFirst();
  size_t affordable(const std::vector<size_t> &order) const;
  double distanceWithout(const std::vector<size_t> &order, size_t count) const;

  const Budget &budget_;
  const Sensitivity &sensitivity_;
  Configuration &layers_;
  driver::Progress &progress_;
  std::vector<bool> lowered_;
};
} // namespace

/// Lowered layers by the squared distance that each of them alone makes, for each multiply-add.
std::vector<size_t> Retreat::worstFirst() {
  std::vector<size_t> order;
  std::vector<double> worth(lowered_.size(), 0);
  for (size_t i = 0; i < lowered_.size(); ++i) {
    if (!lowered_[i])
      continue;
    progress_.stage("measuring layers: " + std::to_string(i + 1) + " of " + std::to_string(lowered_.size()));
    std::vector<bool> alone(lowered_.size(), false);
    alone[i] = true;
    const double distance = sensitivity_.distance(alone);
    worth[i] = distance * distance / static_cast<double>(std::max<int64_t>(1, layers_.layers[i].multiplyAdds));
    order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return worth[a] > worth[b]; });
  return order;
}

/// How many of the first layers of an order may go back.
size_t Retreat::affordable(const std::vector<size_t> &order) const {
  double all = 0, spent = 0;
  for (size_t i = 0; i < lowered_.size(); ++i) {
    all += static_cast<double>(layers_.layers[i].multiplyAdds);
    spent += lowered_[i] ? 0 : static_cast<double>(layers_.layers[i].multiplyAdds);
  }
  size_t count = 0;
  for (; count < order.size(); ++count) {
    spent += static_cast<double>(layers_.layers[order[count]].multiplyAdds);
    if (spent > budget_.mostMultiplyAdds * all)
      break;
  }
  return count;
}

double Retreat::distanceWithout(const std::vector<size_t> &order, size_t count) const {
  std::vector<bool> lowered = lowered_;
  for (size_t i = 0; i < count; ++i)
    lowered[order[i]] = false;
  return sensitivity_.distance(lowered);
}

double Retreat::run(const std::string &fallback) {
  double distance = sensitivity_.distance(lowered_);
  if (distance <= budget_.distance)
    return distance;
  const std::vector<size_t> order = worstFirst();
  // The fewest that are enough, by halves; where none are, as many as may be.
  size_t enough = affordable(order), tooFew = 0;
  distance = distanceWithout(order, enough);
  for (bool isEnough = distance <= budget_.distance; isEnough && enough - tooFew > 1;) {
    const size_t count = tooFew + (enough - tooFew) / 2;
    const double here = distanceWithout(order, count);
    if (here <= budget_.distance) {
      enough = count;
      distance = here;
    } else {
      tooFew = count;
    }
  }
  for (size_t i = 0; i < enough; ++i)
    layers_.layers[order[i]].precision = fallback;
  return distance;
}

namespace {
/// A configuration that can be measured.
struct Candidate {
  Configuration layers;
  std::unique_ptr<Trial> trial;
  std::unique_ptr<Sensitivity> sensitivity;
  double distance = 0; // with all layers lowered
};
} // namespace

static llvm::Expected<Candidate> measure(const driver::CompileOptions &options, const std::vector<std::string> &samples,
                                         Configuration layers) {
  llvm::Expected<Trial> trial = Trial::compile(options, layers);
  if (!trial)
    return trial.takeError();
  Candidate candidate{std::move(layers), std::make_unique<Trial>(std::move(*trial)), nullptr};
  candidate.sensitivity = std::make_unique<Sensitivity>(*candidate.trial, samples);
  candidate.distance = candidate.sensitivity->distance(allLowered(candidate.layers));
  return candidate;
}

llvm::Expected<Configuration> chooseMixture(const Budget &budget, const std::string &fallback,
                                            const driver::CompileOptions &options,
                                            const std::vector<std::string> &samples,
                                            std::vector<Configuration> candidates) {
  constexpr size_t kMany = 48, kFew = 8; // samples to compare configurations on, and all their layers
  const std::vector<std::string> many = someOf(samples, kMany), few = someOf(samples, kFew);
  driver::Progress progress(options.model);
  std::optional<Candidate> best;
  for (Configuration &layers : candidates) {
    progress.stage("measuring the precision");
    llvm::Expected<Candidate> candidate = measure(options, many, std::move(layers));
    if (!candidate)
      return candidate.takeError();
    if (!best || candidate->distance < best->distance)
      best = std::move(*candidate);
  }
  best->sensitivity = std::make_unique<Sensitivity>(*best->trial, few);
  Retreat(budget, *best->sensitivity, best->layers, progress).run(fallback);
  return std::move(best->layers);
}

} // namespace smelt::quantize
