// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_PASSES_PLAN_SYMBOLBOUNDS_H
#define SMELT_PASSES_PLAN_SYMBOLBOUNDS_H

#include "dialects/Graph/Extent.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringMap.h"

namespace smelt::plan {

/// What is known of the largest values of symbols that a run finds.
class SymbolBounds {
public:
  /// Of all functions of a module; those that others call come before them.
  explicit SymbolBounds(mlir::Operation *module);

  /// An extent of the inputs' symbols alone that is never exceeded; nothing where none is known.
  std::optional<graph::Extent> most(const graph::Extent &extent) const;

private:
  void add(mlir::Operation &op);
  void addSame(mlir::Value found, mlir::Value known);
  void set(mlir::ArrayAttr symbols, llvm::ArrayRef<graph::Extent> extents, bool mayBeUnknown);

  llvm::StringMap<std::optional<graph::Extent>> most_;
  /// Bytes of a tensor whose dims the run finds, as text: those of the one that it has the elements of.
  llvm::StringMap<graph::Extent> same_;
};

} // namespace smelt::plan

#endif // SMELT_PASSES_PLAN_SYMBOLBOUNDS_H
