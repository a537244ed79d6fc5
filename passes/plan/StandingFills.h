// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Borders of padding that need not be written, because what lies there is what would be.

#ifndef SMELT_PASSES_PLAN_STANDINGFILLS_H
#define SMELT_PASSES_PLAN_STANDINGFILLS_H

#include "passes/plan/Placement.h"

namespace smelt::plan {

/// Takes out steps that fill what an earlier one has filled with the same, and nobody has overwritten. `places` has for
/// each buffer the first of those that lie where it does, which begin at the same byte, and which nothing else overlaps
/// from the first step that touches one of them to the last. No step may be control flow. Whether there were any.
bool dropStandingFills(Placement &placement, llvm::ArrayRef<int> places);

} // namespace smelt::plan

#endif // SMELT_PASSES_PLAN_STANDINGFILLS_H
