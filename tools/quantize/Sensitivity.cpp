// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Sensitivity.h"
#include "tools/quantize/Parallel.h"

namespace smelt::quantize {

Sensitivity::Sensitivity(const Trial &trial, const std::vector<std::string> &samples, unsigned threads,
                         std::shared_ptr<ExactOutputs> exact)
    : trial_(trial), samples_(samples), threads_(threads), exact_(std::move(exact)) {
  for (const std::string &sample : samples)
    exact_->try_emplace(sample);
  inParallel(samples.size(), threads, [&](size_t i) {
    if (std::vector<runner::Tensor> &outputs = exact_->at(samples[i]); outputs.empty())
      outputs = trial.run(samples[i], {});
  });
}

double Sensitivity::distance(const std::vector<bool> &lowered) const {
  std::vector<DecisionDistance> distances(samples_.size());
  inParallel(samples_.size(), threads_,
             [&](size_t i) { distances[i].add(trial_.run(samples_[i], lowered), exact_->at(samples_[i])); });
  DecisionDistance sum;
  for (const DecisionDistance &distance : distances)
    sum.add(distance);
  return sum.relative();
}

double Sensitivity::distanceOf(size_t layer, size_t layers) const {
  std::vector<bool> alone(layers, false);
  alone[layer] = true;
  return distance(alone);
}

std::vector<bool> allLowered(const Configuration &layers) {
  std::vector<bool> lowered;
  for (const Layer &layer : layers.layers)
    lowered.push_back(layer.precision != "f32");
  return lowered;
}

} // namespace smelt::quantize
