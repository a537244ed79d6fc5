// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reshapes, transposes and broadcasts that need not be (what they say of one another is in their folds).

#include "passes/graph/Match.h"
#include "passes/graph/simplify/Simplify.h"

using namespace mlir;
using namespace smelt;
using namespace smelt::graph;

namespace {

/// transpose(x) → reshape(x)   when only dims of 1 move past others
struct TransposeToReshape : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    int64_t last = -1;
    Extents shape = extentsOf(op.getInput());
    for (int64_t dim : op.getPermutation()) {
      if (shape[dim] == Extent(1))
        continue;
      if (dim < last)
        return failure();
      last = dim;
    }
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), op.getInput());
    return success();
  }
};

bool isOne(const Extent &extent) { return extent == Extent(1); }

/// Whether `shape` is `inner` with more dims, all of 1, before it.
bool isSameBehindOnes(ArrayRef<Extent> shape, ArrayRef<Extent> inner) {
  return inner.size() < shape.size() && shape.take_back(inner.size()) == inner &&
         llvm::all_of(shape.drop_back(inner.size()), isOne);
}

/// broadcast(broadcast(x))            → broadcast(x)
/// broadcast(reshape(x : s → 1 × s))  → broadcast(x)
struct BroadcastOfView : OpRewritePattern<BroadcastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BroadcastOp op, PatternRewriter &rewriter) const override {
    Operation *inner = op.getInput().getDefiningOp();
    if (!inner || !isa<BroadcastOp, ReshapeOp>(inner))
      return failure();
    Value x = inner->getOperand(0);
    Extents shape = extentsOf(op.getInput()), from = extentsOf(x);
    if (isa<ReshapeOp>(inner) && !isSameBehindOnes(shape, from))
      return failure();
    if (!broadcastsTo(x, extentsOf(op.getResult())))
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.getInputMutable().assign(x); });
    return success();
  }
};

/// op(broadcast(x), y) → op(x, y)              when that broadcasts to the same shape
/// op(broadcast(x), y) → broadcast(op(x, y))   otherwise: it is less work
struct BroadcastLater : OpInterfaceRewritePattern<ScalarInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(ScalarInterface op, PatternRewriter &rewriter) const override {
    SmallVector<Value> operands(op->getOperands());
    Extents shape, whole = extentsOf(op->getResult(0));
    bool changed = false;
    for (Value &operand : operands) {
      if (auto broadcast = operand.getDefiningOp<BroadcastOp>()) {
        operand = broadcast.getInput();
        changed = true;
      }
      FailureOr<Extents> both = broadcastExtents(shape, extentsOf(operand));
      if (failed(both))
        return failure();
      shape = *both;
    }
    if (!changed)
      return failure();
    if (shape == whole) {
      rewriter.modifyOpInPlace(op, [&] { op->setOperands(operands); });
      return success();
    }
    FailureOr<Extents> spread = broadcastExtents(shape, whole);
    if (failed(spread) || *spread != whole)
      return rewriter.notifyMatchFailure(op, "whether its operands broadcast to each other is not known");
    Type type = tensorOf(shape, elementTypeOf(op->getResult(0)));
    OperationState state(op.getLoc(), op->getName(), operands, type, op->getAttrs());
    return replaceBroadcast(rewriter, op, rewriter.create(state)->getResult(0));
  }
};

/// The shape that an operand broadcasting to `to` needs to do the same to `from`, of which `to` is a reshape: its
/// elements are spread over trailing dims that both have, or the two shapes differ in dims of 1 alone. Nothing
/// otherwise.
std::optional<Extents> beforeReshape(ArrayRef<Extent> operand, ArrayRef<Extent> from, ArrayRef<Extent> to) {
  Extents aligned(to.size() - operand.size(), 1);
  llvm::append_range(aligned, operand);
  size_t same = 0;
  while (same < std::min(from.size(), to.size()) && from[from.size() - 1 - same] == to[to.size() - 1 - same])
    ++same;
  if (llvm::all_of(ArrayRef<Extent>(aligned).drop_back(same), isOne))
    return Extents(ArrayRef<Extent>(aligned).take_back(same));
  Extents shape;
  size_t dim = 0;
  for (const Extent &extent : from) {
    while (!isOne(extent) && dim < to.size() && isOne(to[dim]))
      ++dim;
    if (!isOne(extent) && (dim == to.size() || to[dim] != extent))
      return std::nullopt;
    shape.push_back(isOne(extent) ? extent : aligned[dim++]);
  }
  return shape;
}

/// op(reshape(y), c) → reshape(op(y, c))   when c is constant, so that nothing stands between y's kernel and what could
///                                        be part of it
struct ReshapeLater : OpInterfaceRewritePattern<ScalarInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(ScalarInterface op, PatternRewriter &rewriter) const override {
    Extents to = extentsOf(op->getResult(0)), from;
    for (Value operand : op->getOperands()) {
      auto reshape = operand.getDefiningOp<ReshapeOp>();
      if (!reshape && isConstant(operand))
        continue;
      Operation *computed = reshape ? reshape.getInput().getDefiningOp() : nullptr;
      if (!computed || isa<IndexedInterface, ConstantOp>(computed) || !reshape->hasOneUse() ||
          extentsOf(reshape.getResult()) != to || (!from.empty() && extentsOf(reshape.getInput()) != from))
        return failure();
      from = extentsOf(reshape.getInput());
    }
    if (from.empty())
      return failure();
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      if (auto reshape = operand.getDefiningOp<ReshapeOp>()) {
        operands.push_back(reshape.getInput());
        continue;
      }
      std::optional<Extents> shape = beforeReshape(extentsOf(operand), from, to);
      if (!shape)
        return rewriter.notifyMatchFailure(op, "a constant spans dims that the reshape splits or joins");
      operands.push_back(typeOf(operand).getRank() == 0 ? operand
                                                        : reshapeTo(rewriter, operand.getLoc(), operand, *shape));
    }
    Type type = tensorOf(from, elementTypeOf(op->getResult(0)));
    OperationState state(op.getLoc(), op->getName(), operands, type, op->getAttrs());
    rewriter.replaceOp(op, reshapeTo(rewriter, op.getLoc(), rewriter.create(state)->getResult(0), to));
    return success();
  }
};

/// matmul(a, broadcast(b)) → matmul(a, b)   when the product broadcasts it all the same
struct MatMulOfBroadcast : OpRewritePattern<MatMulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatMulOp op, PatternRewriter &rewriter) const override {
    for (OpOperand &operand : op->getOpOperands()) {
      auto broadcast = operand.get().getDefiningOp<BroadcastOp>();
      if (!broadcast || typeOf(broadcast.getInput()).getRank() < 2)
        continue;
      Extents input = extentsOf(broadcast.getInput()), whole = extentsOf(broadcast.getResult()),
              other = extentsOf(op->getOperand(1 - operand.getOperandNumber())), result = extentsOf(op.getResult());
      auto batchOf = [](const Extents &shape) { return ArrayRef<Extent>(shape).drop_back(2); };
      auto matrixOf = [](const Extents &shape) { return ArrayRef<Extent>(shape).take_back(2); };
      FailureOr<Extents> batch = broadcastExtents(batchOf(input), batchOf(other));
      if (failed(batch) || ArrayRef<Extent>(*batch) != batchOf(result) || matrixOf(input) != matrixOf(whole))
        continue;
      rewriter.modifyOpInPlace(op, [&] { operand.set(broadcast.getInput()); });
      return success();
    }
    return failure();
  }
};

} // namespace

void graph::addViewPatterns(RewritePatternSet &patterns) {
  patterns.add<TransposeToReshape, BroadcastOfView, BroadcastLater, ReshapeLater, MatMulOfBroadcast>(
      patterns.getContext());
}
