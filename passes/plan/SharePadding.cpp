// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// share-padding: convolutions that pad one tensor differently read parts of one padded tensor, which whoever computes
// it can write in its place: of several it could write but one, and the others would be copies. So are the phases of a
// transposed convolution.
//   conv(x, v) {low a, high b}, conv(x, w) {low c, high d}
//     →  p = pad(x) {low max(a, c), high max(b, d)}, conv(slice(p), v), conv(slice(p), w)

#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/plan/Contractions.h"
#include "passes/plan/Passes.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace smelt;
using graph::Extent;
using graph::Extents;

static bool isPadded(graph::ConvOp op) {
  return llvm::any_of(op.getLow(), [](int64_t count) { return count > 0; }) ||
         llvm::any_of(op.getHigh(), [](int64_t count) { return count > 0; });
}

static bool padsAlike(graph::ConvOp a, graph::ConvOp b) {
  return a.getLow() == b.getLow() && a.getHigh() == b.getHigh();
}

/// The padded convolutions of a value that do not all pad it alike.
static SmallVector<graph::ConvOp> unlikeUsers(Value value) {
  SmallVector<graph::ConvOp> convs;
  for (Operation *user : value.getUsers()) {
    auto conv = dyn_cast<graph::ConvOp>(user);
    if (conv && conv.getInput() == value && conv.getFilter() != value &&
        conv.getLayout() == graph::Layout::ChannelsLast && isPadded(conv))
      convs.push_back(conv);
  }
  if (llvm::all_of(convs, [&](graph::ConvOp conv) { return padsAlike(conv, convs.front()); }))
    return {};
  return convs;
}

static void raise(SmallVector<int64_t> &most, ArrayRef<int64_t> counts) {
  for (auto [a, b] : llvm::zip_equal(most, counts))
    a = std::max(a, b);
}

static void share(Value value, ArrayRef<graph::ConvOp> convs, IRRewriter &rewriter) {
  SmallVector<int64_t> low, high;
  for (graph::ConvOp conv : convs) {
    low.resize(conv.getLow().size());
    high.resize(conv.getHigh().size());
    raise(low, conv.getLow());
    raise(high, conv.getHigh());
  }
  rewriter.setInsertionPointAfterValue(value);
  Value padded = plan::padSpatial(rewriter, value.getLoc(), value, low, high);
  const Extents extents = graph::extentsOf(value);
  for (graph::ConvOp conv : convs) {
    Extents shape = extents;
    SmallVector<int64_t> starts(shape.size(), 0), steps(shape.size(), 1), none(low.size(), 0);
    for (size_t dim = 0; dim < low.size(); ++dim) {
      starts[dim + 1] = low[dim] - conv.getLow()[dim];
      shape[dim + 1] += conv.getLow()[dim] + conv.getHigh()[dim];
    }
    RankedTensorType type = graph::tensorOf(shape, graph::typeOf(value).getElementType());
    Value part = type == padded.getType()
                     ? padded
                     : graph::SliceOp::create(rewriter, conv.getLoc(), type, padded, starts, steps).getResult();
    rewriter.modifyOpInPlace(conv, [&] {
      conv.getInputMutable().assign(part);
      conv.setLow(none);
      conv.setHigh(none);
    });
  }
}

namespace {
struct SharePadding : PassWrapper<SharePadding, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SharePadding)
  StringRef getArgument() const override { return "share-padding"; }
  StringRef getDescription() const override { return "unlike paddings of one tensor → parts of one padded tensor"; }

  void runOnOperation() override {
    llvm::SetVector<Value> inputs;
    getOperation().walk([&](graph::ConvOp conv) { inputs.insert(conv.getInput()); });
    IRRewriter rewriter(&getContext());
    for (Value value : inputs)
      if (SmallVector<graph::ConvOp> convs = unlikeUsers(value); !convs.empty())
        share(value, convs, rewriter);
  }
};
} // namespace

std::unique_ptr<Pass> plan::createSharePaddingPass() { return std::make_unique<SharePadding>(); }
