// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// sink-dequantisation: between quantised operators, what only moves elements moves integers of 8 bits, and what was
// dequantised and is quantised in the same way is left alone. Every bit stays as it was.
//   move(dequantise(q))       →   dequantise(move(q))      reshape, transpose, slice, broadcast, nearest neighbours,
//                                                          the maximum of windows, and concat where all are alike
//   quantise(dequantise(q))   →   q                        with one step and zero point
//   quantise(concat(x…))      →   concat(quantise(x)…)     where nothing else reads it
//   quantise(clamp(dequantise(q), low, high))   →   clamp(q, quantise(low), quantise(high))     with one step and zero
//                                                          point; so of relu, and left out where q lies within anyway

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "passes/graph/Match.h"
#include "passes/quantize/Linear.h"
#include "passes/quantize/Passes.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir;
using namespace smelt;
using quantize::Dequantised, quantize::Quantised;

/// Whether an op yields some of its first operands' elements, and nothing else.
static bool onlyMoves(Operation *op) {
  if (auto pool = dyn_cast<graph::PoolOp>(op))
    return pool.getKind() == graph::PoolKind::Max;
  if (auto resize = dyn_cast<graph::ResizeOp>(op))
    return resize.getMode() == graph::ResizeMode::Nearest;
  return isa<graph::ReshapeOp, graph::TransposeOp, graph::SliceOp, graph::BroadcastOp, graph::ConcatOp>(op);
}

/// The number of a zero point, 0 where there is none; nothing where the run finds it, or there are several.
static std::optional<int64_t> zeroPointOf(const quantize::Centred &centred) {
  if (!centred.zeroPoint)
    return 0;
  std::optional<graph::Scalar> number = graph::splatOf(centred.zeroPoint);
  return number ? std::optional(number->asSigned()) : std::nullopt;
}

/// (cast(q) - z) · step, as importers write it.
static Value dequantise(OpBuilder &builder, Location loc, Value integers, int64_t zeroPoint, float step) {
  Value whole = graph::CastOp::create(builder, loc, integers, builder.getI32Type());
  if (zeroPoint != 0)
    whole = graph::SubOp::create(
        builder, loc, whole, graph::makeScalar(builder, loc, builder.getI32Type(), graph::Scalar::ofSigned(zeroPoint)));
  Value number = graph::CastOp::create(builder, loc, whole, builder.getF32Type());
  return graph::MulOp::create(builder, loc, number,
                              graph::makeScalar(builder, loc, builder.getF32Type(), graph::Scalar::ofFloat(step)));
}

namespace {

struct SinkBelowMove : RewritePattern {
  SinkBelowMove(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 || !onlyMoves(op) || !graph::elementTypeOf(op->getResult(0)).isF32())
      return rewriter.notifyMatchFailure(op, "does more than move f32");
    SmallVector<Value> operands(op->getOperands());
    std::optional<Dequantised> first = quantize::dequantisedOf(operands.front());
    std::optional<int64_t> zeroPoint = first ? zeroPointOf(first->centred) : std::nullopt;
    if (!zeroPoint)
      return rewriter.notifyMatchFailure(op, "moves what was not dequantised by one zero point");
    Type element = graph::elementTypeOf(first->centred.integers);
    const size_t moved = isa<graph::ConcatOp>(op) ? operands.size() : 1;
    for (Value &operand : MutableArrayRef<Value>(operands).take_front(moved)) {
      std::optional<Dequantised> other = quantize::dequantisedOf(operand);
      if (!other || other->step != first->step || zeroPointOf(other->centred) != zeroPoint ||
          graph::elementTypeOf(other->centred.integers) != element)
        return rewriter.notifyMatchFailure(op, "joins tensors of unlike steps");
      operand = other->centred.integers;
    }
    Operation *narrow = rewriter.clone(*op);
    narrow->setOperands(operands);
    narrow->getResult(0).setType(graph::typeOf(op->getResult(0)).clone(element));
    rewriter.replaceOp(op, dequantise(rewriter, op->getLoc(), narrow->getResult(0), *zeroPoint, first->step));
    return success();
  }
};

struct CancelQuantisation : OpRewritePattern<graph::CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::CastOp op, PatternRewriter &rewriter) const override {
    std::optional<Quantised> quantised = quantize::quantisedOf(op);
    std::optional<Dequantised> dequantised = quantised ? quantize::dequantisedOf(quantised->input) : std::nullopt;
    // n · step / step, rounded twice, is nearer to n than a half where n has 8 bits.
    if (!dequantised || dequantised->step != quantised->step ||
        zeroPointOf(dequantised->centred) != quantised->zeroPoint ||
        dequantised->centred.integers.getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "is not quantised as it was before");
    rewriter.replaceOp(op, dequantised->centred.integers);
    return success();
  }
};

/// Bounds of f32 that an op puts on its operand.
struct Bounds {
  Value input;
  float low, high;
};

struct ClampIntegers : OpRewritePattern<graph::CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::CastOp op, PatternRewriter &rewriter) const override {
    std::optional<Quantised> quantised = quantize::quantisedOf(op);
    std::optional<Bounds> bounds = quantised ? boundsOf(quantised->input) : std::nullopt;
    std::optional<Dequantised> dequantised = bounds ? quantize::dequantisedOf(bounds->input) : std::nullopt;
    if (!dequantised || dequantised->step != quantised->step ||
        zeroPointOf(dequantised->centred) != quantised->zeroPoint ||
        dequantised->centred.integers.getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "bounds nothing that was quantised alike");
    const auto least = static_cast<float>(quantised->least), most = static_cast<float>(quantised->most);
    // Quantising is monotone and gives back what was dequantised: so the bounds can be quantised instead.
    auto quantise = [&](float number) {
      float whole = std::nearbyint(number / quantised->step) + static_cast<float>(quantised->zeroPoint);
      return std::clamp(whole, least, most);
    };
    const float low = quantise(bounds->low), high = quantise(bounds->high);
    Value integers = dequantised->centred.integers;
    auto bound = [&](float whole) {
      return graph::makeScalar(rewriter, op.getLoc(), op.getTo(), graph::Scalar::ofSigned(static_cast<int64_t>(whole)));
    };
    if (low == least && high == most)
      rewriter.replaceOp(op, integers);
    else
      rewriter.replaceOpWithNewOp<graph::ClampOp>(op, integers, bound(low), bound(high));
    return success();
  }

private:
  static std::optional<Bounds> boundsOf(Value value) {
    constexpr float kNone = std::numeric_limits<float>::infinity();
    if (auto relu = value.getDefiningOp<graph::ReluOp>())
      return Bounds{relu.getInput(), 0, kNone};
    auto clamp = value.getDefiningOp<graph::ClampOp>();
    std::optional<graph::Scalar> low = clamp ? graph::splatOf(clamp.getLow()) : std::nullopt;
    std::optional<graph::Scalar> high = clamp ? graph::splatOf(clamp.getHigh()) : std::nullopt;
    if (!low || !high || std::isnan(low->asFloat()) || std::isnan(high->asFloat()))
      return std::nullopt;
    return Bounds{clamp.getInput(), static_cast<float>(low->asFloat()), static_cast<float>(high->asFloat())};
  }
};

struct QuantiseBeforeConcat : OpRewritePattern<graph::CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::CastOp op, PatternRewriter &rewriter) const override {
    std::optional<Quantised> quantised = quantize::quantisedOf(op);
    auto concat = quantised ? quantised->input.getDefiningOp<graph::ConcatOp>() : graph::ConcatOp();
    if (!concat || !concat->hasOneUse())
      return rewriter.notifyMatchFailure(op, "no concat is quantised, or others read it");
    SmallVector<Value> operands;
    for (Value operand : concat.getInputs())
      operands.push_back(quantise(op, operand, *quantised, rewriter));
    rewriter.replaceOpWithNewOp<graph::ConcatOp>(op, operands, concat.getAxis());
    return success();
  }

private:
  static Value quantise(graph::CastOp like, Value value, const Quantised &quantised, OpBuilder &builder) {
    Location loc = like.getLoc();
    auto number = [&](double value) {
      return graph::makeScalar(builder, loc, builder.getF32Type(), graph::Scalar::ofFloat(value));
    };
    value = graph::DivOp::create(builder, loc, value, number(quantised.step));
    value = graph::RoundOp::create(builder, loc, value);
    if (quantised.zeroPoint != 0)
      value = graph::AddOp::create(builder, loc, value, number(static_cast<double>(quantised.zeroPoint)));
    auto clamp = like.getInput().getDefiningOp<graph::ClampOp>();
    value = graph::ClampOp::create(builder, loc, value, clamp.getLow(), clamp.getHigh());
    return graph::CastOp::create(builder, loc, value, like.getTo());
  }
};

struct SinkDequantisation : PassWrapper<SinkDequantisation, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SinkDequantisation)
  StringRef getArgument() const override { return "sink-dequantisation"; }
  StringRef getDescription() const override { return "what moves dequantised elements moves integers of 8 bits"; }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<SinkBelowMove, CancelQuantisation, ClampIntegers, QuantiseBeforeConcat>(&getContext());
    graph::applyTopDown(getOperation(), std::move(patterns), /*fold=*/false);
  }
};

} // namespace

std::unique_ptr<Pass> quantize::createSinkDequantisationPass() { return std::make_unique<SinkDequantisation>(); }
