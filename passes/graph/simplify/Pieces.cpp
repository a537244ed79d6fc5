// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What takes tensors apart and puts them together: slice, concat, pad, gather; and windows over dims of 1.

#include "passes/graph/Match.h"
#include "passes/graph/simplify/Simplify.h"

using namespace mlir;
using namespace smelt;
using namespace smelt::graph;

static bool areZero(ArrayRef<Extent> counts) {
  return llvm::all_of(counts, [](const Extent &count) { return count == Extent(0); });
}
static bool areZero(ArrayRef<int64_t> counts) { return areZero(toExtents(counts)); }
static bool areNotNegative(ArrayRef<Extent> counts) {
  return llvm::all_of(counts, [](const Extent &count) { return count.isAtLeast(0); });
}
static bool areOne(ArrayRef<int64_t> counts) {
  return llvm::all_of(counts, [](int64_t count) { return count == 1; });
}

static bool isEmpty(Value value) { return llvm::is_contained(extentsOf(value), Extent(0)); }

namespace {

// Slices.

/// slice(slice(x)) → slice(x)
struct SliceOfSlice : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SliceOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<SliceOp>();
    if (!inner || isEmpty(op))
      return failure();
    Extents starts(inner.getStarts()), steps(inner.getSteps());
    for (auto [dim, extent] : llvm::enumerate(extentsOf(op.getResult()))) {
      if (!extent.isNumber() && !steps[dim].isAtLeast(0))
        return rewriter.notifyMatchFailure(op, "would begin before the tensor where it has no elements");
      starts[dim] += op.getStarts()[dim] * steps[dim];
      steps[dim] *= op.getSteps()[dim];
      if (starts[dim].isTooLarge() || steps[dim].isTooLarge())
        return failure();
    }
    rewriter.replaceOpWithNewOp<SliceOp>(op, op.getType(), inner.getInput(), starts, steps);
    return success();
  }
};

/// slice(concat(a, b)) → slice(a)   when b is not touched
struct SliceOfConcat : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SliceOp op, PatternRewriter &rewriter) const override {
    auto concat = op.getInput().getDefiningOp<ConcatOp>();
    if (!concat || isEmpty(op))
      return failure();
    int64_t axis = concat.getAxis();
    Extent step = op.getSteps()[axis], first = op.getStarts()[axis];
    Extent last = first + (extentsOf(op.getResult())[axis] - 1) * step;
    if (!step.isNumber() || last.isTooLarge())
      return failure();
    if (step.number() < 0)
      std::swap(first, last);
    Extent begin = 0;
    for (Value part : concat.getInputs()) {
      Extent extent = extentsOf(part)[axis];
      if (first.isAtLeast(begin) && (extent + begin).isAtLeast(last + 1)) {
        Extents starts(op.getStarts());
        starts[axis] = starts[axis] - begin;
        rewriter.replaceOpWithNewOp<SliceOp>(op, op.getType(), part, starts, op.getSteps());
        return success();
      }
      begin += extent;
    }
    return failure();
  }
};

/// gather(x, [a, a + s, a + 2 s, …]) → slice(x)
struct GatherToSlice : OpRewritePattern<GatherOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(GatherOp op, PatternRewriter &rewriter) const override {
    constexpr int64_t kMostIndices = 1 << 12; // longer lists are tables, not slices
    std::optional<HostTensor> indices = constantOf(op.getIndices());
    if (!indices || indices->size() == 0 || indices->size() > kMostIndices)
      return failure();
    auto axis = static_cast<int64_t>(op.getAxis());
    Extents shape = extentsOf(op.getData());
    std::optional<int64_t> extent = shape[axis].asNumber();
    SmallVector<int64_t> places = indices->toIntegers();
    for (int64_t &place : places) {
      if (!extent || place < -*extent || place >= *extent)
        return rewriter.notifyMatchFailure(op, "an index may lie outside");
      place += place < 0 ? *extent : 0;
    }
    int64_t step = places.size() > 1 ? places[1] - places[0] : 1;
    for (size_t i = 1; i < places.size(); ++i)
      if (step == 0 || places[i] - places[i - 1] != step)
        return rewriter.notifyMatchFailure(op, "no arithmetic progression");
    SmallVector<int64_t> starts(shape.size(), 0), steps(shape.size(), 1);
    shape[axis] = static_cast<int64_t>(places.size());
    starts[axis] = places[0];
    steps[axis] = step;
    Value slice = SliceOp::create(rewriter, op.getLoc(), tensorOf(shape, elementTypeOf(op.getData())), op.getData(),
                                  starts, steps);
    rewriter.replaceOp(op, reshapeTo(rewriter, op.getLoc(), slice, extentsOf(op.getResult())));
    return success();
  }
};

/// op(gather(table, i), c) → gather(op(table, c), i)   when the table is constant, no larger than the result, and c the
///                                                     same for each row: it is computed once, here
struct ElementwiseOfGather : OpInterfaceRewritePattern<ScalarInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(ScalarInterface op, PatternRewriter &rewriter) const override {
    GatherOp gather;
    for (Value operand : op->getOperands())
      if (auto made = operand.getDefiningOp<GatherOp>())
        gather = made;
    if (!gather || !gather->hasOneUse() || gather.getAxis() != 0 || !isKnown(gather.getData()) ||
        extentsOf(gather.getResult()) != extentsOf(op->getResult(0)) ||
        !productOf(extentsOf(gather.getResult())).isAtLeast(typeOf(gather.getData()).getNumElements()))
      return failure();
    ArrayRef<int64_t> table = shapeOf(gather.getData()), row = table.drop_front();
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      if (operand == gather.getResult()) {
        operands.push_back(gather.getData());
        continue;
      }
      if (!isConstant(operand))
        return failure();
      ArrayRef<int64_t> shape = shapeOf(operand);
      size_t lead = shape.size() > row.size() ? shape.size() - row.size() : 0;
      if (!areOne(shape.take_front(lead)))
        return failure();
      operands.push_back(reshapeTo(rewriter, operand.getLoc(), operand, shape.drop_front(lead)));
    }
    auto type = RankedTensorType::get(table, elementTypeOf(op->getResult(0)));
    OperationState state(op.getLoc(), op->getName(), operands, type, op->getAttrs());
    Value computed = rewriter.create(state)->getResult(0);
    rewriter.replaceOpWithNewOp<GatherOp>(op, computed, gather.getIndices(), 0);
    return success();
  }
};

// Concatenations.

/// concat(a) → a, concat(a, empty) → concat(a)
/// concat(concat(a, b), c) → concat(a, b, c)   when that is the inner one's only use
struct FlattenConcat : OpRewritePattern<ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConcatOp op, PatternRewriter &rewriter) const override {
    constexpr size_t kMostParts = 256; // so that long chains are not copied again and again
    if (op.getInputs().size() == 1) {
      rewriter.replaceOp(op, op.getInputs().front());
      return success();
    }
    SmallVector<Value> parts;
    for (Value part : op.getInputs()) {
      auto inner = part.getDefiningOp<ConcatOp>();
      if (inner && inner.getAxis() == op.getAxis() && part.hasOneUse() &&
          parts.size() + inner.getInputs().size() <= kMostParts)
        llvm::append_range(parts, inner.getInputs());
      else if (extentsOf(part)[op.getAxis()] != Extent(0))
        parts.push_back(part);
    }
    if (parts.empty() || llvm::equal(parts, op.getInputs()))
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op->setOperands(parts); });
    return success();
  }
};

/// Whether two slices of one tensor follow each other along `axis`.
bool follow(SliceOp a, SliceOp b, int64_t axis) {
  if (!a || !b || a.getInput() != b.getInput() || a.getSteps() != b.getSteps() || a.getSteps()[axis] != Extent(1))
    return false;
  Extents next(a.getStarts());
  next[axis] += extentsOf(a.getResult())[axis];
  return ArrayRef<Extent>(next) == b.getStarts();
}

/// concat(x[a:b], x[b:c]) → x[a:c]
struct ConcatOfSlices : OpRewritePattern<ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConcatOp op, PatternRewriter &rewriter) const override {
    auto axis = static_cast<int64_t>(op.getAxis());
    SmallVector<Value> parts;
    SliceOp last;
    for (Value part : op.getInputs()) {
      auto slice = part.getDefiningOp<SliceOp>();
      if (!follow(last, slice, axis)) {
        parts.push_back(part);
        last = slice;
        continue;
      }
      Extents shape = extentsOf(last.getResult());
      shape[axis] += extentsOf(slice.getResult())[axis];
      last = SliceOp::create(rewriter, slice.getLoc(), tensorOf(shape, elementTypeOf(slice)), slice.getInput(),
                             last.getStarts(), last.getSteps());
      parts.back() = last;
    }
    if (parts.size() == op.getInputs().size())
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op->setOperands(parts); });
    return success();
  }
};

// Paddings.

/// pad(x) by nothing → x; by less than nothing → slice(x)
struct PadToSlice : OpRewritePattern<PadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PadOp op, PatternRewriter &rewriter) const override {
    auto mayGrow = [](const Extent &count) { return !Extent(0).isAtLeast(count); };
    if (llvm::any_of(op.getLow(), mayGrow) || llvm::any_of(op.getHigh(), mayGrow))
      return failure();
    if (areZero(op.getLow()) && areZero(op.getHigh())) {
      rewriter.replaceOp(op, op.getInput());
      return success();
    }
    Extents starts, steps(op.getLow().size(), 1);
    for (const Extent &low : op.getLow())
      starts.push_back(Extent(0) - low);
    rewriter.replaceOpWithNewOp<SliceOp>(op, op.getType(), op.getInput(), starts, steps);
    return success();
  }
};

Extents sums(ArrayRef<Extent> a, ArrayRef<Extent> b) {
  Extents result;
  for (auto [x, y] : llvm::zip_equal(a, b))
    result.push_back(x + y);
  return result;
}

/// pad(pad(x, c), c) → pad(x, c)
struct PadOfPad : OpRewritePattern<PadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PadOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<PadOp>();
    if (!inner || op.getMode() != PadMode::Constant || inner.getMode() != PadMode::Constant ||
        !areNotNegative(inner.getLow()) || !areNotNegative(inner.getHigh()) || !areNotNegative(op.getLow()) ||
        !areNotNegative(op.getHigh()))
      return failure();
    std::optional<Scalar> value = splatOf(op.getValue());
    if (op.getValue() != inner.getValue() && !(value && isNumber(inner.getValue(), value->asFloat())))
      return failure();
    rewriter.replaceOpWithNewOp<PadOp>(op, inner.getInput(), op.getValue(), sums(op.getLow(), inner.getLow()),
                                       sums(op.getHigh(), inner.getHigh()), PadMode::Constant);
    return success();
  }
};

/// conv(pad(x, 0)) → conv(x) with these pads
struct PadIntoConv : OpRewritePattern<ConvOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvOp op, PatternRewriter &rewriter) const override {
    auto pad = op.getInput().getDefiningOp<PadOp>();
    if (!pad || pad.getMode() != PadMode::Constant || !areNotNegative(pad.getLow()) || !areNotNegative(pad.getHigh()))
      return failure();
    std::optional<Scalar> value = splatOf(pad.getValue());
    size_t first = op.getLayout() == Layout::ChannelsLast ? 1 : 2, count = op.getLow().size();
    auto spatial = [&](ArrayRef<Extent> counts) { return counts.slice(first, count); };
    auto others = [&](ArrayRef<Extent> counts) {
      return areZero(counts.take_front(first)) && areZero(counts.drop_front(first + count));
    };
    if (!value || value->asFloat() != 0 || !others(pad.getLow()) || !others(pad.getHigh()))
      return failure();
    std::optional<SmallVector<int64_t>> low = asNumbers(sums(toExtents(op.getLow()), spatial(pad.getLow())));
    std::optional<SmallVector<int64_t>> high = asNumbers(sums(toExtents(op.getHigh()), spatial(pad.getHigh())));
    if (!low || !high)
      return failure();
    rewriter.modifyOpInPlace(op, [&] {
      op.setLow(*low);
      op.setHigh(*high);
      op.getInputMutable().assign(pad.getInput());
    });
    return success();
  }
};

// Ops over dims of 1.

/// reduce(x) → x   when it is over dims of 1
struct DropReduce : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceOp op, PatternRewriter &rewriter) const override {
    bool keepsOne = llvm::is_contained(
        {ReduceKind::Sum, ReduceKind::Mean, ReduceKind::Max, ReduceKind::Min, ReduceKind::Prod}, op.getKind());
    if (!keepsOne || op.getInput().getType() != op.getResult().getType())
      return failure();
    rewriter.replaceOp(op, op.getInput());
    return success();
  }
};

/// reduce(x) → reshape(reduce(reshape(x)))   of a scalar, which becomes a line of one
struct ReduceScalar : OpRewritePattern<ReduceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReduceOp op, PatternRewriter &rewriter) const override {
    RankedTensorType scalar = op.getType();
    if (scalar.getRank() > 0)
      return failure();
    auto lineType = RankedTensorType::get({1}, scalar.getElementType());
    Value line = ReshapeOp::create(rewriter, op.getLoc(), lineType, op.getInput());
    Value reduced = ReduceOp::create(rewriter, op.getLoc(), line, op.getKind(), ArrayRef<int64_t>{0});
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, scalar, reduced);
    return success();
  }
};

/// resize(x) → x   when it has that size already
struct DropResize : OpRewritePattern<ResizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ResizeOp op, PatternRewriter &rewriter) const override {
    bool isWhole = llvm::all_of(op.getScales(), [](double scale) { return scale == 1; });
    if (!isWhole || op.getInput().getType() != op.getResult().getType())
      return failure();
    rewriter.replaceOp(op, op.getInput());
    return success();
  }
};

/// pool(x) → x   when its windows hold one element
struct DropPool : OpRewritePattern<PoolOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PoolOp op, PatternRewriter &rewriter) const override {
    bool keepsOne = op.getKind() == PoolKind::Max || op.getKind() == PoolKind::Average;
    if (!keepsOne || !areOne(op.getWindow()) || !areOne(op.getStrides()) || !areZero(op.getLow()) ||
        !areZero(op.getHigh()))
      return failure();
    rewriter.replaceOp(op, op.getInput());
    return success();
  }
};

} // namespace

void graph::addPiecePatterns(RewritePatternSet &patterns) {
  patterns.add<SliceOfSlice, SliceOfConcat, GatherToSlice, ElementwiseOfGather, FlattenConcat, ConcatOfSlices,
               PadToSlice, PadOfPad, PadIntoConv, DropReduce, ReduceScalar, DropResize, DropPool>(
      patterns.getContext());
}
