// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// quantize-dynamically: products by constant weights are computed in integers of 8 bits, by ranges that the run finds:
// of each row of what a matrix product reads, or of each image that a convolution reads. Weights have a scale for each
// channel.
//   low = min(x, 0), high = max(x, 0), s = (high - low) / 255, z = round(-low / s)            ONNX
//   DynamicQuantizeLinear x · w   →   (q · v - z Σv) · s t       q = round(x / s) + z, v = round(w / t)
// Sums are exact. Where a convolution pads, one image is padded as q with its z, and several as x with 0. Depthwise
// convolutions stay as they are, and so does what is marked to have another precision. What has weights that are not
// finite is marked to stay in f32, and what runs in a loop or under a condition is left alone. Marks that were found
// with data count as in quantize-products: `graph.smoothing` evens out the input's channels, `graph.rounding` rounds
// weights, and what they then add to the means of results, by `graph.means`, is taken off.

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/Products.h"
#include "passes/quantize/Smoothing.h"
#include "passes/quantize/Weights.h"

using namespace mlir;
using namespace smelt;

namespace {

constexpr int64_t kMostSummed = 1 << 16; // products of 8 bits, whose sums are of 32

/// How each row or image of a tensor is written in 8 bits: the zero points that are added, ui8, what a step stands for,
/// and its reciprocal, both f32. All have the tensor's rank and dims of 1.
struct Scales {
  Value zeroPoints, steps, inverses;
};

/// A tensor in integers of ui8.
struct Quantised {
  Value integers;
  Scales scales;
};

class Quantizing {
public:
  explicit Quantizing(IRRewriter &rewriter) : rewriter_(rewriter) {}

  void lower(const quantize::WeightedProduct &product);

private:
  Quantised quantised(const quantize::WeightedProduct &product, ArrayRef<float> smoothing);
  Scales scalesOf(Value x, bool byRow);
  Value scaled(Value centred, const Quantised &x, const quantize::WeightedProduct &product, ArrayRef<float> scales);
  Value sums(const quantize::WeightedProduct &product, const Quantised &x, Value weights);
  Value number(Location loc, double value) {
    return graph::makeScalar(rewriter_, loc, rewriter_.getF32Type(), graph::Scalar::ofFloat(value));
  }

  IRRewriter &rewriter_;
  quantize::SmoothedInputs smoothed_{rewriter_};
  DenseMap<std::pair<Value, unsigned>, Scales> scales_;   // by value, and whether of rows
  DenseMap<std::pair<Value, Attribute>, Value> integers_; // by value, and whether of rows, and padding
};

} // namespace

/// Computed once for all that read the tensor so. Bounds are divided before they are subtracted: all numbers of f32
/// have a finite step so.
Scales Quantizing::scalesOf(Value x, bool byRow) {
  Scales &known = scales_[{x, byRow}];
  if (known.steps)
    return known;
  Location loc = x.getLoc();
  const int64_t rank = graph::typeOf(x).getRank();
  const auto axes = llvm::to_vector(llvm::seq<int64_t>(byRow ? rank - 1 : 1, rank));
  auto extreme = [&](graph::ReduceKind kind) -> Value {
    return graph::ReduceOp::create(rewriter_, loc, x, kind, axes);
  };
  auto times = [&](Value a, Value b) -> Value { return graph::MulOp::create(rewriter_, loc, a, b); };
  // Zero is a number of every scale; of zeros alone the step is of no account, but for being one.
  Value zero = number(loc, 0), most = number(loc, 255), least = number(loc, 0x1p-100), part = number(loc, 1.0 / 255);
  Value low = graph::MinOp::create(rewriter_, loc, extreme(graph::ReduceKind::Min), zero);
  Value high = graph::MaxOp::create(rewriter_, loc, extreme(graph::ReduceKind::Max), zero);
  Value step = graph::SubOp::create(rewriter_, loc, times(high, part), times(low, part));
  known.steps = graph::MaxOp::create(rewriter_, loc, step, least);
  known.inverses = graph::ReciprocalOp::create(rewriter_, loc, known.steps);
  Value place =
      graph::RoundOp::create(rewriter_, loc, graph::NegOp::create(rewriter_, loc, times(low, known.inverses)));
  place = graph::ClampOp::create(rewriter_, loc, place, zero, most);
  known.zeroPoints = graph::CastOp::create(rewriter_, loc, place, rewriter_.getIntegerType(8, /*isSigned=*/false));
  return known;
}

/// The padding of a convolution around its image; empty where there is none.
static SmallVector<int64_t> paddingOf(graph::ConvOp conv, ArrayRef<int64_t> ofSpace) {
  const int64_t first = conv.getLayout() == graph::Layout::ChannelsLast ? 1 : 2;
  SmallVector<int64_t> padding(graph::typeOf(conv.getResult()).getRank(), 0);
  llvm::copy(ofSpace, padding.begin() + first);
  return padding;
}

static bool isPadded(graph::ConvOp conv) {
  auto isZero = [](int64_t extent) { return extent == 0; };
  return !llvm::all_of(conv.getLow(), isZero) || !llvm::all_of(conv.getHigh(), isZero);
}

/// What the product reads, with the padding of a convolution. Computed once for all that read it so.
Quantised Quantizing::quantised(const quantize::WeightedProduct &product, ArrayRef<float> smoothing) {
  const bool byRow = isa<graph::MatMulOp>(product.op());
  Value x = smoothed_.of(product, smoothing);
  OpBuilder::InsertionGuard guard(rewriter_);
  rewriter_.setInsertionPointAfterValue(x);
  const Scales scales = scalesOf(x, byRow);
  rewriter_.setInsertionPointAfterValue(scales.zeroPoints);
  Location loc = x.getLoc();
  auto conv = dyn_cast<graph::ConvOp>(product.op());
  const bool hasPadding = conv && isPadded(conv), isOne = graph::typeOf(x).getShape().front() == 1;
  SmallVector<int64_t> low, high;
  if (hasPadding) {
    low = paddingOf(conv, conv.getLow());
    high = paddingOf(conv, conv.getHigh());
  }
  auto integers = [&](bool ofPadded) -> Value {
    Attribute how = rewriter_.getArrayAttr({rewriter_.getBoolAttr(byRow),
                                            rewriter_.getDenseI64ArrayAttr(ofPadded ? low : SmallVector<int64_t>()),
                                            rewriter_.getDenseI64ArrayAttr(ofPadded ? high : SmallVector<int64_t>())});
    Value &known = integers_[{x, how}];
    if (!known) {
      Value image = ofPadded ? graph::PadOp::create(rewriter_, loc, x, number(loc, 0), low, high).getResult() : x;
      Value scaled = graph::MulOp::create(rewriter_, loc, image, scales.inverses);
      known = graph::RoundToOp::create(rewriter_, loc, scaled, scales.zeroPoints);
    }
    return known;
  };
  if (!hasPadding || !isOne)
    return {integers(/*ofPadded=*/hasPadding), scales};
  Value image = integers(/*ofPadded=*/false);
  rewriter_.setInsertionPoint(product.op());
  Value zeroPoint = graph::reshapeTo(rewriter_, loc, scales.zeroPoints, ArrayRef<graph::Extent>());
  return {graph::PadOp::create(rewriter_, loc, image, zeroPoint, low, high), scales};
}

/// q · v
Value Quantizing::sums(const quantize::WeightedProduct &product, const Quantised &x, Value weights) {
  Location loc = product.op()->getLoc();
  auto conv = dyn_cast<graph::ConvOp>(product.op());
  if (!conv)
    return graph::MatMulOp::create(rewriter_, loc, x.integers, weights, /*wide=*/true);
  SmallVector<int64_t> none(conv.getLow().size(), 0);
  return graph::ConvOp::create(rewriter_, loc, x.integers, weights, conv.getStrides(), conv.getDilations(), none, none,
                               conv.getGroups(), conv.getLayout(), /*wide=*/true);
}

/// Sums times the steps of weights and of what they were multiplied by. Weights' steps above 1 come last: numbers that
/// f32 holds are so computed without any that it does not hold.
Value Quantizing::scaled(Value centred, const Quantised &x, const quantize::WeightedProduct &product,
                         ArrayRef<float> scales) {
  Location loc = product.op()->getLoc();
  Type f32 = rewriter_.getF32Type();
  auto timesEach = [&](Value value, ArrayRef<float> factors) -> Value {
    Value constant = quantize::perChannel(rewriter_, product.op()->getResult(0), product.resultDim(), f32, factors);
    return graph::MulOp::create(rewriter_, loc, value, constant);
  };
  SmallVector<float> small, large;
  for (float scale : scales) {
    small.push_back(std::min(scale, 1.0F));
    large.push_back(std::max(scale, 1.0F));
  }
  Value result = timesEach(graph::CastOp::create(rewriter_, loc, centred, f32), small);
  result = graph::MulOp::create(rewriter_, loc, result, x.scales.steps);
  return llvm::all_of(large, [](float scale) { return scale == 1; }) ? result : timesEach(result, large);
}

void Quantizing::lower(const quantize::WeightedProduct &product) {
  Operation *op = product.op();
  Location loc = op->getLoc();
  ArrayRef<float> smoothing = quantize::perInputChannel(product, quantize::kSmoothing).value_or(ArrayRef<float>());
  ArrayRef<float> means = quantize::perInputChannel(product, quantize::kMeans).value_or(ArrayRef<float>());
  const Quantised x = quantised(product, smoothing);
  quantize::QuantisedWeights weights = quantize::roundWeights(product, smoothing);
  std::vector<int32_t> columnSums(weights.sums.begin(), weights.sums.end());
  rewriter_.setInsertionPoint(op);
  Type i32 = rewriter_.getI32Type(), f32 = rewriter_.getF32Type();
  Value integers = sums(product, x, graph::makeConstant(rewriter_, loc, weights.integers));
  Value zeroPoints = graph::CastOp::create(rewriter_, loc, x.scales.zeroPoints, i32);
  auto ofResult = [&](Type element, auto numbers) {
    return quantize::perChannel(rewriter_, op->getResult(0), product.resultDim(), element, numbers);
  };
  Value added = graph::MulOp::create(rewriter_, loc, ofResult(i32, ArrayRef(columnSums)), zeroPoints);
  Value centred = graph::SubOp::create(rewriter_, loc, integers, added);
  Value result = scaled(centred, x, product, weights.scales);
  if (!means.empty()) {
    std::vector<float> corrections;
    for (double mean : quantize::addedBy(product, weights, smoothing, means))
      corrections.push_back(static_cast<float>(-mean));
    result = graph::AddOp::create(rewriter_, loc, result, ofResult(f32, ArrayRef(corrections)));
  }
  rewriter_.replaceOp(op, result);
}

namespace {
struct QuantizeDynamically : PassWrapper<QuantizeDynamically, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(QuantizeDynamically)
  StringRef getArgument() const override { return "quantize-dynamically"; }
  StringRef getDescription() const override { return "products by weights → integers, by ranges that the run finds"; }

  void runOnOperation() override {
    if (getOperation().isPrivate()) // runs in a loop or under a condition
      return;
    std::vector<quantize::WeightedProduct> products;
    getOperation().walk([&](Operation *op) {
      auto conv = dyn_cast<graph::ConvOp>(op);
      auto mark = op->getAttrOfType<StringAttr>(quantize::kPrecision);
      if ((mark && mark != nameOf(quantize::Precision::Int8Dynamic)) || (conv && quantize::isDepthwise(conv)))
        return;
      std::optional<quantize::WeightedProduct> product = quantize::WeightedProduct::of(op);
      if (product && !product->isFinite())
        op->setAttr(quantize::kPrecision, StringAttr::get(&getContext(), nameOf(quantize::Precision::F32)));
      else if (product && product->weights().size() / product->channels() <= kMostSummed)
        products.push_back(*std::move(product));
    });
    IRRewriter rewriter(&getContext());
    Quantizing quantizing(rewriter);
    for (const quantize::WeightedProduct &product : products)
      quantizing.lower(product);
  }
};
} // namespace

std::unique_ptr<Pass> quantize::createQuantizeDynamicallyPass() { return std::make_unique<QuantizeDynamically>(); }
