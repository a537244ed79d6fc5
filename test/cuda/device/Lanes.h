// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TEST_CUDA_DEVICE_LANES_H
#define SMELT_TEST_CUDA_DEVICE_LANES_H

#include "Ptx.h"

namespace ptx {

/// The registers of a warp, and which of its lanes an instruction counts for.
struct Lanes {
  uint8_t *registers;
  const uint8_t *widths;
  uint32_t mask;

  template <typename T> T *at(uint32_t place) const { return reinterpret_cast<T *>(registers + place); }

  template <typename Body> void each(Body body) const {
    if (mask == ~0u) {
#pragma clang loop vectorize(assume_safety)
      for (unsigned lane = 0; lane < kWarp; ++lane)
        body(lane);
      return;
    }
    for (uint32_t rest = mask; rest; rest &= rest - 1)
      body(static_cast<unsigned>(__builtin_ctz(rest)));
  }

  unsigned widthOf(uint32_t place) const { return widths[place / kRegisterBytes]; }

  /// A register's bits, whatever its width.
  uint64_t bits(uint32_t place, unsigned lane) const {
    switch (widthOf(place)) {
    case 1:
      return at<uint8_t>(place)[lane];
    case 2:
      return at<uint16_t>(place)[lane];
    case 4:
      return at<uint32_t>(place)[lane];
    default:
      return at<uint64_t>(place)[lane];
    }
  }
  void setBits(uint32_t place, unsigned lane, uint64_t value) const {
    switch (widthOf(place)) {
    case 1:
      at<uint8_t>(place)[lane] = static_cast<uint8_t>(value);
      break;
    case 2:
      at<uint16_t>(place)[lane] = static_cast<uint16_t>(value);
      break;
    case 4:
      at<uint32_t>(place)[lane] = static_cast<uint32_t>(value);
      break;
    default:
      at<uint64_t>(place)[lane] = value;
    }
  }
};

/// A register's bits as a number of a type of floats.
double floatOf(Type type, uint64_t bits);

/// Instructions that read and write registers alone.
void compute(const Instruction &instruction, const Lanes &lanes);

/// Those of a whole warp. What is read comes from `read(address, bytes)`, which checks both.
using ReadRow = std::function<const uint8_t *(uint64_t address, unsigned bytes)>;
void loadMatrices(const Instruction &instruction, const Lanes &lanes, const ReadRow &read);
void multiplyMatrices(const Instruction &instruction, const Lanes &lanes);

} // namespace ptx

#endif // SMELT_TEST_CUDA_DEVICE_LANES_H
