// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/WeightRounding.h"
#include "mlir/IR/BuiltinOps.h"
#include "passes/quantize/Weights.h"
#include "tools/driver/Progress.h"
#include "tools/quantize/InputMoments.h"

using namespace mlir;

namespace smelt::quantize {

constexpr int64_t kMostChannels = 4096; // of an input whose channels are looked at together

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

llvm::Expected<WeightRounding> WeightRounding::find(const driver::CompileOptions &options,
                                                    const std::vector<std::string> &samples) {
  llvm::Expected<InputMoments> observed = InputMoments::find(options, samples, chosenOf);
  if (!observed)
    return observed.takeError();
  driver::Progress progress(options.model);
  WeightRounding rounding;
  llvm::Error error = driver::lookAtGraph(options, [&](ModuleOp module) {
    std::vector<WeightedProduct> products = weightedProducts(module);
    llvm::DenseMap<const Moments *, std::optional<std::vector<float>>> factors;
    for (size_t i = 0; i < products.size(); ++i) {
      progress.stage("rounding weights: product " + std::to_string(i + 1) + " of " + std::to_string(products.size()));
      rounding.products_.emplace_back();
      const Moments *moments = observed->of(i);
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
