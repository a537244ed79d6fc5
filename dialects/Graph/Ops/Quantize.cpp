// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Between f32 and integers of 8 or 16 bits, by one scale. Factors are those of f32, so that the reference and every
// target compute the same bits.

#include "dialects/Graph/Ops/Elementwise.h"
#include <cmath>

using namespace mlir;

namespace smelt::graph {

namespace {
/// The numbers of a type, and an f32 that has the integer n in its low bits where n is added to it.
struct Integers {
  int64_t least, most;

  static constexpr float kAnchor = 0x1.8p+23f;
};
} // namespace

/// The attribute's accessor takes it for unsigned.
static int64_t signedOf(uint64_t zeroPoint) { return static_cast<int64_t>(zeroPoint); }

static bool isQuantised(Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  return integer && (integer.getWidth() == 8 || integer.getWidth() == 16);
}

static Integers integersOf(Type type) {
  unsigned width = type.getIntOrFloatBitWidth();
  if (isUnsignedElement(type))
    return {0, static_cast<int64_t>(llvm::maxUIntN(width))};
  return {llvm::minIntN(width), llvm::maxIntN(width)};
}

/// What a factor and a zero point must be for the sums below to stay exact.
static LogicalResult verifyScale(Operation *op, double scale, int64_t zeroPoint, Type type) {
  constexpr double kLeast = 0x1p-100, kMost = 0x1p+100;
  if (!isQuantised(type))
    return op->emitOpError("takes integers of 8 or 16 bits, not ") << type;
  if (!(scale >= kLeast && scale <= kMost) || scale != static_cast<double>(static_cast<float>(scale)))
    return op->emitOpError("takes a factor that is an f32 between 2^-100 and 2^100, not ") << scale;
  Integers integers = integersOf(type);
  if (zeroPoint < integers.least || zeroPoint > integers.most)
    return op->emitOpError("takes a zero point of its integers, not ") << zeroPoint;
  return success();
}

LogicalResult QuantizeOp::verify() {
  if (!elementOf(getInput()).isF32())
    return emitOpError("takes f32, not ") << elementOf(getInput());
  return verifyScale(*this, getFactor().convertToDouble(), getZeroPoint(), getTo());
}

LogicalResult DequantizeOp::verify() {
  return verifyScale(*this, getScale().convertToDouble(), getZeroPoint(), elementOf(getInput()));
}

FailureOr<Scalar> QuantizeOp::evaluateScalar(ArrayRef<Scalar> operands) {
  Integers integers = integersOf(getTo());
  double zeroPoint = static_cast<double>(signedOf(getZeroPoint()));
  double number = std::nearbyint(operands[0].asFloat() * getFactor().convertToDouble()) + zeroPoint;
  if (!(number > static_cast<double>(integers.least)))
    return Scalar::ofSigned(integers.least);
  return Scalar::ofSigned(number < static_cast<double>(integers.most) ? static_cast<int64_t>(number) : integers.most);
}

FailureOr<Scalar> DequantizeOp::evaluateScalar(ArrayRef<Scalar> operands) {
  return Scalar::ofFloat(static_cast<double>(operands[0].asSigned() - signedOf(getZeroPoint())) *
                         getScale().convertToDouble());
}

// Two comparisons, one multiplication with an addition that rounds, and the low bits: x is clamped before it is scaled,
// so that one instruction scales, rounds and adds the zero point.
Value QuantizeOp::emitScalar(OpBuilder &builder, ValueRange operands) {
  return emitFormula(*this, builder, operands, Domain::Floats, [&](Expr x) {
    Integers integers = integersOf(getTo());
    double factor = getFactor().convertToDouble(), zeroPoint = static_cast<double>(signedOf(getZeroPoint()));
    Expr least = x.real((static_cast<double>(integers.least) - zeroPoint) / factor);
    Expr most = x.real((static_cast<double>(integers.most) - zeroPoint) / factor);
    x = select(x > least, x, least); // NaN is not
    x = select(x < most, x, most);
    // An odd number added before would turn ties around.
    const int64_t odd = signedOf(getZeroPoint()) & 1;
    Expr anchored = fma(x, factor, x.real(Integers::kAnchor + zeroPoint - static_cast<double>(odd)));
    Expr bits = anchored.asInteger().to<arith::TruncIOp>(computeType(getTo()));
    return odd == 0 ? bits : bits + bits.integer(1);
  });
}

Value DequantizeOp::emitScalar(OpBuilder &builder, ValueRange operands) {
  return emitFormula(*this, builder, operands, Domain::Integers, [&](Expr x) {
    Type wide = x.builder().getI32Type();
    Expr integer = x.isUnsigned() ? x.to<arith::ExtUIOp>(wide) : x.to<arith::ExtSIOp>(wide);
    Expr number = integer.to<arith::SIToFPOp>(x.builder().getF32Type());
    if (getZeroPoint() != 0)
      number = number - static_cast<double>(signedOf(getZeroPoint()));
    // Rounded before anything is added, which a · b + c would not be.
    return fma(number, getScale().convertToDouble(), number.real(0));
  });
}

} // namespace smelt::graph
