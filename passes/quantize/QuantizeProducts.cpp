// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// quantize-products: products by constant weights that are marked `graph.precision = "int8"` and know the range of
// their input, `graph.range = [low, high]`, are computed in integers (Jacob et al., "Quantization and training of
// neural networks for efficient integer-arithmetic-only inference", 2018, 2.2):
//   x · w   →   (q · v) · s t - z Σv · s t       q = quantize(x, 1/s, z), v = round(w / t), t for each channel
// Where a convolution pads, q is padded with z. The last term is a constant, and joins the bias where there is one.
// `graph.smoothing` is a factor f for each channel of the input that evens them out (Xiao et al., "SmoothQuant", 2023):
//   x · w   →   (x / f) · (f w)                      the range is that of x / f
// With `graph.dynamic` the range says no more than whether there are numbers below 0: s and z are found in each run,
// for each row of a matrix and each image of a convolution (Yao et al., "ZeroQuant", 2022, 4.1). A convolution of a few
// taps is the sum of a product for each of them, so that each place of its image can have a range of its own.

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/Smoothing.h"
#include "passes/quantize/Weights.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace smelt;

namespace {

/// How the numbers of a range are written as unsigned integers of 8 bits.
struct Scale {
  float step;
  int64_t zeroPoint;
};

/// What turns the sums of integers back into numbers, for each output channel.
struct Factors {
  SmallVector<float> scales, offsets;

  bool hasOffsets() const {
    return llvm::any_of(offsets, [](float offset) { return offset != 0; });
  }
};

class Quantizing {
public:
  explicit Quantizing(RewriterBase &rewriter) : rewriter_(rewriter) {}

  void quantize(Operation *op);

private:
  /// Integers of 8 bits, and what they stand for: (q - z) · s.
  struct Found {
    Value integers, step, zeroPoint; // the last in f32, or none: 0
  };

  void quantizeDynamic(const quantize::WeightedProduct &product, bool hasNegatives, ArrayRef<float> smoothing,
                       ArrayRef<float> means);
  Found findScale(Value x, bool ofImages, bool hasNegatives);
  Value scaled(Value sums, const Found &found, int64_t channelDim, const Factors &factors);
  Value sumOfTaps(graph::ConvOp conv, const Found &found, const quantize::QuantisedWeights &weights);
  template <typename Larger> Value extreme(Value x, graph::ReduceKind kind, ArrayRef<int64_t> axes);
  Value quantised(Value x, Scale scale);
  Value padded(graph::ConvOp conv, Value x, graph::Scalar zero);
  Value sums(const quantize::WeightedProduct &product, Value x, const graph::HostTensor &weights, bool isPadded);
  Value perChannel(Value tensor, int64_t dim, ArrayRef<float> numbers) {
    return quantize::perChannel(rewriter_, tensor, dim, rewriter_.getF32Type(), numbers);
  }
  void addOffsets(const quantize::WeightedProduct &product, Value scaled, ArrayRef<float> offsets);
  Value number(Location loc, double number) {
    return graph::makeScalar(rewriter_, loc, rewriter_.getF32Type(), graph::Scalar::ofFloat(number));
  }

  RewriterBase &rewriter_;
  quantize::SmoothedInputs smoothed_{rewriter_};
  DenseMap<std::pair<Value, Attribute>, Value> quantised_; // by value, and range
  DenseMap<std::pair<Value, Attribute>, Found> found_;     // by value, and what else findScale is told
};

} // namespace

/// Zero is a number of every scale: what is padded, and what a ReLU makes, is exact.
static Scale scaleOf(double low, double high) {
  constexpr double kMost = 255, kLeastStep = 0x1p-60, kMostStep = 0x1p+60;
  low = std::min(low, 0.0);
  high = std::max(high, 0.0);
  auto step = static_cast<float>(std::clamp((high - low) / kMost, kLeastStep, kMostStep));
  return {step, static_cast<int64_t>(std::clamp(std::nearbyint(-low / step), 0.0, kMost))};
}

Value Quantizing::quantised(Value x, Scale scale) {
  Attribute key = rewriter_.getF64ArrayAttr({scale.step, static_cast<double>(scale.zeroPoint)});
  Value &known = quantised_[{x, key}];
  if (!known) {
    OpBuilder::InsertionGuard guard(rewriter_);
    rewriter_.setInsertionPointAfterValue(x);
    known = graph::QuantizeOp::create(rewriter_, x.getLoc(), x, rewriter_.getF64FloatAttr(1.0F / scale.step),
                                      rewriter_.getI64IntegerAttr(scale.zeroPoint),
                                      TypeAttr::get(rewriter_.getIntegerType(8, /*isSigned=*/false)));
  }
  return known;
}

/// The image with the convolution's padding around it.
Value Quantizing::padded(graph::ConvOp conv, Value x, graph::Scalar zero) {
  auto isZero = [](int64_t number) { return number == 0; };
  if (llvm::all_of(conv.getLow(), isZero) && llvm::all_of(conv.getHigh(), isZero))
    return x;
  int64_t rank = graph::typeOf(x).getRank(), first = conv.getLayout() == graph::Layout::ChannelsLast ? 1 : 2;
  SmallVector<int64_t> low(rank, 0), high(rank, 0);
  llvm::copy(conv.getLow(), low.begin() + first);
  llvm::copy(conv.getHigh(), high.begin() + first);
  Value value = graph::makeScalar(rewriter_, conv.getLoc(), graph::typeOf(x).getElementType(), zero);
  return graph::PadOp::create(rewriter_, conv.getLoc(), x, value, low, high);
}

/// x · v, in f32; where the image has its padding already, the convolution adds none.
Value Quantizing::sums(const quantize::WeightedProduct &product, Value x, const graph::HostTensor &weights,
                       bool isPadded) {
  Location loc = product.op()->getLoc();
  Value v = graph::makeConstant(rewriter_, loc, weights), result;
  if (auto conv = dyn_cast<graph::ConvOp>(product.op())) {
    SmallVector<int64_t> none(conv.getLow().size(), 0);
    result = graph::ConvOp::create(rewriter_, loc, x, v, conv.getStrides(), conv.getDilations(),
                                   isPadded ? ArrayRef<int64_t>(none) : conv.getLow(),
                                   isPadded ? ArrayRef<int64_t>(none) : conv.getHigh(), conv.getGroups(),
                                   conv.getLayout(), /*wide=*/true);
  } else {
    result = graph::MatMulOp::create(rewriter_, loc, x, v, /*wide=*/true);
  }
  return graph::CastOp::create(rewriter_, loc, result, rewriter_.getF32Type());
}

/// Replaces the product by `scaled` + offsets, in a bias that follows where there is one.
void Quantizing::addOffsets(const quantize::WeightedProduct &product, Value scaled, ArrayRef<float> offsets) {
  Operation *op = product.op();
  Location loc = op->getLoc();
  Value constant = perChannel(op->getResult(0), product.resultDim(), offsets);
  auto bias = op->hasOneUse() ? dyn_cast<graph::AddOp>(*op->user_begin()) : graph::AddOp();
  for (unsigned side : {0u, 1u})
    if (bias && graph::constantOf(bias->getOperand(side)) && bias.getResult().getType() == scaled.getType()) {
      rewriter_.setInsertionPoint(bias);
      Value both = graph::AddOp::create(rewriter_, loc, bias->getOperand(side), constant);
      rewriter_.modifyOpInPlace(bias, [&] { bias->setOperands({scaled, both}); });
      rewriter_.eraseOp(op);
      return;
    }
  rewriter_.replaceOpWithNewOp<graph::AddOp>(op, scaled, constant);
}

/// In f32, the largest instead of what it does not hold: that times no sum at all is still 0.
static float inF32(double number) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(number, -kLargest, kLargest));
}

/// What rounded weights are known to add is taken off.
static Factors factorsOf(const quantize::QuantisedWeights &weights, Scale scale, ArrayRef<double> added) {
  Factors factors;
  for (auto [channelScale, sum, more] : llvm::zip_equal(weights.scales, weights.sums, added)) {
    double factor = static_cast<double>(scale.step) * channelScale;
    factors.scales.push_back(inF32(factor));
    factors.offsets.push_back(inF32(-static_cast<double>(scale.zeroPoint * sum) * factor - more));
  }
  return factors;
}

/// max(0, x) over some dims, which stay as dims of 1; or min.
template <typename Larger> Value Quantizing::extreme(Value x, graph::ReduceKind kind, ArrayRef<int64_t> axes) {
  Value found = graph::ReduceOp::create(rewriter_, x.getLoc(), x, kind, axes);
  return Larger::create(rewriter_, x.getLoc(), found, number(x.getLoc(), 0));
}

/// Reaches all of each row, or of each image. Bounds are divided before they are subtracted: all numbers of f32 have a
/// finite step so.
Quantizing::Found Quantizing::findScale(Value x, bool ofImages, bool hasNegatives) {
  constexpr double kMost = 255, kLeastStep = 0x1p-60;
  Location loc = x.getLoc();
  int64_t rank = graph::typeOf(x).getRank();
  auto axes = llvm::to_vector(llvm::seq<int64_t>(ofImages ? 1 : rank - 1, rank));
  Found &known = found_[{x, rewriter_.getI64ArrayAttr({ofImages, hasNegatives})}];
  if (known.integers)
    return known;
  OpBuilder::InsertionGuard guard(rewriter_);
  rewriter_.setInsertionPointAfterValue(x);
  auto times = [&](Value a, Value b) -> Value { return graph::MulOp::create(rewriter_, loc, a, b); };
  auto inSteps = [&](Value bound) { return times(bound, number(loc, 1 / kMost)); };
  Value high = extreme<graph::MaxOp>(x, graph::ReduceKind::Max, axes), low, step = inSteps(high);
  if (hasNegatives) {
    low = extreme<graph::MinOp>(x, graph::ReduceKind::Min, axes);
    step = graph::SubOp::create(rewriter_, loc, step, inSteps(low));
  }
  known.step = graph::MaxOp::create(rewriter_, loc, step, number(loc, kLeastStep));
  Value inverse = graph::ReciprocalOp::create(rewriter_, loc, known.step), steps = times(x, inverse);
  Type ui8 = rewriter_.getIntegerType(8, /*isSigned=*/false);
  if (!hasNegatives) {
    known.integers = quantised(steps, {1, 0});
    return known;
  }
  Value place = graph::RoundOp::create(rewriter_, loc, graph::NegOp::create(rewriter_, loc, times(low, inverse)));
  known.zeroPoint = graph::ClampOp::create(rewriter_, loc, place, number(loc, 0), number(loc, kMost));
  Value integer = graph::CastOp::create(rewriter_, loc, known.zeroPoint, ui8);
  known.integers = graph::RoundToOp::create(rewriter_, loc, steps, integer);
  return known;
}

/// ((q · v) t - z Σv t) s, from q · v. Of t what is above 1 comes last: numbers that f32 holds are so computed without
/// any that it does not hold.
Value Quantizing::scaled(Value sums, const Found &found, int64_t channelDim, const Factors &factors) {
  Location loc = sums.getLoc();
  Factors small = factors;
  SmallVector<float> large;
  for (auto [scale, offset] : llvm::zip_equal(small.scales, small.offsets)) {
    large.push_back(std::max(scale, 1.0F));
    scale /= large.back();
    offset /= large.back();
  }
  Value result = graph::MulOp::create(rewriter_, loc, sums, perChannel(sums, channelDim, small.scales));
  if (found.zeroPoint) {
    Value offsets = graph::MulOp::create(rewriter_, loc, found.zeroPoint, perChannel(sums, channelDim, small.offsets));
    result = graph::AddOp::create(rewriter_, loc, result, offsets);
  }
  result = graph::MulOp::create(rewriter_, loc, result, found.step);
  if (llvm::all_of(large, [](float scale) { return scale == 1; }))
    return result;
  return graph::MulOp::create(rewriter_, loc, result, perChannel(sums, channelDim, large));
}

/// Whether a convolution is worth a product for each tap.
static bool isOfFewTaps(const quantize::WeightedProduct &product) {
  constexpr int64_t kMostTaps = 8, kLeastChannels = 64; // each product writes all of the result
  auto conv = dyn_cast<graph::ConvOp>(product.op());
  ArrayRef<int64_t> filter = product.weights().shape();
  return conv && conv.getLayout() == graph::Layout::ChannelsLast && conv.getGroups() == 1 &&
         llvm::all_of(conv.getStrides(), [](int64_t stride) { return stride == 1; }) &&
         graph::typeOf(product.input()).hasStaticShape() && filter[filter.size() - 2] >= kLeastChannels &&
         product.weights().size() / filter.back() / filter[filter.size() - 2] <= kMostTaps;
}

/// The weights of one tap: a filter of one tap.
static quantize::QuantisedWeights tapOf(const quantize::QuantisedWeights &weights, int64_t tap) {
  ArrayRef<int64_t> filter = weights.integers.shape();
  SmallVector<int64_t> shape(filter.size(), 1);
  llvm::copy(filter.take_back(2), shape.end() - 2);
  quantize::QuantisedWeights part;
  part.scales = weights.scales;
  part.sums.assign(filter.back(), 0);
  part.integers = graph::HostTensor::zeros(RankedTensorType::get(shape, weights.integers.elementType()));
  const int64_t size = part.integers.size();
  llvm::copy(weights.integers.as<int8_t>().slice(tap * size, size), part.integers.asMutable<int8_t>().begin());
  for (auto [position, integer] : llvm::enumerate(part.integers.as<int8_t>()))
    part.sums[position % filter.back()] += integer;
  return part;
}

/// The sum of a product for each tap; `found` is of the image with its padding.
Value Quantizing::sumOfTaps(graph::ConvOp conv, const Found &found, const quantize::QuantisedWeights &weights) {
  Location loc = conv.getLoc();
  RankedTensorType type = graph::typeOf(conv.getResult());
  ArrayRef<int64_t> taps = weights.integers.shape().drop_back(2);
  SmallVector<int64_t> ones(taps.size(), 1), zeros(taps.size(), 0), steps(type.getRank(), 1);
  auto partOf = [&](Value of, ArrayRef<int64_t> starts) -> Value {
    if (!of)
      return of;
    SmallVector<int64_t> shape(type.getShape());
    shape.back() = graph::typeOf(of).getShape().back();
    return graph::SliceOp::create(rewriter_, loc, graph::typeOf(of).clone(shape), of, starts, ArrayRef(steps));
  };
  Value sum;
  for (int64_t tap = 0, count = ShapedType::getNumElements(taps); tap < count; ++tap) {
    SmallVector<int64_t> starts(type.getRank(), 0);
    for (int64_t dim = static_cast<int64_t>(taps.size()) - 1, rest = tap; dim >= 0; rest /= taps[dim--])
      starts[dim + 1] = rest % taps[dim] * conv.getDilations()[dim];
    const Found part{partOf(found.integers, starts), partOf(found.step, starts), partOf(found.zeroPoint, starts)};
    const quantize::QuantisedWeights filter = tapOf(weights, tap);
    Value v = graph::makeConstant(rewriter_, loc, filter.integers);
    Value product = graph::ConvOp::create(rewriter_, loc, part.integers, v, ArrayRef<int64_t>(ones),
                                          ArrayRef<int64_t>(ones), ArrayRef<int64_t>(zeros), ArrayRef<int64_t>(zeros),
                                          /*groups=*/1, conv.getLayout(), /*wide=*/true);
    product = graph::CastOp::create(rewriter_, loc, product, rewriter_.getF32Type());
    const Factors factors = factorsOf(filter, {1, found.zeroPoint ? 1 : 0}, std::vector<double>(filter.sums.size(), 0));
    Value scaledProduct = scaled(product, part, type.getRank() - 1, factors);
    sum = sum ? graph::AddOp::create(rewriter_, loc, sum, scaledProduct).getResult() : scaledProduct;
  }
  return sum;
}

/// x · w → ((q · v) t - z Σv t) s, with the bias of rounded weights apart: it does not grow with s. What is padded is
/// x.
void Quantizing::quantizeDynamic(const quantize::WeightedProduct &product, bool hasNegatives, ArrayRef<float> smoothing,
                                 ArrayRef<float> means) {
  Operation *op = product.op();
  quantize::QuantisedWeights weights = quantize::roundWeights(product, smoothing);
  std::vector<double> added = quantize::addedBy(product, weights, smoothing, means);
  const bool isInTaps = isOfFewTaps(product);
  Value x = smoothed_.of(product, smoothing), image = x;
  rewriter_.setInsertionPoint(op);
  auto conv = dyn_cast<graph::ConvOp>(op);
  if (conv && (hasNegatives || isInTaps))
    image = padded(conv, x, graph::Scalar::ofFloat(0));
  Found found = findScale(image, /*ofImages=*/conv && !isInTaps, hasNegatives);
  rewriter_.setInsertionPoint(op);
  Value result;
  if (isInTaps) {
    result = sumOfTaps(conv, found, weights);
  } else {
    const Factors factors = factorsOf(weights, {1, hasNegatives}, std::vector<double>(added.size(), 0));
    result = scaled(sums(product, found.integers, weights.integers, image != x), found, product.resultDim(), factors);
  }
  SmallVector<float> offsets(llvm::map_range(added, [](double more) { return inF32(-more); }));
  if (llvm::all_of(offsets, [](float offset) { return offset == 0; }))
    rewriter_.replaceOp(op, result);
  else
    addOffsets(product, result, offsets);
}

void Quantizing::quantize(Operation *op) {
  auto range = op->getAttrOfType<DenseF64ArrayAttr>(quantize::kRange);
  std::optional<quantize::WeightedProduct> product = quantize::WeightedProduct::of(op);
  if (!product || !range || range.size() != 2)
    return;
  if (!product->isFinite()) {
    op->setAttr(quantize::kPrecision, rewriter_.getStringAttr(nameOf(quantize::Precision::F32)));
    return;
  }
  std::optional<ArrayRef<float>> smoothing = quantize::perInputChannel(*product, quantize::kSmoothing),
                                 means = quantize::perInputChannel(*product, quantize::kMeans);
  if (!smoothing || !means)
    return;
  Scale scale = scaleOf(range[0], range[1]);
  if (op->hasAttr(quantize::kDynamic)) {
    quantizeDynamic(*product, range[0] < 0, *smoothing, *means);
    return;
  }
  quantize::QuantisedWeights weights = quantize::roundWeights(*product, *smoothing);
  Factors factors = factorsOf(weights, scale, quantize::addedBy(*product, weights, *smoothing, *means));
  Value x = quantised(smoothed_.of(*product, *smoothing), scale), image = x;
  rewriter_.setInsertionPoint(op);
  if (auto conv = dyn_cast<graph::ConvOp>(op); conv && scale.zeroPoint != 0)
    image = padded(conv, x, graph::Scalar::ofSigned(scale.zeroPoint));
  Value number = sums(*product, image, weights.integers, image != x);
  Value scaled =
      graph::MulOp::create(rewriter_, op->getLoc(), number, perChannel(number, product->resultDim(), factors.scales));
  if (factors.hasOffsets())
    addOffsets(*product, scaled, factors.offsets);
  else
    rewriter_.replaceOp(op, scaled);
}

namespace {
struct QuantizeProducts : PassWrapper<QuantizeProducts, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(QuantizeProducts)
  StringRef getArgument() const override { return "quantize-products"; }
  StringRef getDescription() const override { return "products marked int8 → products of integers of 8 bits"; }

  void runOnOperation() override {
    SmallVector<Operation *> marked;
    getOperation().walk([&](Operation *op) {
      if (auto precision = op->getAttrOfType<StringAttr>(quantize::kPrecision); precision && precision == "int8")
        marked.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    Quantizing quantizing(rewriter);
    for (Operation *op : marked)
      quantizing.quantize(op);
  }
};
} // namespace

std::unique_ptr<Pass> quantize::createQuantizeProductsPass() { return std::make_unique<QuantizeProducts>(); }
