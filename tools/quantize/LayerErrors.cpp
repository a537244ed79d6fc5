// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/LayerErrors.h"
#include "tools/driver/Progress.h"
#include "tools/quantize/Samples.h"
#include <algorithm>

namespace smelt::quantize {

constexpr size_t kFewSamples = 8; // for a run each of every layer

std::vector<size_t> LayerErrors::worstFirst(const Configuration &configuration) const {
  const std::vector<bool> lowered = allLowered(configuration);
  std::vector<size_t> order;
  for (size_t i = 0; i < layers.size(); ++i)
    if (lowered[i])
      order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return layers[a].alone > layers[b].alone; });
  return order;
}

/// What goes into layers and comes out of them, where all are lowered.
static llvm::Error measureOnTheWay(const driver::CompileOptions &options, const Configuration &configuration,
                                   const std::vector<std::string> &samples, LayerErrors &errors) {
  llvm::Expected<Trial> trial = Trial::compile(options, configuration, /*isObserved=*/true);
  if (!trial)
    return trial.takeError();
  const size_t count = errors.layers.size();
  std::vector<OutputDistance> observed(2 * count);
  for (const std::string &sample : samples) {
    std::vector<runner::Tensor> want = trial->run(sample, {}), got = trial->run(sample, allLowered(configuration));
    const size_t first = want.size() - observed.size(); // behind the model's outputs
    for (size_t i = 0; i < observed.size(); ++i) {
      std::vector<runner::Tensor> a, b;
      a.push_back(std::move(got[first + i]));
      b.push_back(std::move(want[first + i]));
      observed[i].add(a, b);
    }
  }
  for (size_t i = 0; i < count; ++i) {
    errors.layers[i].received = observed[2 * i].relative();
    errors.layers[i].passedOn = observed[2 * i + 1].relative();
  }
  return llvm::Error::success();
}

llvm::Expected<LayerErrors> measureLayers(const driver::CompileOptions &options, const Configuration &configuration,
                                          const std::vector<std::string> &samples) {
  const std::vector<std::string> few = someOf(samples, kFewSamples);
  const std::vector<bool> lowered = allLowered(configuration);
  LayerErrors errors;
  errors.layers.resize(lowered.size());
  driver::Progress progress(options.model);
  progress.stage("measuring what layers pass on");
  if (llvm::Error error = measureOnTheWay(options, configuration, few, errors))
    return std::move(error);
  llvm::Expected<Trial> trial = Trial::compile(options, configuration);
  if (!trial)
    return trial.takeError();
  const Sensitivity sensitivity(*trial, few);
  errors.all = sensitivity.distance(lowered);
  for (size_t i = 0; i < lowered.size(); ++i) {
    if (!lowered[i])
      continue;
    progress.stage("measuring layers: " + std::to_string(i + 1) + " of " + std::to_string(lowered.size()));
    std::vector<bool> alone(lowered.size(), false);
    alone[i] = true;
    errors.layers[i].alone = sensitivity.distance(alone);
  }
  return errors;
}

llvm::Expected<size_t> fewestToKeep(const driver::CompileOptions &options, const Configuration &configuration,
                                    const std::vector<std::string> &samples, const std::vector<size_t> &order,
                                    double budget, double &distance) {
  const std::vector<std::string> few = someOf(samples, kFewSamples);
  llvm::Expected<Trial> trial = Trial::compile(options, configuration);
  if (!trial)
    return trial.takeError();
  const Sensitivity sensitivity(*trial, few);
  const auto distanceWithout = [&](size_t count) {
    std::vector<bool> lowered = allLowered(configuration);
    for (size_t i = 0; i < count; ++i)
      lowered[order[i]] = false;
    return sensitivity.distance(lowered);
  };
  distance = distanceWithout(0);
  if (distance <= budget || order.empty())
    return size_t(0);
  size_t tooFew = 0, enough = order.size(); // which makes what all in f32 do, so it is
  distance = distanceWithout(enough);
  while (enough - tooFew > 1) {
    const size_t count = tooFew + (enough - tooFew) / 2;
    const double here = distanceWithout(count);
    if (here <= budget) {
      enough = count;
      distance = here;
    } else {
      tooFew = count;
    }
  }
  return enough;
}

} // namespace smelt::quantize
