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

/// The float of 16 bits that is half number `half` of a register.
static float halfOf(Type type, uint64_t bits, unsigned half) {
  const auto word = static_cast<uint16_t>(bits >> (16 * half));
  if (type == Type::BF16) {
    const uint32_t wide = uint32_t(word) << 16;
    float value;
    std::memcpy(&value, &wide, sizeof value);
    return value;
  }
  _Float16 value;
  std::memcpy(&value, &word, sizeof value);
  return static_cast<float>(value);
}

/// mma.sync.aligned.m16n8kK.row.col.f32.T.T.f32 of floats of 16 bits: products are exact, and sums in f32, in the order
/// of k.
///   a: register r of a lane has row group + 8 (r % 2), and k = 2 (lane % 4) + 8 (r / 2) and the next
///   b: register r has column group, and k = 2 (lane % 4) + 8 r and the next
///   c, d: register r has row group + 8 (r / 2), and column 2 (lane % 4) + r % 2
void multiplyMatrices(const Instruction &instruction, const Lanes &lanes) {
  constexpr unsigned kRows = 16, kColumns = 8, kMostK = 16;
  needWarp(instruction, lanes);
  const auto depth = static_cast<unsigned>(instruction.offset);
  const unsigned lefts = depth / 4, rights = depth / 8; // registers
  if ((instruction.from != Type::F16 && instruction.from != Type::BF16) || instruction.type != Type::F32 ||
      depth > kMostK || instruction.to.size() != 4 || instruction.sources.size() != lefts + rights + 4)
    throw Error("matrices of other types than f16 and bf16 are not known");
  float left[kRows][kMostK], right[kMostK][kColumns];
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    const unsigned group = lane / 4, first = lane % 4 * 2;
    for (unsigned half = 0; half < 2; ++half) {
      for (unsigned number = 0; number < lefts; ++number)
        left[group + number % 2 * 8][first + number / 2 * 8 + half] =
            halfOf(instruction.from, lanes.bits(instruction.sources[number], lane), half);
      for (unsigned number = 0; number < rights; ++number)
        right[first + number * 8 + half][group] =
            halfOf(instruction.from, lanes.bits(instruction.sources[lefts + number], lane), half);
    }
  }
  float sums[kRows][kColumns];
  auto each = [&](auto body) {
    for (unsigned number = 0; number < 4; ++number)
      for (unsigned lane = 0; lane < kWarp; ++lane)
        body(number, lane, sums[lane / 4 + number / 2 * 8][lane % 4 * 2 + number % 2]);
  };
  each([&](unsigned number, unsigned lane, float &sum) {
    sum = lanes.at<float>(instruction.sources[lefts + rights + number])[lane];
  });
  for (unsigned row = 0; row < kRows; ++row)
    for (unsigned k = 0; k < depth; ++k)
      for (unsigned column = 0; column < kColumns; ++column)
        sums[row][column] += left[row][k] * right[k][column];
  each([&](unsigned number, unsigned lane, float &sum) { lanes.at<float>(instruction.to[number])[lane] = sum; });
}

} // namespace ptx
