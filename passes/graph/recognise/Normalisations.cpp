// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layer and root-mean-square normalisation, and softmax.

#include "passes/graph/Match.h"
#include "passes/graph/recognise/Recognise.h"

using namespace mlir;
using namespace smelt;
using namespace smelt::graph;

/// reduce(kind, x) over the axes that a value was reduced over; null when it is no such reduction.
static ReduceOp reductionOf(Value value, ReduceKind kind) {
  auto reduce = value.getDefiningOp<ReduceOp>();
  return reduce && reduce.getKind() == kind ? reduce : ReduceOp();
}

/// x where value = √x, or x^½
static Value underRoot(Value value) {
  if (auto root = value.getDefiningOp<SqrtOp>())
    return root.getInput();
  auto power = value.getDefiningOp<PowOp>();
  return power && isNumber(power.getRhs(), 0.5) ? power.getLhs() : Value();
}

/// x where value = 1 / √x, or x^-½
static Value underReciprocalRoot(Value value) {
  if (auto reciprocal = value.getDefiningOp<ReciprocalOp>())
    return underRoot(reciprocal.getInput());
  auto power = value.getDefiningOp<PowOp>();
  return power && isNumber(power.getRhs(), -0.5) ? power.getLhs() : Value();
}

namespace {

/// A tensor over the root of the mean of a square, plus epsilon.
struct Quotient {
  Value numerator;
  ReduceOp meanOfSquare;
  double epsilon = 0;
};

} // namespace

/// n / √(mean(n · n) + ε) with `radicand` the sum under the root; no numerator where it is something else.
static Quotient quotientOf(Value numerator, Value radicand) {
  auto sum = radicand ? radicand.getDefiningOp<AddOp>() : AddOp();
  std::optional<Scalar> epsilon = sum ? splatOf(sum.getRhs()) : std::nullopt;
  ReduceOp mean = epsilon ? reductionOf(sum.getLhs(), ReduceKind::Mean) : ReduceOp();
  auto square = mean ? mean.getInput().getDefiningOp<MulOp>() : MulOp();
  if (!square || square.getLhs() != numerator || square.getRhs() != numerator || !(epsilon->asFloat() >= 0))
    return {};
  return {numerator, mean, epsilon->asFloat()};
}

/// The order of dims that puts `axes` last.
static SmallVector<int64_t> axesLast(int64_t rank, ArrayRef<int64_t> axes) {
  SmallVector<int64_t> order;
  for (int64_t dim = 0; dim < rank; ++dim)
    if (!llvm::is_contained(axes, dim))
      order.push_back(dim);
  llvm::append_range(order, axes);
  return order;
}

static SmallVector<int64_t> inverse(ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> result(permutation.size());
  for (auto [position, dim] : llvm::enumerate(permutation))
    result[dim] = static_cast<int64_t>(position);
  return result;
}

namespace {

/// d / √(mean(d · d) + ε), d = x - mean(x)  → layer_norm(x, ε)
/// x / √(mean(x · x) + ε)                    → layer_norm(x, ε) {rms}
template <typename OpTy> struct Normalisation : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    Quotient quotient = match(op);
    if (!quotient.numerator || quotient.numerator.getType() != op.getType())
      return failure();
    ArrayRef<int64_t> axes = quotient.meanOfSquare.getAxes();
    int64_t rank = op.getType().getRank();
    // Over all but batch and channels it is an instance normalisation: its reductions suit either layout.
    if (axes.empty() || (axes.size() > 1 && axes.front() == 2 && axes.back() == rank - 1))
      return rewriter.notifyMatchFailure(op, "over an image's height and width");
    Value x = quotient.numerator;
    auto centred = x.template getDefiningOp<SubOp>();
    ReduceOp mean = centred ? reductionOf(centred.getRhs(), ReduceKind::Mean) : ReduceOp();
    bool isCentred = mean && mean.getInput() == centred.getLhs() && mean.getAxes() == axes;
    SmallVector<int64_t> order = axesLast(rank, axes);
    Value input = transposeTo(rewriter, op.getLoc(), isCentred ? centred.getLhs() : x, order);
    Value normal = LayerNormOp::create(rewriter, op.getLoc(), input.getType(), input,
                                       rewriter.getI64IntegerAttr(rank - static_cast<int64_t>(axes.size())),
                                       rewriter.getF64FloatAttr(quotient.epsilon), rewriter.getBoolAttr(!isCentred));
    rewriter.replaceOp(op, transposeTo(rewriter, op.getLoc(), normal, inverse(order)));
    return success();
  }

private:
  static Quotient match(DivOp op) { return quotientOf(op.getLhs(), underRoot(op.getRhs())); }
  static Quotient match(MulOp op) {
    for (unsigned side : {0u, 1u})
      if (Value radicand = underReciprocalRoot(op->getOperand(side)))
        return quotientOf(op->getOperand(1 - side), radicand);
    return {};
  }
};

/// e / sum(e), e = exp(x - max(x)) → softmax(x)   along one axis
struct Softmax : OpRewritePattern<DivOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DivOp op, PatternRewriter &rewriter) const override {
    ReduceOp sum = reductionOf(op.getRhs(), ReduceKind::Sum);
    auto exp = op.getLhs().getDefiningOp<ExpOp>();
    auto shifted = exp ? exp.getInput().getDefiningOp<SubOp>() : SubOp();
    ReduceOp max = shifted ? reductionOf(shifted.getRhs(), ReduceKind::Max) : ReduceOp();
    if (!sum || !max || sum.getInput() != op.getLhs() || max.getInput() != shifted.getLhs() ||
        max.getAxes() != sum.getAxes() || sum.getAxes().size() != 1)
      return failure();
    rewriter.replaceOpWithNewOp<SoftmaxOp>(op, op.getType(), shifted.getLhs(),
                                           rewriter.getI64IntegerAttr(sum.getAxes().front()),
                                           rewriter.getBoolAttr(false));
    return success();
  }
};

} // namespace

void graph::addNormalisationPatterns(RewritePatternSet &patterns) {
  patterns.add<Normalisation<DivOp>, Normalisation<MulOp>, Softmax>(patterns.getContext());
}
