// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/InputMoments.h"
#include "tools/driver/Outputs.h"
#include "tools/driver/Progress.h"
#include "tools/driver/TemporaryFolder.h"
#include "tools/quantize/Observed.h"
#include "tools/quantize/Parallel.h"
#include "tools/quantize/Samples.h"

using namespace mlir;

namespace smelt::quantize {

constexpr int64_t kMostBytes = int64_t(1) << 30; // of all moments
constexpr int64_t kMostRows = 2048;              // of an input, of all samples together
constexpr size_t kMostSamples = 64;              // of which each gives some of these

void InputMoments::observe(ModuleOp module, Choose choose) {
  const std::vector<WeightedProduct> products = weightedProducts(module);
  const std::vector<bool> chosen = choose(module, products);
  llvm::DenseMap<Value, size_t> numbers;
  std::vector<driver::Output> outputs;
  int64_t bytes = 0;
  for (size_t i = 0; i < products.size(); ++i) {
    const int64_t channels = products[i].inputChannels();
    const auto size = channels * channels * static_cast<int64_t>(sizeof(float));
    auto known = numbers.find(products[i].input());
    if (known == numbers.end() && chosen[i] && bytes + size <= kMostBytes) {
      known = numbers.try_emplace(products[i].input(), moments_.size()).first;
      outputs.push_back({observedName(moments_.size()), products[i].input()});
      moments_.emplace_back(channels);
      bytes += size;
    }
    observed_.push_back(chosen[i] && known != numbers.end() ? std::optional(known->second) : std::nullopt);
  }
  driver::addOutputs(module, outputs);
}

void InputMoments::run(const runner::Artifact &artifact, const std::string &sample, int64_t rows, unsigned threads) {
  runner::Instance instance(artifact);
  runner::Buffers buffers = inputsOf(instance, sample);
  buffers.run(instance);
  const std::vector<std::optional<size_t>> numbers = observedOutputs(artifact.model(), moments_.size());
  inParallel(artifact.model().output_count, threads, [&](size_t i) {
    if (!numbers[i])
      return;
    Moments &moments = moments_[*numbers[i]];
    const uint64_t count = instance.bytesOf(artifact.model().outputs[i]) / sizeof(float);
    moments.addSome(reinterpret_cast<const float *>(buffers.outputs()[i].data()),
                    static_cast<int64_t>(count) / moments.channels(), rows);
  });
}

llvm::Expected<InputMoments> InputMoments::find(const driver::CompileOptions &options,
                                                const std::vector<std::string> &samples, Choose choose) {
  llvm::Expected<TemporaryFolder> folder = TemporaryFolder::create();
  if (!folder)
    return folder.takeError();
  InputMoments found;
  const std::string path = folder->file("observed.so");
  driver::CompileOptions observing = driver::forThisMachine(options, Precision::F32, path);
  observing.afterLayout = [&](ModuleOp module) {
    found.observe(module, choose);
    return llvm::Error::success();
  };
  driver::CompileReport report;
  if (llvm::Error error = driver::compile(observing, report))
    return std::move(error);
  driver::Progress progress(options.model);
  const runner::Artifact artifact(path, options.model);
  const std::vector<std::string> some = someOf(samples, kMostSamples);
  const auto rows = static_cast<int64_t>(llvm::divideCeil(kMostRows, some.size()));
  for (size_t i = 0; i < some.size(); ++i) {
    progress.stage("looking at weights' inputs: sample " + std::to_string(i + 1) + " of " +
                   std::to_string(some.size()));
    found.run(artifact, some[i], rows, threadsOf(options));
  }
  return found;
}

} // namespace smelt::quantize
