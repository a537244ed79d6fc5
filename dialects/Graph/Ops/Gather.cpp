// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Ops that read where a tensor of indices says: gather, gather_elements and gather_nd.

#include "dialects/Graph/Ops/Indexing.h"

using namespace mlir;

namespace smelt::graph {

// Gather.

LogicalResult GatherOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  RankedTensorType data = typeOf(adaptor.getData());
  auto axis = static_cast<int64_t>(adaptor.getAxis());
  if (failed(checkAxis(location, axis, data.getRank())) || failed(checkIndices(location, adaptor.getIndices())))
    return failure();
  Extents from = extentsOf(data), shape(ArrayRef<Extent>(from).take_front(axis));
  llvm::append_range(shape, extentsOf(adaptor.getIndices()));
  llvm::append_range(shape, ArrayRef<Extent>(from).drop_front(axis + 1));
  if (failed(checkNotEmpty(location, from[axis], shape)))
    return failure();
  return yieldTensor(location, shape, data.getElementType(), types);
}

LogicalResult GatherOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  const HostTensor &data = operands[0];
  int64_t extent = data.shape()[getAxis()];
  if (results[0].size() == 0)
    return success();
  int64_t outer = product(data.shape().take_front(getAxis())), row = product(data.shape().drop_front(getAxis() + 1));
  SmallVector<int64_t> indices = operands[1].toIntegers();
  int64_t to = 0;
  for (int64_t i = 0; i < outer; ++i)
    for (int64_t index : indices) {
      copyElements(results[0], to, data, (i * extent + wrapIndex(index, extent)) * row, row);
      to += row;
    }
  return success();
}

Value GatherOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  size_t axis = getAxis(), rank = typeOf(getIndices()).getRank();
  Count extent = access.count(extentsOf(getData())[axis]);
  Value position = readIndex(access, getIndices(), index.slice(axis, rank), extent);
  if (!position)
    return nullptr;
  SmallVector<LaneIndex> data(index.take_front(axis));
  data.push_back({position, 0});
  llvm::append_range(data, index.drop_front(axis + rank));
  return access.fetch(getData(), data);
}

// Gather elements.

LogicalResult GatherElementsOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                                 Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType data = typeOf(adaptor.getData()), indices = typeOf(adaptor.getIndices());
  auto axis = static_cast<int64_t>(adaptor.getAxis());
  if (failed(checkAxis(location, axis, data.getRank())) || failed(checkIndices(location, adaptor.getIndices())))
    return failure();
  if (failed(checkElementIndices(location, data, indices, axis)))
    return failure();
  return yieldTensor(location, extentsOf(indices), data.getElementType(), types);
}

LogicalResult GatherElementsOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  const HostTensor &data = operands[0];
  SmallVector<int64_t> indices = operands[1].toIntegers(), strides = rowMajorStrides(data.shape());
  SmallVector<int64_t> at(data.rank(), 0);
  int64_t axis = getAxis();
  for (auto [to, index] : llvm::enumerate(indices)) {
    int64_t from = (wrapIndex(index, data.shape()[axis]) - at[axis]) * strides[axis];
    for (auto [i, stride] : llvm::zip_equal(at, strides))
      from += i * stride;
    results[0].copyElement(static_cast<int64_t>(to), data, from);
    advance(at, results[0].shape());
  }
  return success();
}

Value GatherElementsOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  Value position = readIndex(access, getIndices(), index, access.count(extentsOf(getData())[getAxis()]));
  if (!position)
    return nullptr;
  SmallVector<LaneIndex> data(index);
  data[getAxis()] = {position, 0};
  return access.fetch(getData(), data);
}

// Gather of slices.

LogicalResult GatherNdOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                           SmallVectorImpl<Type> &types) {
  RankedTensorType data = typeOf(adaptor.getData()), indices = typeOf(adaptor.getIndices());
  auto batch = static_cast<int64_t>(adaptor.getBatchDims());
  if (failed(checkIndices(location, adaptor.getIndices())))
    return failure();
  if (batch < 0 || batch >= indices.getRank() || batch > data.getRank())
    return emitOptionalError(location, batch, " batch dims of data of rank ", data.getRank(), " and indices of rank ",
                             indices.getRank());
  Extents from = extentsOf(data), where = extentsOf(indices);
  if (ArrayRef<Extent>(from).take_front(batch) != ArrayRef<Extent>(where).take_front(batch))
    return emitOptionalError(location, "data and indices differ in the first ", batch, " dims, those of the batch");
  int64_t depth = indices.getShape().back();
  if (depth < 0 || depth > data.getRank() - batch)
    return emitOptionalError(location, "an index of ", depth, " coordinates for data with ", data.getRank() - batch,
                             " dims beside the batch's");
  Extents shape(ArrayRef<Extent>(where).drop_back());
  llvm::append_range(shape, ArrayRef<Extent>(from).drop_front(batch + depth));
  for (const Extent &extent : ArrayRef<Extent>(from).slice(batch, depth))
    if (failed(checkNotEmpty(location, extent, shape)))
      return failure();
  return yieldTensor(location, shape, data.getElementType(), types);
}

LogicalResult GatherNdOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  const HostTensor &data = operands[0];
  if (results[0].size() == 0)
    return success();
  int64_t batch = getBatchDims(), depth = operands[1].shape().back();
  int64_t row = product(data.shape().drop_front(batch + depth));
  int64_t tuples = product(operands[1].shape().drop_front(batch).drop_back());
  SmallVector<int64_t> indices = operands[1].toIntegers();
  ArrayRef<int64_t> extents = data.shape().slice(batch, depth);
  for (int64_t tuple = 0; tuple < results[0].size() / row; ++tuple) {
    int64_t position = tuple / tuples;
    for (auto [coordinate, extent] : llvm::enumerate(extents))
      position = position * extent + wrapIndex(indices[tuple * depth + static_cast<int64_t>(coordinate)], extent);
    copyElements(results[0], tuple * row, data, position * row, row);
  }
  return success();
}

Value GatherNdOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  RankedTensorType indices = typeOf(getIndices());
  Extents data = extentsOf(getData());
  size_t batch = getBatchDims(), tuple = indices.getRank() - 1;
  int64_t depth = indices.getShape().back();
  SmallVector<LaneIndex> at(index.take_front(tuple)), from(index.take_front(batch));
  for (int64_t coordinate = 0; coordinate < depth; ++coordinate) {
    at.resize(tuple);
    at.push_back({access.indexConstant(coordinate), 0});
    Value position = readIndex(access, getIndices(), at, access.count(data[batch + coordinate]));
    if (!position)
      return nullptr;
    from.push_back({position, 0});
  }
  llvm::append_range(from, index.drop_front(tuple));
  return access.fetch(getData(), from);
}

} // namespace smelt::graph
