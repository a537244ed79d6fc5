// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Lanes.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace ptx {

static Error unknown(const Instruction &instruction) {
  return Error("instruction " + std::to_string(static_cast<int>(instruction.op)) + " of type " +
               std::to_string(static_cast<int>(instruction.type)) + " is not known");
}

template <typename T> static bool compares(Compare compare, T a, T b) {
  const bool isUnordered = a != a || b != b;
  switch (compare) {
  case Compare::Eq:
    return a == b;
  case Compare::Ne:
    return a != b && !isUnordered;
  case Compare::Lt:
    return a < b;
  case Compare::Le:
    return a <= b;
  case Compare::Gt:
    return a > b;
  case Compare::Ge:
    return a >= b;
  case Compare::Equ:
    return isUnordered || a == b;
  case Compare::Neu:
    return a != b;
  case Compare::Ltu:
    return !(a >= b);
  case Compare::Leu:
    return !(a > b);
  case Compare::Gtu:
    return !(a <= b);
  case Compare::Geu:
    return !(a < b);
  case Compare::Num:
    return !isUnordered;
  case Compare::Nan:
    return isUnordered;
  }
  return false;
}

namespace {
/// One instruction on operands of type T.
template <typename T> struct Typed {
  const Instruction &instruction;
  const Lanes &lanes;

  T *to() const { return lanes.at<T>(instruction.to[0]); }
  const T *source(size_t number) const { return lanes.at<T>(instruction.sources[number]); }

  template <typename F> void unary(F f) const {
    T *to = this->to();
    const T *a = source(0);
    lanes.each([=](unsigned lane) { to[lane] = f(a[lane]); });
  }
  template <typename F> void binary(F f) const {
    T *to = this->to();
    const T *a = source(0), *b = source(1);
    lanes.each([=](unsigned lane) { to[lane] = f(a[lane], b[lane]); });
  }
  void setp() const {
    auto *to = lanes.at<uint8_t>(instruction.to[0]);
    const T *a = source(0), *b = source(1);
    const Compare compare = instruction.compare;
    lanes.each([=](unsigned lane) { to[lane] = compares<T>(compare, a[lane], b[lane]); });
  }
  void selp() const {
    T *to = this->to();
    const T *a = source(0), *b = source(1);
    const auto *choice = lanes.at<uint8_t>(instruction.sources[2]);
    lanes.each([=](unsigned lane) { to[lane] = choice[lane] ? a[lane] : b[lane]; });
  }
  bool common() const;
};
} // namespace

template <typename T> bool Typed<T>::common() const {
  switch (instruction.op) {
  case Op::Add:
    binary([](T a, T b) { return static_cast<T>(a + b); });
    return true;
  case Op::Sub:
    binary([](T a, T b) { return static_cast<T>(a - b); });
    return true;
  case Op::Setp:
    setp();
    return true;
  case Op::Selp:
    selp();
    return true;
  case Op::Mov:
    unary([](T a) { return a; });
    return true;
  default:
    return false;
  }
}

template <typename T> static T minimum(T a, T b) {
  return a != a ? b : b != b ? a : a < b || (a == b && std::signbit(double(a))) ? a : b;
}
template <typename T> static T maximum(T a, T b) {
  return a != a ? b : b != b ? a : a > b || (a == b && !std::signbit(double(a))) ? a : b;
}

template <typename T> static void computeFloat(const Instruction &instruction, const Lanes &lanes) {
  using Wide = std::conditional_t<sizeof(T) == 8, double, float>; // of what the library has functions for
  Typed<T> typed{instruction, lanes};
  if (typed.common())
    return;
  switch (instruction.op) {
  case Op::Mul:
    return typed.binary([](T a, T b) { return static_cast<T>(a * b); });
  case Op::Div:
    return typed.binary([](T a, T b) { return static_cast<T>(a / b); });
  case Op::Min:
    return typed.binary(minimum<T>);
  case Op::Max:
    return typed.binary(maximum<T>);
  case Op::MinNan:
    return typed.binary(
        [](T a, T b) { return a != a || b != b ? std::numeric_limits<T>::quiet_NaN() : minimum(a, b); });
  case Op::MaxNan:
    return typed.binary(
        [](T a, T b) { return a != a || b != b ? std::numeric_limits<T>::quiet_NaN() : maximum(a, b); });
  case Op::Neg:
    return typed.unary([](T a) { return static_cast<T>(-a); });
  case Op::Abs:
    return typed.unary([](T a) { return static_cast<T>(std::fabs(Wide(a))); });
  case Op::Sqrt:
    return typed.unary([](T a) { return static_cast<T>(std::sqrt(Wide(a))); });
  case Op::Rcp:
    return typed.unary([](T a) { return static_cast<T>(1 / a); });
  case Op::CopySign: // of the first operand
    return typed.binary([](T a, T b) { return static_cast<T>(std::copysign(Wide(b), Wide(a))); });
  case Op::Fma: {
    T *to = typed.to();
    const T *a = typed.source(0), *b = typed.source(1), *c = typed.source(2);
    return lanes.each(
        [=](unsigned lane) { to[lane] = static_cast<T>(std::fma(Wide(a[lane]), Wide(b[lane]), Wide(c[lane]))); });
  }
  default:
    throw unknown(instruction);
  }
}

template <typename T> static T shifted(Op op, T value, uint32_t amount) {
  constexpr uint32_t kBits = 8 * sizeof(T);
  if (op == Op::Shl)
    return amount >= kBits ? T(0) : static_cast<T>(value << amount);
  if (amount >= kBits)
    return value < 0 ? T(-1) : T(0);
  return static_cast<T>(value >> amount);
}

/// Wide products: of twice as many bits.
template <typename T, typename Wide> static void multiplyWide(const Instruction &instruction, const Lanes &lanes) {
  const T *a = lanes.at<T>(instruction.sources[0]), *b = lanes.at<T>(instruction.sources[1]);
  if (instruction.op == Op::MulHi) {
    T *to = lanes.at<T>(instruction.to[0]);
    return lanes.each(
        [=](unsigned lane) { to[lane] = static_cast<T>((Wide(a[lane]) * Wide(b[lane])) >> (8 * sizeof(T))); });
  }
  Wide *to = lanes.at<Wide>(instruction.to[0]);
  if (instruction.op == Op::MulWide)
    return lanes.each([=](unsigned lane) { to[lane] = Wide(a[lane]) * Wide(b[lane]); });
  const Wide *c = lanes.at<Wide>(instruction.sources[2]);
  lanes.each([=](unsigned lane) { to[lane] = Wide(a[lane]) * Wide(b[lane]) + c[lane]; });
}

template <typename T> static void countBits(const Instruction &instruction, const Lanes &lanes) {
  using U = std::make_unsigned_t<T>;
  const auto *a = lanes.at<U>(instruction.sources[0]);
  auto *to = lanes.at<uint32_t>(instruction.to[0]);
  const bool isCount = instruction.op == Op::Popc;
  lanes.each([=](unsigned lane) {
    const uint64_t value = a[lane];
    const int zeros = value ? __builtin_clzll(value) - int(64 - 8 * sizeof(T)) : int(8 * sizeof(T));
    to[lane] = isCount ? static_cast<uint32_t>(__builtin_popcountll(value)) : static_cast<uint32_t>(zeros);
  });
}

template <typename T> static T extracted(T value, uint32_t place, uint32_t length) {
  using U = std::make_unsigned_t<T>;
  constexpr uint32_t kBits = 8 * sizeof(T);
  place &= 0xff;
  length &= 0xff;
  if (length == 0)
    return 0;
  const U ones = length >= kBits ? ~U(0) : static_cast<U>((U(1) << length) - 1);
  U bits = place >= kBits ? U(0) : static_cast<U>(static_cast<U>(value) >> place);
  bits &= ones;
  const uint32_t sign = std::min(place + length - 1, kBits - 1);
  if (std::is_signed_v<T> && (static_cast<U>(value) >> sign & 1))
    bits |= static_cast<U>(~ones);
  return static_cast<T>(bits);
}

template <typename T> static void computeInteger(const Instruction &instruction, const Lanes &lanes) {
  using U = std::make_unsigned_t<T>;
  Typed<T> typed{instruction, lanes};
  const Op op = instruction.op;
  switch (op) {
  case Op::Add: // of unsigned ones, which wrap
    return Typed<U>{instruction, lanes}.binary([](U a, U b) { return static_cast<U>(a + b); });
  case Op::Sub:
    return Typed<U>{instruction, lanes}.binary([](U a, U b) { return static_cast<U>(a - b); });
  case Op::Mul:
    return Typed<U>{instruction, lanes}.binary([](U a, U b) { return static_cast<U>(uint64_t(a) * b); });
  case Op::Div:
    return typed.binary([](T a, T b) {
      return b == 0 ? T(-1) : T(b + 1) == 0 && std::is_signed_v<T> ? T(U(0) - U(a)) : T(a / b);
    });
  case Op::Rem:
    return typed.binary([](T a, T b) { return b == 0 ? a : T(b + 1) == 0 && std::is_signed_v<T> ? T(0) : T(a % b); });
  case Op::Min:
    return typed.binary([](T a, T b) { return std::min(a, b); });
  case Op::Max:
    return typed.binary([](T a, T b) { return std::max(a, b); });
  case Op::Neg:
    return Typed<U>{instruction, lanes}.unary([](U a) { return static_cast<U>(U(0) - a); });
  case Op::Abs:
    return typed.unary([](T a) { return a < 0 ? T(U(0) - U(a)) : a; });
  case Op::And:
    return typed.binary([](T a, T b) { return static_cast<T>(a & b); });
  case Op::Or:
    return typed.binary([](T a, T b) { return static_cast<T>(a | b); });
  case Op::Xor:
    return typed.binary([](T a, T b) { return static_cast<T>(a ^ b); });
  case Op::Not:
    return typed.unary([](T a) { return static_cast<T>(~a); });
  case Op::Shl:
  case Op::Shr: {
    T *to = typed.to();
    const T *a = typed.source(0);
    const auto *amount = lanes.at<uint32_t>(instruction.sources[1]);
    return lanes.each([=](unsigned lane) { to[lane] = shifted<T>(op, a[lane], amount[lane]); });
  }
  case Op::Mad: {
    auto *to = lanes.at<U>(instruction.to[0]);
    const auto *a = lanes.at<U>(instruction.sources[0]), *b = lanes.at<U>(instruction.sources[1]),
               *c = lanes.at<U>(instruction.sources[2]);
    return lanes.each([=](unsigned lane) { to[lane] = static_cast<U>(uint64_t(a[lane]) * b[lane] + c[lane]); });
  }
  case Op::Popc:
  case Op::Clz:
    return countBits<T>(instruction, lanes);
  case Op::Bfe: {
    T *to = typed.to();
    const T *a = typed.source(0);
    const auto *place = lanes.at<uint32_t>(instruction.sources[1]),
               *length = lanes.at<uint32_t>(instruction.sources[2]);
    return lanes.each([=](unsigned lane) { to[lane] = extracted<T>(a[lane], place[lane], length[lane]); });
  }
  case Op::MulWide:
  case Op::MulHi:
  case Op::MadWide:
    if constexpr (sizeof(T) == 2)
      return std::is_signed_v<T> ? multiplyWide<int16_t, int32_t>(instruction, lanes)
                                 : multiplyWide<uint16_t, uint32_t>(instruction, lanes);
    else if constexpr (sizeof(T) == 4)
      return std::is_signed_v<T> ? multiplyWide<int32_t, int64_t>(instruction, lanes)
                                 : multiplyWide<uint32_t, uint64_t>(instruction, lanes);
    else
      return std::is_signed_v<T> ? multiplyWide<int64_t, __int128>(instruction, lanes)
                                 : multiplyWide<uint64_t, unsigned __int128>(instruction, lanes);
  default:
    if (!typed.common())
      throw unknown(instruction);
  }
}

//===-- Conversions ---------------------------------------------------------------------------------------------===//

static double rounded(double value, Round round) {
  switch (round) {
  case Round::Nearest:
    return std::nearbyint(value);
  case Round::Zero:
    return std::trunc(value);
  case Round::Down:
    return std::floor(value);
  case Round::Up:
    return std::ceil(value);
  }
  return value;
}

static bool isFloat(Type type) { return type == Type::F16 || type == Type::F32 || type == Type::F64; }

static bool isSigned(Type type) {
  return type == Type::S8 || type == Type::S16 || type == Type::S32 || type == Type::S64;
}

double floatOf(Type type, uint64_t bits) {
  if (type == Type::F64) {
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  if (type == Type::F32 || type == Type::BF16) {
    const auto word = static_cast<uint32_t>(type == Type::F32 ? bits : bits << 16);
    float value;
    std::memcpy(&value, &word, sizeof value);
    return static_cast<double>(value);
  }
  _Float16 value;
  std::memcpy(&value, &bits, sizeof value);
  return static_cast<double>(value);
}

template <typename T> static uint64_t bitsOf(T value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

static uint64_t narrowed(Type type, double value) {
  if (type == Type::F64)
    return bitsOf(value);
  return type == Type::F32 ? bitsOf(static_cast<float>(value)) : bitsOf(static_cast<_Float16>(value));
}

static uint64_t signExtended(uint64_t bits, unsigned bytes) {
  const unsigned shift = 64 - 8 * bytes;
  return static_cast<uint64_t>(static_cast<int64_t>(bits << shift) >> shift);
}

/// As the device's: what is too large becomes the largest, NaN 0.
static uint64_t integerOf(Type type, double value) {
  const unsigned bits = 8 * bytesOf(type);
  if (value != value)
    return 0;
  const double least = isSigned(type) ? -std::ldexp(1.0, int(bits) - 1) : 0;
  const double most = std::ldexp(1.0, int(bits) - (isSigned(type) ? 1 : 0));
  if (value <= least)
    return isSigned(type) ? uint64_t(1) << (bits - 1) | (bits < 64 ? ~uint64_t(0) << bits : 0) : 0;
  if (value >= most)
    return isSigned(type) ? (uint64_t(1) << (bits - 1)) - 1 : bits == 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1;
  return isSigned(type) ? static_cast<uint64_t>(static_cast<int64_t>(value)) : static_cast<uint64_t>(value);
}

static uint64_t converted(const Instruction &instruction, uint64_t bits) {
  const Type to = instruction.type, from = instruction.from;
  if (isFloat(from)) {
    double value = floatOf(from, bits);
    if (!isFloat(to))
      return integerOf(to, rounded(value, instruction.round));
    if (instruction.isInteger)
      value = rounded(value, instruction.round);
    return narrowed(to, value);
  }
  const unsigned bytes = bytesOf(from);
  bits = isSigned(from) ? signExtended(bits, bytes) : bytes == 8 ? bits : bits & ((uint64_t(1) << (8 * bytes)) - 1);
  if (to == Type::F32) // rounded once
    return bitsOf(isSigned(from) ? static_cast<float>(static_cast<int64_t>(bits)) : static_cast<float>(bits));
  if (isFloat(to))
    return narrowed(to, isSigned(from) ? static_cast<double>(static_cast<int64_t>(bits)) : static_cast<double>(bits));
  return bytesOf(to) < 4
             ? isSigned(to) ? signExtended(bits, bytesOf(to)) : bits & ((uint64_t(1) << (8 * bytesOf(to))) - 1)
             : bits;
}

static void convert(const Instruction &instruction, const Lanes &lanes) {
  if (instruction.saturates)
    throw unknown(instruction);
  for (unsigned lane = 0; lane < kWarp; ++lane)
    if (lanes.mask >> lane & 1)
      lanes.setBits(instruction.to[0], lane, converted(instruction, lanes.bits(instruction.sources[0], lane)));
}

//===-- Bits ----------------------------------------------------------------------------------------------------===//

static void pack(const Instruction &instruction, const Lanes &lanes) {
  lanes.each([&](unsigned lane) {
    uint64_t all = 0;
    unsigned shift = 0;
    for (uint32_t source : instruction.sources) {
      all |= lanes.bits(source, lane) << shift;
      shift += 8 * lanes.widthOf(source);
    }
    lanes.setBits(instruction.to[0], lane, all);
  });
}

static void unpack(const Instruction &instruction, const Lanes &lanes) {
  const unsigned bits = 8 * bytesOf(instruction.type) / static_cast<unsigned>(instruction.to.size());
  lanes.each([&](unsigned lane) {
    const uint64_t all = lanes.bits(instruction.sources[0], lane);
    for (size_t part = 0; part < instruction.to.size(); ++part)
      lanes.setBits(instruction.to[part], lane, all >> (bits * part));
  });
}

static void permute(const Instruction &instruction, const Lanes &lanes) {
  lanes.each([&](unsigned lane) {
    const uint64_t bytes = lanes.bits(instruction.sources[0], lane) | lanes.bits(instruction.sources[1], lane) << 32;
    const uint64_t choice = lanes.bits(instruction.sources[2], lane);
    uint64_t result = 0;
    for (unsigned byte = 0; byte < 4; ++byte) {
      const uint64_t which = choice >> (4 * byte) & 15;
      uint64_t value = bytes >> (8 * (which & 7)) & 0xff;
      if (which & 8)
        value = value & 0x80 ? 0xff : 0;
      result |= value << (8 * byte);
    }
    lanes.setBits(instruction.to[0], lane, result);
  });
}

/// shf.wrap: 32 bits of two registers side by side, the second of which is the high one.
static void shiftFunnel(const Instruction &instruction, const Lanes &lanes) {
  lanes.each([&](unsigned lane) {
    const uint64_t both = lanes.bits(instruction.sources[0], lane) | lanes.bits(instruction.sources[1], lane) << 32;
    const uint64_t amount = lanes.bits(instruction.sources[2], lane) & 31;
    lanes.setBits(instruction.to[0], lane, instruction.op == Op::ShfLeft ? (both << amount) >> 32 : both >> amount);
  });
}

/// Two halves of a register, each as an instruction of its own; a conversion makes them of two registers, of which the
/// first is the high half.
static void computePairs(const Instruction &instruction, const Lanes &lanes) {
  Instruction half = instruction;
  half.type = Type::F16;
  if (instruction.op == Op::Cvt) {
    lanes.each([&](unsigned lane) {
      const uint64_t high = narrowed(Type::F16, floatOf(Type::F32, lanes.bits(instruction.sources[0], lane)));
      const uint64_t low = narrowed(Type::F16, floatOf(Type::F32, lanes.bits(instruction.sources[1], lane)));
      lanes.setBits(instruction.to[0], lane, high << 16 | low);
    });
    return;
  }
  constexpr size_t kMost = 4; // registers
  std::vector<uint8_t> registers(kMost * kRegisterBytes);
  std::vector<uint8_t> widths(kMost, 2);
  if (instruction.op == Op::Setp)
    widths[0] = 1;
  const Lanes inner{registers.data(), widths.data(), lanes.mask};
  half.to = {0};
  half.sources.clear();
  for (size_t number = 0; number < instruction.sources.size(); ++number)
    half.sources.push_back(static_cast<uint32_t>((number + 1) * kRegisterBytes));
  uint64_t results[kWarp] = {}; // the target may be a source
  for (unsigned shift : {0u, 16u}) {
    for (size_t number = 0; number < half.sources.size(); ++number)
      lanes.each([&](unsigned lane) {
        inner.setBits(half.sources[number], lane, lanes.bits(instruction.sources[number], lane) >> shift);
      });
    compute(half, inner);
    lanes.each([&](unsigned lane) { results[lane] |= inner.bits(0, lane) << shift; });
  }
  lanes.each([&](unsigned lane) {
    lanes.setBits(instruction.to[0], lane, results[lane]);
    if (instruction.op == Op::Setp) // low|high
      lanes.setBits(instruction.to[1], lane, results[lane] >> 16);
  });
}

/// cvt.rna.tf32.f32: to ten digits behind the point, ties away from zero.
static void roundToTf32(const Instruction &instruction, const Lanes &lanes) {
  constexpr uint32_t kLost = 0x1fff, kHalf = 0x1000, kInfinity = 0x7f800000, kNan = 0x7fffffff;
  lanes.each([&](unsigned lane) {
    const auto bits = static_cast<uint32_t>(lanes.bits(instruction.sources[0], lane));
    const bool isNan = (bits & ~(1u << 31)) > kInfinity;
    lanes.setBits(instruction.to[0], lane, isNan ? kNan : (bits + kHalf) & ~kLost);
  });
}

static void reverseBits(const Instruction &instruction, const Lanes &lanes) {
  const unsigned bits = 8 * bytesOf(instruction.type);
  lanes.each([&](unsigned lane) {
    uint64_t value = lanes.bits(instruction.sources[0], lane), result = 0;
    for (unsigned bit = 0; bit < bits; ++bit)
      result |= (value >> bit & 1) << (bits - 1 - bit);
    lanes.setBits(instruction.to[0], lane, result);
  });
}

static void computePredicate(const Instruction &instruction, const Lanes &lanes) {
  Typed<uint8_t> typed{instruction, lanes};
  switch (instruction.op) {
  case Op::And:
    return typed.binary([](uint8_t a, uint8_t b) { return static_cast<uint8_t>(a & b & 1); });
  case Op::Or:
    return typed.binary([](uint8_t a, uint8_t b) { return static_cast<uint8_t>((a | b) & 1); });
  case Op::Xor:
    return typed.binary([](uint8_t a, uint8_t b) { return static_cast<uint8_t>((a ^ b) & 1); });
  case Op::Not:
    return typed.unary([](uint8_t a) { return static_cast<uint8_t>(!(a & 1)); });
  case Op::Mov:
    return typed.unary([](uint8_t a) { return static_cast<uint8_t>(a & 1); });
  default:
    throw unknown(instruction);
  }
}

void compute(const Instruction &instruction, const Lanes &lanes) {
  if (instruction.type == Type::F16x2)
    return computePairs(instruction, lanes);
  switch (instruction.op) {
  case Op::Cvt:
    return instruction.type == Type::TF32 ? roundToTf32(instruction, lanes) : convert(instruction, lanes);
  case Op::Pack:
    return pack(instruction, lanes);
  case Op::Unpack:
    return unpack(instruction, lanes);
  case Op::Prmt:
    return permute(instruction, lanes);
  case Op::ShfLeft:
  case Op::ShfRight:
    return shiftFunnel(instruction, lanes);
  case Op::Brev:
    return reverseBits(instruction, lanes);
  default:
    break;
  }
  switch (instruction.type) {
  case Type::Pred:
    return computePredicate(instruction, lanes);
  case Type::F32:
    return computeFloat<float>(instruction, lanes);
  case Type::F64:
    return computeFloat<double>(instruction, lanes);
  case Type::F16:
    return computeFloat<_Float16>(instruction, lanes);
  case Type::S16:
    return computeInteger<int16_t>(instruction, lanes);
  case Type::B16:
  case Type::U16:
    return computeInteger<uint16_t>(instruction, lanes);
  case Type::S32:
    return computeInteger<int32_t>(instruction, lanes);
  case Type::B32:
  case Type::U32:
    return computeInteger<uint32_t>(instruction, lanes);
  case Type::S64:
    return computeInteger<int64_t>(instruction, lanes);
  case Type::B64:
  case Type::U64:
    return computeInteger<uint64_t>(instruction, lanes);
  default:
    throw unknown(instruction);
  }
}

} // namespace ptx
