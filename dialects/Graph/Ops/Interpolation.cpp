// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Interpolation.h"
#include "dialects/Graph/Ops/Cast.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace smelt::graph::interpolation {

int64_t toIndex(float place, int64_t extent) {
  // An extent beyond 2^24 may have been rounded up.
  return std::min(static_cast<int64_t>(place), extent - 1);
}

Value toIndex(ElementAccess &access, Expr place, const Extent &extent) {
  ImplicitLocOpBuilder &b = access.builder();
  int64_t most = extent.asNumber().value_or(std::numeric_limits<int64_t>::max());
  Type integer = most < int64_t(1) << 30 ? b.getI32Type() : b.getI64Type();
  Value index = arith::IndexCastOp::create(b, b.getIndexType(), place.to<arith::FPToSIOp>(integer).value());
  return most < int64_t(1) << 24 ? index : arith::MinSIOp::create(b, index, access.count(extent - 1).in(b)).getResult();
}

double interpolate(const HostTensor &tensor, int64_t offset, ArrayRef<int64_t> strides, ArrayRef<Axis<HostTap>> axes) {
  if (axes.empty())
    return tensor.get(offset).asFloat();
  double sum = 0;
  for (const HostTap &tap : axes.front().taps) {
    if (!tap.isInside)
      continue;
    double value = interpolate(tensor, offset + tap.index * strides[axes.front().dim], strides, axes.drop_front());
    sum += tap.weight ? *tap.weight * value : value;
  }
  return sum;
}

/// The numbers that an integer type holds.
static std::pair<double, double> rangeOf(Type integer) {
  auto width = static_cast<int>(integer.getIntOrFloatBitWidth());
  if (isUnsignedElement(integer))
    return {0, std::ldexp(1.0, width) - 1};
  return {-std::ldexp(1.0, width - 1), std::ldexp(1.0, width - 1) - 1};
}

void storeBetween(const HostTensor &result, int64_t position, double value) {
  if (isa<IntegerType>(result.elementType())) {
    auto [least, most] = rangeOf(result.elementType());
    value = std::min(std::max(std::trunc(value), least), most);
  }
  result.set(position, Scalar::ofFloat(value));
}

namespace {
class Emitter {
public:
  Emitter(ElementAccess &access, Value tensor, SmallVector<LaneIndex> index, Type number)
      : access_(access), tensor_(tensor), index_(std::move(index)), number_(number) {}

  /// The sum over the taps of `axes`, in number_; nothing where the tensor can't be read so.
  std::optional<Expr> sum(ArrayRef<Axis<EmittedTap>> axes);

private:
  std::optional<Expr> read();
  Expr onLanes(Value scalar) { return {access_.builder(), access_.splat(scalar)}; }

  ElementAccess &access_;
  Value tensor_;
  SmallVector<LaneIndex> index_;
  Type number_;
};
} // namespace

std::optional<Expr> Emitter::read() {
  Value value = access_.fetch(tensor_, index_);
  if (!value)
    return std::nullopt;
  Type element = typeOf(tensor_).getElementType();
  Expr read(access_.builder(), value, isUnsignedElement(element));
  return computeType(element) == number_ ? read : castTo(read, number_);
}

std::optional<Expr> Emitter::sum(ArrayRef<Axis<EmittedTap>> axes) {
  if (axes.empty())
    return read();
  std::optional<Expr> total;
  for (const EmittedTap &tap : axes.front().taps) {
    index_[axes.front().dim] = {tap.index, 0};
    std::optional<Expr> value = sum(axes.drop_front());
    if (!value)
      return std::nullopt;
    if (tap.isInside)
      value = Expr(access_.builder(), choose(access_, tap.isInside, value->value(), value->number(0).value()));
    if (tap.weight)
      value = onLanes(castTo(*tap.weight, number_).value()) * *value;
    total = total ? *total + *value : *value;
  }
  return total;
}

/// Cuts to an integer type, saturating.
static Expr toInteger(Expr x, Type integer) {
  auto [least, most] = rangeOf(integer);
  // castTo saturates at 32 bits and more, where these bounds are not exact.
  return castTo(integer.getIntOrFloatBitWidth() < 32 ? clamp(x, least, most) : x, integer);
}

Value interpolate(ElementAccess &access, Value tensor, SmallVector<LaneIndex> index, ArrayRef<Axis<EmittedTap>> axes) {
  Type element = typeOf(tensor).getElementType();
  auto isWeighted = [](const Axis<EmittedTap> &axis) {
    return llvm::any_of(axis.taps, [](const EmittedTap &tap) { return tap.weight.has_value(); });
  };
  Type number = computeType(element);
  bool cuts = isa<IntegerType>(element) && llvm::any_of(axes, isWeighted);
  if (cuts)
    number = access.builder().getF32Type();
  std::optional<Expr> value = Emitter(access, tensor, std::move(index), number).sum(axes);
  if (!value)
    return nullptr;
  return cuts ? toInteger(*value, element).value() : value->value();
}

} // namespace smelt::graph::interpolation
