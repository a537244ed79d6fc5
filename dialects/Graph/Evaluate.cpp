// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Graph.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/ADT/bit.h"
#include <cmath>
#include <cstring>
#include <functional>

using namespace mlir;

namespace smelt::graph {

/// Per result dim, the operand's stride in elements; 0 where it broadcasts.
static SmallVector<int64_t> broadcastStrides(ArrayRef<int64_t> shape, size_t resultRank) {
  SmallVector<int64_t> strides(resultRank - shape.size(), 0);
  for (auto [extent, stride] : llvm::zip_equal(shape, rowMajorStrides(shape)))
    strides.push_back(extent == 1 ? 0 : stride);
  return strides;
}

static LogicalResult evaluateElementwise(ScalarInterface op, ArrayRef<HostTensor> operands, const HostTensor &result) {
  ArrayRef<int64_t> shape = result.shape();
  SmallVector<SmallVector<int64_t>> strides;
  for (const HostTensor &operand : operands)
    strides.push_back(broadcastStrides(operand.shape(), shape.size()));

  SmallVector<int64_t> index(shape.size(), 0);
  SmallVector<Scalar, 3> scalars;
  for (int64_t position = 0; position < result.size(); ++position, advance(index, shape)) {
    scalars.clear();
    for (auto [operand, stride] : llvm::zip_equal(operands, strides)) {
      int64_t offset = 0;
      for (auto [i, step] : llvm::zip_equal(index, stride))
        offset += i * step;
      scalars.push_back(operand.get(offset));
    }
    FailureOr<Scalar> value = op.evaluateScalar(scalars);
    if (failed(value))
      return failure();
    result.set(position, *value);
  }
  return success();
}

namespace {
/// An operand along a row: where its first element lies, and how many bytes on the next one, 0 where it is the same.
struct Side {
  const char *bytes;
  int64_t step;
};
} // namespace

/// Files store tensors at any address.
static float loadF32(const char *bytes) {
  float value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

/// One rounding, as by way of double.
template <typename Function> static void computeRow(float *to, Side a, Side b, int64_t count) {
  using Once = std::integral_constant<int64_t, 0>;
  using Each = std::integral_constant<int64_t, sizeof(float)>;
  auto compute = [&](auto stepA, auto stepB) {
    for (int64_t i = 0; i < count; ++i)
      to[i] = Function()(loadF32(a.bytes + i * stepA), loadF32(b.bytes + i * stepB));
  };
  if (a.step && b.step) // steps that are known become vectors
    compute(Each(), Each());
  else if (a.step)
    compute(Each(), Once());
  else if (b.step)
    compute(Once(), Each());
  else
    compute(Once(), Once());
}

using RowFunction = void (*)(float *, Side, Side, int64_t);

/// The arithmetic that folds into weights, of which there are millions; null for all else.
static RowFunction rowFunction(Operation *op) {
  if (!typeOf(op->getResult(0)).getElementType().isF32())
    return nullptr;
  return llvm::TypeSwitch<Operation *, RowFunction>(op)
      .Case([](AddOp) { return computeRow<std::plus<float>>; })
      .Case([](SubOp) { return computeRow<std::minus<float>>; })
      .Case([](MulOp) { return computeRow<std::multiplies<float>>; })
      .Case([](DivOp) { return computeRow<std::divides<float>>; })
      .Default(nullptr);
}

namespace {
/// A dim of a result, or several that both operands walk as one.
struct WalkedDim {
  int64_t extent;
  int64_t steps[2]; // of the operands, in elements
};
} // namespace

static SmallVector<WalkedDim> walkedDims(ArrayRef<HostTensor> operands, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> a = broadcastStrides(operands[0].shape(), shape.size()),
                       b = broadcastStrides(operands[1].shape(), shape.size());
  SmallVector<WalkedDim> dims{{1, {0, 0}}}; // a scalar has none
  for (size_t dim = 0; dim < shape.size(); ++dim) {
    WalkedDim inner{shape[dim], {a[dim], b[dim]}};
    if (inner.extent == 1)
      continue;
    WalkedDim &outer = dims.back();
    bool isOne = outer.extent == 1;
    bool continues = outer.steps[0] == inner.steps[0] * inner.extent && outer.steps[1] == inner.steps[1] * inner.extent;
    if (isOne || continues)
      outer = {outer.extent * inner.extent, {inner.steps[0], inner.steps[1]}};
    else
      dims.push_back(inner);
  }
  return dims;
}

static void evaluateF32(RowFunction function, ArrayRef<HostTensor> operands, const HostTensor &result) {
  if (result.size() == 0)
    return;
  SmallVector<WalkedDim> dims = walkedDims(operands, result.shape());
  WalkedDim row = dims.pop_back_val();
  SmallVector<int64_t> extents = llvm::map_to_vector(dims, [](const WalkedDim &dim) { return dim.extent; });
  SmallVector<int64_t> index(dims.size(), 0);
  constexpr int64_t kBytes = sizeof(float);
  float *to = result.asMutable<float>().data(), *end = to + result.size();
  for (; to != end; to += row.extent, advance(index, extents)) {
    Side sides[2];
    for (size_t side : {0, 1}) {
      int64_t offset = 0;
      for (auto [at, dim] : llvm::zip_equal(index, dims))
        offset += at * dim.steps[side];
      sides[side] = {operands[side].bytes().data() + offset * kBytes, row.steps[side] * kBytes};
    }
    function(to, sides[0], sides[1], row.extent);
  }
}

/// To the nearest bf16, ties to even; a NaN stays one.
static uint16_t roundToBF16(float value) {
  const uint32_t bits = llvm::bit_cast<uint32_t>(value);
  if (std::isnan(value))
    return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// To the nearest f16, ties to even; a NaN stays one.
static uint16_t roundToF16(float value) {
  const uint32_t bits = llvm::bit_cast<uint32_t>(value), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
  constexpr uint32_t kBeyond = 0x477ff000; // 65520: what rounds to infinity
  constexpr uint32_t kNormal = 0x38800000; // 2^-14
  constexpr uint32_t kRebias = 112u << 23; // of the exponent
  if (std::isnan(value))
    return static_cast<uint16_t>(sign | 0x7e00 | (size >> 13 & 0x3ff));
  if (size >= kBeyond)
    return static_cast<uint16_t>(sign | 0x7c00);
  if (size < kNormal) // adding 1/2 leaves steps of 2^-24, rounded as an addition is
    return static_cast<uint16_t>(sign | (llvm::bit_cast<uint32_t>(std::fabs(value) + 0.5F) & 0xffff));
  return static_cast<uint16_t>(sign | (size - kRebias + 0xfff + (size >> 13 & 1)) >> 13);
}

/// Weights are rounded by the million.
static bool roundF32(Operation *op, const HostTensor &operand, const HostTensor &result) {
  Type to = result.elementType();
  if (!isa<CastOp>(op) || !operand.elementType().isF32() || !(to.isBF16() || to.isF16()))
    return false;
  const auto round = to.isBF16() ? roundToBF16 : roundToF16;
  MutableArrayRef<uint16_t> rounded = result.asMutable<uint16_t>();
  for (auto [position, element] : llvm::enumerate(rounded))
    element = round(loadF32(operand.bytes().data() + position * sizeof(float)));
  return true;
}

FailureOr<SmallVector<HostTensor>> evaluateOp(Operation *op, ArrayRef<HostTensor> operands) {
  SmallVector<HostTensor> results;
  for (Type type : op->getResultTypes()) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || !tensor.hasStaticShape() || elementBytes(tensor.getElementType()) == 0)
      return failure();
    results.push_back(HostTensor::zeros(tensor));
  }
  LogicalResult done = failure();
  if (RowFunction function = results.empty() ? nullptr : rowFunction(op)) {
    evaluateF32(function, operands, results.front());
    done = success();
  } else if (operands.size() == 1 && results.size() == 1 && roundF32(op, operands[0], results[0]))
    done = success();
  else if (auto elementwise = dyn_cast<ScalarInterface>(op))
    done = evaluateElementwise(elementwise, operands, results.front());
  else if (auto evaluated = dyn_cast<EvaluateInterface>(op))
    done = evaluated.evaluate(operands, results);
  if (failed(done))
    return failure();
  return results;
}

} // namespace smelt::graph
