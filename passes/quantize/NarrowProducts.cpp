// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// narrow-products: products in i32 of what importers make of quantised operands become products of the 8 bits
// themselves, and what zero points add. Integers wrap, so every bit stays as it was.
//   matmul(cast(a) - za, w)   →   matmul(a, w₈) {wide} - za · Σw       w a constant that fits in i8, Σ along its rows
//   conv(cast(x) - za, w)     →   conv(pad(x, za), w₈) {wide} - za · Σw
//   matmul(cast(a) - za, cast(b) - zb)   →   matmul(a, b) {wide} - za · Σb - zb · (Σa - k · za)
// Of weights whose numbers span no more than 8 bits, but elsewhere, each column is moved by s, and + s · Σa makes up
// for it.

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "passes/graph/Match.h"
#include "passes/quantize/Linear.h"
#include "passes/quantize/Passes.h"
#include <limits>

using namespace mlir;
using namespace smelt;
using graph::HostTensor;
using quantize::Centred, quantize::centredOf;

static Type elementOf(Value value) { return graph::typeOf(value).getElementType(); }

/// The operand of a cast of 8 bits to i32; null for all else.
static Value uncast(Value wide) {
  auto cast = wide.getDefiningOp<graph::CastOp>();
  return cast && cast.getTo().isSignlessInteger(32) && elementOf(cast.getInput()).isInteger(8) ? cast.getInput()
                                                                                               : Value();
}

static bool isSingle(Value value) { return graph::productOf(graph::extentsOf(value)) == graph::Extent(1); }

namespace {
/// A constant of i32 as i8 + moves; `sums` are those of i32.
struct NarrowWeights {
  HostTensor weights, moves, sums;
  bool isMoved = false;
};
} // namespace

/// What a column of numbers must be less by to fit in i8; nothing where there is no such number.
static std::optional<int64_t> moveOf(int64_t least, int64_t most) {
  if (most - least > 255)
    return std::nullopt;
  return most > 127 ? most - 127 : least < -128 ? least + 128 : 0;
}

/// `summed` dims from `first` on are those that a product sums over: each of the other places has one move.
static std::optional<NarrowWeights> narrowed(Value constant, int64_t first, int64_t summed) {
  std::optional<HostTensor> wide =
      elementOf(constant).isSignlessInteger(32) ? graph::constantOf(constant) : std::nullopt;
  if (!wide)
    return std::nullopt;
  quantize::Columns columns(wide->shape(), first, summed);
  std::vector<int32_t> least(columns.count(), std::numeric_limits<int32_t>::max()),
      most(columns.count(), std::numeric_limits<int32_t>::min());
  NarrowWeights narrow;
  MLIRContext *context = wide->elementType().getContext();
  narrow.weights = HostTensor::zeros(RankedTensorType::get(wide->shape(), IntegerType::get(context, 8)));
  narrow.moves = HostTensor::zeros(RankedTensorType::get(columns.shape(), wide->elementType()));
  narrow.sums = HostTensor::zeros(narrow.moves.type());
  ArrayRef<int32_t> from = wide->as<int32_t>();
  MutableArrayRef<uint32_t> sums = narrow.sums.asMutable<uint32_t>();
  columns.forEach([&](int64_t at, int64_t column) {
    least[column] = std::min(least[column], from[at]);
    most[column] = std::max(most[column], from[at]);
    sums[column] += static_cast<uint32_t>(from[at]);
  });
  MutableArrayRef<int32_t> moves = narrow.moves.asMutable<int32_t>();
  for (int64_t column = 0; column < columns.count(); ++column) {
    std::optional<int64_t> move = columns.extent() > 0 ? moveOf(least[column], most[column]) : 0;
    if (!move)
      return std::nullopt;
    moves[column] = static_cast<int32_t>(*move);
    narrow.isMoved |= *move != 0;
  }
  MutableArrayRef<int8_t> to = narrow.weights.asMutable<int8_t>();
  columns.forEach([&](int64_t at, int64_t column) { to[at] = static_cast<int8_t>(from[at] - moves[column]); });
  return narrow;
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

/// product - zeroPoint · sums + moves · inputs
static Value corrected(Value product, Value zeroPoint, const NarrowWeights &weights, ArrayRef<int64_t> shape,
                       Value inputs, OpBuilder &builder) {
  Location loc = product.getLoc();
  if (weights.isMoved) {
    Value moves = graph::makeConstant(builder, loc, weights.moves.reshaped(shape));
    product = graph::AddOp::create(builder, loc, product, graph::MulOp::create(builder, loc, moves, inputs));
  }
  if (!zeroPoint)
    return product;
  Value all = graph::makeConstant(builder, loc, weights.sums.reshaped(shape));
  if (graph::isConstant(zeroPoint)) // what is computed once is added
    return graph::AddOp::create(builder, loc, product,
                                graph::MulOp::create(builder, loc, all, graph::NegOp::create(builder, loc, zeroPoint)));
  return graph::SubOp::create(builder, loc, product, graph::MulOp::create(builder, loc, all, zeroPoint));
}

/// Sums of 8 bits in i32 along a dim, which stays as one of 1.
static Value sumAlong(Value value, int64_t dim, OpBuilder &builder) {
  Value wide = graph::CastOp::create(builder, value.getLoc(), value, builder.getI32Type());
  return graph::ReduceOp::create(builder, value.getLoc(), wide, graph::ReduceKind::Sum, ArrayRef<int64_t>{dim});
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
    std::optional<NarrowWeights> right = narrowed(op.getRhs(), graph::typeOf(op.getRhs()).getRank() - 2, 1);
    if (!right)
      return rewriter.notifyMatchFailure(op, "the right side is no constant of 8 bits");
    Location loc = op.getLoc();
    Value weights = graph::makeConstant(rewriter, loc, right->weights);
    Value product = graph::MatMulOp::create(rewriter, loc, left->integers, weights, /*wide=*/true);
    Value inputs =
        right->isMoved ? sumAlong(left->integers, graph::typeOf(left->integers).getRank() - 1, rewriter) : Value();
    rewriter.replaceOp(op, corrected(product, left->zeroPoint, *right, right->sums.shape(), inputs, rewriter));
    return success();
  }
};

/// Where the run computes both sides. Σa are sums along rows, Σb along columns, of k elements.
struct NarrowComputed : OpRewritePattern<graph::MatMulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::MatMulOp op, PatternRewriter &rewriter) const override {
    std::optional<Centred> left = centredOf(op.getLhs()), right = centredOf(op.getRhs());
    std::optional<int64_t> depth = graph::extentsOf(op.getLhs()).back().asNumber();
    if (!left || !right || !depth)
      return rewriter.notifyMatchFailure(op, "not both sides are made of 8 bits");
    for (Value zeroPoint : {left->zeroPoint, right->zeroPoint})
      if (zeroPoint && !isSingle(zeroPoint))
        return rewriter.notifyMatchFailure(op, "a side has several zero points");
    Location loc = op.getLoc();
    auto number = [&](int64_t value) {
      return graph::makeScalar(rewriter, loc, rewriter.getI32Type(), graph::Scalar::ofSigned(value));
    };
    auto scalar = [&](Value value) { return graph::reshapeTo(rewriter, loc, value, ArrayRef<int64_t>{}); };
    auto minus = [&](Value a, Value b) -> Value { return graph::SubOp::create(rewriter, loc, a, b); };
    auto times = [&](Value a, Value b) -> Value { return graph::MulOp::create(rewriter, loc, a, b); };
    Value a = left->integers, b = right->integers, za = left->zeroPoint ? scalar(left->zeroPoint) : Value(),
          zb = right->zeroPoint ? scalar(right->zeroPoint) : Value();
    if (elementOf(b).isUnsignedInteger()) { // 128 less, and so is its zero point
      Value bit = graph::makeScalar(rewriter, loc, elementOf(b), graph::Scalar::ofUnsigned(128));
      Value flipped = graph::XorOp::create(rewriter, loc, b, bit);
      b = graph::CastOp::create(rewriter, loc, flipped, rewriter.getIntegerType(8));
      zb = zb ? minus(zb, number(128)) : number(-128);
    }
    const int64_t rank = graph::typeOf(b).getRank();
    Value product = graph::MatMulOp::create(rewriter, loc, a, b, /*wide=*/true);
    if (za)
      product = minus(product, times(sumAlong(b, rank - 2, rewriter), za));
    if (zb) {
      Value inputs = sumAlong(a, graph::typeOf(a).getRank() - 1, rewriter);
      product = minus(product, times(za ? minus(inputs, times(za, number(*depth))) : inputs, zb));
    }
    rewriter.replaceOp(op, product);
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
    const int64_t rank = graph::typeOf(op.getFilter()).getRank();
    std::optional<NarrowWeights> filter = narrowed(op.getFilter(), 1, rank - 1);
    if (!filter || (filter->isMoved && op.getGroups() != 1))
      return rewriter.notifyMatchFailure(op, "the filter is no constant of 8 bits");
    Value input = image->integers, outside = image->zeroPoint;
    SmallVector<int64_t> low(op.getLow()), high(op.getHigh());
    auto isZero = [](int64_t count) { return count == 0; };
    if (outside && !(llvm::all_of(low, isZero) && llvm::all_of(high, isZero))) {
      outside = zeroPointAs(outside, elementOf(input), rewriter);
      if (!outside)
        return rewriter.notifyMatchFailure(op, "the zero point has another type");
      input = padded(input, outside, low, high, rewriter);
    }
    auto convolve = [&](Value of, Value weights, bool isWide) -> Value {
      return graph::ConvOp::create(rewriter, op.getLoc(), of, weights, op.getStrides(), op.getDilations(), low, high,
                                   op.getGroups(), graph::Layout::ChannelsFirst, isWide);
    };
    Value product = convolve(input, graph::makeConstant(rewriter, op.getLoc(), filter->weights), /*isWide=*/true);
    Value inputs = filter->isMoved ? convolve(sumAlong(input, 1, rewriter), onesLike(op, rewriter), false) : Value();
    Value zeroPoint =
        image->zeroPoint ? graph::reshapeTo(rewriter, op.getLoc(), image->zeroPoint, ArrayRef<int64_t>{}) : Value();
    SmallVector<int64_t> perChannel(rank - 1, 1);
    perChannel.front() = filter->weights.shape().front();
    rewriter.replaceOp(op, corrected(product, zeroPoint, *filter, perChannel, inputs, rewriter));
    return success();
  }

private:
  /// The image with `outside` around it, where `low` and `high` say so; which is nothing, then.
  static Value padded(Value image, Value outside, SmallVectorImpl<int64_t> &low, SmallVectorImpl<int64_t> &high,
                      OpBuilder &builder) {
    SmallVector<int64_t> before(2, 0), after(2, 0);
    llvm::append_range(before, low);
    llvm::append_range(after, high);
    low.assign(low.size(), 0);
    high = low;
    return graph::PadOp::create(builder, image.getLoc(), image, outside, before, after, graph::PadMode::Constant);
  }

  /// A filter of one channel that sums what the window sees.
  static Value onesLike(graph::ConvOp op, OpBuilder &builder) {
    SmallVector<int64_t> shape(graph::shapeOf(op.getFilter()));
    shape[0] = shape[1] = 1;
    HostTensor ones = HostTensor::zeros(RankedTensorType::get(shape, builder.getI32Type()));
    llvm::fill(ones.asMutable<int32_t>(), 1);
    return graph::makeConstant(builder, op.getLoc(), ones);
  }
};

struct NarrowProducts : PassWrapper<NarrowProducts, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(NarrowProducts)
  StringRef getArgument() const override { return "narrow-products"; }
  StringRef getDescription() const override { return "products of widened 8 bits → of the 8 bits themselves"; }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<NarrowMatMul, NarrowComputed, NarrowConv>(&getContext());
    graph::applyTopDown(getOperation(), std::move(patterns), /*fold=*/false);
  }
};

} // namespace

std::unique_ptr<Pass> quantize::createNarrowProductsPass() { return std::make_unique<NarrowProducts>(); }
