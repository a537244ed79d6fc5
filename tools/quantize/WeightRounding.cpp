// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/WeightRounding.h"
#include "mlir/IR/BuiltinOps.h"
#include "passes/quantize/Weights.h"
#include "tools/driver/Progress.h"
#include "tools/quantize/InputMoments.h"
#include "llvm/Support/Base64.h"

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

// Of matrices that roundBlocks makes: so many rows share a scale, and so many steps of a zero point are a code.
constexpr int64_t kBlock = 32, kFraction = 16;

std::string WeightRounding::textOf(const Matrix &matrix) {
  if (matrix.block != kBlock || matrix.fraction != kFraction)
    return "";
  const std::vector<char> &codes = matrix.codes.bytes;
  std::string bytes;
  for (size_t i = 0; i < codes.size(); i += 2)
    bytes += static_cast<char>(codes[i] | (i + 1 < codes.size() ? codes[i + 1] : 0) << 4);
  bytes.append(matrix.scales.bytes.begin(), matrix.scales.bytes.end());
  bytes.append(matrix.zeroPoints.bytes.begin(), matrix.zeroPoints.bytes.end());
  return llvm::encodeBase64(bytes);
}

/// Whether all scales, f16 or f32, are finite.
static bool areFinite(ArrayRef<char> scales, bool isHalf) {
  const size_t bytes = isHalf ? 2 : 4;
  const unsigned exponent = isHalf ? 0x7C : 0x7F; // in the last byte, and of f32 the highest bit before it
  for (size_t i = bytes - 1; i < scales.size(); i += bytes)
    if ((scales[i] & exponent) == exponent && (isHalf || scales[i - 1] & 0x80))
      return false;
  return true;
}

std::optional<WeightRounding::Matrix> WeightRounding::read(StringRef text, ArrayRef<int64_t> shape) {
  std::vector<char> bytes;
  if (llvm::Error error = llvm::decodeBase64(text, bytes)) {
    llvm::consumeError(std::move(error));
    return std::nullopt;
  }
  if (shape.size() != 2)
    return std::nullopt;
  const int64_t blocks = (shape[0] + kBlock - 1) / kBlock;
  const auto count = static_cast<size_t>(shape[0] * shape[1]), scales = static_cast<size_t>(blocks * shape[1]);
  const size_t packed = (count + 1) / 2;
  const bool isHalf = bytes.size() == packed + 3 * scales;
  if (!isHalf && bytes.size() != packed + 5 * scales)
    return std::nullopt;
  Matrix matrix{{shape.vec(), std::vector<char>(count)}, {{blocks, shape[1]}, {}}, {}, isHalf, kBlock, kFraction};
  for (size_t i = 0; i < count; ++i)
    matrix.codes.bytes[i] = static_cast<char>(static_cast<uint8_t>(bytes[i / 2]) >> (i % 2 * 4) & 15);
  const auto zeroPoints = bytes.end() - static_cast<ptrdiff_t>(scales);
  matrix.scales.bytes.assign(bytes.begin() + static_cast<ptrdiff_t>(packed), zeroPoints);
  matrix.zeroPoints = {matrix.scales.shape, {zeroPoints, bytes.end()}};
  if (!areFinite(matrix.scales.bytes, isHalf))
    return std::nullopt;
  return matrix;
}

bool WeightRounding::isOf(StringRef text, ArrayRef<int64_t> shape) { return read(text, shape).has_value(); }

static bool hasCodes(const Layer &layer) {
  return layer.precision == nameOf(Precision::Int4Weights) && !layer.rounding.empty();
}

std::optional<WeightRounding> WeightRounding::of(const Configuration &configuration) {
  if (llvm::none_of(configuration.layers, hasCodes))
    return std::nullopt;
  WeightRounding rounding;
  for (const Layer &layer : configuration.layers)
    rounding.texts_.push_back(hasCodes(layer) ? layer.rounding : "");
  return rounding;
}

void WeightRounding::writeTo(Configuration &configuration) const {
  for (auto [layer, matrix] : llvm::zip(configuration.layers, products_))
    if (matrix)
      layer.rounding = textOf(*matrix);
}

std::optional<WeightRounding::Matrix> WeightRounding::matrixOf(size_t number, const WeightedProduct &product) const {
  if (number < texts_.size() && !texts_[number].empty())
    return read(texts_[number], product.weights().shape());
  return number < products_.size() ? products_[number] : std::nullopt;
}

/// Those that are marked for something else have their weights as they are.
static bool mayHaveCodes(graph::MatMulOp matmul) {
  auto mark = matmul->getAttrOfType<StringAttr>(kPrecision);
  return !mark || mark.getValue() == nameOf(Precision::Int4Weights);
}

void WeightRounding::apply(ModuleOp module) const {
  std::vector<WeightedProduct> products = weightedProducts(module);
  OpBuilder builder(module.getContext());
  for (size_t i = 0; i < products.size(); ++i) {
    auto matmul = dyn_cast<graph::MatMulOp>(products[i].op());
    const std::optional<Matrix> matrix = matrixOf(i, products[i]);
    if (!matrix || !matmul || !mayHaveCodes(matmul))
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
