// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Casts and selections that decide nothing.

#include "passes/graph/Match.h"
#include "passes/graph/simplify/Simplify.h"

using namespace mlir;
using namespace smelt;
using namespace smelt::graph;

/// Whether `to` holds every value of `from`.
static bool holdsAll(Type from, Type to) {
  if (from == to)
    return true;
  if (isStoredFloat(to))
    return false; // they may lack zero, its sign, infinities or NaN
  if (from.isInteger(1))
    return true;
  auto fromFloat = dyn_cast<FloatType>(from), toFloat = dyn_cast<FloatType>(to);
  auto fromInteger = dyn_cast<IntegerType>(from), toInteger = dyn_cast<IntegerType>(to);
  if (fromFloat)
    return toFloat && APFloat::isRepresentableBy(fromFloat.getFloatSemantics(), toFloat.getFloatSemantics());
  if (!fromInteger)
    return false;
  unsigned digits = fromInteger.getWidth() - (fromInteger.isUnsigned() ? 0 : 1);
  if (toFloat)
    return digits <= toFloat.getFPMantissaWidth() && fromInteger.getWidth() <= 16 && toFloat.getWidth() >= 32;
  if (!toInteger || toInteger.isInteger(1) || (toInteger.isUnsigned() && !fromInteger.isUnsigned()))
    return false;
  return digits <= toInteger.getWidth() - (toInteger.isUnsigned() ? 0 : 1);
}

namespace {

/// cast(x) → x                        when it has that type already
/// cast(cast(x : A → B) → C) → cast(x → C)   when B holds every value of A
struct SimplifyCast : OpRewritePattern<CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CastOp op, PatternRewriter &rewriter) const override {
    if (op.getInput().getType() == op.getResult().getType()) {
      rewriter.replaceOp(op, op.getInput());
      return success();
    }
    auto inner = op.getInput().getDefiningOp<CastOp>();
    if (!inner || !holdsAll(elementTypeOf(inner.getInput()), inner.getTo()))
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.getInputMutable().assign(inner.getInput()); });
    return success();
  }
};

/// select(true, a, b) → a, select(false, a, b) → b, select(c, a, a) → a
/// select(!c, a, b)   → select(c, b, a)
struct SimplifySelect : OpRewritePattern<SelectOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SelectOp op, PatternRewriter &rewriter) const override {
    std::optional<Scalar> condition = splatOf(op.getCondition());
    if (condition || op.getLhs() == op.getRhs())
      return replaceBroadcast(rewriter, op, !condition || condition->asBool() ? op.getLhs() : op.getRhs());
    auto inverted = op.getCondition().getDefiningOp<NotOp>();
    if (!inverted)
      return failure();
    Value lhs = op.getLhs(), rhs = op.getRhs();
    rewriter.modifyOpInPlace(op, [&] { op->setOperands({inverted.getInput(), rhs, lhs}); });
    return success();
  }
};

} // namespace

void graph::addConversionPatterns(RewritePatternSet &patterns) {
  patterns.add<SimplifyCast, SimplifySelect>(patterns.getContext());
}
