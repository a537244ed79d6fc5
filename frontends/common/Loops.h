// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_COMMON_LOOPS_H
#define SMELT_FRONTENDS_COMMON_LOOPS_H

#include "frontends/common/GraphBuilder.h"
#include "llvm/ADT/StringSet.h"

namespace smelt::frontend {

/// Makes graph.while. Which of its state changes its extents from round to round shows only once the body has been
/// imported, which is then done again with variables in their place.
class LoopBuilder {
public:
  struct Round {
    mlir::Value goesOn; // whether another one follows; null where it always does
    llvm::SmallVector<mlir::Value> state, added;
  };
  using Body = llvm::function_ref<Round(const graph::Extent &round, llvm::ArrayRef<mlir::Value> state)>;

  /// `rounds` is nothing where only conditions end it; `condition`, 1 or 0, is that of the first round.
  LoopBuilder(GraphBuilder &builder, llvm::ArrayRef<mlir::Value> initial, std::optional<graph::Extent> rounds,
              graph::Extent condition);

  /// The last state, and what all rounds added, along a new first dim.
  llvm::SmallVector<mlir::Value> build(Body body);

private:
  graph::Extent variable(const graph::Extent &initial);
  bool isVariable(const graph::Extent &extent) const { return variables_.count(extent.asSymbol()); }
  bool widen(llvm::ArrayRef<mlir::Value> state);
  void setNext(llvm::ArrayRef<mlir::Value> state);
  mlir::Type typeOfAll(mlir::Value added, const llvm::StringSet<> &inside);
  graph::Extent goesOn(mlir::Value condition);

  GraphBuilder &b_;
  llvm::SmallVector<mlir::Value> initial_;
  std::optional<graph::Extent> rounds_;
  graph::Extent condition_;
  llvm::SmallVector<graph::Extents> shapes_; // of the state
  graph::Extent round_;
  int attempts_ = 0;
  // Variables: which they are, and their values before the first round and after each.
  llvm::StringMap<size_t> variables_;
  std::vector<std::string> names_;
  graph::Extents initialSizes_, nextSizes_;
};

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_LOOPS_H
