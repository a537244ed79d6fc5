// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Linear.h"
#include "frontends/common/Refusal.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace smelt::frontend {

Value saturate(GraphBuilder &b, Value rounded, Value zeroPoint, Type to) {
  unsigned width = to.getIntOrFloatBitWidth();
  bool isUnsigned = to.isUnsignedInteger();
  if (!isa<IntegerType>(to) || width > 16)
    unsupported("quantisation to this element type is not supported");
  Value wide = b.cast(rounded, b.builder().getF32Type());
  if (zeroPoint)
    wide = b.make<graph::AddOp>(wide, b.cast(zeroPoint, b.builder().getF32Type()));
  double low = isUnsigned ? 0 : static_cast<double>(llvm::minIntN(width));
  double high = isUnsigned ? static_cast<double>(llvm::maxUIntN(width)) : static_cast<double>(llvm::maxIntN(width));
  return b.cast(b.make<graph::ClampOp>(wide, b.scalarLike(wide, low), b.scalarLike(wide, high)), to);
}

/// (x - zero point) · scale of each element, `inner` of which in a row have one scale of several.
template <typename T>
static void dequantiseAll(const graph::HostTensor &x, ArrayRef<float> scales, ArrayRef<T> zeroPoints, int64_t inner,
                          const graph::HostTensor &to) {
  ArrayRef<T> from = x.as<T>();
  MutableArrayRef<float> numbers = to.asMutable<float>();
  const auto channels = static_cast<int64_t>(scales.size());
  for (int64_t row = 0, rows = x.size() / inner; row < rows; ++row) {
    float scale = scales[row % channels];
    auto zeroPoint = static_cast<uint32_t>(zeroPoints.empty() ? T(0) : zeroPoints[row % channels]);
    for (int64_t at = row * inner; at < (row + 1) * inner; ++at)
      numbers[at] = static_cast<float>(static_cast<int32_t>(static_cast<uint32_t>(from[at]) - zeroPoint)) * scale;
  }
}

std::optional<graph::HostTensor> dequantisedConstant(Value x, Value scale, Value zeroPoint, int64_t axis) {
  std::optional<graph::HostTensor> numbers = graph::constantOf(x), scales = graph::constantOf(scale);
  std::optional<graph::HostTensor> points = zeroPoint ? graph::constantOf(zeroPoint) : std::nullopt;
  if (!numbers || !scales || (zeroPoint && !points) || !scales->elementType().isF32() || numbers->size() == 0 ||
      (points && points->size() != scales->size()))
    return std::nullopt;
  int64_t inner = numbers->size();
  if (scales->size() != 1) {
    axis = normalAxis(axis, numbers->rank());
    if (scales->rank() != 1 || scales->size() != numbers->shape()[axis])
      return std::nullopt;
    inner = graph::rowMajorStrides(numbers->shape())[axis];
  }
  graph::HostTensor result = graph::HostTensor::zeros(numbers->type().clone(scales->elementType()));
  auto all = [&](auto zero) {
    using T = decltype(zero);
    dequantiseAll<T>(*numbers, scales->as<float>(), points ? points->as<T>() : ArrayRef<T>(), inner, result);
    return result;
  };
  Type element = numbers->elementType();
  if (element.isSignlessInteger(32))
    return all(int32_t(0));
  if (!element.isInteger(8))
    return std::nullopt;
  return element.isUnsignedInteger() ? all(uint8_t(0)) : all(int8_t(0));
}

} // namespace smelt::frontend
