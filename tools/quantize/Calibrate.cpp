// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Calibrate.h"
#include "mlir/IR/BuiltinOps.h"
#include "passes/quantize/Weights.h"
#include "tools/driver/Outputs.h"
#include "tools/driver/Progress.h"
#include "tools/driver/TemporaryFolder.h"
#include "tools/quantize/Observed.h"
#include "tools/quantize/Parallel.h"
#include "tools/quantize/Samples.h"
#include "tools/quantize/Smoothing.h"

using namespace mlir;

namespace smelt::quantize {

namespace {
/// The model in f32 with the inputs of its products as further outputs.
class Observation {
public:
  explicit Observation(const driver::CompileOptions &options) : options_(options) {}

  llvm::Error compile(const std::string &path);
  /// A few samples at once, of which `first` came before; what is found does not depend on how many.
  void run(const runner::Artifact &artifact, ArrayRef<std::string> samples, size_t first);
  /// What was found, for the products of a module of the same model, by each method.
  std::vector<Calibrated> choose(ModuleOp module, ArrayRef<RangeMethod> methods);

private:
  void observe(ModuleOp module);
  std::vector<Configuration> choose(ArrayRef<WeightedProduct> products, ArrayRef<RangeMethod> methods,
                                    ArrayRef<Statistics> statistics) const;
  Configuration withRanges(ArrayRef<WeightedProduct> products, ArrayRef<Scaling> scalings, RangeMethod method,
                           ArrayRef<Statistics> statistics) const;

  const driver::CompileOptions &options_;
  Configuration layers_;
  std::vector<size_t> observed_;       // of each layer, which of the values below is its input
  std::vector<Statistics> statistics_; // of each value, on the first sample, the third, and so on
  std::vector<Statistics> others_;     // on the other samples
  std::vector<bool> hasRows_;          // whether it is a matrix, or else images
};
} // namespace

/// A value, the dim along which its channels lie, and whether they are those of a matrix' rows.
using Input = std::tuple<Value, int64_t, unsigned>;

static Statistics statisticsFor(const WeightedProduct &product) {
  int64_t within = 1;
  for (const graph::Extent &extent : llvm::drop_begin(graph::extentsOf(product.input()), product.inputDim() + 1))
    within *= extent.asNumber().value_or(0);
  // Of channels that are no whole part, each number is taken for one of the same channel.
  return within > 0 ? Statistics(product.inputChannels(), within) : Statistics(1, 1);
}

void Observation::observe(ModuleOp module) {
  llvm::DenseMap<Input, size_t> numbers;
  std::vector<driver::Output> outputs;
  for (const WeightedProduct &product : weightedProducts(module)) {
    const bool hasRows = isa<graph::MatMulOp>(product.op());
    auto [known, isNew] = numbers.try_emplace(Input(product.input(), product.inputDim(), hasRows), outputs.size());
    if (isNew) {
      outputs.push_back({observedName(outputs.size()), product.input()});
      statistics_.push_back(statisticsFor(product));
      others_.push_back(statisticsFor(product));
      hasRows_.push_back(hasRows);
    }
    observed_.push_back(known->second);
    Layer layer;
    layer.node = product.name();
    layer.precision = "f32";
    layer.multiplyAdds = product.multiplyAdds();
    layer.weights = product.weights().size();
    layers_.layers.push_back(std::move(layer));
  }
  layers_.inParts = layersInParts(module);
  driver::addOutputs(module, outputs);
}

llvm::Error Observation::compile(const std::string &path) {
  driver::CompileOptions options = driver::forThisMachine(options_, Precision::F32, path);
  options.afterLayout = [this](ModuleOp module) {
    observe(module);
    return llvm::Error::success();
  };
  driver::CompileReport report;
  return driver::compile(options, report);
}

/// How many parts a tensor has that may get ranges of their own in a run.
static uint64_t partsOf(ArrayRef<int64_t> shape, bool hasRows) {
  uint64_t parts = 1;
  for (int64_t extent : hasRows ? shape.drop_back(1) : shape.take_front(1))
    parts *= static_cast<uint64_t>(extent);
  return parts;
}

namespace {
/// A sample's values.
struct Observed {
  runner::Instance instance;
  runner::Buffers buffers;

  Observed(const runner::Artifact &artifact, const std::string &sample)
      : instance(artifact), buffers(inputsOf(instance, sample)) {
    buffers.run(instance);
  }
};
} // namespace

void Observation::run(const runner::Artifact &artifact, ArrayRef<std::string> samples, size_t first) {
  std::vector<std::unique_ptr<Observed>> runs(samples.size());
  inParallel(samples.size(), threadsOf(options_),
             [&](size_t i) { runs[i] = std::make_unique<Observed>(artifact, samples[i]); });
  const std::vector<std::optional<size_t>> numbers = observedOutputs(artifact.model(), statistics_.size());
  inParallel(artifact.model().output_count, threadsOf(options_), [&](size_t i) {
    const smelt_tensor_info &info = artifact.model().outputs[i];
    if (std::optional<size_t> number = numbers[i])
      for (const auto &[place, run] : llvm::enumerate(runs))
        ((first + place) % 2 ? others_ : statistics_)[*number].add(
            reinterpret_cast<const float *>(run->buffers.outputs()[i].data()),
            run->instance.bytesOf(info) / sizeof(float), partsOf(run->instance.shapeOf(info), hasRows_[*number]));
  });
}

/// The mean of each channel, divided by its factor.
static std::vector<float> meansOf(const Statistics &statistics, ArrayRef<float> factors) {
  std::vector<float> means;
  for (size_t channel = 0; channel < statistics.channels(); ++channel)
    means.push_back(static_cast<float>(statistics.mean(channel) / (factors.empty() ? 1 : factors[channel])));
  return means;
}

Configuration Observation::withRanges(ArrayRef<WeightedProduct> products, ArrayRef<Scaling> scalings,
                                      RangeMethod method, ArrayRef<Statistics> all) const {
  Configuration result = layers_;
  for (size_t i = 0; i < result.layers.size(); ++i) {
    Layer &layer = result.layers[i];
    layer.range = scalings[observed_[i]].range;
    layer.smoothing = scalings[observed_[i]].factors;
    layer.isDynamic = method == RangeMethod::Dynamic;
    const Statistics &statistics = all[observed_[i]];
    if (static_cast<int64_t>(statistics.channels()) == products[i].inputChannels())
      layer.means = meansOf(statistics, layer.smoothing);
    const Histogram &histogram = statistics.histogram();
    if (histogram.notFinite() == 0 && histogram.count() > 0 && products[i].isFinite())
      layer.precision = nameOf(options_.precision).str();
  }
  return result;
}

std::vector<Configuration> Observation::choose(ArrayRef<WeightedProduct> products, ArrayRef<RangeMethod> methods,
                                               ArrayRef<Statistics> statistics) const {
  std::vector<std::vector<WeightedProduct>> readers(statistics.size());
  for (size_t i = 0; i < products.size(); ++i)
    readers[observed_[i]].push_back(products[i]);
  std::vector<std::vector<Scaling>> scalings(methods.size(), std::vector<Scaling>(readers.size()));
  inParallel(readers.size(), threadsOf(options_), [&](size_t i) {
    for (auto [method, of] : llvm::zip_equal(methods, scalings))
      of[i] = method == RangeMethod::Dynamic ? chooseDynamicScaling(readers[i], statistics[i])
                                             : chooseScaling(readers[i], statistics[i], method);
  });
  std::vector<Configuration> found;
  for (auto [method, of] : llvm::zip_equal(methods, scalings))
    found.push_back(withRanges(products, of, method, statistics));
  return found;
}

std::vector<Calibrated> Observation::choose(ModuleOp module, ArrayRef<RangeMethod> methods) {
  const std::vector<WeightedProduct> products = weightedProducts(module);
  std::vector<Configuration> halves = choose(products, methods, statistics_);
  for (auto [statistics, others] : llvm::zip_equal(statistics_, others_))
    statistics.merge(others);
  std::vector<Calibrated> found;
  for (auto [layers, half] : llvm::zip_equal(choose(products, methods, statistics_), halves)) {
    for (auto [layer, halfLayer] : llvm::zip_equal(layers.layers, half.layers))
      halfLayer.precision = layer.precision; // what is no number in the other half counts
    found.push_back({layers, std::move(half)});
  }
  return found;
}

std::vector<std::string> judgesOf(const std::vector<std::string> &samples) {
  if (samples.size() < 2)
    return samples;
  std::vector<std::string> others;
  for (size_t i = 1; i < samples.size(); i += 2)
    others.push_back(samples[i]);
  return others;
}

llvm::Expected<std::vector<Calibrated>> calibrate(const driver::CompileOptions &options,
                                                  const std::vector<std::string> &samples,
                                                  llvm::ArrayRef<RangeMethod> methods) {
  llvm::Expected<TemporaryFolder> folder = TemporaryFolder::create();
  if (!folder)
    return folder.takeError();
  Observation observation(options);
  const std::string path = folder->file("observed.so");
  if (llvm::Error error = observation.compile(path))
    return error;
  const runner::Artifact artifact(path, options.model);
  driver::Progress progress(options.model);
  constexpr size_t kMostAtOnce = 8; // all of whose values are in memory
  const size_t atOnce = std::min<size_t>(threadsOf(options), kMostAtOnce);
  for (size_t i = 0; i < samples.size(); i += atOnce) {
    progress.stage("calibrating: sample " + std::to_string(i + 1) + " of " + std::to_string(samples.size()));
    observation.run(artifact, ArrayRef(samples).slice(i, std::min(atOnce, samples.size() - i)), i);
  }
  std::vector<Calibrated> found;
  if (llvm::Error error = driver::lookAtGraph(options, [&](ModuleOp module) {
        found = observation.choose(module, methods);
        return llvm::Error::success();
      }))
    return std::move(error);
  return found;
}

} // namespace smelt::quantize
