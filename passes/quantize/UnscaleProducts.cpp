// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// unscale-products: products of dequantised operands become products of their integers, whose sums are exact, and are
// scaled once. What rounds the result sees the factor that QLinearConv and its like define.
//   conv(a · s, w · t) + b   →   (conv(a, w) + b / (s t)) · (s t)        so of matmul; t for each channel
//   round(that / r)          →   round((conv(a, w) + b / (s t)) · (s t / r))
// a is cast(q) - z, of 8 bits; w is the same, or a constant of whole numbers, which the bias is as well, or stays f32.

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "passes/graph/Match.h"
#include "passes/quantize/Linear.h"
#include "passes/quantize/Passes.h"
#include <cmath>

using namespace mlir;
using namespace smelt;
using graph::HostTensor;
using quantize::Dequantised;

namespace {

/// The right operand of a product as whole numbers in i32, and its steps in a shape that the result broadcasts with.
struct Right {
  Value whole;
  HostTensor steps;
};

/// A product in i32, and what each of its numbers is worth.
struct Scaled {
  Operation *last; // the op that it takes the place of
  Value whole;
  HostTensor factors;
};

} // namespace

/// One number of f32 for each of some steps, of this shape.
static HostTensor tensorOf(ArrayRef<float> numbers, ArrayRef<int64_t> shape, OpBuilder &builder) {
  HostTensor tensor = HostTensor::zeros(RankedTensorType::get(shape, builder.getF32Type()));
  llvm::copy(numbers, tensor.asMutable<float>().begin());
  return tensor;
}

template <typename Function> static void forEachOf(HostTensor &tensor, Function function) {
  for (float &number : tensor.asMutable<float>())
    number = function(number);
}

/// The only user of a value, where it is such an op that reads it as its first operand.
template <typename Op> static Op soleUser(Operation *op) {
  auto user = op->hasOneUse() ? dyn_cast<Op>(*op->user_begin()) : Op();
  return user && user->getOperand(0) == op->getResult(0) ? user : Op();
}

static ArrayRef<int64_t> withoutLeadingOnes(ArrayRef<int64_t> shape) {
  return shape.drop_while([](int64_t extent) { return extent == 1; });
}

/// A bias as whole numbers of these factors, in i32; nothing where it is something else.
static std::optional<HostTensor> wholeBias(Value bias, const HostTensor &factors, OpBuilder &builder) {
  constexpr float kMost = 0x1p30F;
  std::optional<HostTensor> constant = graph::elementTypeOf(bias).isF32() ? graph::constantOf(bias) : std::nullopt;
  if (!constant ||
      (factors.size() != 1 && withoutLeadingOnes(constant->shape()) != withoutLeadingOnes(factors.shape())))
    return std::nullopt;
  HostTensor whole = HostTensor::zeros(RankedTensorType::get(constant->shape(), builder.getI32Type()));
  MutableArrayRef<int32_t> to = whole.asMutable<int32_t>();
  ArrayRef<float> from = constant->as<float>(), by = factors.as<float>();
  for (auto [position, number] : llvm::enumerate(from)) {
    float factor = by[by.size() == 1 ? 0 : position], times = std::nearbyint(number / factor);
    if (!(std::abs(times) <= kMost) || times * factor != number)
      return std::nullopt;
    to[position] = static_cast<int32_t>(times);
  }
  return whole;
}

/// Takes a bias that follows into the sums.
static void takeBias(Scaled &product, PatternRewriter &rewriter) {
  auto add = product.last->hasOneUse() ? dyn_cast<graph::AddOp>(*product.last->user_begin()) : graph::AddOp();
  if (!add || add.getResult().getType() != product.last->getResult(0).getType())
    return;
  Value bias = add.getLhs() == product.last->getResult(0) ? add.getRhs() : add.getLhs();
  std::optional<HostTensor> whole = wholeBias(bias, product.factors, rewriter);
  if (!whole)
    return;
  rewriter.setInsertionPoint(add);
  Value constant = graph::makeConstant(rewriter, add.getLoc(), *whole);
  product.whole = graph::AddOp::create(rewriter, add.getLoc(), product.whole, constant);
  product.last = add;
}

/// Takes a division that follows, and whose result is rounded, into the factors.
static void takeDivision(Scaled &product) {
  auto division = soleUser<graph::DivOp>(product.last);
  std::optional<graph::Scalar> divisor = division ? graph::splatOf(division.getRhs()) : std::nullopt;
  if (!divisor || !(divisor->asFloat() > 0) || !soleUser<graph::RoundOp>(division) ||
      division.getResult().getType() != product.last->getResult(0).getType())
    return;
  auto by = static_cast<float>(divisor->asFloat());
  HostTensor factors = HostTensor::zeros(product.factors.type());
  llvm::transform(product.factors.as<float>(), factors.asMutable<float>().begin(),
                  [&](float factor) { return factor / by; });
  if (!llvm::all_of(factors.as<float>(), [](float factor) { return std::isnormal(factor); }))
    return;
  product.factors = factors;
  product.last = division;
}

static LogicalResult replace(Operation *op, Value whole, HostTensor factors, PatternRewriter &rewriter) {
  if (!llvm::all_of(factors.as<float>(), [](float factor) { return std::isnormal(factor); }))
    return rewriter.notifyMatchFailure(op, "has steps whose product is no normal number");
  Scaled product{op, whole, std::move(factors)};
  takeBias(product, rewriter);
  takeDivision(product);
  rewriter.setInsertionPoint(product.last);
  Location loc = product.last->getLoc();
  Value number = graph::CastOp::create(rewriter, loc, product.whole, rewriter.getF32Type());
  rewriter.replaceOpWithNewOp<graph::MulOp>(product.last, number, graph::makeConstant(rewriter, loc, product.factors));
  return success();
}

/// A constant right operand. `summed` dims from `first` on are those that the product sums over; `shape` is that of the
/// steps.
static std::optional<Right> constantRight(Value value, int64_t first, int64_t summed, ArrayRef<int64_t> shape,
                                          PatternRewriter &rewriter) {
  std::optional<HostTensor> numbers = graph::constantOf(value);
  if (!numbers || !numbers->elementType().isF32() || numbers->size() == 0)
    return std::nullopt;
  quantize::Columns columns(numbers->shape(), first, summed);
  std::optional<quantize::Multiples> multiples = quantize::multiplesOf(*numbers, columns);
  if (!multiples)
    return std::nullopt;
  return Right{graph::makeConstant(rewriter, value.getLoc(), multiples->whole),
               tensorOf(multiples->steps, shape.empty() ? columns.shape() : shape, rewriter)};
}

/// A constant right operand's numbers have a sign that products of groups cannot move away.
static bool fitsSigned(Value whole) {
  std::optional<HostTensor> numbers = graph::constantOf(whole);
  return llvm::all_of(numbers->as<int32_t>(), [](int32_t number) { return llvm::isInt<8>(number); });
}

static bool hasOneZeroPoint(const quantize::Centred &centred) {
  return !centred.zeroPoint || graph::splatOf(centred.zeroPoint);
}

namespace {

struct UnscaleMatMul : OpRewritePattern<graph::MatMulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::MatMulOp op, PatternRewriter &rewriter) const override {
    std::optional<Dequantised> left = op.getWide() ? std::nullopt : quantize::dequantisedOf(op.getLhs());
    if (!left || !hasOneZeroPoint(left->centred))
      return rewriter.notifyMatchFailure(op, "the left side was not dequantised by one zero point");
    std::optional<Right> right = rightOf(op, rewriter);
    if (!right)
      return rewriter.notifyMatchFailure(op, "the right side was not dequantised");
    forEachOf(right->steps, [&](float step) { return left->step * step; });
    rewriter.setInsertionPoint(op);
    Value whole = graph::MatMulOp::create(rewriter, op.getLoc(), left->whole, right->whole);
    return replace(op, whole, right->steps, rewriter);
  }

private:
  static std::optional<Right> rightOf(graph::MatMulOp op, PatternRewriter &rewriter) {
    Value value = op.getRhs();
    if (graph::isConstant(value))
      return constantRight(value, graph::typeOf(value).getRank() - 2, 1, {}, rewriter);
    std::optional<Dequantised> right = quantize::dequantisedOf(value);
    if (!right || !hasOneZeroPoint(right->centred) || !graph::extentsOf(op.getLhs()).back().asNumber())
      return std::nullopt;
    return Right{right->whole, tensorOf(right->step, {}, rewriter)};
  }
};

struct UnscaleConv : OpRewritePattern<graph::ConvOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(graph::ConvOp op, PatternRewriter &rewriter) const override {
    if (op.getLayout() != graph::Layout::ChannelsFirst || op.getWide())
      return rewriter.notifyMatchFailure(op, "is made by a pass");
    std::optional<Dequantised> image = quantize::dequantisedOf(op.getInput());
    if (!image || !hasOneZeroPoint(image->centred) || !graph::isConstant(op.getFilter()))
      return rewriter.notifyMatchFailure(op, "the image was not dequantised by one zero point");
    const int64_t rank = graph::typeOf(op.getFilter()).getRank();
    SmallVector<int64_t> perChannel(rank - 1, 1);
    perChannel.front() = graph::typeOf(op.getFilter()).getDimSize(0);
    std::optional<Right> filter = constantRight(op.getFilter(), 1, rank - 1, perChannel, rewriter);
    if (!filter || (op.getGroups() != 1 && !fitsSigned(filter->whole)))
      return rewriter.notifyMatchFailure(op, "the filter was not dequantised");
    forEachOf(filter->steps, [&](float step) { return image->step * step; });
    rewriter.setInsertionPoint(op);
    Value whole = graph::ConvOp::create(rewriter, op.getLoc(), image->whole, filter->whole, op.getStrides(),
                                        op.getDilations(), op.getLow(), op.getHigh(), op.getGroups());
    return replace(op, whole, filter->steps, rewriter);
  }
};

struct UnscaleProducts : PassWrapper<UnscaleProducts, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(UnscaleProducts)
  StringRef getArgument() const override { return "unscale-products"; }
  StringRef getDescription() const override { return "products of dequantised operands → of their integers, scaled"; }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<UnscaleMatMul, UnscaleConv>(&getContext());
    graph::applyTopDown(getOperation(), std::move(patterns), /*fold=*/false);
  }
};

} // namespace

std::unique_ptr<Pass> quantize::createUnscaleProductsPass() { return std::make_unique<UnscaleProducts>(); }
