// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/FloatParts.h"

namespace smelt::graph {

namespace {
struct Format {
  unsigned fractionBits;
  int64_t exponentBias;
  int64_t sqrtHalfBits; // of √½
  double leastNormal;
  double rounder; // adding it leaves the sum's integer part, rounded to even, in the low bits of the sum
  int64_t rounderBits;
};
} // namespace

static const Format &formatOf(Expr x) {
  static constexpr Format kF32{23, 127, 0x3f3504f3, 0x1p-126, 0x1.8p+23, 0x4b400000};
  static constexpr Format kF64{52, 1023, 0x3fe6a09e667f3bcd, 0x1p-1022, 0x1.8p+52, 0x4338000000000000};
  return isF64(x) ? kF64 : kF32;
}

Rounded roundSmall(Expr x) {
  const Format &format = formatOf(x);
  Expr sum = x + format.rounder;
  return {sum - format.rounder, sum.asInteger() - x.integer(format.rounderBits)};
}

Expr powerOfTwo(Expr n) {
  const Format &format = formatOf(n);
  return shiftLeft(n + n.integer(format.exponentBias), format.fractionBits).asFloat();
}

Expr scaleByPowerOfTwo(Expr x, Expr n) {
  Expr half = shiftRightSigned(n, 1);
  return x * powerOfTwo(half) * powerOfTwo(n - half);
}

Mantissa splitMantissa(Expr x) {
  const Format &format = formatOf(x);
  Expr subnormal = x < format.leastNormal, fraction = x.integer((int64_t(1) << format.fractionBits) - 1);
  Expr bits = select(subnormal, x * static_cast<double>(int64_t(1) << format.fractionBits), x).asInteger();
  Expr fromSqrtHalf = bits - x.integer(format.sqrtHalfBits);
  Expr exponent = shiftRightSigned(fromSqrtHalf, format.fractionBits).to<mlir::arith::SIToFPOp>(x.element());
  Expr m = (fromSqrtHalf & fraction) + x.integer(format.sqrtHalfBits);
  return {m.asFloat(), select(subnormal, exponent - static_cast<double>(format.fractionBits), exponent)};
}

Pair pairOf(Expr like, double high, double low) { return {like.real(high), like.real(low)}; }

Pair sumOf(Expr a, Expr b) {
  Expr high = a + b;
  return {high, (a - high) + b};
}

/// Of f32: the first 12 bits and the last 12.
static Pair halvesOf(Expr a) {
  Expr high = (a.asInteger() & a.integer(-(1 << 12))).asFloat();
  return {high, a - high};
}

// Dekker's, where fma may round the product: those of halves are exact.
Expr errorOfProduct(Expr a, Expr b, Expr product) {
  if (!roundsProducts(a))
    return fma(a, b, -product);
  Pair x = halvesOf(a), y = halvesOf(b);
  return ((x.high * y.high - product) + x.high * y.low + x.low * y.high) + x.low * y.low;
}

Expr subtractProduct(Expr c, Expr a, Expr b) {
  if (!roundsProducts(a))
    return fma(-a, b, c);
  Expr product = a * b;
  return (c - product) - errorOfProduct(a, b, product);
}

Pair productOf(Pair a, Pair b) {
  Expr high = a.high * b.high;
  Expr low = errorOfProduct(a.high, b.high, high);
  return {high, low + fma(a.high, b.low, a.low * b.high)};
}

} // namespace smelt::graph
