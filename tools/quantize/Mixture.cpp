// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Mixture.h"
#include "tools/driver/Progress.h"
#include "tools/quantize/Parallel.h"
#include "tools/quantize/Samples.h"
#include "tools/quantize/Sensitivity.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <numeric>

namespace smelt::quantize {

namespace {
/// A configuration that can be measured.
struct Candidate {
  Calibrated found;
  std::unique_ptr<Trial> trial;
  std::unique_ptr<Sensitivity> sensitivity; // on few samples
  double distance = 0;                      // on many, with all layers lowered

  /// As they are measured.
  const std::vector<Layer> &layers() const { return found.half.layers; }
  double distanceOf(size_t layer) const { return sensitivity->distanceOf(layer, layers().size()); }
};

/// Finds the configuration, and what each of its layers adds to the distance alone.
class Mixing {
public:
  Mixing(const Budget &budget, const driver::CompileOptions &options, const std::vector<std::string> &samples,
         const Configuration &any);

  llvm::Error compare(std::vector<Calibrated> candidates);
  /// Whether less than all of the budget is enough.
  bool isNear(double share = 1) const { return best().distance <= share * budget_.distance; }
  void measureLayers();
  llvm::Error mend();
  void retreat(const std::string &fallback);
  Configuration take() { return std::move(candidates_[best_].found.layers); }

private:
  const Candidate &best() const { return candidates_[best_]; }
  llvm::Expected<Candidate> compile(Calibrated found);
  llvm::Error compileDynamic();
  bool suitBest(size_t layer, Calibrated &mended);
  std::vector<size_t> layersByDistance() const;
  std::vector<size_t> worstFirst(double most, double mostWeights = 1) const;
  double distanceWithout(llvm::ArrayRef<size_t> order) const;
  size_t fewest(llvm::ArrayRef<size_t> order, size_t from, size_t to, double distance) const;
  double multiplyAddsOf(size_t layer) const { return static_cast<double>(best().layers()[layer].multiplyAdds); }
  double weightsOf(size_t layer) const { return static_cast<double>(best().layers()[layer].weights); }
  double costOf(size_t layer) const;

  const Budget &budget_;
  const driver::CompileOptions &options_;
  std::vector<std::string> many_, few_;
  unsigned threads_;
  driver::Progress progress_;
  std::shared_ptr<ExactOutputs> exact_ = std::make_shared<ExactOutputs>();
  std::vector<Candidate> candidates_;
  std::vector<Calibrated> dynamic_; // that are looked at only where they are needed
  size_t best_ = 0;
  std::vector<double> alone_; // of the best one's layers; 0 of those that are not lowered
};
} // namespace

/// How many samples a configuration is measured on, or each layer alone: the larger the model, the fewer.
static size_t samplesFor(const Configuration &layers, double runs, double mostMultiplyAdds, double least) {
  constexpr double kMost = 48;
  double sum = 1;
  for (const Layer &layer : layers.layers)
    sum += static_cast<double>(layer.multiplyAdds);
  return static_cast<size_t>(std::clamp(mostMultiplyAdds / (sum * runs), least, kMost));
}

static size_t manyOf(const Configuration &layers) { return samplesFor(layers, 1, 1e11, 16); }
static size_t fewOf(const Configuration &layers) {
  return samplesFor(layers, static_cast<double>(layers.layers.size() + 1), 1e12, 4);
}

Mixing::Mixing(const Budget &budget, const driver::CompileOptions &options, const std::vector<std::string> &samples,
               const Configuration &any)
    : budget_(budget), options_(options), many_(someOf(judgesOf(samples), manyOf(any))),
      few_(someOf(judgesOf(samples), fewOf(any))), threads_(threadsOf(options)), progress_(options.model) {}

llvm::Expected<Candidate> Mixing::compile(Calibrated found) {
  llvm::Expected<Trial> trial = Trial::compile(options_, found.half);
  if (!trial)
    return trial.takeError();
  Candidate candidate{std::move(found), std::make_unique<Trial>(std::move(*trial)), nullptr};
  candidate.distance =
      Sensitivity(*candidate.trial, many_, threads_, exact_).distance(allLowered(candidate.found.half));
  candidate.sensitivity = std::make_unique<Sensitivity>(*candidate.trial, few_, threads_, exact_);
  return candidate;
}

/// Finds the nearest. Those that find ranges in each run count only where there are no others: they cost time.
llvm::Error Mixing::compare(std::vector<Calibrated> candidates) {
  progress_.stage("measuring the precision");
  auto isDynamic = [](const Calibrated &found) {
    return llvm::any_of(found.half.layers, [](const Layer &layer) { return layer.isDynamic; });
  };
  const bool areAll = llvm::all_of(candidates, isDynamic);
  for (Calibrated &found : candidates) {
    if (!areAll && isDynamic(found)) {
      dynamic_.push_back(std::move(found));
      continue;
    }
    llvm::Expected<Candidate> candidate = compile(std::move(found));
    if (!candidate)
      return candidate.takeError();
    candidates_.push_back(std::move(*candidate));
    if (candidates_.back().distance < best().distance)
      best_ = candidates_.size() - 1;
  }
  return llvm::Error::success();
}

void Mixing::measureLayers() {
  const std::vector<bool> lowered = allLowered(best().found.half);
  alone_.assign(lowered.size(), 0);
  for (size_t i = 0; i < lowered.size(); ++i) {
    progress_.stage("measuring layers: " + std::to_string(i + 1) + " of " + std::to_string(lowered.size()));
    if (lowered[i])
      alone_[i] = best().distanceOf(i);
  }
}

std::vector<size_t> Mixing::layersByDistance() const {
  std::vector<size_t> order(alone_.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return alone_[a] > alone_[b]; });
  return order;
}

/// Gives a layer the ranges of whichever candidate it adds least with. Whether that is another than the best one.
bool Mixing::suitBest(size_t layer, Calibrated &mended) {
  constexpr double kGain = 0.8, kDynamicGain = 0.6; // less may be chance, or is not worth the time that it costs
  bool isOther = false;
  double least = alone_[layer];
  for (const Candidate &candidate : candidates_) {
    const Layer &other = candidate.layers()[layer];
    if (&candidate == &best() || other.precision == "f32")
      continue;
    const double gain = other.isDynamic ? kDynamicGain : kGain, distance = candidate.distanceOf(layer);
    if (distance < gain * alone_[layer] && distance < least * (other.isDynamic ? kDynamicGain / kGain : 1)) {
      least = distance;
      mended.half.layers[layer] = other;
      mended.layers.layers[layer] = candidate.found.layers.layers[layer];
      isOther = true;
    }
  }
  alone_[layer] = least;
  return isOther;
}

llvm::Error Mixing::compileDynamic() {
  for (Calibrated &found : dynamic_) {
    llvm::Expected<Candidate> candidate = compile(std::move(found));
    if (!candidate)
      return candidate.takeError();
    candidates_.push_back(std::move(*candidate));
  }
  dynamic_.clear();
  return llvm::Error::success();
}

/// Where one configuration is better for some layers, and another one for others.
llvm::Error Mixing::mend() {
  constexpr size_t kMostLayers = 12; // that are looked at: those that add most
  if (llvm::Error error = compileDynamic())
    return error;
  const std::vector<double> before = alone_;
  std::vector<size_t> order = layersByDistance();
  order.resize(std::min(order.size(), kMostLayers));
  Calibrated mended = best().found;
  size_t changed = 0, looked = 0;
  for (size_t layer : order) {
    progress_.stage("choosing ranges of layers: " + std::to_string(++looked) + " of " + std::to_string(order.size()));
    changed += alone_[layer] > 0 && suitBest(layer, mended);
  }
  if (changed == 0)
    return llvm::Error::success();
  llvm::Expected<Candidate> candidate = compile(std::move(mended));
  if (!candidate)
    return candidate.takeError();
  if (candidate->distance < best().distance) {
    candidates_.push_back(std::move(*candidate));
    best_ = candidates_.size() - 1;
  } else {
    alone_ = before;
  }
  return llvm::Error::success();
}

/// In multiply-adds: what a layer takes in f32, where weights that are used once or a few times are waited for.
double Mixing::costOf(size_t layer) const {
  constexpr double kOfWeight = 24; // 90 billion multiply-adds a second, and 15 GB
  return std::max({1.0, multiplyAddsOf(layer), kOfWeight * weightsOf(layer)});
}

/// Lowered layers by the squared distance that each of them alone makes, for what it costs; as many as may be, by their
/// parts of all multiply-adds, of all costs and of all weights.
std::vector<size_t> Mixing::worstFirst(double most, double mostWeights) const {
  struct Sums {
    double multiplyAdds = 0, cost = 0, weights = 0;
    bool areWithin(double most, double mostWeights, const Sums &all) const {
      return multiplyAdds <= most * all.multiplyAdds && cost <= most * all.cost && weights <= mostWeights * all.weights;
    }
  };
  auto with = [&](const Sums &sums, size_t layer) {
    return Sums{sums.multiplyAdds + multiplyAddsOf(layer), sums.cost + costOf(layer), sums.weights + weightsOf(layer)};
  };
  Sums all, spent;
  std::vector<std::pair<double, size_t>> worth;
  for (size_t i = 0; i < alone_.size(); ++i) {
    all = with(all, i);
    if (best().layers()[i].precision == "f32")
      spent = with(spent, i);
    else if (alone_[i] > 0)
      worth.push_back({alone_[i] * alone_[i] / costOf(i), i});
  }
  std::stable_sort(worth.begin(), worth.end(), [](const auto &a, const auto &b) { return a.first > b.first; });
  spent.weights = 0;
  std::vector<size_t> order;
  for (const auto &[_, layer] : worth)
    if (const Sums more = with(spent, layer); more.areWithin(most, mostWeights, all)) {
      spent = more;
      order.push_back(layer);
    }
  return order;
}

double Mixing::distanceWithout(llvm::ArrayRef<size_t> order) const {
  std::vector<bool> lowered = allLowered(best().found.half);
  for (size_t layer : order)
    lowered[layer] = false;
  return best().sensitivity->distance(lowered);
}

/// Of so many layers that go back, the fewest that leave no more than a distance; `to` where none do.
size_t Mixing::fewest(llvm::ArrayRef<size_t> order, size_t from, size_t to, double distance) const {
  auto isEnough = [&](size_t count) { return distanceWithout(order.take_front(count)) <= distance; };
  if (from == to || isEnough(from))
    return from;
  if (!isEnough(to))
    return to;
  while (to - from > 1) {
    const size_t count = from + (to - from) / 2;
    (isEnough(count) ? to : from) = count;
  }
  return to;
}

/// Those that cost next to nothing, then the fewest that make the distance tolerable, by halves, and those after them
/// that are worth it; where none are enough, as many as may be.
void Mixing::retreat(const std::string &fallback) {
  const std::vector<size_t> free = worstFirst(budget_.freeMultiplyAdds, budget_.freeWeights);
  std::vector<size_t> order = free;
  for (size_t layer : worstFirst(budget_.mostMultiplyAdds - budget_.freeMultiplyAdds))
    if (!llvm::is_contained(free, layer))
      order.push_back(layer);
  progress_.stage("giving back layers");
  size_t enough = fewest(order, free.size(), order.size(), budget_.tolerable);
  std::vector<double> costs;
  for (size_t layer = 0; layer < alone_.size(); ++layer)
    costs.push_back(costOf(layer));
  enough = fewest(order, enough, std::max(enough, worthwhile(alone_, costs, order, budget_.worth)), budget_.distance);
  for (size_t layer : llvm::ArrayRef(order).take_front(enough))
    candidates_[best_].found.layers.layers[layer].precision = fallback;
}

size_t worthwhile(llvm::ArrayRef<double> alone, llvm::ArrayRef<double> costs, llvm::ArrayRef<size_t> order,
                  double worth) {
  double left = 0, all = 0;
  for (auto [distance, cost] : llvm::zip_equal(alone, costs)) {
    left += distance * distance;
    all += cost;
  }
  for (size_t count = 0; count < order.size(); ++count) {
    const size_t layer = order[count];
    const double square = alone[layer] * alone[layer];
    if (square * all < worth * left * costs[layer])
      return count;
    left -= square;
  }
  return order.size();
}

llvm::Expected<Configuration> chooseMixture(const Budget &budget, const std::string &fallback,
                                            const driver::CompileOptions &options,
                                            const std::vector<std::string> &samples,
                                            std::vector<Calibrated> candidates) {
  constexpr double kNear = 0.3; // of the budget: no layer is worth looking at
  Mixing mixing(budget, options, samples, candidates.front().layers);
  if (llvm::Error error = mixing.compare(std::move(candidates)))
    return std::move(error);
  if (budget.mostMultiplyAdds <= 0 || mixing.isNear(kNear))
    return mixing.take();
  mixing.measureLayers();
  if (!mixing.isNear())
    if (llvm::Error error = mixing.mend())
      return std::move(error);
  mixing.retreat(fallback);
  return mixing.take();
}

} // namespace smelt::quantize
