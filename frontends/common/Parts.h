// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Parts of a model that run under a condition, or again and again: their ops are built in place, and then moved to
// functions of the module, which graph.if and graph.while name.

#ifndef SMELT_FRONTENDS_COMMON_PARTS_H
#define SMELT_FRONTENDS_COMMON_PARTS_H

#include "frontends/common/GraphBuilder.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringSet.h"

namespace smelt::frontend {

/// The ops that are built while it lives. What the run finds in them is not known behind them.
class PartBuilder {
public:
  explicit PartBuilder(GraphBuilder &builder);
  PartBuilder(const PartBuilder &) = delete;
  PartBuilder &operator=(const PartBuilder &) = delete;
  ~PartBuilder() {
    builder_.sizes() = std::move(sizes_);
    --builder_.partDepth();
  }

  /// A value that the function will take.
  mlir::Value argument(mlir::Type type);
  /// Erases all that was built, the arguments included.
  void rollBack();
  /// Moves all that was built into a function of the arguments and then of what else it uses, which begins with
  /// `captures` and is added to them; constants are copied. `uses` gets the symbols of sizes that come from outside.
  mlir::func::FuncOp outline(mlir::ValueRange results, llvm::SmallVectorImpl<mlir::Value> &captures,
                             graph::Extents &uses);

  /// The symbols that its ops define.
  llvm::StringSet<> symbols() const;

private:
  llvm::SmallVector<mlir::Operation *> ops() const;
  void keepConstants();

  GraphBuilder &builder_;
  mlir::Block *block_;
  mlir::Operation *before_; // the last op that is no part of it; null where there is none
  llvm::SmallVector<mlir::Value> arguments_;
  llvm::DenseMap<mlir::Value, graph::Extents> sizes_; // what was known before
};

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_PARTS_H
