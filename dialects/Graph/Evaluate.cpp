// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Graph.h"

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

FailureOr<SmallVector<HostTensor>> evaluateOp(Operation *op, ArrayRef<HostTensor> operands) {
  SmallVector<HostTensor> results;
  for (Type type : op->getResultTypes()) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || !tensor.hasStaticShape() || elementBytes(tensor.getElementType()) == 0)
      return failure();
    results.push_back(HostTensor::zeros(tensor));
  }
  LogicalResult done = failure();
  if (auto elementwise = dyn_cast<ScalarInterface>(op))
    done = evaluateElementwise(elementwise, operands, results.front());
  else if (auto evaluated = dyn_cast<EvaluateInterface>(op))
    done = evaluated.evaluate(operands, results);
  if (failed(done))
    return failure();
  return results;
}

} // namespace smelt::graph
