// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Ops/ResizeByRun.h"

using namespace mlir;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents, graph::NearestMode, graph::ResizeCoordinates, graph::ResizeMode;

namespace {

/// One dim; numbers of rank 0 and lists of a number for each result are f32.
class DimResizer {
public:
  DimResizer(GraphBuilder &b, const RunResizedDim &dim, const Resizing &how)
      : b_(b), dim_(dim), how_(how), f32_(b.builder().getF32Type()) {}

  Value run(Value x);

private:
  Value number(double value) { return b_.scalar(f32_, value); }
  Value real(const graph::Extent &extent) { return b_.cast(b_.number(extent), f32_); }
  Value add(Value x, Value y) { return b_.make<graph::AddOp>(x, y); }
  Value sub(Value x, Value y) { return b_.make<graph::SubOp>(x, y); }
  Value mul(Value x, Value y) { return b_.make<graph::MulOp>(x, y); }
  Value div(Value x, Value y) { return b_.make<graph::DivOp>(x, y); }
  Value select(Value condition, Value x, Value y) { return b_.make<graph::SelectOp>(condition, x, y); }
  Value isLess(Value x, Value y) { return b_.make<graph::LessOp>(x, y); }

  Value source(Value place);
  Value nearest(Value at);
  Value cubicWeight(Value distance, bool isFar);
  Value gathered(Value x, Value place);
  Value spread(Value list, Value like);
  Value weighted(Value x, Value at);
  Value antialiased(Value x, Value at);

  GraphBuilder &b_;
  const RunResizedDim &dim_;
  const Resizing &how_;
  Type f32_;
  Value from_, to_, scale_, last_; // last_ is from_ - 1
};

} // namespace

/// Where a result lies between the input's elements.
Value DimResizer::source(Value place) {
  Value length = dim_.scale ? mul(from_, scale_) : to_, one = number(1), zero = number(0);
  Value steps = sub(length, one), isSingle = b_.make<graph::EqualOp>(steps, zero);
  if (how_.crops) {
    Value start = mul(dim_.start, last_), extent = mul(sub(dim_.end, dim_.start), last_);
    return add(start, select(isSingle, mul(extent, number(0.5)), div(mul(place, extent), steps)));
  }
  Value half = sub(div(add(place, number(0.5)), scale_), number(0.5));
  switch (how_.coordinates) {
  case ResizeCoordinates::HalfPixel:
    return half;
  case ResizeCoordinates::HalfPixelSymmetric:
    return add(mul(mul(from_, number(0.5)), sub(one, div(to_, length))), half);
  case ResizeCoordinates::PytorchHalfPixel:
    return select(isLess(one, to_), half, zero);
  case ResizeCoordinates::AlignCorners:
    return select(isSingle, zero, div(mul(place, last_), steps));
  case ResizeCoordinates::Asymmetric:
    return div(place, scale_);
  }
  return half;
}

Value DimResizer::nearest(Value at) {
  Value first = b_.make<graph::FloorOp>(at), rest = sub(at, first), next = add(first, number(1));
  switch (how_.nearest) {
  case NearestMode::RoundPreferFloor:
    return select(isLess(number(0.5), rest), next, first);
  case NearestMode::RoundPreferCeil:
    return select(isLess(rest, number(0.5)), first, next);
  case NearestMode::Floor:
    return first;
  case NearestMode::Ceil:
    return select(isLess(number(0), rest), next, first);
  }
  return first;
}

/// Keys, "Cubic convolution interpolation for digital image processing", 1981; up to 1 away, or from 1 to 2.
Value DimResizer::cubicWeight(Value distance, bool isFar) {
  double a = how_.cubic;
  const double coefficients[2][4] = {{a + 2, -(a + 3), 0, 1}, {a, -5 * a, 8 * a, -4 * a}};
  Value sum = number(coefficients[isFar][0]);
  for (int power = 1; power < 4; ++power)
    sum = add(mul(sum, distance), number(coefficients[isFar][power]));
  return sum;
}

Value DimResizer::gathered(Value x, Value place) {
  Value inside = b_.make<graph::ClampOp>(place, number(0), last_);
  return b_.make<graph::GatherOp>(x, b_.cast(inside, b_.builder().getI64Type()), dim_.dim);
}

/// A list along the dim of a tensor.
Value DimResizer::spread(Value list, Value like) {
  Extents shape(rankOf(like) - dim_.dim, 1);
  shape.front() = dim_.to;
  return b_.reshape(list, shape);
}

/// The sum of neighbours by their weights.
Value DimResizer::weighted(Value x, Value at) {
  Value first = b_.make<graph::FloorOp>(at), rest = sub(at, first), left = sub(number(1), rest);
  SmallVector<std::pair<int64_t, Value>> taps{{0, left}, {1, rest}};
  if (how_.mode == ResizeMode::Cubic)
    taps = {{-1, cubicWeight(add(rest, number(1)), true)},
            {0, cubicWeight(rest, false)},
            {1, cubicWeight(left, false)},
            {2, cubicWeight(add(left, number(1)), true)}};
  SmallVector<Value> weights, parts;
  for (auto &[step, weight] : taps) {
    Value place = add(first, number(static_cast<double>(step)));
    Value isOutside = b_.make<graph::OrOp>(isLess(place, number(0)), isLess(last_, place));
    weights.push_back(how_.excludeOutside ? select(isOutside, number(0), weight) : weight);
    Value neighbour = gathered(x, place);
    parts.push_back(mul(neighbour, b_.cast(spread(weights.back(), neighbour), elementOf(x))));
  }
  auto sumOf = [&](ArrayRef<Value> values) {
    Value sum = values.front();
    for (Value value : values.drop_front())
      sum = add(sum, value);
    return sum;
  };
  Value sum = sumOf(parts);
  return how_.excludeOutside ? div(sum, b_.cast(spread(sumOf(weights), sum), elementOf(x))) : sum;
}

/// The product with a matrix of weights: each result is a sum of all that its window, which widens as the result
/// shrinks, may reach on either side.
Value DimResizer::antialiased(Value x, Value at) {
  bool isCubic = how_.mode == ResizeMode::Cubic;
  const Extent from = extentsOf(x)[dim_.dim], margin = from * (isCubic ? 2 : 1) + 1, count = from + margin * 2;
  Value first = b_.make<graph::NegOp>(real(margin));
  Value places = b_.makeAs<graph::IotaOp>(checkedType({count}, f32_), first, number(1), 0);
  Value row = b_.reshape(places, {1, count}), offset = sub(row, b_.reshape(at, {dim_.to, 1}));
  Value distance = b_.make<graph::AbsOp>(mul(offset, b_.make<graph::MinOp>(scale_, number(1))));
  Value zero = number(0), weights;
  if (isCubic)
    weights = select(b_.make<graph::LessEqualOp>(distance, number(1)), cubicWeight(distance, false),
                     select(isLess(distance, number(2)), cubicWeight(distance, true), zero));
  else
    weights = b_.make<graph::MaxOp>(sub(number(1), distance), zero);
  if (how_.excludeOutside)
    weights = select(b_.make<graph::OrOp>(isLess(row, zero), isLess(last_, row)), zero, weights);
  weights = div(weights, b_.make<graph::ReduceOp>(weights, graph::ReduceKind::Sum, ArrayRef<int64_t>{1}));
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  std::swap(order[dim_.dim], order.back());
  Value all = b_.transpose(gathered(x, places), order);
  return b_.transpose(b_.matMul(all, b_.cast(b_.transpose(weights, {1, 0}), elementOf(x))), order);
}

Value DimResizer::run(Value x) {
  from_ = real(extentsOf(x)[dim_.dim]);
  to_ = real(dim_.to);
  last_ = sub(from_, number(1));
  scale_ = dim_.scale ? dim_.scale : div(to_, from_);
  Value place = b_.makeAs<graph::IotaOp>(checkedType(dim_.to, f32_), number(0), number(1), 0);
  Value at = source(place);
  Value result = how_.mode == ResizeMode::Nearest ? gathered(x, nearest(at))
                 : how_.antialias                 ? antialiased(x, at)
                                                  : weighted(x, at);
  if (!how_.crops)
    return result;
  Value isOutside = b_.make<graph::OrOp>(isLess(at, number(0)), isLess(last_, at));
  return select(spread(isOutside, result), b_.scalarLike(result, how_.extrapolation), result);
}

Value resizeByRun(NodeReader &node, Value x, ArrayRef<RunResizedDim> dims, const Resizing &how) {
  GraphBuilder &b = node.builder();
  if (how.antialias && how.mode == ResizeMode::Nearest)
    malformed("has antialias, which mode 'nearest' does not know");
  bool isExact = how.mode == ResizeMode::Nearest || elementOf(x).isF64();
  Value result = isExact ? x : b.cast(x, b.builder().getF32Type());
  for (const RunResizedDim &dim : dims)
    result = DimResizer(b, dim, how).run(result);
  return isExact ? result : fromFloats(b, result, elementOf(x), how.antialias);
}

} // namespace smelt::frontend::onnx
