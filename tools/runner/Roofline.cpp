// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/Roofline.h"

namespace smelt::runner {

/// Of a number of things at so many thousands of millions a second.
static double milliseconds(double count, double gigaPerSecond) {
  return gigaPerSecond > 0 ? count / gigaPerSecond * 1e-6 : 0;
}

Bound boundOf(const StepWork &work, const MachinePeaks &peaks, double modelBytes) {
  const double others = work.bytes - work.weightBytes;
  return {milliseconds(work.operations, peaks.gigaflopsOf(work.together)),
          milliseconds(work.weightBytes, peaks.gigabytesPerSecondOf(modelBytes)) +
              milliseconds(others, peaks.gigabytesPerSecondOf(others))};
}

bool Bound::isBeatenBy(double milliseconds, const StepWork &work) const {
  constexpr double kTolerance = 1.25;
  constexpr double kFirstCacheBytes = 64 << 10; // what fits there may come faster than from any level that is measured
  return !isCompute() && work.bytes > kFirstCacheBytes && milliseconds > 0 && memoryMs > kTolerance * milliseconds;
}

} // namespace smelt::runner
