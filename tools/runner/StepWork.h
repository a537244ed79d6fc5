// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_RUNNER_STEPWORK_H
#define SMELT_TOOLS_RUNNER_STEPWORK_H

#include "codegen/artifact/WorkTable.h"
#include "smelt/smelt.h"

#include <optional>
#include <string>
#include <vector>

namespace smelt::runner {

class Artifact;

/// What a step has to do at least.
struct StepWork {
  double operations = 0;  // a multiply-add is two
  double bytes = 0;       // of all operands, each once
  double weightBytes = 0; // those of them that are weights
  bool isFewer = false;   // operations are those of a direct convolution, and the kernel makes do with fewer
  unsigned together = 1;  // how many neighbours an instruction of the products multiplies
};

/// What a shared artefact says of the work of its steps, in a section that is not loaded: codegen/artifact/WorkTable.h.
class WorkTable {
public:
  /// Without steps where the artefact says nothing, or what this program does not know.
  explicit WorkTable(const Artifact &artifact);
  /// The same from the section's bytes.
  WorkTable(const smelt_model &model, const std::string &section);

  bool isKnown() const { return !rows_.empty(); }
  /// One for each step, for the shapes of the instance's last run; nothing where that is not known.
  std::vector<std::optional<StepWork>> stepsOf(const smelt_instance &instance) const;

private:
  std::vector<smelt_size> sizes_; // the model's, and the table's behind them
  std::vector<artifact::WorkRow> rows_;
};

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_STEPWORK_H
