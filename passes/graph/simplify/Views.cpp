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
    for (int64_t dim : op.getPermutation()) {
      if (shapeOf(op.getInput())[dim] == 1)
        continue;
      if (dim < last)
        return failure();
      last = dim;
    }
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), op.getInput());
    return success();
  }
};

/// broadcast(broadcast(x))            → broadcast(x)
/// broadcast(reshape(x : s → 1 × s))  → broadcast(x)
struct BroadcastOfView : OpRewritePattern<BroadcastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BroadcastOp op, PatternRewriter &rewriter) const override {
    Operation *inner = op.getInput().getDefiningOp();
    if (!inner || !isa<BroadcastOp, ReshapeOp>(inner))
      return failure();
    Value x = inner->getOperand(0);
    ArrayRef<int64_t> shape = shapeOf(op.getInput()), from = shapeOf(x);
    if (isa<ReshapeOp>(inner) && (from.size() >= shape.size() || shape.take_back(from.size()) != from ||
                                  !llvm::all_of(shape.drop_back(from.size()), [](int64_t size) { return size == 1; })))
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
    SmallVector<int64_t> shape;
    bool changed = false;
    for (Value &operand : operands) {
      if (auto broadcast = operand.getDefiningOp<BroadcastOp>()) {
        operand = broadcast.getInput();
        changed = true;
      }
      FailureOr<SmallVector<int64_t>> both = broadcastShapes(shape, shapeOf(operand));
      if (failed(both))
        return failure();
      shape = *both;
    }
    if (!changed)
      return failure();
    if (ArrayRef<int64_t>(shape) == shapeOf(op->getResult(0))) {
      rewriter.modifyOpInPlace(op, [&] { op->setOperands(operands); });
      return success();
    }
    OperationState state(op.getLoc(), op->getName(), operands, typeOf(op->getResult(0)).clone(shape), op->getAttrs());
    replaceBroadcast(rewriter, op, rewriter.create(state)->getResult(0));
    return success();
  }
};

/// The shape that an operand broadcasting to `to` needs to do the same to `from`, of which `to` is a reshape: its
/// elements are spread over trailing dims that both have, or the two shapes differ in dims of 1 alone. Nothing
/// otherwise.
std::optional<SmallVector<int64_t>> beforeReshape(ArrayRef<int64_t> operand, ArrayRef<int64_t> from,
                                                  ArrayRef<int64_t> to) {
  SmallVector<int64_t> aligned(to.size() - operand.size(), 1);
  llvm::append_range(aligned, operand);
  size_t same = 0;
  while (same < std::min(from.size(), to.size()) && from[from.size() - 1 - same] == to[to.size() - 1 - same])
    ++same;
  auto isOne = [](int64_t extent) { return extent == 1; };
  if (llvm::all_of(ArrayRef<int64_t>(aligned).drop_back(same), isOne))
    return SmallVector<int64_t>(ArrayRef<int64_t>(aligned).take_back(same));
  SmallVector<int64_t> shape;
  size_t dim = 0;
  for (int64_t extent : from) {
    while (extent != 1 && dim < to.size() && to[dim] == 1)
      ++dim;
    if (extent != 1 && (dim == to.size() || to[dim] != extent))
      return std::nullopt;
    shape.push_back(extent == 1 ? 1 : aligned[dim++]);
  }
  return shape;
}

/// op(reshape(y), c) → reshape(op(y, c))   when c is constant, so that nothing stands between y's kernel and what could
///                                        be part of it
struct ReshapeLater : OpInterfaceRewritePattern<ScalarInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(ScalarInterface op, PatternRewriter &rewriter) const override {
    ArrayRef<int64_t> to = shapeOf(op->getResult(0)), from;
    for (Value operand : op->getOperands()) {
      auto reshape = operand.getDefiningOp<ReshapeOp>();
      if (!reshape && isConstant(operand))
        continue;
      Operation *computed = reshape ? reshape.getInput().getDefiningOp() : nullptr;
      if (!computed || isa<IndexedInterface, ConstantOp>(computed) || !reshape->hasOneUse() || shapeOf(reshape) != to ||
          (!from.empty() && shapeOf(reshape.getInput()) != from))
        return failure();
      from = shapeOf(reshape.getInput());
    }
    if (from.empty())
      return failure();
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      if (auto reshape = operand.getDefiningOp<ReshapeOp>()) {
        operands.push_back(reshape.getInput());
        continue;
      }
      std::optional<SmallVector<int64_t>> shape = beforeReshape(shapeOf(operand), from, to);
      if (!shape)
        return rewriter.notifyMatchFailure(op, "a constant spans dims that the reshape splits or joins");
      operands.push_back(typeOf(operand).getRank() == 0 ? operand
                                                        : reshapeTo(rewriter, operand.getLoc(), operand, *shape));
    }
    OperationState state(op.getLoc(), op->getName(), operands, typeOf(op->getResult(0)).clone(from), op->getAttrs());
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
      ArrayRef<int64_t> shape = shapeOf(broadcast.getInput());
      ArrayRef<int64_t> other = shapeOf(op->getOperand(1 - operand.getOperandNumber())).drop_back(2);
      FailureOr<SmallVector<int64_t>> batch = broadcastShapes(shape.drop_back(2), other);
      if (failed(batch) || ArrayRef<int64_t>(*batch) != shapeOf(op.getResult()).drop_back(2) ||
          shape.take_back(2) != shapeOf(broadcast.getResult()).take_back(2))
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
