// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Windows.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult ArgPoolOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getInput());
  Extents input = extentsOf(type);
  Checks checks{location};
  if (input.size() < 3)
    return emitOptionalError(location, "the input [", joined(input), "] needs batch, channels and spatial dims");
  if (failed(checks.element(type.getElementType(), Domain::Numbers)))
    return failure();
  FailureOr<Window> window = inferWindow(
      checks, spatialDims(input, Layout::ChannelsFirst),
      {adaptor.getWindow(), adaptor.getStrides(), adaptor.getDilations(), adaptor.getLow(), adaptor.getHigh()},
      /*mayBeNone=*/true);
  if (failed(window))
    return failure();
  return checks.result(shapeOf(Layout::ChannelsFirst, input[0], outputsOf(*window), input[1]),
                       IntegerType::get(context, 64), types);
}

constexpr int64_t kMostTaps = 16; // of the reference, beyond what lies inside the input

static Window windowOf(ArgPoolOp op) {
  return windowOf(extentsOf(op.getInput()), extentsOf(op.getType()), Layout::ChannelsFirst,
                  {op.getWindow(), op.getStrides(), op.getDilations(), op.getLow(), op.getHigh()});
}

/// How far apart the places of neighbours along each dim of the input are counted.
static Extents countedStrides(ArgPoolOp op) {
  Extents shape = extentsOf(op.getInput()), strides = rowMajorStrides(shape);
  Extent stride = 1;
  if (op.getColumnMajor())
    for (size_t dim = 2; dim < shape.size(); stride *= shape[dim++])
      strides[dim] = stride;
  return strides;
}

LogicalResult ArgPoolOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  // Padding makes room for windows of any size.
  for (auto [window, extent] : llvm::zip_equal(getWindow(), operands[0].shape().drop_front(2)))
    if (window > 2 * extent + kMostTaps)
      return failure();
  ArrayRef<int64_t> from = operands[0].shape(), to = results[0].shape();
  Window window = windowOf(*this);
  SmallVector<int64_t> strides = rowMajorStrides(from), counted = *asNumbers(countedStrides(*this));
  return onNumbers(operands[0].elementType(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<T> input = elementsOf<T>(operands[0]);
    SmallVector<int64_t> at(to.size(), 0), tap(window.size(), 0);
    for (int64_t &result : results[0].asMutable<int64_t>()) {
      T best = 0;
      result = -1;
      do {
        int64_t offset = at[0] * strides[0] + at[1] * strides[1], place = offset;
        bool inside = true;
        for (auto [spatial, dim] : llvm::enumerate(window)) {
          int64_t position = dim.position(at[spatial + 2], tap[spatial]);
          inside &= dim.isInside(position);
          offset += position * strides[spatial + 2];
          place += position * counted[spatial + 2];
        }
        if (inside && (result < 0 || input[offset] > best || input[offset] != input[offset])) {
          best = input[offset];
          result = place;
        }
      } while (advance(tap, getWindow()));
      advance(at, to);
    }
  });
}

namespace {
class ArgPoolEmitter : public WindowEmitter {
public:
  ArgPoolEmitter(ArgPoolOp op, TileAccess &access, const Window &window)
      : WindowEmitter(access, window, Layout::ChannelsFirst, op.getType()), op_(op), counted_(countedStrides(op)) {}

private:
  /// Carries the largest element of each vector so far, then their places, which are -1 where there is none.
  LogicalResult emitGroup(const WindowGroup &group) override {
    RankedTensorType input = typeOf(op_.getInput());
    bool readable = true, isUnsigned = isUnsignedElement(input.getElementType());
    TypedAttr least = leastOf(computeType(input.getElementType()), isUnsigned);
    SmallVector<Value> best(group.vectors, repeat(b_, least, group.lanes).value());
    best.append(group.vectors, repeat(b_, numberOf(b_.getI64Type(), -1), group.lanes).value());
    best = forTaps(group, best, [&](ArrayRef<Value> tap, ValueRange carried) {
      SmallVector<Value> next(carried);
      for (unsigned vector = 0; vector < group.vectors; ++vector) {
        Coordinates at = inputAt(group, tap, vector);
        Expr x(b_, access_.fetch(op_.getInput(), at, group.lanes), isUnsigned);
        readable &= static_cast<bool>(x.value());
        if (!x.value())
          return next;
        Expr most(b_, next[vector], isUnsigned), place(b_, next[group.vectors + vector]);
        Expr isBetter = (x > most) | (place < place.integer(0));
        if (x.isFloat())
          isBetter = isBetter | (x != x);
        next[vector] = select(isBetter, x, most).value();
        next[group.vectors + vector] = select(isBetter, placeOf(at, group.lanes), place).value();
      }
      return next;
    });
    for (unsigned vector = 0; readable && vector < group.vectors; ++vector)
      readable = succeeded(access_.store(0, best[group.vectors + vector], resultAt(group, vector)));
    return success(readable);
  }

  /// The place of each lane's element, i64.
  Expr placeOf(ArrayRef<LaneIndex> at, unsigned lanes) {
    Type i64 = b_.getI64Type();
    Value first = access_.indexConstant(0);
    Extent step = 0;
    for (auto [index, stride] : llvm::zip_equal(at, counted_)) {
      Value scaled = arith::MulIOp::create(b_, index.base, access_.count(stride).in(b_));
      first = arith::AddIOp::create(b_, first, scaled);
      step += stride * index.laneStride;
    }
    Expr scalar(b_, arith::IndexCastOp::create(b_, i64, first));
    if (lanes == 1)
      return scalar;
    SmallVector<int64_t> numbers = llvm::to_vector(llvm::seq<int64_t>(0, lanes));
    auto type = VectorType::get({lanes}, i64);
    Expr lane(b_, arith::ConstantOp::create(b_, DenseIntElementsAttr::get(type, ArrayRef<int64_t>(numbers))));
    return repeat(scalar, lane) + lane * numberOf(access_.count(step), lane);
  }

  ArgPoolOp op_;
  Extents counted_;
};
} // namespace

unsigned ArgPoolOp::tiledDims() { return WindowEmitter::tiledDims(Layout::ChannelsFirst, getType().getRank()); }

LogicalResult ArgPoolOp::emitTile(TileAccess &access) {
  return ArgPoolEmitter(*this, access, windowOf(*this)).emit(/*groups=*/1);
}

} // namespace smelt::graph
