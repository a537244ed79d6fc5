// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Structured.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult MatMulOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  RankedTensorType lhs = typeOf(adaptor.getLhs()), rhs = typeOf(adaptor.getRhs());
  Extents left = extentsOf(lhs), right = extentsOf(rhs);
  if (left.size() < 2 || right.size() < 2)
    return emitOptionalError(location, "operands [", joined(left), "] and [", joined(right), "] are not both matrices");
  if (left.back() != right[right.size() - 2])
    return emitOptionalError(location, "the left side [", joined(left), "] has ", left.back().str(),
                             " columns and the right side [", joined(right), "] ", right[right.size() - 2].str(),
                             " rows");
  bool isWide = adaptor.getWide(); // then they may differ, as sums do not
  if (!isProductOf(lhs.getElementType(), rhs.getElementType(), isWide))
    return emitOptionalError(location, "operands have different element types, ", lhs.getElementType(), " and ",
                             rhs.getElementType());
  FailureOr<Extents> shape =
      broadcastExtents(ArrayRef<Extent>(left).drop_back(2), ArrayRef<Extent>(right).drop_back(2));
  if (failed(shape))
    return emitOptionalError(location, "the batches of [", joined(left), "] and [", joined(right),
                             "] don't broadcast to each other");
  shape->append({left[left.size() - 2], right.back()});
  return Checks{location}.result(*shape, productType(lhs.getElementType(), isWide), types);
}

LogicalResult MatMulOp::verify() {
  Type element = typeOf(getLhs()).getElementType();
  if (element.isInteger(1) || !isIn(Domain::Numbers, computeType(element)))
    return emitOpError("is not defined on elements of type ") << element;
  return success();
}

/// The first element of the matrix that a broadcast operand has at a batch of the result.
static int64_t matrixAt(ArrayRef<int64_t> operand, ArrayRef<int64_t> batch) {
  SmallVector<int64_t> strides = rowMajorStrides(operand);
  ArrayRef<int64_t> index = batch.take_back(operand.size() - 2);
  int64_t offset = 0;
  for (size_t dim = 0; dim < index.size(); ++dim)
    offset += operand[dim] == 1 ? 0 : index[dim] * strides[dim];
  return offset;
}

/// sums[j] += Σ row[k] · matrix[k][j]
template <typename T> static void addProduct(const T *row, const T *matrix, int64_t depth, MutableArrayRef<T> sums) {
  for (int64_t k = 0; k < depth; ++k)
    for (size_t j = 0; j < sums.size(); ++j)
      sums[j] += row[k] * matrix[k * sums.size() + j];
}

LogicalResult MatMulOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  const HostTensor &result = results[0];
  if (result.size() == 0)
    return success();
  ArrayRef<int64_t> shape = result.shape(), batches = shape.drop_back(2);
  int64_t rows = shape[shape.size() - 2], columns = shape.back(), depth = operands[0].shape().back();
  return onNumbers(result.elementType(), [&](auto zero) {
    using T = formula::Modular<decltype(zero)>;
    std::vector<T> left = elementsOf<T>(operands[0]), right = elementsOf<T>(operands[1]), sums(result.size(), 0);
    SmallVector<int64_t> batch(batches.size(), 0);
    int64_t position = 0;
    do {
      const T *matrix = right.data() + matrixAt(operands[1].shape(), batch);
      const T *row = left.data() + matrixAt(operands[0].shape(), batch);
      for (int64_t i = 0; i < rows; ++i, row += depth, position += columns)
        addProduct<T>(row, matrix, depth, MutableArrayRef<T>(sums).slice(position, columns));
    } while (advance(batch, batches));
    setElements<T>(result, sums);
  });
}

} // namespace smelt::graph
