// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fold-scales: moves products by constants into the weights of the convolution or matrix product before them, so that a
// batch normalisation leaves no more than a bias. Rounding differs from the product's own by as much as its order does.
//   mul(conv(x, w), s)         →   conv(x, w · s)            when s is constant per output channel
//   mul(matmul(x, w), s)       →   matmul(x, w · s)          when s is constant per column
//   mul(add(y, b), s)          →   add(mul(y, s), b · s)     when y is one of these
//   div(y, s), neg(y)          →   mul(y, 1 / s), mul(y, -1)  when that goes on
//   add(add(y, b), c)          →   add(y, b + c)
//   mul(mul(x, s), t)          →   mul(x, s · t)
//   mul(view(y), s)            →   view(mul(y, s))           when s is one number, so that the 1/√d of attention
//   mul(matmul(a, b), s)       →   matmul(mul(a, s), b)      ends up in the weights that make the queries
//   matmul(mul(a, s), b)       →   mul(matmul(a, b), s)      where it does not: there it costs no kernel of its own

#include "mlir/Pass/Pass.h"
#include "passes/graph/Match.h"
#include "passes/graph/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace smelt;
using namespace smelt::graph;

/// Whether a value is a product with constant weights, used but here.
static bool isWeighted(Value value) {
  Operation *made = value.getDefiningOp();
  if (!made || !value.hasOneUse())
    return false;
  return llvm::TypeSwitch<Operation *, bool>(made)
      .Case<ConvOp, ConvTransposeOp>([](auto op) { return isKnown(op.getFilter()); })
      .Case([](MatMulOp op) { return isKnown(op.getRhs()); })
      .Default(false);
}

/// The dim of the result along which the weights may be scaled.
static int64_t scaledDim(Operation *op) {
  int64_t rank = typeOf(op->getResult(0)).getRank();
  return llvm::TypeSwitch<Operation *, int64_t>(op)
      .Case<ConvOp, ConvTransposeOp>([&](auto op) { return op.getLayout() == Layout::ChannelsLast ? rank - 1 : 1; })
      .Default(rank - 1);
}

static bool isOneNumber(Value value) { return isKnown(value) && typeOf(value).getNumElements() == 1; }

/// Whether `value` ends a chain of views and additions of constants, each used once, that starts at a weighted product:
/// a product by one number moves up to it.
static bool leadsToWeights(Value value) {
  constexpr int kMostSteps = 8; // bias, reshape to heads, transpose, and what simplify left between
  for (int step = 0; step < kMostSteps && value.hasOneUse(); ++step) {
    if (isWeighted(value))
      return true;
    Operation *op = value.getDefiningOp();
    bool addsConstant = isa_and_nonnull<AddOp>(op) && isKnown(op->getOperand(1));
    if (!addsConstant && !isa_and_nonnull<ReshapeOp, TransposeOp>(op))
      return false;
    value = op->getOperand(0);
  }
  return false;
}

/// Whether a product of `y` by `scale` would end up in weights.
static bool endsInWeights(Value y, Value scale) {
  if (isWeighted(y))
    return knownAlong(scale, typeOf(y).getRank(), scaledDim(y.getDefiningOp())).has_value();
  if (!isOneNumber(scale))
    return false;
  auto matmul = y.hasOneUse() ? y.getDefiningOp<MatMulOp>() : MatMulOp();
  return leadsToWeights(y) || (matmul && (leadsToWeights(matmul.getLhs()) || leadsToWeights(matmul.getRhs())));
}

/// The filter of a transposed convolution, [c, oc / groups, k…] or [k…, c, oc / groups], times a scale per output
/// channel. Its c are those of group 0, then group 1, …
static Value scaleFilter(PatternRewriter &rewriter, ConvTransposeOp op, Value scale, int64_t channels) {
  Location loc = op.getLoc();
  auto groups = channels == 1 ? 1 : static_cast<int64_t>(op.getGroups());
  SmallVector<int64_t> shape(shapeOf(op.getFilter())), split(shape), factors(shape.size() + 1, 1);
  int64_t dim = op.getLayout() == Layout::ChannelsLast ? static_cast<int64_t>(shape.size()) - 2 : 0;
  split[dim] /= groups;
  split.insert(split.begin() + dim, groups);
  factors[dim] = groups;
  factors[dim + 2] = channels / groups;
  Value filter = reshapeTo(rewriter, loc, op.getFilter(), split);
  filter = MulOp::create(rewriter, loc, filter, reshapeTo(rewriter, loc, scale, factors));
  return reshapeTo(rewriter, loc, filter, shape);
}

static Value scaleFilter(PatternRewriter &rewriter, ConvOp op, Value scale, int64_t channels) {
  SmallVector<int64_t> factors(typeOf(op.getFilter()).getRank(), 1);
  (op.getLayout() == Layout::ChannelsLast ? factors.back() : factors.front()) = channels;
  return MulOp::create(rewriter, op.getLoc(), op.getFilter(), reshapeTo(rewriter, op.getLoc(), scale, factors));
}

namespace {

/// mul(conv(x, w), s) → conv(x, w · s), and so on
struct ScaleWeights : OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MulOp op, PatternRewriter &rewriter) const override {
    Value product = op.getLhs(), scale = op.getRhs();
    if (!isWeighted(product) || product.getType() != op.getResult().getType())
      return failure();
    Operation *made = product.getDefiningOp();
    std::optional<int64_t> count = knownAlong(scale, typeOf(product).getRank(), scaledDim(made));
    if (!count)
      return rewriter.notifyMatchFailure(op, "the scale is not constant per channel");
    Value weights =
        llvm::TypeSwitch<Operation *, Value>(made)
            .Case<ConvOp, ConvTransposeOp>([&](auto conv) { return scaleFilter(rewriter, conv, scale, *count); })
            .Case([&](MatMulOp matmul) {
              return MulOp::create(rewriter, op.getLoc(), matmul.getRhs(),
                                   reshapeTo(rewriter, op.getLoc(), scale, {*count}));
            });
    Operation *scaled = rewriter.clone(*made);
    scaled->setOperand(1, weights);
    scaled->setLoc(rewriter.getFusedLoc({made->getLoc(), op.getLoc()}));
    rewriter.replaceOp(op, scaled);
    return success();
  }
};

/// mul(add(y, b), s) → add(mul(y, s), b · s)   where the product will go on
struct ScaleBeforeBias : OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MulOp op, PatternRewriter &rewriter) const override {
    auto sum = op.getLhs().getDefiningOp<AddOp>();
    if (!sum || !sum->hasOneUse() || !isKnown(sum.getRhs()) || sum.getType() != op.getType() ||
        sum.getLhs().getType() != op.getType())
      return failure();
    Value y = sum.getLhs(), scale = op.getRhs();
    if (!endsInWeights(y, scale))
      return failure();
    Value product = MulOp::create(rewriter, op.getLoc(), y, scale);
    Value bias = MulOp::create(rewriter, sum.getLoc(), sum.getRhs(), scale);
    rewriter.replaceOpWithNewOp<AddOp>(op, product, bias);
    return success();
  }
};

/// mul(view(y), s) → view(mul(y, s))   where the product will go on
struct ScaleBeforeView : OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MulOp op, PatternRewriter &rewriter) const override {
    Operation *view = op.getLhs().getDefiningOp();
    if (!isa_and_nonnull<ReshapeOp, TransposeOp>(view) || !isOneNumber(op.getRhs()) || !leadsToWeights(op.getLhs()) ||
        op.getLhs().getType() != op.getType())
      return failure();
    Value number = reshapeTo(rewriter, op.getLoc(), op.getRhs(), {});
    Operation *moved = rewriter.clone(*view);
    rewriter.setInsertionPoint(moved);
    moved->setOperand(0, MulOp::create(rewriter, op.getLoc(), view->getOperand(0), number));
    rewriter.replaceOp(op, moved);
    return success();
  }
};

/// mul(matmul(a, b), s) → matmul(mul(a, s), b), or matmul(a, mul(b, s))   where the product will go on
struct ScaleOneSide : OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MulOp op, PatternRewriter &rewriter) const override {
    auto matmul = op.getLhs().getDefiningOp<MatMulOp>();
    if (!matmul || !matmul->hasOneUse() || !isOneNumber(op.getRhs()) || matmul.getType() != op.getType())
      return failure();
    Value number = reshapeTo(rewriter, op.getLoc(), op.getRhs(), {});
    for (unsigned side : {0u, 1u}) {
      if (!leadsToWeights(matmul->getOperand(side)))
        continue;
      Operation *moved = rewriter.clone(*matmul);
      rewriter.setInsertionPoint(moved);
      moved->setOperand(side, MulOp::create(rewriter, op.getLoc(), matmul->getOperand(side), number));
      rewriter.replaceOp(op, moved);
      return success();
    }
    return failure();
  }
};

/// matmul(mul(a, s), b) → mul(matmul(a, b), s)   where neither leads to weights, and the same for b
struct ScaleAfterProduct : OpRewritePattern<MatMulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatMulOp op, PatternRewriter &rewriter) const override {
    if (leadsToWeights(op.getLhs()) || leadsToWeights(op.getRhs()) || isKnown(op.getRhs()))
      return rewriter.notifyMatchFailure(op, "a scale belongs into the weights");
    for (unsigned side : {0u, 1u}) {
      auto scaled = op->getOperand(side).getDefiningOp<MulOp>();
      if (!scaled || !scaled->hasOneUse() || !isOneNumber(scaled.getRhs()) ||
          scaled.getLhs().getType() != scaled.getType() || leadsToWeights(scaled.getLhs()))
        continue;
      Operation *product = rewriter.clone(*op);
      product->setOperand(side, scaled.getLhs());
      Value number = reshapeTo(rewriter, scaled.getLoc(), scaled.getRhs(), {});
      rewriter.replaceOpWithNewOp<MulOp>(op, product->getResult(0), number);
      return success();
    }
    return failure();
  }
};

/// div(y, s) → mul(y, 1 / s)   where the product will go on
struct QuotientToScale : OpRewritePattern<DivOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DivOp op, PatternRewriter &rewriter) const override {
    if (!isFloat(op.getResult()) || op.getLhs().getType() != op.getType() || !endsInWeights(op.getLhs(), op.getRhs()))
      return failure();
    Value inverse = ReciprocalOp::create(rewriter, op.getLoc(), op.getRhs());
    rewriter.replaceOpWithNewOp<MulOp>(op, op.getLhs(), inverse);
    return success();
  }
};

/// neg(y) → mul(y, -1)   where the product will go on
struct NegationToScale : OpRewritePattern<NegOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(NegOp op, PatternRewriter &rewriter) const override {
    if (!isFloat(op.getResult()) || !(isWeighted(op.getInput()) || leadsToWeights(op.getInput())))
      return failure();
    Value minusOne = makeScalar(rewriter, op.getLoc(), elementTypeOf(op.getInput()), Scalar::ofFloat(-1));
    rewriter.replaceOpWithNewOp<MulOp>(op, op.getInput(), minusOne);
    return success();
  }
};

/// mul(mul(x, s), t) → mul(x, s · t), add(add(x, b), c) → add(x, b + c)   when x is a product with weights
template <typename OpTy> struct MergeConstants : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    auto inner = op.getLhs().template getDefiningOp<OpTy>();
    if (!inner || !inner->hasOneUse() || !isKnown(op.getRhs()) || !isKnown(inner.getRhs()) ||
        !isWeighted(inner.getLhs()) || inner.getLhs().getType() != op.getType())
      return failure();
    Value merged = OpTy::create(rewriter, op.getLoc(), inner.getRhs(), op.getRhs());
    rewriter.replaceOpWithNewOp<OpTy>(op, inner.getLhs(), merged);
    return success();
  }
};

struct FoldScales : PassWrapper<FoldScales, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FoldScales)
  StringRef getArgument() const override { return "fold-scales"; }
  StringRef getDescription() const override { return "move constant products into the weights before them"; }

  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet all(context);
    all.add<ScaleWeights, ScaleBeforeBias, ScaleBeforeView, ScaleOneSide, ScaleAfterProduct, QuotientToScale,
            NegationToScale, MergeConstants<MulOp>, MergeConstants<AddOp>>(context);
    patterns = std::move(all);
    return success();
  }

  void runOnOperation() override { graph::applyTopDown(getOperation(), patterns, /*fold=*/false); }

  FrozenRewritePatternSet patterns;
};

} // namespace

std::unique_ptr<Pass> graph::createFoldScalesPass() { return std::make_unique<FoldScales>(); }
