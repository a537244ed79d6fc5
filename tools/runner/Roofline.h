// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_RUNNER_ROOFLINE_H
#define SMELT_TOOLS_RUNNER_ROOFLINE_H

#include "tools/runner/MachinePeaks.h"
#include "tools/runner/StepWork.h"

namespace smelt::runner {

/// The least time that work takes on a machine.
struct Bound {
  double computeMs = 0, memoryMs = 0;

  bool isCompute() const { return computeMs >= memoryMs; }
  double ms() const { return isCompute() ? computeMs : memoryMs; }
  /// Whether a step took so much less time than its bytes can that the bound must be wrong.
  bool isBeatenBy(double milliseconds, const StepWork &work) const;
};

/// The greater of the time that the operations take at the peak and that the bytes take. Weights come from the level
/// that holds `modelBytes`, all that a run touches; what a step before has just written, from the level that holds
/// this step's share of it.
Bound boundOf(const StepWork &work, const MachinePeaks &peaks, double modelBytes);

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_ROOFLINE_H
