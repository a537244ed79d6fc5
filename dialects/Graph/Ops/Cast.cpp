// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Elementwise.h"

using namespace mlir;

namespace smelt::graph {

FailureOr<Scalar> CastOp::evaluateScalar(ArrayRef<Scalar> x) {
  Type to = getTo();
  if (to.isInteger(1))
    return Scalar::ofBool(x[0].asBool());
  if (isa<FloatType>(to))
    return Scalar::ofFloat(x[0].asFloat());
  return isUnsignedElement(to) ? Scalar::ofUnsigned(x[0].asUnsigned()) : Scalar::ofSigned(x[0].asSigned());
}

static Expr betweenFloats(Expr x, Type to) {
  unsigned width = to.getIntOrFloatBitWidth();
  if (x.element() == to)
    return x;
  return width <= x.width() ? x.to<arith::TruncFOp>(to) : x.to<arith::ExtFOp>(to);
}

/// Towards zero; what does not fit saturates and NaN gives 0, where MLIR's conversion would be poison. Integers of
/// fewer than 32 bits take the low bits of the 32-bit result.
static Expr floatToInteger(Expr x, unsigned width, bool isUnsigned) {
  unsigned converted = std::max(width, 32U);
  bool unsignedRange = isUnsigned && width >= 32;
  double limit = std::ldexp(1, static_cast<int>(converted) - (unsignedRange ? 0 : 1)), low = unsignedRange ? 0 : -limit;
  int fraction = x.element().isF64() ? 53 : 24;
  double high = std::min(limit - 1, limit - std::ldexp(limit, -fraction)); // the last float below the limit
  x = select(x == x, clamp(x, low, high), 0.0);
  Type to = IntegerType::get(x.element().getContext(), converted);
  Expr wide = unsignedRange ? x.to<arith::FPToUIOp>(to) : x.to<arith::FPToSIOp>(to);
  return width == converted ? wide : wide.to<arith::TruncIOp>(IntegerType::get(to.getContext(), width));
}

static Expr betweenIntegers(Expr x, Type to, bool isUnsigned) {
  unsigned width = to.getIntOrFloatBitWidth();
  if (width == x.width())
    return x;
  if (width < x.width())
    return x.to<arith::TruncIOp>(to);
  return isUnsigned ? x.to<arith::ExtUIOp>(to) : x.to<arith::ExtSIOp>(to);
}

Value CastOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands operands(*this, builder, values);
  Expr x = operands[0];
  Type compute = computeType(getTo());
  if (getTo().isInteger(1))
    return (operands.isFloat() ? x != 0.0 : x != x.integer(0)).value();
  if (operands.isFloat()) {
    if (!isa<FloatType>(compute))
      return floatToInteger(x, compute.getIntOrFloatBitWidth(), isUnsignedElement(getTo())).value();
    // f16 and bf16 are computed in f32 but hold no more than their own precision.
    return betweenFloats(betweenFloats(x, getTo()), compute).value();
  }
  if (!isa<FloatType>(compute))
    return betweenIntegers(x, compute, operands.isUnsigned).value();
  Expr real = operands.isUnsigned ? x.to<arith::UIToFPOp>(compute) : x.to<arith::SIToFPOp>(compute);
  return betweenFloats(betweenFloats(real, getTo()), compute).value();
}

} // namespace smelt::graph
