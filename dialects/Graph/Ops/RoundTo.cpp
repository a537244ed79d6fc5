// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Cast.h"
#include "dialects/Graph/Ops/Elementwise.h"
#include <algorithm>
#include <cmath>

using namespace mlir;

namespace smelt::graph {

/// The numbers of a type of 8 bits.
static std::pair<double, double> rangeOf(Type element) {
  return element.isUnsignedInteger() ? std::pair(0.0, 255.0) : std::pair(-128.0, 127.0);
}

FailureOr<Scalar> RoundToOp::evaluateScalar(ArrayRef<Scalar> operands) {
  auto [low, high] = rangeOf(elementOf(getZeroPoint()));
  double x = operands[0].asFloat();
  if (std::isnan(x))
    return Scalar::ofSigned(0);
  return Scalar::ofSigned(static_cast<int64_t>(std::clamp(std::nearbyint(x) + operands[1].asFloat(), low, high)));
}

// Bounded first, which is exact, as the bounds are whole numbers. The low bits of 1.5 · 2²³ + x are then x rounded.
Value RoundToOp::emitScalar(OpBuilder &builder, ValueRange operands) {
  constexpr double kRounder = 0x1.8p23;
  return emitFormula(*this, builder, operands, Domain::Floats, [&](Expr x, Expr zeroPoint) {
    auto [low, high] = rangeOf(elementOf(getZeroPoint()));
    Expr offset = castTo(zeroPoint, builder.getF32Type());
    Expr least = offset.real(low) - offset, most = offset.real(high) - offset;
    // NaN becomes `least`, whose result is `low`.
    Expr bounded = select(x > least, x, least);
    bounded = select(bounded < most, bounded, most);
    Expr bits = (bounded + kRounder).asInteger().to<arith::TruncIOp>(builder.getI8Type());
    Expr result = bits + zeroPoint;
    return low == 0 ? result : select(x == x, result, result.integer(0));
  });
}

} // namespace smelt::graph
