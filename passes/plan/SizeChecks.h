// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_PASSES_PLAN_SIZECHECKS_H
#define SMELT_PASSES_PLAN_SIZECHECKS_H

#include "mlir/IR/Operation.h"
#include "passes/plan/Arena.h"

namespace smelt::plan {

/// Adds definitions of what shape inference took for granted of the ops in `root`, which the runtime refuses to compute
/// where it does not hold: no kernel runs then.
void addSizeChecks(mlir::Operation *root, std::vector<Definition> &definitions);

} // namespace smelt::plan

#endif // SMELT_PASSES_PLAN_SIZECHECKS_H
