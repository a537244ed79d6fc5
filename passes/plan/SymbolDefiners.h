// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which op finds the number that a symbol stands for. Uses of symbols are no uses of values: an order of ops has to
// respect them as well.

#ifndef SMELT_PASSES_PLAN_SYMBOLDEFINERS_H
#define SMELT_PASSES_PLAN_SYMBOLDEFINERS_H

#include "dialects/Graph/Graph.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"

namespace smelt::plan {

class SymbolDefiners {
public:
  SymbolDefiners() = default;
  explicit SymbolDefiners(mlir::Block &block);

  bool empty() const { return definers_.empty(); }
  /// Null for a symbol that no op of the block defines.
  mlir::Operation *of(llvm::StringRef symbol) const { return definers_.lookup(symbol); }
  /// The ops that must come before one, besides those that its operands come from.
  llvm::SmallSetVector<mlir::Operation *, 2> neededBy(mlir::Operation *op) const;
  /// Whether all symbols of the extents are defined before an op of the block.
  bool areKnownAt(mlir::Operation *op, llvm::ArrayRef<graph::Extent> extents) const;

private:
  llvm::StringMap<mlir::Operation *> definers_;
};

/// Puts a block's ops in an order in which operands and symbols come first; those that may stay where they are, stay.
void sortBySymbols(mlir::Block &block);

} // namespace smelt::plan

#endif // SMELT_PASSES_PLAN_SYMBOLDEFINERS_H
