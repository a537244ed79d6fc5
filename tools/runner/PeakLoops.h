// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Loops that keep a processor as busy as it can be.

#ifndef SMELT_TOOLS_RUNNER_PEAKLOOPS_H
#define SMELT_TOOLS_RUNNER_PEAKLOOPS_H

#include <cstdint>

namespace smelt::runner {

/// For one kind of vector. Their results go somewhere and come from somewhere, so that a compiler lets them be.
struct PeakLoops {
  unsigned vectorBits = 0;
  double operationsPerStep = 0;
  /// Multiplies and adds in as many registers as it takes to hide the latency.
  float (*multiplyAdd)(int64_t steps, float start) = nullptr;
  /// The same with dots of pairs of bf16, two multiply-adds each; null where the processor has none.
  float (*dotBf16)(int64_t steps, float start) = nullptr;
  /// The same with dots of four integers of 8 bits, four multiply-adds each; null where it has none, or none is known.
  float (*dotInt8)(int64_t steps, float start) = nullptr;
  /// Read a multiple of kReadGrain bytes: from front to back; and at several places at once, a little ahead of time. A
  /// processor that fetches ahead by itself stops where a page of memory ends, and other places keep it busy meanwhile:
  /// from memory that can be three times as fast.
  uint64_t (*read[2])(const unsigned char *from, int64_t bytes) = {nullptr, nullptr};
};

constexpr int64_t kManyStreams = 8, kBytesPerStream = 256, kReadGrain = kManyStreams * kBytesPerStream;

/// Those of the widest vectors that this processor has.
PeakLoops widestLoops();

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_PEAKLOOPS_H
