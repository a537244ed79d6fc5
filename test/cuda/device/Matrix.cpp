// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Instructions of a whole warp on matrices, as the PTX ISA (9.7.14, "Warp Level Matrix Multiply-Accumulate
// Instructions") lays their fragments out: lane l has rows of group l / 4, and elements from l % 4 on.

#include "Lanes.h"
#include <cstring>

namespace ptx {

static void needWarp(const Instruction &instruction, const Lanes &lanes) {
  if (lanes.mask != ~0u)
    throw Error("some lanes of a warp are missing at a matrix instruction " +
                std::to_string(static_cast<int>(instruction.op)));
}

/// ldmatrix.sync.aligned.m8n8.x4{.trans}.shared.b16 {r…}, [address]: matrix m has its rows where lanes 8 m … 8 m + 7
/// say.
void loadMatrices(const Instruction &instruction, const Lanes &lanes, const ReadRow &read) {
  constexpr unsigned kSide = 8;
  needWarp(instruction, lanes);
  const auto *addresses = lanes.at<uint64_t>(instruction.sources[0]);
  std::vector<uint16_t> all; // [matrix][row][column]
  for (unsigned row = 0; row < kSide * instruction.to.size(); ++row) {
    uint16_t elements[kSide];
    std::memcpy(elements, read(addresses[row] + static_cast<uint64_t>(instruction.offset), sizeof elements),
                sizeof elements);
    all.insert(all.end(), elements, elements + kSide);
  }
  for (size_t matrix = 0; matrix < instruction.to.size(); ++matrix)
    for (unsigned lane = 0; lane < kWarp; ++lane) {
      const unsigned group = lane / 4, first = lane % 4 * 2;
      auto element = [&](unsigned row, unsigned column) {
        return static_cast<uint64_t>(all[(matrix * kSide + row) * kSide + column]);
      };
      const uint64_t low = instruction.isTransposed ? element(first, group) : element(group, first);
      const uint64_t high = instruction.isTransposed ? element(first + 1, group) : element(group, first + 1);
      lanes.setBits(instruction.to[matrix], lane, high << 16 | low);
    }
}

/// Element number `number` of a register.
template <typename Sum> static Sum elementOf(Type type, uint64_t bits, unsigned number) {
  if (type == Type::S8)
    return static_cast<Sum>(static_cast<int8_t>(bits >> (8 * number)));
  if (type == Type::U8)
    return static_cast<Sum>(static_cast<uint8_t>(bits >> (8 * number)));
  if (type == Type::TF32) // whose last 13 bits nobody looks at
    return static_cast<Sum>(floatOf(Type::F32, bits & ~UINT64_C(0x1fff)));
  return static_cast<Sum>(floatOf(type, static_cast<uint16_t>(bits >> (16 * number))));
}

/// mma.sync.aligned.mMn8kK.row.col.D.A.B.D. Products of floats of 16 bits and of tf32 are exact, and their sums in f32,
/// in the order of k; sums of integers wrap. A register has n elements: one, two or four.
///   a: register r of a lane has row group + 8 (r % (M / 8)), and k = n (lane % 4 + 4 (r / (M / 8))) and the next
///   b: register r has column group, and k = n (lane % 4 + 4 r) and the next
///   c, d: register r has row group + 8 (r / 2), and column 2 (lane % 4) + r % 2
template <typename Sum, typename Stored> static void multiply(const Instruction &instruction, const Lanes &lanes) {
  constexpr unsigned kMostRows = 16, kColumns = 8, kMostK = 32;
  const unsigned elements = 4 / bytesOf(instruction.from), depth = static_cast<unsigned>(instruction.offset);
  const auto results = static_cast<unsigned>(instruction.to.size());
  const unsigned down = results / 2, rights = depth / (4 * elements), lefts = rights * down;
  if (depth > kMostK || results > 4 || instruction.sources.size() != lefts + rights + results)
    throw Error("matrices of this shape are not known");
  Sum left[kMostRows][kMostK], right[kMostK][kColumns], sums[kMostRows][kColumns];
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    const unsigned group = lane / 4;
    for (unsigned next = 0; next < elements; ++next) {
      for (unsigned number = 0; number < lefts; ++number)
        left[group + number % down * 8][elements * (lane % 4 + 4 * (number / down)) + next] =
            elementOf<Sum>(instruction.from, lanes.bits(instruction.sources[number], lane), next);
      for (unsigned number = 0; number < rights; ++number)
        right[elements * (lane % 4 + 4 * number) + next][group] =
            elementOf<Sum>(instruction.right, lanes.bits(instruction.sources[lefts + number], lane), next);
    }
  }
  auto each = [&](auto body) {
    for (unsigned number = 0; number < results; ++number)
      for (unsigned lane = 0; lane < kWarp; ++lane)
        body(number, lane, sums[lane / 4 + number / 2 * 8][lane % 4 * 2 + number % 2]);
  };
  each([&](unsigned number, unsigned lane, Sum &sum) {
    sum = static_cast<Sum>(lanes.at<Stored>(instruction.sources[lefts + rights + number])[lane]);
  });
  for (unsigned row = 0; row < 8 * down; ++row)
    for (unsigned k = 0; k < depth; ++k)
      for (unsigned column = 0; column < kColumns; ++column)
        sums[row][column] += left[row][k] * right[k][column];
  each([&](unsigned number, unsigned lane, Sum &sum) {
    lanes.at<Stored>(instruction.to[number])[lane] = static_cast<Stored>(sum);
  });
}

void multiplyMatrices(const Instruction &instruction, const Lanes &lanes) {
  needWarp(instruction, lanes);
  auto isByte = [](Type type) { return type == Type::S8 || type == Type::U8; };
  const bool isFloat =
      instruction.from == Type::F16 || instruction.from == Type::BF16 || instruction.from == Type::TF32;
  if (instruction.type == Type::F32 && isFloat && instruction.right == instruction.from)
    return multiply<float, float>(instruction, lanes);
  if (instruction.type == Type::S32 && isByte(instruction.from) && isByte(instruction.right))
    return multiply<uint32_t, int32_t>(instruction, lanes);
  throw Error("matrices of these types are not known");
}

} // namespace ptx
