// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Quotients, remainders and powers. No input traps: integers divided by zero give 0, as does their remainder.

#include "dialects/Graph/Ops/Elementwise.h"

using namespace mlir;

namespace smelt::graph {

/// Truncated; the most negative number over -1 wraps.
static int64_t quotient(int64_t a, int64_t b) {
  if (b == -1)
    return static_cast<int64_t>(0 - static_cast<uint64_t>(a));
  return b == 0 ? 0 : a / b;
}

FailureOr<Scalar> DivOp::evaluateScalar(ArrayRef<Scalar> x) {
  if (x[0].isFloat())
    return Scalar::ofFloat(x[0].asFloat() / x[1].asFloat());
  if (x[0].isSigned())
    return Scalar::ofSigned(quotient(x[0].asSigned(), x[1].asSigned()));
  return Scalar::ofUnsigned(x[1].asUnsigned() == 0 ? 0 : x[0].asUnsigned() / x[1].asUnsigned());
}

/// A divisor that does not trap: 1 in place of 0 and of -1.
static Expr safeDivisor(Expr b, bool isUnsigned) {
  Expr one = b.integer(1);
  Expr safe = select(b == b.integer(0), one, b);
  return isUnsigned ? safe : select(b == b.integer(-1), one, safe);
}

Value DivOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands x(*this, builder, values);
  Expr a = x[0], b = x[1];
  if (x.isFloat())
    return (a / b).value();
  Expr safe = safeDivisor(b, x.isUnsigned), zero = b.integer(0);
  if (x.isUnsigned)
    return select(b == zero, zero, a.apply<arith::DivUIOp>(safe)).value();
  Expr result = select(b == b.integer(-1), -a, a.apply<arith::DivSIOp>(safe));
  return select(b == zero, zero, result).value();
}

FailureOr<Scalar> ModOp::evaluateScalar(ArrayRef<Scalar> x) {
  if (x[0].isFloat()) {
    double a = x[0].asFloat(), b = x[1].asFloat(), remainder = std::fmod(a, b);
    bool other = !getFmod() && remainder != 0 && (remainder < 0) != (b < 0);
    return Scalar::ofFloat(other ? remainder + b : remainder);
  }
  if (x[0].isUnsigned())
    return Scalar::ofUnsigned(x[1].asUnsigned() == 0 ? 0 : x[0].asUnsigned() % x[1].asUnsigned());
  int64_t b = x[1].asSigned(), remainder = b == 0 || b == -1 ? 0 : x[0].asSigned() % b;
  bool other = !getFmod() && remainder != 0 && (remainder < 0) != (b < 0);
  return Scalar::ofSigned(other ? remainder + b : remainder);
}

/// fmod of f32 by way of f64, where the product of quotient and divisor is exact for quotients below 2^29; a quotient
/// rounded to the next integer shows in the remainder's sign.
static Expr remainderOfFloats(Expr a, Expr b) {
  Type element = a.element(), wide = Float64Type::get(element.getContext());
  if (a.width() < 64)
    a = a.to<arith::ExtFOp>(wide), b = b.to<arith::ExtFOp>(wide);
  Expr divisor = abs(b), magnitude = abs(a);
  Expr remainder = fma(-trunc(magnitude / divisor), divisor, magnitude);
  remainder = select(remainder < 0.0, remainder + divisor, remainder);
  remainder = copySign(select(divisor == HUGE_VAL, magnitude, remainder), a);
  return element.isF64() ? remainder : remainder.to<arith::TruncFOp>(element);
}

Value ModOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands x(*this, builder, values);
  Expr a = x[0], b = x[1];
  if (x.isFloat()) {
    Expr remainder = remainderOfFloats(a, b);
    if (getFmod())
      return remainder.value();
    Expr other = (remainder != 0.0) & ((remainder < 0.0) ^ (b < 0.0));
    return select(other, remainder + b, remainder).value();
  }
  Expr safe = safeDivisor(b, x.isUnsigned), zero = b.integer(0);
  if (x.isUnsigned)
    return select(b == zero, zero, a.apply<arith::RemUIOp>(safe)).value();
  Expr remainder = a.apply<arith::RemSIOp>(safe); // 0 for the divisors that were replaced by 1
  if (getFmod())
    return remainder.value();
  Expr other = (remainder != zero) & ((remainder ^ b) < zero);
  return select(other, remainder + b, remainder).value();
}

static constexpr unsigned kPowerBits = 6; // powers from 64 on of a base other than -1, 0, 1 leave no bit of 64, or wrap

/// Modulo 2^64, by squaring. A negative exponent leaves the integer part of the fraction.
static uint64_t integerPower(int64_t base, int64_t exponent) {
  if (exponent < 0)
    return base == 1 ? 1 : base == -1 ? static_cast<uint64_t>(exponent % 2 ? -1 : 1) : 0;
  uint64_t result = 1, square = static_cast<uint64_t>(base);
  for (; exponent != 0; exponent >>= 1, square *= square)
    if (exponent & 1)
      result *= square;
  return result;
}

FailureOr<Scalar> PowOp::evaluateScalar(ArrayRef<Scalar> x) {
  if (x[0].isFloat())
    return Scalar::ofFloat(std::pow(x[0].asFloat(), x[1].asFloat()));
  if (x[1].isFloat())
    return Scalar::ofSigned(Scalar::ofFloat(std::pow(x[0].asFloat(), x[1].asFloat())).asSigned());
  uint64_t power = integerPower(x[0].asSigned(), x[1].asSigned());
  return x[0].isSigned() ? Scalar::ofSigned(static_cast<int64_t>(power)) : Scalar::ofUnsigned(power);
}

/// Exponents are taken below 64: larger ones of bases other than -1, 0 and 1 are outside every integer type.
static Expr emitIntegerPower(Expr base, Expr exponent) {
  Expr one = base.integer(1), result = one, square = base;
  for (unsigned bit = 0; bit < kPowerBits; ++bit, square = square * square) {
    Expr set = (shiftRightUnsigned(exponent, bit) & exponent.integer(1)) != exponent.integer(0);
    result = select(set, result * square, result);
  }
  Expr sign = select((exponent & exponent.integer(1)) == exponent.integer(0), one, base);
  Expr isUnit = (base == one) | (base == base.integer(-1));
  Expr fraction = select(isUnit, sign, base.integer(0));
  return select(exponent < exponent.integer(0), fraction, result);
}

Value PowOp::emitScalar(OpBuilder &builder, ValueRange values) {
  Operands x(*this, builder, values);
  Expr a = x[0], b = x[1];
  bool exponentIsFloat = isa<FloatType>(b.element());
  if (!x.isFloat())
    return exponentIsFloat ? nullptr : emitIntegerPower(a, b).value();
  if (!a.element().isF32())
    return nullptr;
  if (!exponentIsFloat)
    b = b.to<arith::SIToFPOp>(a.element());
  else if (!b.element().isF32())
    b = b.to<arith::TruncFOp>(a.element());
  return pow(a, b).value();
}

} // namespace smelt::graph
