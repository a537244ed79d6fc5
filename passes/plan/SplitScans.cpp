// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// split-scans: a running sum over few long lines, where each line would be a thread's, is computed in parts: what is
// before each part is a running sum of the parts' sums.
//   cumulative(x[n])   →   cumulative(x[parts, n / parts]) + cumulative(sum of each part) {exclusive}

#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/plan/Parts.h"
#include "passes/plan/Passes.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using namespace smelt;

/// As many parts as each is long, so that a thread has few steps of either; nothing where that gains nothing. Products
/// stay: parts of one may be beyond all numbers though the product so far is not. Sums of narrow floats are f32.
static std::optional<plan::Parts> partsOf(graph::CumulativeOp op) {
  constexpr int64_t kLongLine = 512, kFewLines = 4096; // for one thread each
  RankedTensorType type = op.getType();
  const Type element = type.getElementType();
  if (!type.hasStaticShape() || op.getProduct() || element.isF16() || element.isBF16())
    return std::nullopt;
  const int64_t extent = type.getDimSize(op.getAxis());
  if (extent < kLongLine || type.getNumElements() / extent >= kFewLines)
    return std::nullopt;
  return plan::cutInto(extent, std::llround(std::sqrt(static_cast<double>(extent))));
}

static void split(graph::CumulativeOp op, const plan::Parts &parts, IRRewriter &rewriter) {
  rewriter.setInsertionPoint(op);
  const Location loc = op.getLoc();
  RankedTensorType type = op.getType();
  const auto axis = static_cast<int64_t>(op.getAxis());
  auto scan = [&](Value x, int64_t dim, bool exclusive) -> Value {
    return graph::CumulativeOp::create(rewriter, loc, x, dim, exclusive, op.getReverse());
  };
  auto sum = [&](Value x, int64_t dim) -> Value {
    return graph::ReduceOp::create(rewriter, loc, x, graph::ReduceKind::Sum, ArrayRef<int64_t>{dim});
  };
  auto shape = [&](ArrayRef<int64_t> extents) { return plan::replaceDims(type.getShape(), axis, axis + 1, extents); };
  Value whole = plan::wholeParts(rewriter, op.getInput(), axis, parts), tail;
  Value sums = graph::reshapeTo(rewriter, loc, sum(whole, axis + 1), shape({parts.count}));
  if (parts.tail > 0) {
    tail = plan::tailOf(rewriter, op.getInput(), axis, parts);
    sums = plan::besideEachOther(rewriter, sums, sum(tail, axis), axis);
  }
  Value before = scan(sums, axis, /*exclusive=*/true), ofParts = before;
  if (tail)
    ofParts = plan::sliceOf(rewriter, before, axis, 0, parts.count);
  ofParts = graph::reshapeTo(rewriter, loc, ofParts, shape({parts.count, 1}));
  Value result = graph::AddOp::create(rewriter, loc, scan(whole, axis + 1, op.getExclusive()), ofParts);
  result = graph::reshapeTo(rewriter, loc, result, shape({parts.count * parts.length}));
  if (tail) {
    Value ofTail = plan::sliceOf(rewriter, before, axis, parts.count, parts.count + 1);
    tail = graph::AddOp::create(rewriter, loc, scan(tail, axis, op.getExclusive()), ofTail);
  }
  rewriter.replaceOp(op, plan::besideEachOther(rewriter, result, tail, axis));
}

namespace {
struct SplitScans : PassWrapper<SplitScans, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SplitScans)
  StringRef getArgument() const override { return "split-scans"; }
  StringRef getDescription() const override { return "running sums of few long lines → running sums of parts"; }

  void runOnOperation() override {
    SmallVector<graph::CumulativeOp> scans;
    getOperation().walk([&](graph::CumulativeOp op) { scans.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (graph::CumulativeOp op : scans)
      if (std::optional<plan::Parts> parts = partsOf(op))
        split(op, *parts, rewriter);
  }
};
} // namespace

std::unique_ptr<Pass> plan::createSplitScansPass() { return std::make_unique<SplitScans>(); }
