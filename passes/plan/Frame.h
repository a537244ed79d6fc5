// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The second half of place-buffers: where the buffers of a function, and of those that it calls, lie in the arena.

#ifndef SMELT_PASSES_PLAN_FRAME_H
#define SMELT_PASSES_PLAN_FRAME_H

#include "dialects/Kernel/Machine.h"
#include "passes/plan/Arena.h"
#include "passes/plan/Placement.h"
#include "passes/plan/SymbolBounds.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"
#include <memory>

namespace smelt::plan {

struct Frame;

/// What a step of control flow runs.
struct Parts {
  std::unique_ptr<Frame> first, second; // the branches of graph.if; the body of graph.while is `first`
  std::unique_ptr<Frame> initialise;    // the initial state to where it lies
  std::unique_ptr<Frame> advance;       // what the body makes of it, from where it lies, to there
  size_t memory = 0;                    // which of the step's views is the arena of these
  size_t next = 0;                      // the first of those that the body makes the state in
};

/// A function on its way into the plan.
struct Frame {
  mlir::func::FuncOp function;
  std::unique_ptr<Placement> placement;
  graph::Extent bytes = 0; // of the arena
  int64_t liveBytes = 0;
  llvm::MapVector<int, Parts> parts; // by step
};

/// Makes the frames of a module.
class FrameBuilder {
public:
  FrameBuilder(mlir::Operation *module, const kernel::Machine &machine)
      : module_(module), machine_(machine), bounds_(module) {}

  /// Null where a tensor has no place, which has been said.
  std::unique_ptr<Frame> build(mlir::func::FuncOp function, bool isMain);

  std::vector<Definition> &definitions() { return definitions_; }
  /// All weights, and where they lie.
  llvm::MapVector<mlir::ElementsAttr, int64_t> &weights() { return weights_; }
  int64_t weightsBytes() const { return weightsBytes_; }
  int blocks() const { return blocks_; }

private:
  bool addParts(Frame &frame, int number, Step &step);
  void addScratch(Placement &placement);
  std::unique_ptr<Frame> copying(mlir::TypeRange types, mlir::Location loc);
  static void findLiveRanges(Placement &placement);
  void assignOffsets(Frame &frame, bool isMain);
  void assignWeights(Placement &placement);

  mlir::Operation *module_;
  kernel::Machine machine_;
  SymbolBounds bounds_;
  llvm::StringSet<> batchSymbols_;
  std::vector<Definition> definitions_;
  llvm::MapVector<mlir::ElementsAttr, int64_t> weights_;
  llvm::DenseMap<const void *, mlir::ElementsAttr> blobs_; // the first constant that has these bytes
  int64_t weightsBytes_ = 0;
  int blocks_ = 0;
};

} // namespace smelt::plan

#endif // SMELT_PASSES_PLAN_FRAME_H
