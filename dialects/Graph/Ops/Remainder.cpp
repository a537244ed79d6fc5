// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// graph.mod: exact remainders, with the sign of the dividend or of the divisor.

#include "dialects/Graph/Ops/Elementwise.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace smelt::graph {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A remainder with the dividend's sign moved into [0, b) or (b, 0].
static double withSignOf(double b, double remainder) {
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}
static int64_t withSignOf(int64_t b, int64_t remainder) {
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}
static uint64_t withSignOf(uint64_t, uint64_t remainder) { return remainder; }
static Expr withSignOf(Expr b, Expr remainder) {
  if (remainder.isUnsigned())
    return remainder;
  Expr zero = b.number(0);
  Expr isOther = (remainder != zero) & ((remainder < zero) ^ (b < zero));
  return select(isOther, remainder + b, remainder);
}

static double truncated(double a, double b) { return std::fmod(a, b); }
static int64_t truncated(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }
static uint64_t truncated(uint64_t a, uint64_t b) { return b == 0 ? 0 : a % b; }

/// Neither x / 0 nor the most negative number by -1 may reach the processor: by 1 the remainder is 0 as well.
static Expr truncatedInteger(Expr a, Expr b) {
  Expr one = b.integer(1);
  if (a.isUnsigned())
    return a.apply<arith::RemUIOp>(select(b == b.integer(0), one, b));
  return a.apply<arith::RemSIOp>(select((b == b.integer(0)) | (b == b.integer(-1)), one, b));
}

/// One step of a long division: r - q b, where q has the first 53 bits of r / b. It is exact, for it is less than b
/// times q's last bit, and a multiple of the last bits' product. It may be negative, where the quotient was rounded up.
static Expr divideFurther(Expr r, Expr b) {
  Expr divisor = b;
  for (unsigned overflows = 0; overflows < 2; ++overflows) // at most: f64 goes from 2^-1074 to 2^1024
    divisor = select(abs(r / divisor) == kInfinity, divisor * 0x1p1000, divisor);
  return fma(-trunc(r / divisor), divisor, r);
}

/// fmod, computed in f64.
static Expr truncatedFloat(Expr x, Expr y) {
  Type f64 = x.builder().getF64Type();
  auto widened = [&](Expr number) { return number.width() == 64 ? number : number.to<arith::ExtFOp>(f64); };
  Expr a = widened(abs(x)), b = widened(abs(y));
  Expr isDefined = (a < kInfinity) & (b > 0.0);
  auto isLeft = [&](ArrayRef<Expr> r) { return isDefined & (abs(r[0]) >= b); };
  auto step = [&](ArrayRef<Expr> r) -> SmallVector<Expr> { return {select(isLeft(r), divideFurther(r[0], b), r[0])}; };
  Expr r = repeatWhile(a, isLeft, step).front();
  r = select(r < 0.0, r + b, r);
  r = select(isDefined, r, std::numeric_limits<double>::quiet_NaN());
  return copySign(x.width() == 64 ? r : r.to<arith::TruncFOp>(x.element()), x);
}

FailureOr<Scalar> ModOp::evaluateScalar(ArrayRef<Scalar> operands) {
  return evaluateFormula<Domain::Numbers>(operands, [&](auto a, auto b) {
    auto remainder = truncated(a, b);
    return getFmod() ? remainder : withSignOf(b, remainder);
  });
}

Value ModOp::emitScalar(OpBuilder &builder, ValueRange operands) {
  return emitFormula(*this, builder, operands, Domain::Numbers, [&](Expr a, Expr b) {
    Expr remainder = a.isFloat() ? truncatedFloat(a, b) : truncatedInteger(a, b);
    return getFmod() ? remainder : withSignOf(b, remainder);
  });
}

} // namespace smelt::graph
