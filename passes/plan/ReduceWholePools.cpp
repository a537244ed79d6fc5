// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// reduce-whole-pools: an average of whole images is a mean, whose elements several threads of a device can share.
//   pool(x) {average, window = the image}   →   reduce(x) {mean of the spatial dims}

#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/plan/Passes.h"
#include "llvm/ADT/Sequence.h"

using namespace mlir;
using namespace smelt;

/// One window, which is all of the image and nothing else.
static bool isWholeAverage(graph::PoolOp op) {
  RankedTensorType type = graph::typeOf(op.getInput());
  const size_t first = op.getLayout() == graph::Layout::ChannelsFirst ? 2 : 1, spatial = op.getWindow().size();
  auto isNone = [](int64_t count) { return count == 0; };
  return op.getKind() == graph::PoolKind::Average && llvm::all_of(op.getLow(), isNone) &&
         llvm::all_of(op.getHigh(), isNone) && llvm::all_of(op.getDeclaredHigh(), isNone) &&
         llvm::all_of(op.getDilations(), [](int64_t step) { return step == 1; }) &&
         op.getWindow() == type.getShape().slice(first, spatial);
}

namespace {
struct ReduceWholePools : PassWrapper<ReduceWholePools, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ReduceWholePools)
  StringRef getArgument() const override { return "reduce-whole-pools"; }
  StringRef getDescription() const override { return "averages of whole images → means"; }

  void runOnOperation() override {
    SmallVector<graph::PoolOp> pools;
    getOperation().walk([&](graph::PoolOp op) {
      if (isWholeAverage(op))
        pools.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (graph::PoolOp op : pools) {
      const int64_t first = op.getLayout() == graph::Layout::ChannelsFirst ? 2 : 1;
      auto axes = llvm::to_vector(llvm::seq<int64_t>(first, first + static_cast<int64_t>(op.getWindow().size())));
      rewriter.setInsertionPoint(op);
      rewriter.replaceOpWithNewOp<graph::ReduceOp>(op, op.getInput(), graph::ReduceKind::Mean, axes);
    }
  }
};
} // namespace

std::unique_ptr<Pass> plan::createReduceWholePoolsPass() { return std::make_unique<ReduceWholePools>(); }
