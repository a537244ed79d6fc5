// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// choose-winograd: 3x3 convolutions of stride 1 with constant filters become Winograd's where the target is estimated
// to gain.
//   conv(x, w) {3x3, stride 1}   →   winograd(pad(x), transpose(pack_panels(winograd_filter(w))))
// Where the convolution was rounded to a narrower type, this one is not: the choice is between fewer products in f32
// and instructions that make several at once. Its error is larger than a direct convolution's: 3e-6 to 4e-6 of the
// largest value were measured after eight layers.

#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/plan/Contractions.h"
#include "passes/plan/MachinePass.h"
#include "passes/plan/Passes.h"

using namespace mlir;
using namespace smelt;

static bool isF32(Value value) { return graph::typeOf(value).getElementType().isF32(); }

static bool isWinogradShaped(graph::ConvOp op) {
  auto all = [](ArrayRef<int64_t> values, int64_t wanted) {
    return llvm::all_of(values, [&](int64_t value) { return value == wanted; });
  };
  RankedTensorType filter = graph::typeOf(op.getFilter());
  return op.getLayout() == graph::Layout::ChannelsLast && filter.getRank() == 4 && op.getGroups() == 1 &&
         graph::typeOf(op.getResult()).getElementType().isF32() && all(filter.getShape().take_front(2), 3) &&
         all(op.getStrides(), 1) && all(op.getDilations(), 1) && isF32(plan::unrounded(op.getInput())) &&
         isF32(plan::unrounded(op.getFilter())) && plan::unrounded(op.getFilter()).getDefiningOp<graph::ConstantOp>();
}

static void rewrite(graph::ConvOp op, const kernel::Machine &machine, IRRewriter &rewriter) {
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  RankedTensorType type = graph::typeOf(op.getResult());
  graph::Extents shape = graph::extentsOf(type);
  // The result is computed in tiles of 4x4: past its end the input has zeros of its own, as many as may be needed.
  SmallVector<int64_t> high(op.getHigh());
  for (int64_t dim : {0, 1}) {
    std::optional<int64_t> extent = shape[dim + 1].asNumber();
    high[dim] += extent ? static_cast<int64_t>(llvm::alignTo(*extent, 4)) - *extent : 3;
  }
  Value input = plan::padSpatial(rewriter, loc, plan::unrounded(op.getInput()), op.getLow(), high);
  int64_t channels = type.getDimSize(3), tiles = kernel::typicalBatch(shape[0]) *
                                                 kernel::typicalSide(shape[1].ceilDiv(4)) *
                                                 kernel::typicalSide(shape[2].ceilDiv(4));
  int64_t rows = kernel::chooseWinogradBlock(tiles, graph::typeOf(input).getDimSize(3), 1).tiles;
  kernel::RegisterTile tile = kernel::chooseTile(machine.withoutDots(), 1, rows, channels, sizeof(float));
  Value transformed = graph::WinogradFilterOp::create(rewriter, loc, plan::unrounded(op.getFilter()));
  Value panels = plan::packPanels(rewriter, loc, transformed, tile.width);
  Value packed = graph::TransposeOp::create(rewriter, loc, panels, ArrayRef<int64_t>{1, 0, 2, 3});
  // Where only sizes gain. To the type of more digits: the transformation back makes errors larger.
  if (op.getWide() && machine.together(graph::typeOf(op.getFilter()).getElementType()) == 1)
    packed = graph::CastOp::create(rewriter, loc, packed, rewriter.getF16Type());
  rewriter.replaceOpWithNewOp<kernel::WinogradOp>(op, type, input, packed);
}

namespace {
struct ChooseWinograd : plan::MachinePass<ChooseWinograd> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ChooseWinograd)
  using MachinePass::MachinePass;
  StringRef getArgument() const override { return "choose-winograd"; }
  StringRef getDescription() const override { return "3x3 convolutions → Winograd's, where the target gains"; }

  void runOnOperation() override {
    SmallVector<graph::ConvOp> chosen;
    getOperation().walk([&](graph::ConvOp op) {
      if (!isWinogradShaped(op))
        return;
      graph::Extents shape = graph::extentsOf(op.getResult());
      if (kernel::winogradPays(machine(), kernel::typicalBatch(shape[0]), kernel::typicalSide(shape[1]),
                               kernel::typicalSide(shape[2]), graph::typeOf(op.getInput()).getDimSize(3),
                               graph::typeOf(op.getFilter()).getShape().back(),
                               machine().together(graph::typeOf(op.getFilter()).getElementType())))
        chosen.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (graph::ConvOp op : chosen)
      rewrite(op, machine(), rewriter);
  }
};
} // namespace

std::unique_ptr<Pass> plan::createChooseWinogradPass(const kernel::Machine &machine) {
  return std::make_unique<ChooseWinograd>(machine);
}
