// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arithmetic that is exact: results keep their value, NaN and signed zeros included.

#include "passes/graph/Match.h"
#include "passes/graph/simplify/Simplify.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace smelt;
using namespace smelt::graph;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// op(c, x) → op(x, c)   when op commutes
template <typename OpTy> struct ConstantToTheRight : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    if (!isConstant(op.getLhs()) || isConstant(op.getRhs()))
      return failure();
    Value lhs = op.getLhs(), rhs = op.getRhs();
    rewriter.modifyOpInPlace(op, [&] { op->setOperands({rhs, lhs}); });
    return success();
  }
};

/// Sums of products start at +0 and are never -0.
bool isNeverMinusZero(Value value) {
  Operation *op = value.getDefiningOp();
  return op && isa<MatMulOp, ConvOp, ConvTransposeOp, ExpOp, SigmoidOp>(op);
}

/// op(x, neutral) → x
///   x + -0, x - 0, x · 1, x / 1, x^1, max(x, -∞), min(x, ∞); x + 0 of integers, and of floats that are never -0
template <typename OpTy> struct DropNeutral : OpRewritePattern<OpTy> {
  DropNeutral(MLIRContext *context, double neutral) : OpRewritePattern<OpTy>(context), neutral(neutral) {}
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    Value x = op.getLhs(), number = op.getRhs();
    if (elementTypeOf(x) != elementTypeOf(op.getResult()))
      return failure();
    bool anyZero = isa<AddOp>(op.getOperation()) && (!isFloat(x) || isNeverMinusZero(x));
    if (!isNumber(number, neutral) && !(anyZero && isNumber(number, 0)))
      return failure();
    return replaceBroadcast(rewriter, op, x);
  }
  double neutral;
};

/// x - c → x + -c: one form for what follows to look for
struct DifferenceToSum : OpRewritePattern<SubOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SubOp op, PatternRewriter &rewriter) const override {
    if (!isFloat(op.getResult()) || !isConstant(op.getRhs()) || isConstant(op.getLhs()))
      return failure();
    Value negated = NegOp::create(rewriter, op.getLoc(), op.getRhs());
    rewriter.replaceOpWithNewOp<AddOp>(op, op.getLhs(), negated);
    return success();
  }
};

/// Whether 1 / c is exact for every element: all are powers of two, none so far from 1 that its inverse is subnormal.
bool hasExactReciprocal(Value value) {
  constexpr int64_t kMostElements = 1 << 16; // weights that large are no divisors
  constexpr int kMostExponent = 14;          // f16 has no larger one
  std::optional<HostTensor> tensor = constantOf(value);
  if (!tensor || tensor->size() > kMostElements)
    return false;
  for (int64_t position = 0; position < tensor->size(); ++position) {
    int exponent = 0;
    double fraction = std::frexp(tensor->get(position).asFloat(), &exponent);
    if (std::abs(fraction) != 0.5 || std::abs(exponent - 1) > kMostExponent)
      return false;
  }
  return true;
}

/// x / c → x · (1 / c)   when c are powers of two
/// 1 / x → reciprocal(x)
struct QuotientToProduct : OpRewritePattern<DivOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DivOp op, PatternRewriter &rewriter) const override {
    if (!isFloat(op.getResult()) || isConstant(op.getLhs()) == isConstant(op.getRhs()))
      return failure();
    if (isNumber(op.getLhs(), 1) && extentsOf(op.getRhs()) == extentsOf(op.getResult())) {
      rewriter.replaceOpWithNewOp<ReciprocalOp>(op, op.getRhs());
      return success();
    }
    if (!hasExactReciprocal(op.getRhs()))
      return failure();
    Value inverse = ReciprocalOp::create(rewriter, op.getLoc(), op.getRhs());
    rewriter.replaceOpWithNewOp<MulOp>(op, op.getLhs(), inverse);
    return success();
  }
};

/// x^2 → x · x
struct Square : OpRewritePattern<PowOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PowOp op, PatternRewriter &rewriter) const override {
    if (!isNumber(op.getRhs(), 2) || extentsOf(op.getLhs()) != extentsOf(op.getResult()))
      return failure();
    rewriter.replaceOpWithNewOp<MulOp>(op, op.getLhs(), op.getLhs());
    return success();
  }
};

/// -(-x) → x, !(!x) → x
template <typename OpTy> struct DropPair : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().template getDefiningOp<OpTy>();
    if (!inner)
      return failure();
    rewriter.replaceOp(op, inner.getInput());
    return success();
  }
};

// Bounds.

/// A number that bounds all elements of a tensor of this shape alike; nothing for NaN, which does not bound.
std::optional<Scalar> boundOf(Value value) {
  std::optional<Scalar> number = splatOf(value);
  return number && !std::isnan(number->asFloat()) ? number : std::nullopt;
}

Value scalarLike(PatternRewriter &rewriter, Value like, Scalar number) {
  return makeScalar(rewriter, like.getLoc(), elementTypeOf(like), number);
}

/// max(x, 0) → relu(x)
struct MaxToRelu : OpRewritePattern<MaxOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MaxOp op, PatternRewriter &rewriter) const override {
    if (!isNumber(op.getRhs(), 0) || extentsOf(op.getLhs()) != extentsOf(op.getResult()))
      return failure();
    rewriter.replaceOpWithNewOp<ReluOp>(op, op.getLhs());
    return success();
  }
};

/// min(max(x, low), high) → clamp(x, low, high)
/// min(relu(x), high)     → clamp(x, 0, high)
struct MinToClamp : OpRewritePattern<MinOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MinOp op, PatternRewriter &rewriter) const override {
    std::optional<Scalar> high = boundOf(op.getRhs()), low;
    Value x;
    if (auto relu = op.getLhs().getDefiningOp<ReluOp>()) {
      x = relu.getInput();
      low = Scalar::ofSigned(0);
    } else if (auto max = op.getLhs().getDefiningOp<MaxOp>()) {
      x = max.getLhs();
      low = boundOf(max.getRhs());
    }
    if (!low || !high || extentsOf(x) != extentsOf(op.getResult()))
      return failure();
    rewriter.replaceOpWithNewOp<ClampOp>(op, x, scalarLike(rewriter, x, *low), scalarLike(rewriter, x, *high));
    return success();
  }
};

/// max(min(x, high), low) → clamp(x, low, high)   when low <= high
struct MaxToClamp : OpRewritePattern<MaxOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MaxOp op, PatternRewriter &rewriter) const override {
    auto min = op.getLhs().getDefiningOp<MinOp>();
    std::optional<Scalar> low = boundOf(op.getRhs()), high = min ? boundOf(min.getRhs()) : std::nullopt;
    if (!low || !high || low->asFloat() > high->asFloat() || extentsOf(min.getLhs()) != extentsOf(op.getResult()))
      return failure();
    Value x = min.getLhs();
    rewriter.replaceOpWithNewOp<ClampOp>(op, x, scalarLike(rewriter, x, *low), scalarLike(rewriter, x, *high));
    return success();
  }
};

/// clamp(x, 0, ∞)          → relu(x)
/// clamp(x, -∞, ∞)         → x
/// clamp(relu(x), 0, high) → clamp(x, 0, high)
struct SimplifyClamp : OpRewritePattern<ClampOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ClampOp op, PatternRewriter &rewriter) const override {
    if (isNumber(op.getHigh(), kInfinity) && isNumber(op.getLow(), 0)) {
      rewriter.replaceOpWithNewOp<ReluOp>(op, op.getInput());
      return success();
    }
    if (isNumber(op.getHigh(), kInfinity) && isNumber(op.getLow(), -kInfinity)) {
      rewriter.replaceOp(op, op.getInput());
      return success();
    }
    auto relu = op.getInput().getDefiningOp<ReluOp>();
    if (!relu || !isNumber(op.getLow(), 0))
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.getInputMutable().assign(relu.getInput()); });
    return success();
  }
};

/// relu(relu(x)) → relu(x), and of all else that is never below 0
struct DropRelu : OpRewritePattern<ReluOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReluOp op, PatternRewriter &rewriter) const override {
    Operation *made = op.getInput().getDefiningOp();
    if (!made || !isa<ReluOp, SigmoidOp, HardSigmoidOp, ExpOp, AbsOp>(made) || !isFloat(op.getResult()))
      return failure();
    rewriter.replaceOp(op, op.getInput());
    return success();
  }
};

} // namespace

void graph::addArithmeticPatterns(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<ConstantToTheRight<AddOp>, ConstantToTheRight<MulOp>, ConstantToTheRight<MaxOp>,
               ConstantToTheRight<MinOp>, ConstantToTheRight<EqualOp>, DifferenceToSum, QuotientToProduct, Square,
               DropPair<NegOp>, DropPair<NotOp>, MaxToRelu, MinToClamp, MaxToClamp, SimplifyClamp, DropRelu>(context);
  patterns.add<DropNeutral<AddOp>>(context, -0.0);
  patterns.add<DropNeutral<SubOp>>(context, 0.0);
  patterns.add<DropNeutral<MaxOp>>(context, -kInfinity);
  patterns.add<DropNeutral<MinOp>>(context, kInfinity);
  patterns.add<DropNeutral<MulOp>, DropNeutral<DivOp>, DropNeutral<PowOp>>(context, 1.0);
}
