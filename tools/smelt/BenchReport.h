// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What smelt bench has measured, as a table and as JSON.
#ifndef SMELT_TOOLS_SMELT_BENCHREPORT_H
#define SMELT_TOOLS_SMELT_BENCHREPORT_H

#include "tools/runner/Roofline.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace smelt {

struct BenchFigures {
  struct Layer {
    std::string name, kernel;
    double medianMs = 0, minMs = 0, share = 0; // of the sum of all layers' medians
    std::optional<runner::StepWork> work;
    runner::Bound bound; // of it
  };

  std::string artifact;
  unsigned threads = 1;
  double loadMs = 0, medianMs = 0, minMs = 0, cpuMsPerRun = 0;
  uint64_t arenaBytes = 0; // for the inputs at hand
  uint64_t weightsBytes = 0;
  size_t runs = 0;
  std::vector<Layer> layers; // in the order of the run
  bool wantsPeaks = true;
  std::optional<runner::MachinePeaks> peaks; // if wanted, and the artefact says what its layers have to do
};

/// Why bounds of memory are not to be trusted: what cannot be unless the machine was busy while its memory was
/// measured.
std::optional<std::string> doubtOf(const BenchFigures &figures);

/// Rows are equal kernels with equal work, or, with `singly`, layers in the order of the run.
std::string benchTable(const BenchFigures &figures, bool singly);
std::string benchJson(const BenchFigures &figures);

} // namespace smelt

#endif // SMELT_TOOLS_SMELT_BENCHREPORT_H
