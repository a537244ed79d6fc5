// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Activations made of a sigmoid, a clamp or an exponential.

#include "passes/graph/Match.h"
#include "passes/graph/recognise/Recognise.h"

using namespace mlir;
using namespace smelt;
using namespace smelt::graph;

static FloatAttr numberAttr(PatternRewriter &rewriter, double number) { return rewriter.getF64FloatAttr(number); }

namespace {

/// x · sigmoid(x)          → swish(x, 1)
/// x · sigmoid(x · alpha)  → swish(x, alpha)
struct Swish : OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MulOp op, PatternRewriter &rewriter) const override {
    auto [sigmoid, x] = eitherOf<SigmoidOp>(op);
    if (!sigmoid)
      return failure();
    double alpha = 1;
    if (sigmoid.getInput() != x) {
      auto scaled = sigmoid.getInput().getDefiningOp<MulOp>();
      std::optional<Scalar> number = scaled ? splatOf(scaled.getRhs()) : std::nullopt;
      if (!number || scaled.getLhs() != x)
        return failure();
      alpha = number->asFloat();
    }
    if (x.getType() != op.getType())
      return failure();
    rewriter.replaceOpWithNewOp<SwishOp>(op, x, numberAttr(rewriter, alpha));
    return success();
  }
};

/// clamp(x + 3, 0, 6) / 6, or · 1/6 → hard_sigmoid(x, 1/6, 1/2)
template <typename OpTy> struct HardSigmoid : OpRewritePattern<OpTy> {
  HardSigmoid(MLIRContext *context, double factor) : OpRewritePattern<OpTy>(context), factor(factor) {}
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    auto clamp = op.getLhs().template getDefiningOp<ClampOp>();
    auto sum = clamp ? clamp.getInput().template getDefiningOp<AddOp>() : AddOp();
    if (!sum || !isNear(op.getRhs(), factor) || !isNumber(clamp.getLow(), 0) || !isNumber(clamp.getHigh(), 6) ||
        !isNumber(sum.getRhs(), 3) || sum.getLhs().getType() != op.getType())
      return failure();
    rewriter.replaceOpWithNewOp<HardSigmoidOp>(op, sum.getLhs(), numberAttr(rewriter, 1.0 / 6),
                                               numberAttr(rewriter, 0.5));
    return success();
  }
  double factor;
};

/// x · hard_sigmoid(x, 1/6, 1/2) → hard_swish(x)
struct HardSwish : OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MulOp op, PatternRewriter &rewriter) const override {
    constexpr double kDigits = 1e-4; // exporters write 0.1667
    auto [sigmoid, x] = eitherOf<HardSigmoidOp>(op);
    if (!sigmoid || sigmoid.getInput() != x || x.getType() != op.getType() ||
        std::abs(sigmoid.getAlpha().convertToDouble() * 6 - 1) > 6 * kDigits ||
        sigmoid.getBeta().convertToDouble() != 0.5)
      return failure();
    rewriter.replaceOpWithNewOp<HardSwishOp>(op, x);
    return success();
  }
};

/// x · clamp(x + 3, 0, 6) / 6, or · 1/6 → hard_swish(x)
template <typename OpTy> struct HardSwishOfProduct : OpRewritePattern<OpTy> {
  HardSwishOfProduct(MLIRContext *context, double factor) : OpRewritePattern<OpTy>(context), factor(factor) {}
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    auto product = op.getLhs().template getDefiningOp<MulOp>();
    if (!product || !isNear(op.getRhs(), factor))
      return failure();
    auto [clamp, x] = eitherOf<ClampOp>(product);
    auto sum = clamp ? clamp.getInput().template getDefiningOp<AddOp>() : AddOp();
    if (!sum || sum.getLhs() != x || !isNumber(sum.getRhs(), 3) || !isNumber(clamp.getLow(), 0) ||
        !isNumber(clamp.getHigh(), 6) || x.getType() != op.getType())
      return failure();
    rewriter.replaceOpWithNewOp<HardSwishOp>(op, x);
    return success();
  }
  double factor;
};

/// log(e^x + 1) → softplus(x)
struct Softplus : OpRewritePattern<LogOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LogOp op, PatternRewriter &rewriter) const override {
    auto sum = op.getInput().getDefiningOp<AddOp>();
    auto exp = sum ? sum.getLhs().getDefiningOp<ExpOp>() : ExpOp();
    if (!exp || !isNumber(sum.getRhs(), 1) || exp.getType() != op.getType())
      return failure();
    rewriter.replaceOpWithNewOp<SoftplusOp>(op, exp.getInput());
    return success();
  }
};

/// x · tanh(softplus(x)) → mish(x)
struct Mish : OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MulOp op, PatternRewriter &rewriter) const override {
    auto [tanh, x] = eitherOf<TanhOp>(op);
    auto softplus = tanh ? tanh.getInput().getDefiningOp<SoftplusOp>() : SoftplusOp();
    if (!softplus || softplus.getInput() != x || x.getType() != op.getType())
      return failure();
    rewriter.replaceOpWithNewOp<MishOp>(op, x);
    return success();
  }
};

/// max(x, x · alpha) → leaky_relu(x, alpha)   when 0 < alpha < 1
struct LeakyRelu : OpRewritePattern<MaxOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MaxOp op, PatternRewriter &rewriter) const override {
    for (unsigned side : {0u, 1u}) {
      Value x = op->getOperand(1 - side);
      auto scaled = op->getOperand(side).getDefiningOp<MulOp>();
      std::optional<Scalar> alpha = scaled ? splatOf(scaled.getRhs()) : std::nullopt;
      if (!alpha || scaled.getLhs() != x || x.getType() != op.getType() || !isFloat(x) ||
          !(alpha->asFloat() > 0 && alpha->asFloat() < 1))
        continue;
      rewriter.replaceOpWithNewOp<LeakyReluOp>(op, x, numberAttr(rewriter, alpha->asFloat()));
      return success();
    }
    return failure();
  }
};

} // namespace

void graph::addActivationPatterns(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<Swish, HardSwish, Softplus, Mish, LeakyRelu>(context);
  patterns.add<HardSigmoid<DivOp>, HardSwishOfProduct<DivOp>>(context, 6.0);
  patterns.add<HardSigmoid<MulOp>, HardSwishOfProduct<MulOp>>(context, 1.0 / 6);
}
