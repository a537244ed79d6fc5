// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// narrow-products: products in i32 of what importers make of quantised operands become products of the 8 bits
// themselves, and what zero points add. Integers wrap, so every bit stays as it was.
//   matmul(cast(a) - za, w)   →   matmul(a, w₈) {wide} - za · Σw       w a constant that fits in i8, Σ along its rows
//   conv(cast(x) - za, w)     →   conv(pad(x, za), w₈) {wide} - za · Σw

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "passes/graph/Match.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/Products.h"

using namespace mlir;
using namespace smelt;
using graph::HostTensor;

static Type elementOf(Value value) { return graph::typeOf(value).getElementType(); }

namespace {
/// cast(value) - zeroPoint, in i32; null stands for 0.
struct Centred {
  Value value, zeroPoint;
};
} // namespace

/// The operand of a cast of 8 bits to i32; null for all else.
static Value uncast(Value wide) {
  auto cast = wide.getDefiningOp<graph::CastOp>();
  return cast && cast.getTo().isSignlessInteger(32) && elementOf(cast.getInput()).isInteger(8) ? cast.getInput()
                                                                                               : Value();
}

static std::optional<Centred> centredOf(Value wide) {
  if (Value value = uncast(wide))
    return Centred{value, nullptr};
  auto difference = wide.getDefiningOp<graph::SubOp>();
  Value value = difference ? uncast(difference.getLhs()) : nullptr;
  if (!value || graph::extentsOf(value) != graph::extentsOf(wide))
    return std::nullopt;
  Value zeroPoint = difference.getRhs();
  std::optional<graph::Scalar> number = graph::splatOf(zeroPoint);
  return Centred{value, number && number->asSigned() == 0 ? Value() : zeroPoint};
}

static bool isSingle(Value value) { return graph::productOf(graph::extentsOf(value)) == graph::Extent(1); }

/// The constant in i8; nothing where that loses something.
static std::optional<HostTensor> narrowed(const HostTensor &wide) {
  ArrayRef<int32_t> from = wide.as<int32_t>();
  if (!llvm::all_of(from, [](int32_t number) { return llvm::isInt<8>(number); }))
    return std::nullopt;
  Type i8 = IntegerType::get(wide.elementType().getContext(), 8);
  HostTensor narrow = HostTensor::zeros(RankedTensorType::get(wide.shape(), i8));
  llvm::copy(from, narrow.asMutable<int8_t>().begin());
  return narrow;
}

static std::optional<HostTensor> narrowedConstant(Value weights) {
  if (!elementOf(weights).isSignlessInteger(32))
    return std::nullopt;
  std::optional<HostTensor> wide = graph::constantOf(weights);
  return wide ? narrowed(*wide) : std::nullopt;
}

/// A zero point as one element of the type it belongs to; null where that is not how it was made.
static Value zeroPointAs(Value zeroPoint, Type element, OpBuilder &builder) {
  Location loc = zeroPoint.getLoc();
  if (std::optional<graph::Scalar> number = graph::splatOf(zeroPoint)) {
    int64_t value = number->asSigned();
    bool fits = element.isUnsignedInteger() ? llvm::isUInt<8>(static_cast<uint64_t>(value)) : llvm::isInt<8>(value);
    return fits ? graph::makeScalar(builder, loc, element, *number) : nullptr;
  }
  while (auto reshape = zeroPoint.getDefiningOp<graph::ReshapeOp>())
    zeroPoint = reshape.getInput();
  Value narrow = uncast(zeroPoint);
  return narrow && elementOf(narrow) == element ? graph::reshapeTo(builder, loc, narrow, ArrayRef<int64_t>{}) : nullptr;
}

/// product - zeroPoint · sums
static Value corrected(Value product, Value zeroPoint, const HostTensor &sums, OpBuilder &builder) {
  if (!zeroPoint)
    return product;
  Location loc = product.getLoc();
  Value all = graph::makeConstant(builder, loc, sums);
  if (graph::isConstant(zeroPoint)) // what is computed once is added
    return graph::AddOp::create(builder, loc, product,
                                graph::MulOp::create(builder, loc, all, graph::NegOp::create(builder, loc, zeroPoint)));
  return graph::SubOp::create(builder, loc, product, graph::MulOp::create(builder, loc, all, zeroPoint));
}

namespace {

struct NarrowMatMul : OpRewritePattern<graph::MatMulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::MatMulOp op, PatternRewriter &rewriter) const override {
    std::optional<Centred> left = centredOf(op.getLhs());
    if (!left)
      return rewriter.notifyMatchFailure(op, "the left side is not made of 8 bits");
    if (left->zeroPoint && !isSingle(left->zeroPoint) && graph::extentsOf(left->zeroPoint).back() != graph::Extent(1))
      return rewriter.notifyMatchFailure(op, "zero points differ along the sum");
    std::optional<HostTensor> right = narrowedConstant(op.getRhs());
    if (!right)
      return rewriter.notifyMatchFailure(op, "the right side is no constant of 8 bits");
    Location loc = op.getLoc();
    Value weights = graph::makeConstant(rewriter, loc, *right);
    Value product = graph::MatMulOp::create(rewriter, loc, left->value, weights, /*wide=*/true);
    rewriter.replaceOp(op,
                       corrected(product, left->zeroPoint, quantize::sumsOf(*right, right->rank() - 2, 1), rewriter));
    return success();
  }
};

struct NarrowConv : OpRewritePattern<graph::ConvOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::ConvOp op, PatternRewriter &rewriter) const override {
    if (op.getLayout() != graph::Layout::ChannelsFirst)
      return rewriter.notifyMatchFailure(op, "channels_last");
    std::optional<Centred> image = centredOf(op.getInput());
    if (!image || (image->zeroPoint && !isSingle(image->zeroPoint)))
      return rewriter.notifyMatchFailure(op, "the input is not made of 8 bits and one zero point");
    std::optional<HostTensor> filter = narrowedConstant(op.getFilter());
    if (!filter)
      return rewriter.notifyMatchFailure(op, "the filter is no constant of 8 bits");
    SmallVector<int64_t> low(op.getLow()), high(op.getHigh());
    Location loc = op.getLoc();
    Value input = image->value;
    auto isZero = [](int64_t count) { return count == 0; };
    if (image->zeroPoint && !(llvm::all_of(low, isZero) && llvm::all_of(high, isZero))) {
      Value outside = zeroPointAs(image->zeroPoint, elementOf(input), rewriter);
      if (!outside)
        return rewriter.notifyMatchFailure(op, "the zero point has another type");
      low.insert(low.begin(), 2, 0);
      high.insert(high.begin(), 2, 0);
      input = graph::PadOp::create(rewriter, loc, input, outside, low, high, graph::PadMode::Constant);
      low.assign(op.getLow().size(), 0);
      high = low;
    }
    Value weights = graph::makeConstant(rewriter, loc, *filter);
    Value product = graph::ConvOp::create(rewriter, loc, input, weights, op.getStrides(), op.getDilations(), low, high,
                                          op.getGroups(), graph::Layout::ChannelsFirst, /*wide=*/true);
    Value zeroPoint =
        image->zeroPoint ? graph::reshapeTo(rewriter, loc, image->zeroPoint, ArrayRef<int64_t>{}) : Value();
    HostTensor sums = quantize::sumsOf(*filter, 1, filter->rank() - 1);
    SmallVector<int64_t> perChannel(filter->rank() - 1, 1);
    perChannel.front() = filter->shape().front();
    rewriter.replaceOp(op, corrected(product, zeroPoint, sums.reshaped(perChannel), rewriter));
    return success();
  }
};

struct NarrowProducts : PassWrapper<NarrowProducts, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(NarrowProducts)
  StringRef getArgument() const override { return "narrow-products"; }
  StringRef getDescription() const override { return "products of widened 8 bits → of the 8 bits themselves"; }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<NarrowMatMul, NarrowConv>(&getContext());
    graph::applyTopDown(getOperation(), std::move(patterns), /*fold=*/false);
  }
};

} // namespace

std::unique_ptr<Pass> quantize::createNarrowProductsPass() { return std::make_unique<NarrowProducts>(); }
