// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that only rename places: reshape, transpose, broadcast and slice.

#include "dialects/Graph/Ops/Indexing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace smelt::graph {

static LogicalResult verifyElements(Operation *op) {
  if (typeOf(op->getOperand(0)).getElementType() == typeOf(op->getResult(0)).getElementType())
    return success();
  return op->emitOpError("changes the element type");
}

// Reshape.

LogicalResult ReshapeOp::verify() {
  // What only the run tells is checked there.
  Extent from = productOf(extentsOf(getInput())), to = productOf(extentsOf(getType()));
  if (from.isTooLarge() || to.isTooLarge() || (from != to && (from - to).isNumber()))
    return emitOpError("the shapes hold different numbers of elements");
  return verifyElements(*this);
}

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (getInput().getType() == getType())
    return getInput();
  auto inner = getInput().getDefiningOp<ReshapeOp>();
  if (!inner)
    return {};
  if (inner.getInput().getType() == getType())
    return inner.getInput();
  // A reshape to what only the run finds equal says which dim that is.
  if (productOf(extentsOf(inner.getInput())) != productOf(extentsOf(getType())))
    return {};
  getInputMutable().assign(inner.getInput());
  return getResult();
}

LogicalResult ReshapeOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  results[0] = operands[0].reshaped(results[0].shape());
  return success();
}

/// The trailing dims in which two shapes agree.
static size_t commonSuffix(ArrayRef<Extent> a, ArrayRef<Extent> b) {
  size_t count = 0;
  while (count < std::min(a.size(), b.size()) && a[a.size() - 1 - count] == b[b.size() - 1 - count])
    ++count;
  return count;
}

Value ReshapeOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  Extents from = extentsOf(getInput()), to = extentsOf(getType());
  size_t same = commonSuffix(from, to);
  ArrayRef<Extent> lead = ArrayRef<Extent>(to).drop_back(same), inputLead = ArrayRef<Extent>(from).drop_back(same);
  ImplicitLocOpBuilder &b = access.builder();
  Value position = access.indexConstant(0);
  for (auto [coordinate, stride] : llvm::zip(index, rowMajorStrides(lead))) {
    if (!coordinate.isUniform())
      return nullptr;
    Value part = arith::MulIOp::create(b, coordinate.base, access.count(stride).in(b));
    position = arith::AddIOp::create(b, position, part);
  }
  SmallVector<LaneIndex> input;
  for (const Extent &stride : rowMajorStrides(inputLead)) {
    Value step = access.count(Extent::max(stride, 1)).in(b);
    input.push_back({arith::DivUIOp::create(b, position, step), 0});
    position = arith::RemUIOp::create(b, position, step);
  }
  llvm::append_range(input, index.take_back(same));
  return access.fetch(getInput(), input);
}

// Transpose.

LogicalResult TransposeOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  RankedTensorType input = typeOf(adaptor.getInput());
  SmallVector<bool> seen(input.getRank(), false);
  Extents extents = extentsOf(input), shape;
  for (int64_t dim : adaptor.getPermutation()) {
    if (dim < 0 || dim >= input.getRank() || std::exchange(seen[dim], true))
      return emitOptionalError(location, "the permutation names dim ", dim, " twice or of a rank that is ",
                               input.getRank());
    shape.push_back(extents[dim]);
  }
  if (static_cast<int64_t>(shape.size()) != input.getRank())
    return emitOptionalError(location, "the permutation has ", shape.size(), " entries for rank ", input.getRank());
  types.push_back(tensorOf(shape, input.getElementType()));
  return success();
}

LogicalResult TransposeOp::verify() { return verifyElements(*this); }

OpFoldResult TransposeOp::fold(FoldAdaptor adaptor) {
  if (llvm::equal(getPermutation(), llvm::seq<int64_t>(0, getPermutation().size())))
    return getInput();
  auto inner = getInput().getDefiningOp<TransposeOp>();
  if (!inner)
    return {};
  SmallVector<int64_t> composed;
  for (int64_t dim : getPermutation())
    composed.push_back(inner.getPermutation()[dim]);
  setPermutation(composed);
  getInputMutable().assign(inner.getInput());
  return getResult();
}

LogicalResult TransposeOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  SmallVector<int64_t> strides = rowMajorStrides(operands[0].shape()), permuted;
  for (int64_t dim : getPermutation())
    permuted.push_back(strides[dim]);
  copyStrided(operands[0], 0, permuted, results[0]);
  return success();
}

Value TransposeOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  SmallVector<LaneIndex> input(index.size());
  for (auto [coordinate, dim] : llvm::zip_equal(index, getPermutation()))
    input[dim] = coordinate;
  return access.fetch(getInput(), input);
}

// Broadcast.

LogicalResult BroadcastOp::verify() {
  FailureOr<Extents> shape = broadcastExtents(extentsOf(getInput()), extentsOf(getType()));
  if (failed(shape) || *shape != extentsOf(getType()))
    return emitOpError("the input does not broadcast to the result's shape");
  return verifyElements(*this);
}

OpFoldResult BroadcastOp::fold(FoldAdaptor adaptor) {
  return getInput().getType() == getType() ? OpFoldResult(getInput()) : OpFoldResult();
}

LogicalResult BroadcastOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  SmallVector<int64_t> strides(results[0].rank() - operands[0].rank(), 0);
  for (auto [extent, stride] : llvm::zip_equal(operands[0].shape(), rowMajorStrides(operands[0].shape())))
    strides.push_back(extent == 1 ? 0 : stride);
  copyStrided(operands[0], 0, strides, results[0]);
  return success();
}

Value BroadcastOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  std::optional<SmallVector<LaneIndex>> input =
      broadcastIndex(access, index, extentsOf(getInput()), extentsOf(getType()));
  return input ? access.fetch(getInput(), *input) : nullptr;
}

// Slice.

LogicalResult SliceOp::verify() {
  Extents from = extentsOf(getInput()), to = extentsOf(getType());
  if (getStarts().size() != from.size() || getSteps().size() != from.size() || to.size() != from.size())
    return emitOpError("needs a start, a step and a result extent for each of the input's dims");
  for (auto [start, step, result, input] : llvm::zip_equal(getStarts(), getSteps(), to, from)) {
    if (!asNumbers({start, step, result, input}) || result == Extent(0))
      continue;
    int64_t available = input.number(), first = start.number();
    Extent last = start + (result - 1) * step;
    if (last.isTooLarge() || first < 0 || first >= available || last.number() < 0 || last.number() >= available)
      return emitOpError("reaches outside a dim of ") << available << " elements";
  }
  return verifyElements(*this);
}

OpFoldResult SliceOp::fold(FoldAdaptor adaptor) {
  auto isZero = [](const Extent &start) { return start == Extent(0); };
  bool whole = getInput().getType() == getType() && llvm::all_of(getStarts(), isZero);
  // A dim of one element has the same elements under any step.
  for (auto [step, extent] : llvm::zip_equal(getSteps(), extentsOf(getType())))
    whole &= step == Extent(1) || extent == Extent(0) || extent == Extent(1);
  return whole ? OpFoldResult(getInput()) : OpFoldResult();
}

LogicalResult SliceOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  int64_t offset = 0;
  SmallVector<int64_t> strides = rowMajorStrides(operands[0].shape());
  for (auto [stride, start, step] : llvm::zip_equal(strides, getStarts(), getSteps())) {
    if (!start.isNumber() || !step.isNumber())
      return failure();
    offset += start.number() * stride;
    stride *= step.number();
  }
  copyStrided(operands[0], offset, strides, results[0]);
  return success();
}

Value SliceOp::emitElement(ElementAccess &access, ArrayRef<LaneIndex> index) {
  SmallVector<LaneIndex> input;
  for (auto [coordinate, start, step] : llvm::zip_equal(index, getStarts(), getSteps())) {
    if (step.isNumber()) {
      input.push_back(affine(access, coordinate, step.number(), access.count(start)));
      continue;
    }
    if (!coordinate.isUniform())
      return nullptr;
    ImplicitLocOpBuilder &b = access.builder();
    Value way = arith::MulIOp::create(b, coordinate.base, access.count(step).in(b));
    input.push_back(affine(access, {way, 0}, 1, access.count(start)));
  }
  return access.fetch(getInput(), input);
}

} // namespace smelt::graph
