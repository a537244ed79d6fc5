// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Ops/ResizeWeights.h"
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::HostTensor, graph::NearestMode, graph::ReduceKind, graph::ResizeCoordinates, graph::ResizeMode,
    graph::Scalar;

constexpr int64_t kMostWeights = 1 << 20;

namespace {

/// One dim that changes.
struct ResizedDim {
  int64_t dim, from, to;
  double scale;
  std::pair<double, double> roi;

  double exactTo() const { return scale * static_cast<double>(from); }
};

/// What each place of the result sums up: `taps` places of the input and their weights.
struct Weights {
  int64_t taps = 1;
  SmallVector<int64_t> places;
  SmallVector<double> weights;
  SmallVector<bool> isOutside; // one a place of the result
};

} // namespace

static double originalOf(const ResizedDim &dim, double place, const Resizing &how) {
  double last = static_cast<double>(dim.from - 1), exact = dim.exactTo();
  if (how.crops) {
    auto [start, end] = dim.roi;
    return start * last + (exact == 1 ? (end - start) * last / 2 : place * (end - start) * last / (exact - 1));
  }
  double half = (place + 0.5) / dim.scale - 0.5;
  switch (how.coordinates) {
  case ResizeCoordinates::AlignCorners:
    return exact == 1 ? 0 : place * last / (exact - 1);
  case ResizeCoordinates::Asymmetric:
    return place / dim.scale;
  case ResizeCoordinates::PytorchHalfPixel:
    return exact == 1 ? -0.5 : half;
  case ResizeCoordinates::HalfPixelSymmetric:
    return static_cast<double>(dim.from) / 2 * (1 - static_cast<double>(dim.to) / exact) + half;
  case ResizeCoordinates::HalfPixel:
    return half;
  }
  return half;
}

/// Keys, "Cubic convolution interpolation for digital image processing", 1981
static double cubic(double x, double a) {
  x = std::fabs(x);
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

static double nearestWeight(double ratio, bool isLower, NearestMode mode) {
  bool takesLower = mode == NearestMode::RoundPreferFloor  ? ratio <= 0.5
                    : mode == NearestMode::RoundPreferCeil ? ratio < 0.5
                                                           : mode == NearestMode::Floor;
  // A place that is exact is the upper of its neighbours.
  return isLower == (ratio < 1 && takesLower) ? 1 : 0;
}

static Weights weightsOf(const ResizedDim &dim, const Resizing &how) {
  double shrink = how.antialias ? std::min(dim.scale, 1.0) : 1;
  double reach = how.mode == ResizeMode::Cubic ? 2 : 1;
  Weights result;
  double taps = 2 * std::ceil(reach / shrink);
  if (!(taps * static_cast<double>(dim.to) <= static_cast<double>(kMostWeights)))
    unsupported("resizing a dim of " + Twine(dim.from) + " to " + Twine(dim.to) + " by weights takes too many");
  result.taps = static_cast<int64_t>(taps);
  for (int64_t place = 0; place < dim.to; ++place) {
    double at = originalOf(dim, static_cast<double>(place), how), last = static_cast<double>(dim.from - 1);
    bool isOutside = how.crops && !(at >= 0 && at <= last);
    at = std::isnan(at) || isOutside ? 0 : std::clamp(at, -taps, last + taps);
    double low = std::ceil(at) - 1, ratio = at - low, sum = 0; // in (0, 1]
    size_t first = result.weights.size();
    for (int64_t tap = 1 - result.taps / 2; tap <= result.taps / 2; ++tap) {
      double distance = (static_cast<double>(tap) - ratio) * shrink, place = low + static_cast<double>(tap);
      double weight = how.mode == ResizeMode::Nearest  ? nearestWeight(ratio, tap == 0, how.nearest)
                      : how.mode == ResizeMode::Linear ? std::max(0.0, 1 - std::fabs(distance))
                                                       : cubic(distance, how.cubic);
      if (how.excludeOutside && (place < 0 || place > last))
        weight = 0;
      sum += weight;
      result.weights.push_back(weight);
      result.places.push_back(static_cast<int64_t>(std::clamp(place, 0.0, last)));
    }
    if ((how.antialias || how.excludeOutside) && sum != 0)
      for (double &weight : MutableArrayRef<double>(result.weights).drop_front(first))
        weight /= sum;
    result.isOutside.push_back(isOutside);
  }
  return result;
}

/// result[.., o, ..] = Σ w[o, t] · x[.., places[o, t], ..]
static Value resizeDim(GraphBuilder &b, Value x, const ResizedDim &dim, const Resizing &how) {
  Weights weights = weightsOf(dim, how);
  Type f32 = elementOf(x), i64 = b.builder().getI64Type();
  SmallVector<int64_t> along(rankOf(x) - dim.dim + 1, 1);
  graph::Extents result = extentsOf(x);
  along[0] = dim.to;
  along[1] = weights.taps;
  result[dim.dim] = dim.to;
  HostTensor places = HostTensor::zeros(checkedType({dim.to, weights.taps}, i64));
  HostTensor factors = HostTensor::zeros(checkedType(along, f32));
  for (auto [number, place] : llvm::enumerate(weights.places)) {
    places.set(static_cast<int64_t>(number), Scalar::ofSigned(place));
    factors.set(static_cast<int64_t>(number), Scalar::ofFloat(weights.weights[number]));
  }
  Value taken = b.make<graph::GatherOp>(x, b.constant(places), dim.dim);
  Value weighted = b.make<graph::MulOp>(taken, b.constant(factors));
  Value sum = b.reshape(b.make<graph::ReduceOp>(weighted, ReduceKind::Sum, ArrayRef<int64_t>{dim.dim + 1}), result);
  if (!llvm::is_contained(weights.isOutside, true))
    return sum;
  along.erase(along.begin() + 1);
  HostTensor isOutside = HostTensor::zeros(checkedType(along, b.builder().getI1Type()));
  for (int64_t place = 0; place < dim.to; ++place)
    isOutside.set(place, Scalar::ofBool(weights.isOutside[place]));
  return b.make<graph::SelectOp>(b.constant(isOutside), b.scalarLike(sum, how.extrapolation), sum);
}

Value fromFloats(GraphBuilder &b, Value x, Type element, bool rounds) {
  auto integer = dyn_cast<IntegerType>(element);
  Value rounded = integer && rounds ? b.make<graph::RoundOp>(x) : x;
  if (!integer || integer.getWidth() > 16)
    return b.cast(rounded, element);
  bool isUnsigned = graph::isUnsignedElement(element);
  double most = std::ldexp(1.0, static_cast<int>(integer.getWidth()) - (isUnsigned ? 0 : 1)),
         least = isUnsigned ? 0 : -most;
  return b.cast(b.make<graph::ClampOp>(rounded, b.scalarLike(x, least), b.scalarLike(x, most - 1)), element);
}

Value resizeByWeights(NodeReader &node, Value x, ArrayRef<double> scales, ArrayRef<graph::Extent> shape,
                      const Resizing &how) {
  GraphBuilder &b = node.builder();
  if (how.antialias && how.mode == ResizeMode::Nearest)
    malformed("has antialias, which mode 'nearest' does not know");
  Value result = elementOf(x).isF64() ? x : b.cast(x, b.builder().getF32Type());
  for (int64_t dim = 0; dim < rankOf(x); ++dim) {
    std::pair<double, double> roi = how.crops ? how.roi[dim] : std::pair(0.0, 1.0);
    bool isSame = scales[dim] == 1 && shape[dim] == extentsOf(x)[dim] && roi == std::pair(0.0, 1.0);
    if (isSame)
      continue;
    if (!shape[dim].isNumber())
      unsupported("resizes a dim to " + shape[dim].str() + " by weights; give the shape with --shape");
    result = resizeDim(b, result, {dim, fixedDim(x, dim), shape[dim].number(), scales[dim], roi}, how);
  }
  return fromFloats(b, result, elementOf(x), how.antialias);
}

} // namespace smelt::frontend::onnx
