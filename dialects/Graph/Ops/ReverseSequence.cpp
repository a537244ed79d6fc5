// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Indexing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <algorithm>

using namespace mlir;

namespace smelt::graph {

LogicalResult ReverseSequenceOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                                  Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType input = typeOf(adaptor.getInput()), lengths = typeOf(adaptor.getLengths());
  auto batch = static_cast<int64_t>(adaptor.getBatchAxis()), time = static_cast<int64_t>(adaptor.getTimeAxis());
  if (failed(checkAxis(location, batch, input.getRank())) || failed(checkAxis(location, time, input.getRank())) ||
      failed(checkIndices(location, adaptor.getLengths())))
    return failure();
  if (batch == time)
    return emitOptionalError(location, "dim ", batch, " can't be both the batch and the time");
  Extents shape = extentsOf(input);
  if (extentsOf(lengths) != Extents{shape[batch]})
    return emitOptionalError(location, "needs one length for each of the ", shape[batch].str(), " sequences");
  return yieldTensor(location, shape, input.getElementType(), types);
}

LogicalResult ReverseSequenceOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  int64_t time = getTimeAxis(), batch = getBatchAxis();
  SmallVector<int64_t> shape(operands[0].shape()), strides = rowMajorStrides(shape);
  int64_t steps = std::exchange(shape[time], 1), sequences = std::exchange(shape[batch], 1);
  for (int64_t sequence = 0; sequence < sequences; ++sequence) {
    int64_t length = std::clamp<int64_t>(operands[1].get(sequence).asSigned(), 0, steps);
    for (int64_t step = 0; step < steps; ++step) {
      int64_t source = step < length ? length - 1 - step : step, start = sequence * strides[batch];
      copyBlock(shape, operands[0], {start + source * strides[time], strides}, results[0],
                {start + step * strides[time], strides});
    }
  }
  return success();
}

Value ReverseSequenceOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  ImplicitLocOpBuilder &b = access.builder();
  LaneIndex step = index[getTimeAxis()];
  Value read = access.fetch(getLengths(), index[getBatchAxis()]);
  Value length = read ? access.toIndex(read) : nullptr;
  if (!length || !step.isUniform())
    return nullptr;
  Count steps = access.count(extentsOf(getType())[getTimeAxis()]);
  Value most = arith::MinSIOp::create(b, length, steps.in(b));
  Value isReversed = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, step.base, most);
  Value last = arith::SubIOp::create(b, most, access.indexConstant(1));
  Value mirrored = arith::SubIOp::create(b, last, step.base);
  SmallVector<LaneIndex> input(index);
  input[getTimeAxis()] = {choose(access, isReversed, mirrored, step.base), 0};
  return access.fetch(getInput(), input);
}

} // namespace smelt::graph
