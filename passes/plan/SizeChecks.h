// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_PASSES_PLAN_SIZECHECKS_H
#define SMELT_PASSES_PLAN_SIZECHECKS_H

#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringMap.h"

namespace smelt::plan {

/// What the shape inference of an op took for granted of symbolic extents, or a graph.check_sizes asks for, as
/// expressions that have a value only where it holds: no kernel runs where one has none.
struct SizeCheck {
  mlir::Location where;
  graph::Extents extents;
  graph::CheckSizesOp asked; // null where nobody asked for it
};

/// Those of all ops, each once.
std::vector<SizeCheck> sizeChecks(mlir::func::FuncOp function);

} // namespace smelt::plan

#endif // SMELT_PASSES_PLAN_SIZECHECKS_H
