// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The first half of place-buffers: which tensor lies where, and the steps that write them.

#ifndef SMELT_PASSES_PLAN_PLACEMENT_H
#define SMELT_PASSES_PLAN_PLACEMENT_H

#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/plan/States.h"
#include "passes/plan/SymbolDefiners.h"
#include "passes/plan/Views.h"

namespace smelt::plan {

// The values of smelt_base.
enum class Base : int32_t { Arena = 0, Weights = 1, Input = 2, Output = 3, Block = 5 };

struct Buffer {
  Base base = Base::Arena;
  int index = 0;
  graph::Extent bytes = 0;
  graph::Extent offset = 0; // from the base
  int first = -1;           // steps that touch it
  int last = -1;
  bool isHeld = false; // an output that stays here until the next run
};

/// A kernel to run, or an op that finds sizes: its operands' views are those of the op's operands, then results, then
/// what it has for itself while it runs.
struct Step {
  mlir::Operation *op;
  llvm::SmallVector<View> views;
  int64_t scratch = 0; // bytes of the last view, where that is a kernel's scratch memory
};

graph::Extent bytesOf(mlir::RankedTensorType type);

class Placement {
public:
  /// The caller of a model has places for outputs whose sizes it knows; that of a part has them for all.
  explicit Placement(mlir::func::FuncOp function, bool isMain = true)
      : function_(function), builder_(function.getContext()), isMain_(isMain), definers_(function.getBody().front()) {
    if (isMain)
      states_ = statesOf(function);
  }

  llvm::LogicalResult run();
  llvm::SmallVector<Step> &steps() { return steps_; }
  llvm::SmallVector<Buffer> &buffers() { return buffers_; }
  llvm::ArrayRef<mlir::ElementsAttr> weights() const { return weights_; }
  /// For each output, where it is held; nothing for those that the caller has a place for.
  llvm::ArrayRef<std::optional<View>> held() const { return held_; }
  llvm::ArrayRef<State> states() const { return states_; }
  int addBuffer(Base base, int index, const graph::Extent &bytes);

private:
  bool liesAt(mlir::Value value, const View &view);
  void placeInputs(mlir::Block &body);
  View dense(mlir::Value value, int buffer);
  View newArenaView(mlir::Value value);
  View newSpreadView(mlir::Value value);
  bool isForwarded(mlir::Operation *op);
  bool canOwn(mlir::Value value);
  bool isKnownAt(mlir::Operation *op, const View &view);
  void placeOutputs(mlir::Operation *terminator);
  bool demand(mlir::Value value, const std::optional<View> &view);
  void demandOperand(mlir::Operation *op, unsigned operand, const std::optional<View> &view);
  std::optional<View> expected(mlir::Value value);
  void lookBack(mlir::Operation *op);
  llvm::LogicalResult lookForward(mlir::Operation &op);
  View placeOf(mlir::Value value);
  void addCopy(mlir::Location loc, mlir::Value value, const View &to);
  void addElementwise(mlir::Operation *op);
  void addFill(graph::PadOp pad, const View &to);
  void addStep(mlir::Operation *op, llvm::ArrayRef<View> results);
  View densePlaceOf(mlir::Location loc, mlir::Value value);
  void addParts(mlir::Operation &op);

  mlir::func::FuncOp function_;
  mlir::OpBuilder builder_;
  bool isMain_;
  llvm::DenseMap<mlir::Value, View> views_;
  llvm::SmallVector<Buffer> buffers_;
  llvm::SmallVector<Step> steps_;
  llvm::SmallVector<mlir::ElementsAttr> weights_;
  llvm::DenseMap<mlir::Attribute, int> weightBuffers_;
  llvm::SmallVector<State> states_;
  llvm::DenseMap<int, int> onePlace_; // the buffer of a state's output → its input's, where both are one
  llvm::SmallVector<std::optional<View>> held_;
  SymbolDefiners definers_;
  llvm::DenseMap<std::pair<mlir::Operation *, unsigned>, View>
      copies_; // operands that must be copied to a place when their op is reached
};

} // namespace smelt::plan

#endif // SMELT_PASSES_PLAN_PLACEMENT_H
