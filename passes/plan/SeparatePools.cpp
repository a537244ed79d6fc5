// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// separate-pools: the maximum of few large windows is that of their rows' maxima, which threads of a device find side
// by side where one thread would go through a window alone.
//   pool(x) {max, window = [h, w]}   →   pool(pool(x) {window = [1, w]}) {window = [h, 1]}

#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/plan/Passes.h"

using namespace mlir;
using namespace smelt;

static bool isCandidate(graph::PoolOp op) {
  constexpr int64_t kLargeWindow = 256, kFewWindows = 16384; // for one thread each
  RankedTensorType type = graph::typeOf(op.getResult());
  return op.getKind() == graph::PoolKind::Max && graph::typeOf(op.getInput()).hasStaticShape() &&
         type.hasStaticShape() && ShapedType::getNumElements(op.getWindow()) >= kLargeWindow &&
         type.getNumElements() < kFewWindows &&
         llvm::count_if(op.getWindow(), [](int64_t extent) { return extent > 1; }) > 1;
}

static void separate(graph::PoolOp op, IRRewriter &rewriter) {
  rewriter.setInsertionPoint(op);
  const size_t first = op.getLayout() == graph::Layout::ChannelsFirst ? 2 : 1, dims = op.getWindow().size();
  Value x = op.getInput();
  for (size_t dim = dims; dim-- > 0;) {
    auto along = [&](ArrayRef<int64_t> all, int64_t others) {
      SmallVector<int64_t> one(dims, others);
      one[dim] = all[dim];
      return one;
    };
    RankedTensorType type = graph::typeOf(x);
    SmallVector<int64_t> shape(type.getShape());
    shape[first + dim] = graph::typeOf(op.getResult()).getDimSize(first + dim);
    x = graph::PoolOp::create(rewriter, op.getLoc(), type.clone(shape), x, op.getKind(), along(op.getWindow(), 1),
                              along(op.getStrides(), 1), along(op.getDilations(), 1), along(op.getLow(), 0),
                              along(op.getHigh(), 0), along(op.getDeclaredHigh(), 0), op.getCountPadding(), op.getP(),
                              op.getLayout());
  }
  rewriter.replaceOp(op, x);
}

namespace {
struct SeparatePools : PassWrapper<SeparatePools, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SeparatePools)
  StringRef getArgument() const override { return "separate-pools"; }
  StringRef getDescription() const override { return "maxima of few large windows → of rows, and of these"; }

  void runOnOperation() override {
    SmallVector<graph::PoolOp> pools;
    getOperation().walk([&](graph::PoolOp op) {
      if (isCandidate(op))
        pools.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (graph::PoolOp op : pools)
      separate(op, rewriter);
  }
};
} // namespace

std::unique_ptr<Pass> plan::createSeparatePoolsPass() { return std::make_unique<SeparatePools>(); }
