// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_PASSES_PLAN_STATES_H
#define SMELT_PASSES_PLAN_STATES_H

#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace smelt::plan {

/// Of a module: {input, output} of each state, numbers of main's arguments and results in turn.
constexpr llvm::StringLiteral kStates = "graph.states";

/// An output that is an input of the next run.
struct State {
  int input = 0, output = 0;
  /// Whether both are in one place: the output is the input with something behind it.
  bool isOne = false;
  graph::Extents strides; // of that place
  /// What the output is a window of, where it may stay as it is made: the input with something behind it, of which the
  /// first elements go. Null where it is not so.
  mlir::Value whole;
  int64_t skipped = 0;          // elements of the whole that lie before the output
  std::optional<int64_t> bytes; // that are always enough; nothing where no bound is known

  /// The strides as numbers, where elements of a place do not lie side by side.
  llvm::SmallVector<int64_t> gaps() const;
};

/// Those of a model's main function.
llvm::SmallVector<State> statesOf(mlir::func::FuncOp main);

} // namespace smelt::plan

#endif // SMELT_PASSES_PLAN_STATES_H
