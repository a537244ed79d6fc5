// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/WeightRounding.h"
#include "mlir/IR/BuiltinOps.h"
#include "passes/quantize/Weights.h"
#include "tools/driver/Outputs.h"
#include "tools/driver/Progress.h"
#include "tools/driver/TemporaryFolder.h"
#include "tools/quantize/Moments.h"
#include "tools/quantize/Observed.h"
#include "tools/quantize/Samples.h"

using namespace mlir;

namespace smelt::quantize {

constexpr int64_t kMostChannels = 4096;          // of an input whose channels are looked at together
constexpr int64_t kMostBytes = int64_t(1) << 30; // of all moments
constexpr int64_t kMostRows = 2048;              // of an input, of all samples together

namespace {
/// The model in f32, with the inputs of its matrix products as further outputs.
class Observation {
public:
  void observe(ModuleOp module);
  void run(const runner::Artifact &artifact, const std::string &sample, int64_t rows);
  /// Of the i-th product; null where none is known.
  const Moments *momentsOf(size_t product) const;

private:
  std::vector<std::optional<size_t>> observed_; // of each product, which of the inputs below
  std::vector<Moments> moments_;
};
} // namespace

/// Tables that products multiply by as well share their codes, whatever they are rounded by.
static bool isTied(const WeightedProduct &product, ArrayRef<graph::HostTensor> tables) {
  return llvm::any_of(tables, [&](const graph::HostTensor &table) { return areTransposed(table, product.weights()); });
}

/// Whether each of the products is by a matrix that is rounded with data.
static std::vector<bool> chosenOf(ModuleOp module, ArrayRef<WeightedProduct> products) {
  SmallVector<graph::HostTensor> tables;
  module.walk([&](graph::GatherOp op) {
    std::optional<graph::HostTensor> table = op.getAxis() == 0 ? graph::constantOf(op.getData()) : std::nullopt;
    if (table && isWorthRounding(*table, 1))
      tables.push_back(*table);
  });
  std::vector<bool> chosen;
  for (const WeightedProduct &product : products)
    chosen.push_back(isa<graph::MatMulOp>(product.op()) && isWorthRounding(product.weights(), 0) &&
                     product.inputChannels() <= kMostChannels && !isTied(product, tables));
  return chosen;
}

void Observation::observe(ModuleOp module) {
  std::vector<WeightedProduct> products = weightedProducts(module);
  std::vector<bool> chosen = chosenOf(module, products);
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

void Observation::run(const runner::Artifact &artifact, const std::string &sample, int64_t rows) {
  runner::Instance instance(artifact);
  runner::Buffers buffers = inputsOf(instance, sample);
  buffers.run(instance);
  const std::vector<std::optional<size_t>> numbers = observedOutputs(artifact.model(), moments_.size());
  for (uint32_t i = 0; i < artifact.model().output_count; ++i) {
    const smelt_tensor_info &info = artifact.model().outputs[i];
    if (!numbers[i])
      continue;
    Moments &moments = moments_[*numbers[i]];
    const auto count = static_cast<int64_t>(instance.bytesOf(info) / sizeof(float)) / moments.channels();
    moments.add(reinterpret_cast<const float *>(buffers.outputs()[i].data()), std::min(count, rows));
  }
}

const Moments *Observation::momentsOf(size_t product) const {
  return observed_[product] ? &moments_[*observed_[product]] : nullptr;
}

llvm::Expected<WeightRounding> WeightRounding::find(const driver::CompileOptions &options,
                                                    const std::vector<std::string> &samples) {
  llvm::Expected<TemporaryFolder> folder = TemporaryFolder::create();
  if (!folder)
    return folder.takeError();
  Observation observation;
  const std::string path = folder->file("observed.so");
  driver::CompileOptions observing = driver::forThisMachine(options, Precision::F32, path);
  observing.afterLayout = [&](ModuleOp module) {
    observation.observe(module);
    return llvm::Error::success();
  };
  driver::CompileReport report;
  if (llvm::Error error = driver::compile(observing, report))
    return std::move(error);
  driver::Progress progress(options.model);
  {
    runner::Artifact artifact(path);
    const auto rows = static_cast<int64_t>(llvm::divideCeil(kMostRows, samples.size()));
    for (size_t i = 0; i < samples.size(); ++i) {
      progress.stage("calibrating: sample " + std::to_string(i + 1) + " of " + std::to_string(samples.size()));
      observation.run(artifact, samples[i], rows);
    }
  }
  WeightRounding rounding;
  llvm::Error error = driver::lookAtGraph(options, [&](ModuleOp module) {
    std::vector<WeightedProduct> products = weightedProducts(module);
    llvm::DenseMap<const Moments *, std::optional<std::vector<float>>> factors;
    for (size_t i = 0; i < products.size(); ++i) {
      progress.stage("rounding weights: product " + std::to_string(i + 1) + " of " + std::to_string(products.size()));
      rounding.products_.emplace_back();
      const Moments *moments = observation.momentsOf(i);
      if (!moments)
        continue;
      auto [entry, isNew] = factors.try_emplace(moments);
      if (isNew)
        entry->second = moments->inverseFactors();
      std::optional<RoundedBlocks> blocks;
      if (entry->second)
        blocks = roundBlocks(products[i].weights(), *entry->second, /*bits=*/4);
      if (blocks)
        rounding.products_.back() = kept(*blocks);
    }
    return llvm::Error::success();
  });
  if (error)
    return std::move(error);
  return rounding;
}

WeightRounding::Matrix WeightRounding::kept(const RoundedBlocks &blocks) {
  auto constant = [](const graph::HostTensor &tensor) { return Constant{tensor.shape().vec(), tensor.bytes().vec()}; };
  return {constant(blocks.codes),
          constant(blocks.scales),
          constant(*blocks.zeroPoints),
          blocks.scales.elementType().isF16(),
          blocks.block,
          blocks.fraction};
}

void WeightRounding::apply(ModuleOp module) const {
  std::vector<WeightedProduct> products = weightedProducts(module);
  OpBuilder builder(module.getContext());
  for (auto [product, matrix] : llvm::zip(products, products_)) {
    auto matmul = dyn_cast<graph::MatMulOp>(product.op());
    if (!matrix || !matmul || matmul->hasAttr(kPrecision))
      continue;
    builder.setInsertionPoint(matmul);
    auto make = [&](const Constant &constant, Type element) {
      graph::HostTensor tensor = graph::HostTensor::zeros(RankedTensorType::get(constant.shape, element));
      llvm::copy(constant.bytes, tensor.mutableBytes().begin());
      return graph::makeConstant(builder, matmul.getLoc(), tensor);
    };
    auto unsignedOf = [&](unsigned bits) { return builder.getIntegerType(bits, /*isSigned=*/false); };
    Type scale = matrix->hasHalfScales ? Type(builder.getF16Type()) : builder.getF32Type();
    matmul.getRhsMutable().assign(graph::DequantizeBlocksOp::create(
        builder, matmul.getLoc(), make(matrix->codes, unsignedOf(4)), make(matrix->scales, scale),
        make(matrix->zeroPoints, unsignedOf(8)), /*axis=*/0, matrix->block, matrix->fraction));
  }
}

} // namespace smelt::quantize
