// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_RUNNER_MACHINEPEAKS_H
#define SMELT_TOOLS_RUNNER_MACHINEPEAKS_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace smelt::runner {

/// What this machine can do at best, as measured.
struct MachinePeaks {
  /// How fast so many bytes are read again and again.
  struct Level {
    const char *name = "";
    double bytes = 0; // that fit
    double gigabytesPerSecond = 0;
  };

  unsigned threads = 1;
  double gigaflops = 0;      // f32, with the widest vectors that the processor has; a multiply-add is two
  unsigned vectorBits = 0;   // of these
  double gigaflopsBf16 = 0;  // of dots of two bf16 that add up in f32; 0 where the processor has none
  double gigaopsInt8 = 0;    // of dots of four integers of 8 bits; 0 where the processor has none, or none is known
  std::vector<Level> levels; // from the second cache to memory, which is last and takes anything
  /// Of the memory where it lies in large pages, which what is mapped from a file, as weights are, does not.
  double hugePagesGigabytesPerSecond = 0;

  const Level &memory() const { return levels.back(); }
  /// What instructions do that multiply so many neighbours.
  double gigaflopsOf(unsigned together) const {
    const double ofDots = together == 2 ? gigaflopsBf16 : together == 4 ? gigaopsInt8 : 0;
    return ofDots > 0 ? ofDots : gigaflops;
  }
  /// The bandwidth of the smallest level that `bytes` fit in.
  double gigabytesPerSecondOf(double bytes) const;
  /// What cannot be: a level that is slower than the one behind it. Then other work kept the machine busy while they
  /// were measured.
  std::optional<std::string> doubt() const;
};

/// Measures for most of a second with so many threads. Throws Environment where these or the memory are not to be
/// had.
MachinePeaks measurePeaks(unsigned threads);

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_MACHINEPEAKS_H
