// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/Bindings.h"
#include "codegen/gpu/Emitters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using smelt::graph::Extent;

namespace smelt::gpu {

SmallVector<Value> indexOf(Body &body, Value number, ArrayRef<Extent> extents) {
  ImplicitLocOpBuilder &b = body.builder();
  SmallVector<Value> index(extents.size());
  // The first dim with more than one index takes what is left: no remainder to compute.
  size_t outermost = 0;
  while (outermost < extents.size() && extents[outermost] == Extent(1))
    index[outermost++] = body.constant(0);
  for (size_t dim = extents.size(); dim > outermost; --dim) {
    if (extents[dim - 1] == Extent(1)) {
      index[dim - 1] = body.constant(0);
      continue;
    }
    if (dim - 1 == outermost) {
      index[dim - 1] = number;
      break;
    }
    Value extent = body.value(extents[dim - 1]);
    index[dim - 1] = arith::RemUIOp::create(b, number, extent);
    number = arith::DivUIOp::create(b, number, extent);
  }
  return index;
}

bool isComputedInF32(RankedTensorType type) {
  Type element = type.getElementType();
  return element.isF32() || element.isF16() || element.isBF16();
}

bool isAlignedInMemory(func::FuncOp function, Value tensor, int64_t lanes) {
  auto memory = tensor.getDefiningOp<kernel::LoadOp>();
  auto aligned = function->getAttrOfType<DenseBoolArrayAttr>(kAlignedOperands);
  auto argument = memory ? dyn_cast<BlockArgument>(memory.getBuffer()) : BlockArgument();
  if (!argument || !aligned || argument.getArgNumber() >= size_t(aligned.size()) || !aligned[argument.getArgNumber()])
    return false;
  graph::Extents strides = Body::stridesOf(argument);
  auto isWhole = [&](const graph::Extent &stride) { return stride.dividedBy(lanes).has_value(); };
  return !strides.empty() && strides.back() == graph::Extent(1) &&
         llvm::all_of(ArrayRef<graph::Extent>(strides).drop_back(), isWhole);
}

Type sumType(RankedTensorType left, RankedTensorType right, RankedTensorType result) {
  if (isComputedInF32(left) && isComputedInF32(right) && isComputedInF32(result))
    return Float32Type::get(left.getContext());
  auto isShort = [](RankedTensorType type) {
    auto integer = dyn_cast<IntegerType>(type.getElementType());
    return integer && (integer.getWidth() == 8 || integer.getWidth() == 16);
  };
  Type word = IntegerType::get(left.getContext(), 32);
  return isShort(left) && isShort(right) && result.getElementType() == word ? word : nullptr;
}

Value toSum(Body &body, Value read, Value tensor, Type sum) {
  if (!read || getElementTypeOrSelf(read.getType()) == sum)
    return read;
  ImplicitLocOpBuilder &b = body.builder();
  auto vector = dyn_cast<VectorType>(read.getType());
  Type type = vector ? Type(vector.clone(sum)) : sum;
  if (graph::typeOf(tensor).getElementType().isUnsignedInteger())
    return arith::ExtUIOp::create(b, type, read);
  return arith::ExtSIOp::create(b, type, read);
}

Value multiplyAdd(Body &body, Value x, Value w, Value sum) {
  ImplicitLocOpBuilder &b = body.builder();
  if (isa<IntegerType>(getElementTypeOrSelf(x.getType()))) {
    Value product = arith::MulIOp::create(b, x, w);
    return sum ? arith::AddIOp::create(b, product, sum).getResult() : product;
  }
  if (!sum)
    return arith::MulFOp::create(b, x, w);
  return isa<VectorType>(x.getType()) ? vector::FMAOp::create(b, x, w, sum).getResult()
                                      : math::FmaOp::create(b, x, w, sum).getResult();
}

LogicalResult loopWith(Body &body, Value from, Value to, int64_t step, SmallVector<Value> &sums, LoopBody emit) {
  ImplicitLocOpBuilder &b = body.builder();
  auto loop = scf::ForOp::create(b, from, to, body.constant(step), sums);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> carried(loop.getRegionIterArgs());
  if (failed(emit(loop.getInductionVar(), carried)))
    return failure();
  scf::YieldOp::create(b, carried);
  sums.assign(loop.getResults().begin(), loop.getResults().end());
  return success();
}

int64_t divisorOf(int64_t extent, int64_t most) {
  while (most > 1 && extent % most != 0)
    --most;
  return most;
}

/// Emits single elements first + from, …, first + to - 1.
static LogicalResult emitElements(Body &body, Value first, int64_t from, int64_t to, graph::LanesBody emit) {
  for (int64_t lane = from; lane < to; ++lane)
    if (failed(emit(body.add(first, body.constant(lane)), 1)))
      return failure();
  return success();
}

/// A vector at the builder's place, which is in a region of its own; else its elements.
static LogicalResult emitWhole(Body &body, Value first, graph::LanesBody emit) {
  ImplicitLocOpBuilder &b = body.builder();
  Block *block = b.getInsertionBlock();
  if (succeeded(emit(first, kLanes)))
    return success();
  while (&block->front() != block->getTerminator())
    block->getTerminator()->getPrevNode()->erase();
  b.setInsertionPointToStart(block);
  return emitElements(body, first, 0, kLanes, emit);
}

/// The same where only the run knows the extent.
static LogicalResult emitOpenVector(Body &body, Value first, const Extent &extent, graph::LanesBody emit) {
  ImplicitLocOpBuilder &b = body.builder();
  OpBuilder::InsertionGuard guard(b);
  Value isWhole = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, first, body.value(extent - kLanes));
  auto choice = scf::IfOp::create(b, isWhole, /*withElseRegion=*/true);
  b.setInsertionPointToStart(choice.thenBlock());
  if (failed(emitWhole(body, first, emit)))
    return failure();
  b.setInsertionPointToStart(choice.elseBlock());
  Value rest =
      arith::MinSIOp::create(b, body.subtract(body.value(extent), first), body.constant(kLanes - 1)); // fewer than four
  auto loop = scf::ForOp::create(b, body.constant(0), rest, body.constant(1));
  b.setInsertionPointToStart(loop.getBody());
  return emit(body.add(first, loop.getInductionVar()), 1);
}

LogicalResult emitVector(Body &body, Value first, const Extent &all, graph::LanesBody emit) {
  if (!all.isNumber())
    return emitOpenVector(body, first, all, emit);
  ImplicitLocOpBuilder &b = body.builder();
  const int64_t extent = all.number(), rest = extent % kLanes;
  if (extent < kLanes)
    return emitElements(body, first, 0, rest, emit);
  OpBuilder::InsertionGuard guard(b);
  // In a region of its own, so that what fails can be taken back.
  Value isWhole =
      rest == 0
          ? arith::ConstantOp::create(b, b.getBoolAttr(true)).getResult()
          : arith::CmpIOp::create(b, arith::CmpIPredicate::sle, first, body.constant(extent - kLanes)).getResult();
  auto choice = scf::IfOp::create(b, isWhole, /*withElseRegion=*/rest != 0);
  b.setInsertionPointToStart(choice.thenBlock());
  if (failed(emitWhole(body, first, emit)))
    return failure();
  if (rest == 0)
    return success();
  b.setInsertionPointToStart(choice.elseBlock());
  return emitElements(body, first, 0, rest, emit);
}

/// The same where only the run knows how many there are.
static LogicalResult storeOpenChannels(Body &body, Value first, const Extent &channels,
                                       llvm::function_ref<LogicalResult(int64_t)> store) {
  ImplicitLocOpBuilder &b = body.builder();
  OpBuilder::InsertionGuard guard(b);
  Value left = body.subtract(body.value(channels), first);
  for (int64_t count = kLanes; count > 0; --count) {
    auto compare = count == kLanes ? arith::CmpIPredicate::sge : arith::CmpIPredicate::eq;
    Value isSo = arith::CmpIOp::create(b, compare, left, body.constant(count));
    auto choice = scf::IfOp::create(b, isSo, /*withElseRegion=*/count > 1);
    b.setInsertionPointToStart(choice.thenBlock());
    if (failed(store(count)))
      return failure();
    if (count > 1)
      b.setInsertionPointToStart(choice.elseBlock());
  }
  return success();
}

bool mayBeCut(const Extent &extent, int64_t part) { return !extent.isNumber() || extent.number() % part != 0; }

LogicalResult storeChannels(Body &body, Value first, const Extent &all, int64_t part,
                            llvm::function_ref<LogicalResult(int64_t)> store) {
  if (!mayBeCut(all, part))
    return store(kLanes);
  if (!all.isNumber())
    return storeOpenChannels(body, first, all, store);
  const int64_t channels = all.number();
  ImplicitLocOpBuilder &b = body.builder();
  OpBuilder::InsertionGuard guard(b);
  const int64_t rest = channels % kLanes;
  if (channels >= kLanes) {
    Value isWhole = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, first, body.constant(channels - kLanes));
    auto choice = scf::IfOp::create(b, isWhole, /*withElseRegion=*/rest != 0);
    b.setInsertionPointToStart(choice.thenBlock());
    if (failed(store(kLanes)))
      return failure();
    if (rest == 0)
      return success();
    b.setInsertionPointToStart(choice.elseBlock());
  }
  Value isCut = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, first, body.constant(channels - rest));
  b.setInsertionPointToStart(scf::IfOp::create(b, isCut, /*withElseRegion=*/false).thenBlock());
  return store(rest);
}

} // namespace smelt::gpu
