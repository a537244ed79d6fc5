// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/SmallFloats.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace smelt::graph {

namespace {

/// A float with a sign in the highest bit of `width`, an exponent, and a mantissa of `mantissa` bits. The codes are
/// those of the magnitude.
struct Format {
  unsigned width;
  unsigned mantissa;
  int bias;
  unsigned largest; // the greatest number
  unsigned beyond;  // what lies beyond it, where that does not saturate
  unsigned nan;
  bool isUnsignedZero; // 10…0 is not -0 but NaN, the only one

  double leastNormal() const { return std::ldexp(1.0, 1 - bias); }
  double step() const { return std::ldexp(1.0, 1 - bias - static_cast<int>(mantissa)); } // of subnormal numbers
  unsigned signBit() const { return 1U << (width - 1); }
  bool hasNan() const { return nan != 0; }
};

/// f32, through which all numbers go on their way.
constexpr unsigned kMantissa = 23;
constexpr int kBias = 127;
constexpr int64_t kInfinity = 0x7f800000, kNan = 0x7fc00000, kMagnitude = 0x7fffffff, kLeastNormal = 0x800000;

} // namespace

static Format formatOf(Type type) {
  return llvm::TypeSwitch<Type, Format>(type)
      .Case([](Float8E4M3FNType) { return Format{8, 3, 7, 0x7e, 0x7f, 0x7f, false}; })
      .Case([](Float8E4M3FNUZType) { return Format{8, 3, 8, 0x7f, 0x80, 0x80, true}; })
      .Case([](Float8E5M2Type) { return Format{8, 2, 15, 0x7b, 0x7c, 0x7e, false}; })
      .Case([](Float8E5M2FNUZType) { return Format{8, 2, 16, 0x7f, 0x80, 0x80, true}; })
      .Case([](Float6E2M3FNType) { return Format{6, 3, 1, 0x1f, 0x1f, 0, false}; })
      .Case([](Float6E3M2FNType) { return Format{6, 2, 3, 0x1f, 0x1f, 0, false}; })
      .Default([](Type) { return Format{4, 1, 1, 0x7, 0x7, 0, false}; }); // f4E2M1FN
}

static bool isScale(Type type) { return isa<Float8E8M0FNUType>(type); }

// f8E8M0FNU is the exponent of an f32 alone: 255 is NaN, and 0 is 2^-127, which as an f32 is subnormal.
constexpr unsigned kScaleNan = 255;
constexpr int64_t kLeastScale = 0x400000; // the bits of 2^-127 in f32

/// What is added before the mantissa is cut off.
static int64_t scaleRounding(ScaleRounding rounding) {
  return rounding == ScaleRounding::Up ? 0x7fffff : rounding == ScaleRounding::Nearest ? 0x400000 : 0;
}
/// From which bits of a subnormal f32 on it becomes 2^-126 and not 2^-127.
static int64_t leastRoundedUp(ScaleRounding rounding) {
  return rounding == ScaleRounding::Up ? kLeastScale + 1 : rounding == ScaleRounding::Nearest ? 0x600000 : 0x800000;
}

// Numbers.

static uint64_t encodeScale(double number, CastRules rules) {
  auto narrow = static_cast<float>(std::fabs(number));
  if (std::isnan(narrow))
    return kScaleNan;
  auto bits = static_cast<int64_t>(llvm::bit_cast<uint32_t>(narrow));
  if (bits < kLeastScale)
    return rules.saturate ? 0 : kScaleNan;
  int64_t code = bits < kLeastNormal ? (bits >= leastRoundedUp(rules.rounding) ? 1 : 0)
                                     : (bits + scaleRounding(rules.rounding)) >> 23;
  return code < kScaleNan ? code : rules.saturate ? kScaleNan - 1 : kScaleNan;
}

/// The code of a finite magnitude, which may lie beyond the greatest number's.
static uint64_t encodeMagnitude(double magnitude, const Format &format) {
  if (magnitude < format.leastNormal())
    return static_cast<uint64_t>(std::nearbyint(magnitude / format.step()));
  int exponent = std::ilogb(magnitude);
  // The mantissa with its leading one; a carry goes on into the exponent.
  double mantissa = std::nearbyint(std::ldexp(magnitude, static_cast<int>(format.mantissa) - exponent));
  return (static_cast<uint64_t>(exponent + format.bias - 1) << format.mantissa) + static_cast<uint64_t>(mantissa);
}

uint64_t encodeSmallFloat(double number, Type to, CastRules rules) {
  if (isScale(to))
    return encodeScale(number, rules);
  Format format = formatOf(to);
  number = static_cast<float>(number);
  bool isNegative = std::signbit(number);
  uint64_t code = format.nan;
  if (!std::isnan(number)) {
    code = std::isinf(number) ? UINT64_MAX : encodeMagnitude(std::fabs(number), format);
    if (code > format.largest)
      code = rules.saturate ? format.largest : format.beyond;
  } else if (!format.hasNan()) {
    isNegative = !isNegative;
  }
  if (format.isUnsignedZero && code == 0)
    return 0;
  return isNegative ? code | format.signBit() : code;
}

double decodeSmallFloat(uint64_t code, Type from) {
  if (isScale(from) && code == kScaleNan)
    return std::numeric_limits<double>::quiet_NaN(); // an infinity, says APFloat
  auto type = cast<FloatType>(from);
  return APFloat(type.getFloatSemantics(), APInt(type.getWidth(), code)).convertToDouble();
}

// Expressions.

static Expr narrowed(Expr code) { return code.to<arith::TruncIOp>(code.builder().getI8Type()); }

static Expr encodeScale(Expr bits, CastRules rules) {
  auto constant = [&](int64_t value) { return bits.integer(value); };
  Expr magnitude = bits & constant(kMagnitude);
  Expr normal = shiftRightUnsigned(magnitude + constant(scaleRounding(rules.rounding)), kMantissa);
  Expr subnormal = select(magnitude >= constant(leastRoundedUp(rules.rounding)), constant(1), constant(0));
  Expr code = select(magnitude < constant(kLeastNormal), subnormal, normal);
  code = select(code >= constant(kScaleNan), constant(rules.saturate ? kScaleNan - 1 : kScaleNan), code);
  code = select(magnitude < constant(kLeastScale), constant(rules.saturate ? 0 : kScaleNan), code);
  return select(magnitude > constant(kInfinity), constant(kScaleNan), code);
}

/// The codes of magnitudes of f32. NaN and infinities give any beyond the greatest number's.
static Expr encodeMagnitude(Expr magnitude, const Format &format) {
  auto constant = [&](int64_t value) { return magnitude.integer(value); };
  // The bits that are cut off round up by half of them, less one where the mantissa is even.
  unsigned cut = kMantissa - format.mantissa;
  Expr isOdd = shiftRightUnsigned(magnitude, cut) & constant(1);
  Expr rounded = shiftRightUnsigned(magnitude + constant((int64_t(1) << (cut - 1)) - 1) + isOdd, cut);
  Expr normal = rounded - constant(int64_t(kBias - format.bias) << format.mantissa);
  // Next to a number whose mantissa counts the steps of subnormal ones, the processor rounds.
  Expr number = magnitude.asFloat();
  Expr shift = number.real(std::ldexp(format.step(), kMantissa));
  Expr subnormal = (number + shift).asInteger() - shift.asInteger();
  Expr leastNormal = constant(int64_t(kBias + 1 - format.bias) << kMantissa);
  return select(magnitude < leastNormal, subnormal, normal);
}

static Expr encode(Expr bits, const Format &format, bool saturate) {
  auto constant = [&](int64_t value) { return bits.integer(value); };
  Expr sign = shiftRightUnsigned(bits, 31), magnitude = bits & constant(kMagnitude);
  Expr isNan = magnitude > constant(kInfinity);
  Expr code = encodeMagnitude(magnitude, format);
  code = select(code > constant(format.largest), constant(saturate ? format.largest : format.beyond), code);
  code = select(isNan, constant(format.nan), code);
  if (!format.hasNan())
    sign = select(isNan, sign ^ constant(1), sign);
  Expr whole = code | shiftLeft(sign, format.width - 1);
  return format.isUnsignedZero ? select(code == constant(0), code, whole) : whole;
}

Expr encodeSmallFloat(Expr number, Type to, CastRules rules) {
  if (number.width() > 32)
    number = number.to<arith::TruncFOp>(number.builder().getF32Type());
  Expr bits = number.asInteger();
  return narrowed(isScale(to) ? encodeScale(bits, rules) : encode(bits, formatOf(to), rules.saturate));
}

static Expr decodeScale(Expr bits) {
  Expr number = select(bits == bits.integer(0), bits.integer(kLeastScale), shiftLeft(bits, 23));
  return select(bits == bits.integer(kScaleNan), bits.integer(kNan), number).asFloat();
}

Expr decodeSmallFloat(Expr code, Type from) {
  Expr bits = code.to<arith::ExtUIOp>(code.builder().getI32Type()).as(false);
  if (isScale(from))
    return decodeScale(bits);
  Format format = formatOf(from);
  auto constant = [&](int64_t value) { return bits.integer(value); };
  Expr magnitude = bits & constant(format.signBit() - 1);
  Expr normal = shiftLeft(magnitude, kMantissa - format.mantissa) + constant(int64_t(kBias - format.bias) << kMantissa);
  Expr subnormal = (magnitude.to<arith::SIToFPOp>(code.builder().getF32Type()) * format.step()).asInteger();
  Expr number = select(magnitude < constant(1 << format.mantissa), subnormal, normal);
  if (!format.isUnsignedZero && format.hasNan()) {
    bool hasInfinity = format.beyond != format.nan;
    Expr special = constant(kNan);
    if (hasInfinity)
      special = select(magnitude == constant(format.beyond), constant(kInfinity), special);
    number = select(magnitude > constant(format.largest), special, number);
  }
  Expr sign = shiftLeft(bits & constant(format.signBit()), 32 - format.width);
  Expr whole = number | sign;
  return (format.isUnsignedZero ? select(bits == constant(format.nan), constant(kNan | int64_t(1) << 31), whole)
                                : whole)
      .asFloat();
}

} // namespace smelt::graph
