// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Graph.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cstring>

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

using F32Function = float (*)(float, float);

/// The arithmetic that folds into weights, of which there are millions; null for all else. One rounding, as by way of
/// double.
static F32Function f32Function(Operation *op) {
  if (!typeOf(op->getResult(0)).getElementType().isF32())
    return nullptr;
  return llvm::TypeSwitch<Operation *, F32Function>(op)
      .Case([](AddOp) { return [](float a, float b) { return a + b; }; })
      .Case([](SubOp) { return [](float a, float b) { return a - b; }; })
      .Case([](MulOp) { return [](float a, float b) { return a * b; }; })
      .Case([](DivOp) { return [](float a, float b) { return a / b; }; })
      .Default(nullptr);
}

/// Files store tensors at any address.
static float loadF32(const char *bytes) {
  float value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

/// Row by row of the last dim.
static void evaluateF32(F32Function function, ArrayRef<HostTensor> operands, const HostTensor &result) {
  constexpr int64_t kBytes = sizeof(float);
  ArrayRef<int64_t> shape = result.shape();
  if (result.size() == 0)
    return;
  int64_t columns = shape.empty() ? 1 : shape.back();
  ArrayRef<int64_t> rows = shape.empty() ? shape : shape.drop_back();
  SmallVector<int64_t> strides[2] = {broadcastStrides(operands[0].shape(), shape.size()),
                                     broadcastStrides(operands[1].shape(), shape.size())};
  SmallVector<int64_t> index(rows.size(), 0);
  float *to = result.asMutable<float>().data();
  for (int64_t row = 0; row < result.size(); row += columns, to += columns, advance(index, rows)) {
    const char *from[2];
    int64_t steps[2];
    for (size_t side : {0, 1}) {
      int64_t offset = 0;
      for (size_t dim = 0; dim < rows.size(); ++dim)
        offset += index[dim] * strides[side][dim];
      from[side] = operands[side].bytes().data() + offset * kBytes;
      steps[side] = shape.empty() ? 0 : strides[side].back() * kBytes;
    }
    for (int64_t column = 0; column < columns; ++column)
      to[column] = function(loadF32(from[0] + column * steps[0]), loadF32(from[1] + column * steps[1]));
  }
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
  if (F32Function function = results.empty() ? nullptr : f32Function(op)) {
    evaluateF32(function, operands, results.front());
    done = success();
  } else if (auto elementwise = dyn_cast<ScalarInterface>(op))
    done = evaluateElementwise(elementwise, operands, results.front());
  else if (auto evaluated = dyn_cast<EvaluateInterface>(op))
    done = evaluated.evaluate(operands, results);
  if (failed(done))
    return failure();
  return results;
}

} // namespace smelt::graph
