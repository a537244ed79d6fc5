// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// quantize-dynamically: products by constant weights are computed in integers of 8 bits, by ranges that the run finds:
// of each row of what a matrix product reads, or of all that a convolution reads. Weights have a scale for each
// channel.
//   low = min(x, 0), high = max(x, 0), s = (high - low) / 255, z = round(-low / s)            ONNX
//   DynamicQuantizeLinear x · w   →   (q · v - z Σv) · s t       q = round(x / s) + z, v = round(w / t)
// Sums are exact. Where a convolution pads, q is padded with z. Depthwise convolutions stay as they are, and so does
// what is marked to have another precision. Marks that were found with data count as in quantize-products:
// `graph.smoothing` evens out the input's channels, `graph.rounding` rounds weights, and what they then add to the
// means of results, by `graph.means`, is taken off.

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/Products.h"
#include "passes/quantize/Weights.h"
#include <numeric>

using namespace mlir;
using namespace smelt;

namespace {

constexpr int64_t kMostSummed = 1 << 16; // products of 8 bits, whose sums are of 32

/// A tensor in integers: ui8, the zero points that were added, and what a step stands for, f32.
struct Quantised {
  Value integers, zeroPoints, steps;
};

class Quantizing {
public:
  explicit Quantizing(IRRewriter &rewriter) : rewriter_(rewriter) {}

  void lower(const quantize::WeightedProduct &product);

private:
  const Quantised &quantised(const quantize::WeightedProduct &product, ArrayRef<float> smoothing);
  Value smoothed(const quantize::WeightedProduct &product, ArrayRef<float> factors);
  Value sums(const quantize::WeightedProduct &product, const Quantised &x, Value weights);
  template <typename T> Value perChannel(Value tensor, int64_t dim, Type element, ArrayRef<T> numbers);
  Value number(Location loc, double value) {
    return graph::makeScalar(rewriter_, loc, rewriter_.getF32Type(), graph::Scalar::ofFloat(value));
  }

  IRRewriter &rewriter_;
  DenseMap<std::pair<Value, Attribute>, Quantised> quantised_; // by value, and whether of rows, and factors
};

} // namespace

/// A constant with a number for each channel, which lie along a dim of a tensor that it broadcasts to.
template <typename T> Value Quantizing::perChannel(Value tensor, int64_t dim, Type element, ArrayRef<T> numbers) {
  SmallVector<int64_t> shape(graph::typeOf(tensor).getRank() - dim, 1);
  shape.front() = static_cast<int64_t>(numbers.size());
  auto constant = graph::HostTensor::zeros(RankedTensorType::get(shape, element));
  llvm::copy(numbers, constant.asMutable<T>().begin());
  return graph::makeConstant(rewriter_, tensor.getLoc(), constant);
}

/// x / f
Value Quantizing::smoothed(const quantize::WeightedProduct &product, ArrayRef<float> factors) {
  Value x = product.input();
  if (factors.empty())
    return x;
  SmallVector<float> inverse(llvm::map_range(factors, [](float factor) { return 1 / factor; }));
  Value factor = perChannel<float>(x, product.inputDim(), rewriter_.getF32Type(), inverse);
  return graph::MulOp::create(rewriter_, x.getLoc(), x, factor);
}

/// Computed once for all that read it so.
const Quantised &Quantizing::quantised(const quantize::WeightedProduct &product, ArrayRef<float> smoothing) {
  const bool byRow = isa<graph::MatMulOp>(product.op());
  Attribute how = rewriter_.getArrayAttr({rewriter_.getBoolAttr(byRow), rewriter_.getDenseF32ArrayAttr(smoothing)});
  auto [entry, isNew] = quantised_.try_emplace({product.input(), how});
  if (!isNew)
    return entry->second;
  OpBuilder::InsertionGuard guard(rewriter_);
  rewriter_.setInsertionPointAfterValue(product.input());
  Value x = smoothed(product, smoothing);
  Location loc = x.getLoc();
  const int64_t rank = graph::typeOf(x).getRank();
  SmallVector<int64_t> axes{rank - 1};
  if (!byRow) {
    axes.resize(rank);
    std::iota(axes.begin(), axes.end(), 0);
  }
  auto extreme = [&](graph::ReduceKind kind) -> Value {
    return graph::ReduceOp::create(rewriter_, loc, x, kind, axes);
  };
  // Zero is a number of every scale; of zeros alone the step is of no account, but for being one.
  Value zero = number(loc, 0), most = number(loc, 255), least = number(loc, 0x1p-100);
  Value low = graph::MinOp::create(rewriter_, loc, extreme(graph::ReduceKind::Min), zero);
  Value high = graph::MaxOp::create(rewriter_, loc, extreme(graph::ReduceKind::Max), zero);
  Value range = graph::SubOp::create(rewriter_, loc, high, low);
  Value step = graph::MulOp::create(rewriter_, loc, range, number(loc, 1.0 / 255));
  step = graph::MaxOp::create(rewriter_, loc, step, least);
  Value inverse = graph::ReciprocalOp::create(rewriter_, loc, step);
  Value place = graph::NegOp::create(rewriter_, loc, graph::MulOp::create(rewriter_, loc, low, inverse));
  place = graph::ClampOp::create(rewriter_, loc, graph::RoundOp::create(rewriter_, loc, place), zero, most);
  Type byte = rewriter_.getIntegerType(8, /*isSigned=*/false);
  Value zeroPoint = graph::CastOp::create(rewriter_, loc, place, byte);
  Value scaled = graph::MulOp::create(rewriter_, loc, x, inverse);
  entry->second = {graph::RoundToOp::create(rewriter_, loc, scaled, zeroPoint), zeroPoint, step};
  return entry->second;
}

/// q · v
Value Quantizing::sums(const quantize::WeightedProduct &product, const Quantised &x, Value weights) {
  Location loc = product.op()->getLoc();
  auto conv = dyn_cast<graph::ConvOp>(product.op());
  if (!conv)
    return graph::MatMulOp::create(rewriter_, loc, x.integers, weights, /*wide=*/true);
  Value image = x.integers;
  SmallVector<int64_t> none(conv.getLow().size(), 0);
  auto isZero = [](int64_t number) { return number == 0; };
  if (!llvm::all_of(conv.getLow(), isZero) || !llvm::all_of(conv.getHigh(), isZero)) {
    int64_t rank = graph::typeOf(image).getRank(), first = conv.getLayout() == graph::Layout::ChannelsLast ? 1 : 2;
    SmallVector<int64_t> low(rank, 0), high(rank, 0);
    llvm::copy(conv.getLow(), low.begin() + first);
    llvm::copy(conv.getHigh(), high.begin() + first);
    Value zeroPoint = graph::reshapeTo(rewriter_, loc, x.zeroPoints, ArrayRef<graph::Extent>());
    image = graph::PadOp::create(rewriter_, loc, image, zeroPoint, low, high);
  }
  return graph::ConvOp::create(rewriter_, loc, image, weights, conv.getStrides(), conv.getDilations(), none, none,
                               conv.getGroups(), conv.getLayout(), /*wide=*/true);
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
  Value zeroPoints = graph::CastOp::create(rewriter_, loc, x.zeroPoints, i32);
  auto ofResult = [&](Type element, auto numbers) {
    return perChannel(op->getResult(0), product.resultDim(), element, numbers);
  };
  Value added = graph::MulOp::create(rewriter_, loc, ofResult(i32, ArrayRef(columnSums)), zeroPoints);
  Value centred = graph::SubOp::create(rewriter_, loc, integers, added);
  Value scaled = graph::MulOp::create(rewriter_, loc, graph::CastOp::create(rewriter_, loc, centred, f32),
                                      ofResult(f32, ArrayRef(weights.scales)));
  Value result = graph::MulOp::create(rewriter_, loc, scaled, x.steps);
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
    std::vector<quantize::WeightedProduct> products;
    getOperation().walk([&](Operation *op) {
      auto conv = dyn_cast<graph::ConvOp>(op);
      auto mark = op->getAttrOfType<StringAttr>(quantize::kPrecision);
      if ((mark && mark != nameOf(quantize::Precision::Int8Dynamic)) || (conv && quantize::isDepthwise(conv)))
        return;
      std::optional<quantize::WeightedProduct> product = quantize::WeightedProduct::of(op);
      if (product && product->weights().size() / product->channels() <= kMostSummed)
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
