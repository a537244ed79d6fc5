// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Cast.h"
#include "dialects/Graph/Ops/Elementwise.h"
#include <algorithm>
#include <cmath>

using namespace mlir;

namespace smelt::graph {

/// The integers that floats are converted to on their way to a type: at least 32 bits, of which narrow types keep the
/// low ones. Beyond the range of those, numbers saturate.
struct Range {
  unsigned width;
  bool isUnsigned;

  double end() const { return std::ldexp(1.0, static_cast<int>(isUnsigned ? width : width - 1)); }
  double begin() const { return isUnsigned ? 0 : -end(); }
  uint64_t largest() const { return llvm::maskTrailingOnes<uint64_t>(isUnsigned ? width : width - 1); }
  uint64_t smallest() const { return isUnsigned ? 0 : ~largest(); }
};
static Range rangeFor(Type integer) {
  unsigned width = integer.getIntOrFloatBitWidth();
  return width < 32 ? Range{32, false} : Range{width, isUnsignedElement(integer)};
}

/// A byte that an integer of fewer bits lies in, made of that one's low bits.
static Expr wrapped(Expr x, Type to) {
  unsigned spare = x.width() - to.getIntOrFloatBitWidth();
  if (spare == 0)
    return x;
  return isUnsignedElement(to) ? x & x.integer(llvm::maskTrailingOnes<uint32_t>(to.getIntOrFloatBitWidth()))
                               : shiftRightSigned(shiftLeft(x, spare), spare);
}

/// One value of many for what a conversion of a float leaves undefined.
static Expr floatToInteger(Expr x, Type to) {
  Range range = rangeFor(to);
  Type wide = x.builder().getIntegerType(range.width);
  // -1 < x < 0 goes to 0 even where 0 is the smallest number.
  Expr isBelow = x < (range.isUnsigned ? 0.0 : range.begin()), isBeyond = x >= range.end();
  Expr isInside = (x < range.end()) & !isBelow;
  Expr inside = select(isInside, x, 0.0);
  Expr result = (range.isUnsigned ? inside.to<arith::FPToUIOp>(wide) : inside.to<arith::FPToSIOp>(wide))
                    .as(isUnsignedElement(to));
  result = select(isBeyond, result.integer(static_cast<int64_t>(range.largest())), result);
  if (!range.isUnsigned)
    result = select(isBelow, result.integer(static_cast<int64_t>(range.smallest())), result);
  unsigned width = computeType(to).getIntOrFloatBitWidth();
  return wrapped(result.width() == width ? result : result.to<arith::TruncIOp>(computeType(to)), to);
}

/// The same where x is known to lie within `to`, or to be NaN.
static Expr boundedToInteger(Expr x, Type to) {
  Type wide = x.builder().getIntegerType(32);
  Expr result = select(x == x, x, 0.0).to<arith::FPToSIOp>(wide).as(isUnsignedElement(to));
  return result.to<arith::TruncIOp>(computeType(to));
}

/// An f32 rounded to the nearest bf16, ties to even. Processors without such an instruction would call a library.
static Expr roundToBF16(Expr x) {
  Expr bits = x.asInteger();
  Expr isOdd = shiftRightUnsigned(bits, 16) & bits.integer(1);
  Expr rounded = (bits + bits.integer(0x7fff) + isOdd) & bits.integer(static_cast<int64_t>(0xffff0000));
  // A NaN keeps a bit among those that a bf16 has.
  return select(x != x, bits | bits.integer(0x400000), rounded).asFloat();
}

static Expr floatToFloat(Expr x, Type to) {
  unsigned width = computeType(to).getIntOrFloatBitWidth();
  if (x.width() < width)
    return x.to<arith::ExtFOp>(to);
  if (x.width() > width)
    x = x.to<arith::TruncFOp>(x.builder().getF32Type());
  if (to.isBF16())
    return roundToBF16(x);
  if (to.isF16())
    return x.to<arith::TruncFOp>(to).to<arith::ExtFOp>(x.element());
  return x;
}

static Expr integerToInteger(Expr x, Type to) {
  Type type = computeType(to);
  unsigned width = type.getIntOrFloatBitWidth();
  if (x.width() < width)
    x = x.isUnsigned() ? x.to<arith::ExtUIOp>(type) : x.to<arith::ExtSIOp>(type);
  else if (x.width() > width)
    x = x.to<arith::TruncIOp>(type);
  return wrapped(x.as(isUnsignedElement(to)), to);
}

static Expr integerToFloat(Expr x, Type to) {
  return x.isUnsigned() ? x.to<arith::UIToFPOp>(to) : x.to<arith::SIToFPOp>(to);
}

Expr castTo(Expr x, Type to, CastRules rules) {
  if (to.isInteger(1))
    return x != x.number(0);
  if (isa<IntegerType>(to))
    return x.isFloat() ? floatToInteger(x, to) : integerToInteger(x, to);
  if (isStoredFloat(to))
    return encodeSmallFloat(x.isFloat() ? x : integerToFloat(x, x.builder().getF32Type()), to, rules);
  return floatToFloat(x.isFloat() ? x : integerToFloat(x, computeType(to)), to);
}

FailureOr<Scalar> CastOp::evaluateScalar(ArrayRef<Scalar> operands) {
  Scalar x = operands[0];
  if (isStoredFloat(getTo())) {
    double number = x.isFloat() ? x.asFloat() : static_cast<float>(x.asFloat());
    uint64_t code = encodeSmallFloat(number, getTo(), {getSaturate(), getRounding()});
    return Scalar::ofFloat(decodeSmallFloat(code, getTo()));
  }
  if (!isa<IntegerType>(getTo()) || !x.isFloat())
    return x; // storing it rounds or wraps
  if (getTo().isInteger(1))
    return Scalar::ofBool(x.asBool());
  Range range = rangeFor(getTo());
  double number = std::trunc(x.asFloat());
  if (std::isnan(number))
    return Scalar::ofSigned(0);
  if (number >= range.end())
    return Scalar::ofUnsigned(range.largest());
  if (number < range.begin())
    return Scalar::ofUnsigned(range.smallest());
  return range.isUnsigned ? Scalar::ofUnsigned(x.asUnsigned()) : Scalar::ofSigned(x.asSigned());
}

/// Whether the cast is one of floats that a clamp to numbers within the result's 8 or 16 bits has made.
static bool isOfBounded(CastOp op) {
  auto clamp = op.getInput().getDefiningOp<ClampOp>();
  auto to = dyn_cast<IntegerType>(op.getTo());
  if (!clamp || !to || (to.getWidth() != 8 && to.getWidth() != 16) || !isa<FloatType>(elementOf(op.getInput())))
    return false;
  std::optional<HostTensor> low = constantOf(clamp.getLow()), high = constantOf(clamp.getHigh());
  const unsigned digits = to.getWidth() - (to.isUnsigned() ? 0 : 1);
  const double end = std::ldexp(1.0, static_cast<int>(digits)), begin = to.isUnsigned() ? 0 : -end;
  return low && high && low->get(0).asFloat() >= begin && high->get(0).asFloat() <= end - 1;
}

Value CastOp::emitScalar(OpBuilder &builder, ValueRange operands) {
  Type compute = computeType(getTo());
  if (!compute.isF32() && !compute.isF64() && !isa<IntegerType>(compute))
    return nullptr;
  return emitFormula(*this, builder, operands, Domain::Numbers, [&](Expr x) {
    Type from = elementOf(getInput());
    if (isOfBounded(*this))
      return boundedToInteger(x, getTo());
    return castTo(isStoredFloat(from) ? decodeSmallFloat(x, from) : x, getTo(), {getSaturate(), getRounding()});
  });
}

} // namespace smelt::graph
