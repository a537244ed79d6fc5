// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// share-roundings: a large tensor that products read rounded, and elementwise work as it was, is written rounded alone.
//   add(x, y), round(x)   →   add(widened(round(x)), y), round(x)
// It costs an error of one rounding where sums run on from layer to layer, and saves two thirds of the bytes written
// there.

#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/Rounding.h"

using namespace mlir;
using namespace smelt;

// Of a tensor in f32: about what stays in a second cache beside the weights until it is read again.
constexpr int64_t kLeastBytes = int64_t(512) << 10;

static bool isLarge(Value value) {
  int64_t elements = 1;
  for (const graph::Extent &extent : graph::extentsOf(value))
    if (llvm::MulOverflow(elements, kernel::typicalLength(extent), elements))
      return true;
  return elements >= kLeastBytes / static_cast<int64_t>(sizeof(float));
}

/// The uses of a rounded value as it was; nothing where not all of them are elementwise.
static SmallVector<OpOperand *> exactUses(Operation *rounding) {
  SmallVector<OpOperand *> uses;
  for (OpOperand &use : rounding->getOperand(0).getUses()) {
    if (use.getOwner() == rounding)
      continue;
    if (!isa<graph::ScalarInterface>(use.getOwner()) || isa<graph::CastOp, graph::QuantizeOp>(use.getOwner()))
      return {};
    uses.push_back(&use);
  }
  return uses;
}

namespace {
struct ShareRoundings : PassWrapper<ShareRoundings, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ShareRoundings)
  StringRef getArgument() const override { return "share-roundings"; }
  StringRef getDescription() const override { return "large tensors that products read rounded → rounded for all"; }

  void runOnOperation() override {
    SmallVector<Operation *> roundings;
    getOperation().walk([&](Operation *op) {
      bool isHalf = isa<graph::CastOp>(op) && graph::typeOf(op->getResult(0)).getElementType().isF16();
      if (quantize::isRounding(op) && !isHalf && op->getOperand(0).getDefiningOp() && isLarge(op->getOperand(0)))
        roundings.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (Operation *rounding : roundings) {
      SmallVector<OpOperand *> uses = exactUses(rounding);
      if (uses.empty())
        continue;
      rewriter.setInsertionPointAfter(rounding);
      Value wide = quantize::widened(rewriter, rounding);
      for (OpOperand *use : uses)
        rewriter.modifyOpInPlace(use->getOwner(), [&] { use->set(wide); });
    }
  }
};
} // namespace

std::unique_ptr<Pass> quantize::createShareRoundingsPass() { return std::make_unique<ShareRoundings>(); }
