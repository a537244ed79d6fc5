// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/Compare.h"

#include "tools/runner/Tensor.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

namespace smelt::runner {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <typename T> static T load(const unsigned char *from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

static double fromHalf(uint16_t bits) {
  const double sign = bits & 0x8000 ? -1 : 1;
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  if (exponent == 31)
    return mantissa ? std::numeric_limits<double>::quiet_NaN() : sign * kInfinity;
  return sign * (exponent ? std::ldexp(1024 + mantissa, exponent - 25) : std::ldexp(mantissa, -24));
}

namespace {
/// A float of a byte or less: a sign, an exponent and a mantissa.
struct SmallFormat {
  int width, mantissa, bias;
  enum { Finite, OneNan, UnsignedZero, Infinities } special;
};
} // namespace

static double fromSmall(unsigned char code, SmallFormat format) {
  const double sign = code >> (format.width - 1) ? -1 : 1;
  const int magnitude = code & ((1 << (format.width - 1)) - 1), largest = (1 << (format.width - 1)) - 1;
  const int exponent = magnitude >> format.mantissa, steps = magnitude & ((1 << format.mantissa) - 1);
  const int infinity = largest - (1 << format.mantissa) + 1;
  if ((format.special == SmallFormat::OneNan && magnitude == largest) ||
      (format.special == SmallFormat::UnsignedZero && sign < 0 && magnitude == 0) ||
      (format.special == SmallFormat::Infinities && magnitude > infinity))
    return std::numeric_limits<double>::quiet_NaN();
  if (format.special == SmallFormat::Infinities && magnitude == infinity)
    return sign * kInfinity;
  const int one = 1 << format.mantissa, scale = 1 - format.bias - format.mantissa;
  return sign * (exponent ? std::ldexp(one + steps, exponent - 1 + scale) : std::ldexp(steps, scale));
}

/// f8e8m0: 2^(code - 127).
static double fromScale(unsigned char code) {
  return code == 255 ? std::numeric_limits<double>::quiet_NaN() : std::ldexp(1.0, code - 127);
}

unsigned char TensorView::code(uint64_t index) const {
  if (!isPacked(dtype))
    return bytes[index];
  const size_t perByte = 8 / smelt_dtype_bits(dtype), within = index % perByte;
  unsigned char elements[4];
  unpack(bytes + index / perByte, dtype, within + 1, elements);
  return elements[within];
}

uint64_t TensorView::count() const {
  uint64_t count = 1;
  for (int64_t extent : shape)
    count *= static_cast<uint64_t>(extent);
  return count;
}

double TensorView::at(uint64_t index) const {
  const unsigned char *element = bytes + index * smelt_dtype_size(dtype);
  switch (dtype) {
  case SMELT_F32:
    return load<float>(element);
  case SMELT_F16:
    return fromHalf(load<uint16_t>(element));
  case SMELT_BF16: {
    const uint32_t bits = static_cast<uint32_t>(load<uint16_t>(element)) << 16;
    return load<float>(reinterpret_cast<const unsigned char *>(&bits));
  }
  case SMELT_F64:
    return load<double>(element);
  case SMELT_I8:
    return load<int8_t>(element);
  case SMELT_I16:
    return load<int16_t>(element);
  case SMELT_I32:
    return load<int32_t>(element);
  case SMELT_I64:
    return static_cast<double>(load<int64_t>(element));
  case SMELT_U8:
  case SMELT_BOOL:
    return *element;
  case SMELT_U16:
    return load<uint16_t>(element);
  case SMELT_U32:
    return load<uint32_t>(element);
  case SMELT_U64:
    return static_cast<double>(load<uint64_t>(element));
  case SMELT_F8E4M3FN:
    return fromSmall(code(index), {8, 3, 7, SmallFormat::OneNan});
  case SMELT_F8E4M3FNUZ:
    return fromSmall(code(index), {8, 3, 8, SmallFormat::UnsignedZero});
  case SMELT_F8E5M2:
    return fromSmall(code(index), {8, 2, 15, SmallFormat::Infinities});
  case SMELT_F8E5M2FNUZ:
    return fromSmall(code(index), {8, 2, 16, SmallFormat::UnsignedZero});
  case SMELT_F8E8M0:
    return fromScale(code(index));
  case SMELT_F6E2M3:
    return fromSmall(code(index), {6, 3, 1, SmallFormat::Finite});
  case SMELT_F6E3M2:
    return fromSmall(code(index), {6, 2, 3, SmallFormat::Finite});
  case SMELT_F4E2M1:
    return fromSmall(code(index), {4, 1, 1, SmallFormat::Finite});
  case SMELT_I4:
  case SMELT_I2:
    return static_cast<signed char>(code(index));
  case SMELT_U4:
  case SMELT_U2:
    return code(index);
  }
  return 0;
}

/// |got - want|, where NaN equals NaN and an infinity itself.
static double distance(double got, double want) {
  if (got == want || (std::isnan(got) && std::isnan(want)))
    return 0;
  const double apart = std::fabs(got - want);
  return std::isnan(apart) ? kInfinity : apart;
}

/// Integers beyond 2^53 may differ though their doubles do not.
static bool sameBytes(const TensorView &got, const TensorView &want, uint64_t index) {
  if (isPacked(got.dtype))
    return got.code(index) == want.code(index);
  const size_t size = smelt_dtype_size(got.dtype);
  return std::memcmp(got.bytes + index * size, want.bytes + index * size, size) == 0;
}

double largest(const TensorView &tensor) {
  double most = 0;
  for (uint64_t i = 0, count = tensor.count(); i < count; ++i)
    if (const double value = std::fabs(tensor.at(i)); std::isfinite(value) && value > most)
      most = value;
  return most;
}

Difference difference(const TensorView &got, const TensorView &want) {
  Difference result;
  double dot = 0, gotSquares = 0, wantSquares = 0;
  for (uint64_t i = 0, count = got.count(); i < count; ++i) {
    const double a = got.at(i), b = want.at(i), apart = distance(a, b);
    result.differing += got.isFloat() ? apart > 0 : !sameBytes(got, want, i);
    if (apart > result.maxAbs) {
      result.maxAbs = apart;
      result.worst = i;
    }
    if (std::isfinite(a) && std::isfinite(b)) {
      dot += a * b;
      gotSquares += a * a;
      wantSquares += b * b;
    }
  }
  const double most = largest(want);
  if (result.maxAbs > 0)
    result.maxRelative = most > 0 ? result.maxAbs / most : kInfinity;
  if (gotSquares > 0 || wantSquares > 0)
    result.cosine = gotSquares > 0 && wantSquares > 0 ? dot / std::sqrt(gotSquares) / std::sqrt(wantSquares) : 0;
  return result;
}

/// "[0, 2, 1]"
static std::string indexText(const std::vector<int64_t> &shape, uint64_t position) {
  std::string text;
  for (size_t dim = shape.size(); dim-- > 0;) {
    const auto extent = static_cast<uint64_t>(shape[dim]);
    text = std::to_string(position % extent) + (text.empty() ? "" : ", ") + text;
    position /= extent;
  }
  return "[" + text + "]";
}

std::string beyond(const TensorView &got, const TensorView &want, Tolerance tolerance) {
  uint64_t wrong = 0, worst = 0, count = got.count();
  double most = -1;
  for (uint64_t i = 0; i < count; ++i) {
    const double a = got.at(i), b = want.at(i), apart = distance(a, b);
    const bool within = got.isFloat() ? apart == 0 || apart <= tolerance.absolute + tolerance.relative * std::fabs(b)
                                      : sameBytes(got, want, i);
    if (within)
      continue;
    ++wrong;
    if (apart > most) {
      most = apart;
      worst = i;
    }
  }
  if (wrong == 0)
    return "";
  char text[128];
  std::snprintf(text, sizeof text, ": %.9g, not %.9g", got.at(worst), want.at(worst));
  return std::to_string(wrong) + " of " + std::to_string(count) + " elements, the worst at " +
         indexText(got.shape, worst) + text;
}

} // namespace smelt::runner
