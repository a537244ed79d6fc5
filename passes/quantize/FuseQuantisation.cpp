// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fuse-quantisation: what importers make of quantising and dequantising becomes one op, which few instructions compute.
//   cast(clamp(round(x) + z, least, most) → i8, ui8)   →   round_to(x, z)
//   cast(clamp(round(x), least, most))                 →   round_to(x, 0)
//   (cast(q) - z) · s                            →   dequantize(q)          rounded, whatever is added to it then
// z being a whole number of that type.

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "passes/graph/Match.h"
#include "passes/quantize/Linear.h"
#include "passes/quantize/Passes.h"
#include <limits>

using namespace mlir;
using namespace smelt;

static bool isF32(Value value) { return graph::elementTypeOf(value).isF32(); }

/// Whether the bounds are the least and the largest number of an integer type.
static bool boundsAreOf(graph::ClampOp clamp, IntegerType type) {
  double end = std::ldexp(1.0, static_cast<int>(type.getWidth()) - (type.isUnsigned() ? 0 : 1));
  return graph::isNumber(clamp.getLow(), type.isUnsigned() ? 0 : -end) && graph::isNumber(clamp.getHigh(), end - 1);
}

/// A zero point, which was added as f32, in its type; null where it is none.
static Value zeroPointOf(Value added, IntegerType type, OpBuilder &builder) {
  if (std::optional<graph::Scalar> number = graph::splatOf(added)) {
    double value = number->asFloat();
    const double end = std::ldexp(1.0, static_cast<int>(type.getWidth()) - (type.isUnsigned() ? 0 : 1));
    if (value != std::trunc(value) || value < (type.isUnsigned() ? 0 : -end) || value >= end)
      return nullptr;
    return graph::makeScalar(builder, added.getLoc(), type, *number);
  }
  auto cast = added.getDefiningOp<graph::CastOp>();
  return cast && graph::elementTypeOf(cast.getInput()) == type ? cast.getInput() : Value();
}

namespace {

struct FuseQuantize : OpRewritePattern<graph::CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::CastOp op, PatternRewriter &rewriter) const override {
    auto type = dyn_cast<IntegerType>(op.getTo());
    auto clamp = op.getInput().getDefiningOp<graph::ClampOp>();
    if (!type || !clamp || type.getWidth() != 8 || !isF32(clamp) || !boundsAreOf(clamp, type))
      return rewriter.notifyMatchFailure(op, "no cast of numbers within a type of 8 bits");
    auto round = clamp.getInput().getDefiningOp<graph::RoundOp>();
    Value zeroPoint;
    if (auto sum = clamp.getInput().getDefiningOp<graph::AddOp>()) {
      auto sides = graph::eitherOf<graph::RoundOp>(sum);
      if (sides)
        zeroPoint = zeroPointOf(sides.other, type, rewriter);
      round = zeroPoint ? sides.op : graph::RoundOp();
    } else if (round) {
      zeroPoint = graph::makeScalar(rewriter, op.getLoc(), type, graph::Scalar::ofSigned(0));
    }
    if (!round)
      return rewriter.notifyMatchFailure(op, "what is bounded is not rounded");
    Value result = graph::RoundToOp::create(rewriter, op.getLoc(), round.getInput(), zeroPoint);
    if (result.getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "the zero point has another shape");
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct FuseDequantize : OpRewritePattern<graph::MulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::MulOp op, PatternRewriter &rewriter) const override {
    constexpr float kLeast = 0x1p-100F, kMost = 0x1p+100F; // that the op takes
    std::optional<quantize::Dequantised> dequantised = quantize::dequantisedOf(op);
    if (!dequantised || dequantised->step < kLeast || dequantised->step > kMost)
      return rewriter.notifyMatchFailure(op, "dequantises no 8 bits");
    int64_t zeroPoint = 0;
    if (Value value = dequantised->centred.zeroPoint) {
      std::optional<graph::Scalar> number = graph::splatOf(value);
      auto type = cast<IntegerType>(graph::elementTypeOf(dequantised->centred.integers));
      zeroPoint = number ? number->asSigned() : std::numeric_limits<int64_t>::max();
      if (!(type.isUnsigned() ? llvm::isUInt<8>(static_cast<uint64_t>(zeroPoint)) : llvm::isInt<8>(zeroPoint)))
        return rewriter.notifyMatchFailure(op, "has no zero point of its type");
    }
    rewriter.replaceOpWithNewOp<graph::DequantizeOp>(op, dequantised->centred.integers,
                                                     rewriter.getF64FloatAttr(dequantised->step),
                                                     rewriter.getI64IntegerAttr(zeroPoint));
    return success();
  }
};

struct FuseQuantisation : PassWrapper<FuseQuantisation, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FuseQuantisation)
  StringRef getArgument() const override { return "fuse-quantisation"; }
  StringRef getDescription() const override {
    return "ops on plain numbers that quantise to 8 bits, or dequantise them → one";
  }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FuseQuantize, FuseDequantize>(&getContext());
    graph::applyTopDown(getOperation(), std::move(patterns), /*fold=*/false);
  }
};

} // namespace

std::unique_ptr<Pass> quantize::createFuseQuantisationPass() { return std::make_unique<FuseQuantisation>(); }
