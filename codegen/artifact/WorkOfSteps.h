// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_ARTIFACT_WORKOFSTEPS_H
#define SMELT_CODEGEN_ARTIFACT_WORKOFSTEPS_H

#include "codegen/artifact/SizeProgram.h"
#include "dialects/Kernel/Kernel.h"

namespace smelt::artifact {

/// Gathers how much work the steps of a plan are, and makes the table of WorkTable.h.
class WorkOfSteps {
public:
  /// Step number `step` is this call; nothing is known of its work where the kernel has become code already.
  void add(size_t step, kernel::CallOp call, mlir::Operation *kernel);
  /// Whether step number `step`, the last that was added, is over before another thread could help.
  bool isBrief(size_t step) const;
  /// What the model's own sizes do not have is computed by rows of the table.
  std::string table(SizeProgram sizes, size_t steps) const;

private:
  struct Entry {
    size_t step = 0;
    graph::Extent operations, bytes, weightBytes;
    bool isFewer = false;
    int64_t together = 1;
  };
  std::vector<Entry> entries_;
};

} // namespace smelt::artifact

#endif // SMELT_CODEGEN_ARTIFACT_WORKOFSTEPS_H
