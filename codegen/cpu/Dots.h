// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Instructions that multiply groups of neighbours along K: for each lane, sum + Σ a[j] · b[j] over the group.

#ifndef SMELT_CODEGEN_CPU_DOTS_H
#define SMELT_CODEGEN_CPU_DOTS_H

#include "codegen/cpu/Emitters.h"

namespace smelt::cpu {

/// Groups of narrow elements for the dot instruction of two element types, in lanes of 32 bits.
class Dots {
public:
  Dots(Body &body, const kernel::Machine &machine, mlir::Type left, mlir::Type right);

  /// How many neighbours make a group; 1 where the machine has no such instruction.
  int64_t together() const { return together_; }
  /// The first `count` of the left elements at `at`, `stride` apart, as the group of every lane; the others are zero.
  mlir::Value repeated(mlir::Value buffer, mlir::Value at, const graph::Extent &stride, int64_t count);
  /// As many left groups as there are lanes, side by side; and one of them as the group of every lane.
  mlir::Value loadLeft(mlir::Value buffer, mlir::Value at);
  mlir::Value repeatedLane(mlir::Value groups, int64_t lane);
  /// Right groups that lie side by side.
  mlir::Value load(mlir::Value buffer, mlir::Value at);
  /// Right groups of elements of the first `count` rows at `at`, `stride` apart, of so many vectors side by side; the
  /// other rows are zero.
  llvm::SmallVector<mlir::Value> gather(mlir::Value buffer, mlir::Value at, int64_t stride, int64_t count,
                                        int64_t vectors);
  /// The first `count` of the elements at `at`, `stride` apart, as each lane's group: lanes lie side by side, 8 bits of
  /// either side.
  mlir::Value column(mlir::Value buffer, mlir::Value at, const graph::Extent &stride, int64_t count, bool isUnsigned);
  /// sum + Σ a · b of each lane, left and right groups
  mlir::Value multiplyAdd(mlir::Value a, mlir::Value b, mlir::Value sum);

  /// A group by its number, how many of its elements are there, and the sums so far → the sums with it.
  using Step = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value group, int64_t count, mlir::ValueRange)>;
  /// Groups [first, end) of K.
  struct GroupRange {
    mlir::Value first, end;
  };
  /// Emits the loop along K in whole groups, then what is left of one.
  llvm::SmallVector<mlir::Value> overGroups(GroupRange groups, const graph::Count &rest, mlir::ValueRange sums,
                                            Step step);

private:
  mlir::Value element(mlir::Value stored, int64_t place, bool isUnsigned = false);
  mlir::Value asGroups(mlir::Value words);
  llvm::SmallVector<mlir::Value> gatherTwo(mlir::Value buffer, mlir::Value at, int64_t stride, int64_t count);

  Body &body_;
  mlir::ImplicitLocOpBuilder &b_;
  std::optional<kernel::Dot> dot_;
  mlir::Type element_;      // of groups
  mlir::Type left_, right_; // as they are stored
  int64_t lanes_, together_;
};

/// The instructions for integers that kernels in `root` use, or will where they are no code yet: a mask of kernel::Dot.
unsigned integerDotsOf(mlir::Operation *root, const kernel::Machine &machine);

} // namespace smelt::cpu

#endif // SMELT_CODEGEN_CPU_DOTS_H
