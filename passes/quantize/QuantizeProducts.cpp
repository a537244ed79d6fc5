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

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/Weights.h"
#include <cmath>

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
  Value smoothed(const quantize::WeightedProduct &product, ArrayRef<float> factors);
  Value quantised(Value x, Scale scale);
  Value padded(graph::ConvOp conv, Value x, int64_t zeroPoint);
  Value sums(const quantize::WeightedProduct &product, Value x, Value weights, Scale scale);
  Value perChannel(Value tensor, int64_t dim, ArrayRef<float> numbers);
  void addOffsets(const quantize::WeightedProduct &product, Value scaled, ArrayRef<float> offsets);

  RewriterBase &rewriter_;
  DenseMap<std::pair<Value, Attribute>, Value> quantised_, smoothed_; // by value, and range or factors
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

/// The quantised image with the convolution's padding around it.
Value Quantizing::padded(graph::ConvOp conv, Value x, int64_t zeroPoint) {
  auto isZero = [](int64_t number) { return number == 0; };
  if (zeroPoint == 0 || (llvm::all_of(conv.getLow(), isZero) && llvm::all_of(conv.getHigh(), isZero)))
    return x;
  int64_t rank = graph::typeOf(x).getRank(), first = conv.getLayout() == graph::Layout::ChannelsLast ? 1 : 2;
  SmallVector<int64_t> low(rank, 0), high(rank, 0);
  llvm::copy(conv.getLow(), low.begin() + first);
  llvm::copy(conv.getHigh(), high.begin() + first);
  Value zero = graph::makeScalar(rewriter_, conv.getLoc(), graph::typeOf(x).getElementType(),
                                 graph::Scalar::ofSigned(zeroPoint));
  return graph::PadOp::create(rewriter_, conv.getLoc(), x, zero, low, high);
}

/// q · v
Value Quantizing::sums(const quantize::WeightedProduct &product, Value x, Value weights, Scale scale) {
  Location loc = product.op()->getLoc();
  auto conv = dyn_cast<graph::ConvOp>(product.op());
  if (!conv)
    return graph::MatMulOp::create(rewriter_, loc, x, weights, /*wide=*/true);
  Value image = padded(conv, x, scale.zeroPoint);
  SmallVector<int64_t> none(conv.getLow().size(), 0);
  bool isPadded = image != x;
  return graph::ConvOp::create(rewriter_, loc, image, weights, conv.getStrides(), conv.getDilations(),
                               isPadded ? ArrayRef<int64_t>(none) : conv.getLow(),
                               isPadded ? ArrayRef<int64_t>(none) : conv.getHigh(), conv.getGroups(), conv.getLayout(),
                               /*wide=*/true);
}

/// A constant with a number for each channel, which lie along a dim of a tensor that it broadcasts to.
Value Quantizing::perChannel(Value tensor, int64_t dim, ArrayRef<float> numbers) {
  SmallVector<int64_t> shape(graph::typeOf(tensor).getRank() - dim, 1);
  shape.front() = static_cast<int64_t>(numbers.size());
  auto constant = graph::HostTensor::zeros(RankedTensorType::get(shape, rewriter_.getF32Type()));
  llvm::copy(numbers, constant.asMutable<float>().begin());
  return graph::makeConstant(rewriter_, tensor.getLoc(), constant);
}

/// x / f
Value Quantizing::smoothed(const quantize::WeightedProduct &product, ArrayRef<float> factors) {
  Value x = product.input();
  if (factors.empty())
    return x;
  Value &known = smoothed_[{x, rewriter_.getDenseF32ArrayAttr(factors)}];
  if (!known) {
    OpBuilder::InsertionGuard guard(rewriter_);
    rewriter_.setInsertionPointAfterValue(x);
    SmallVector<float> inverse(llvm::map_range(factors, [](float factor) { return 1 / factor; }));
    known = graph::MulOp::create(rewriter_, x.getLoc(), x, perChannel(x, product.inputDim(), inverse));
  }
  return known;
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

/// `smoothing` and `means` are of the input's channels, or empty. Where means are known, so is what rounded weights add
/// to a channel on average, and it is taken off (Nagel et al., "Data-free quantization through weight equalization and
/// bias correction", 2019, 4.2).
static Factors factorsOf(const quantize::WeightedProduct &product, const quantize::QuantisedWeights &weights,
                         Scale scale, ArrayRef<float> smoothing, ArrayRef<float> means) {
  std::vector<double> added(product.channels(), 0);
  ArrayRef<float> numbers = product.weights().as<float>();
  ArrayRef<int8_t> integers = weights.integers.as<int8_t>();
  if (!means.empty())
    product.forWeights([&](int64_t position, int64_t input, int64_t channel) {
      double exact = static_cast<double>(numbers[position]) * (smoothing.empty() ? 1 : smoothing[input]);
      added[channel] += (static_cast<double>(weights.scales[channel]) * integers[position] - exact) * means[input];
    });
  Factors factors;
  for (auto [channelScale, sum, more] : llvm::zip_equal(weights.scales, weights.sums, added)) {
    double factor = static_cast<double>(scale.step) * channelScale;
    factors.scales.push_back(static_cast<float>(factor));
    factors.offsets.push_back(static_cast<float>(-static_cast<double>(scale.zeroPoint * sum) * factor - more));
  }
  return factors;
}

/// The numbers that an attribute has for each channel of the input; nothing where it has others.
static std::optional<ArrayRef<float>> perInputChannel(const quantize::WeightedProduct &product, StringRef name) {
  auto attribute = product.op()->getAttrOfType<DenseF32ArrayAttr>(name);
  if (attribute && attribute.size() != product.inputChannels())
    return std::nullopt;
  return attribute ? attribute.asArrayRef() : ArrayRef<float>();
}

void Quantizing::quantize(Operation *op) {
  auto range = op->getAttrOfType<DenseF64ArrayAttr>(quantize::kRange);
  std::optional<quantize::WeightedProduct> product = quantize::WeightedProduct::of(op);
  if (!product || !range || range.size() != 2)
    return;
  std::optional<ArrayRef<float>> smoothing = perInputChannel(*product, quantize::kSmoothing),
                                 means = perInputChannel(*product, quantize::kMeans);
  if (!smoothing || !means)
    return;
  Scale scale = scaleOf(range[0], range[1]);
  quantize::QuantisedWeights weights = quantize::roundWeights(*product, *smoothing);
  Factors factors = factorsOf(*product, weights, scale, *smoothing, *means);
  Value x = quantised(smoothed(*product, *smoothing), scale);
  rewriter_.setInsertionPoint(op);
  Value integers = sums(*product, x, graph::makeConstant(rewriter_, op->getLoc(), weights.integers), scale);
  Value number = graph::CastOp::create(rewriter_, op->getLoc(), integers, rewriter_.getF32Type());
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
