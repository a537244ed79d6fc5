// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which neighbouring ops are computed in strips of rows, and in how many.

#ifndef SMELT_PASSES_PLAN_CHOOSESTRIPS_H
#define SMELT_PASSES_PLAN_CHOOSESTRIPS_H

#include "dialects/Kernel/Machine.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/SmallVector.h"
#include <vector>

namespace smelt::plan {

/// A buffer of the arena, from the first to the last op that touches it, by their numbers.
struct HeldBuffer {
  int64_t bytes = 0;
  int first = 0, last = 0;
};

/// Ops first to last, in so many strips.
struct StripChoice {
  int first = 0, last = 0;
  int64_t strips = 1;
};

/// Several of them, and what they are estimated to come to.
struct StripPlan {
  llvm::SmallVector<StripChoice> choices;
  int64_t bytes = 0;                  // of the arena
  double cycles = 0, cyclesOfTwo = 0; // more than without strips, on one thread and on two
  double copyCycles = 0;              // of these, what is copied
  double mostCycles = 0;              // more than that would be too slow
};

/// What it takes to copy so many elements, one by one or many that lie side by side.
double cyclesOfCopy(int64_t elements, unsigned elementBytes, bool isOneByOne);

/// Plans that need ever smaller arenas, and are estimated to take no more time than what has no strips, on one thread,
/// and, unless the memory is all that counts, on two. `ops` are those
/// of a block without constants, and `buffers` what they need where nothing is split.
std::vector<StripPlan> chooseStrips(llvm::ArrayRef<mlir::Operation *> ops, llvm::ArrayRef<HeldBuffer> buffers,
                                    const kernel::Machine &machine, bool isForMemory);

/// All that can be, in so many strips each.
llvm::SmallVector<StripChoice> splitAll(llvm::ArrayRef<mlir::Operation *> ops, int64_t strips);

} // namespace smelt::plan

#endif // SMELT_PASSES_PLAN_CHOOSESTRIPS_H
