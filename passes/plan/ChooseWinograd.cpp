// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// choose-winograd: convolutions of stride 1 with constant filters become Winograd's where the target is estimated to
// gain.
//   conv(x, w) {stride 1}   →   winograd(pad(x), transpose(pack_panels(winograd_filter(w))))
// Where the convolution was rounded to a narrower type, this one is not: the choice is between fewer products in f32
// and instructions that make several at once.
// Its error is larger than a direct convolution's: 3e-6 to 4e-6 of the largest value were measured after eight layers
// of 3x3.

#include "dialects/Graph/Graph.h"
#include "dialects/Graph/WinogradTile.h"
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

namespace {
/// How the image's dims are covered by tiles.
struct Tiling {
  SmallVector<graph::WinogradTile> tiles;
  SmallVector<int64_t> dilations;
  kernel::WinogradWork work;
};
} // namespace

/// Whether the algorithm applies.
static bool isCandidate(graph::ConvOp op) {
  constexpr int64_t kMostDilation = 64; // tiles of windows that are further apart would be mostly empty
  auto isOne = [](int64_t value) { return value == 1; };
  auto isFew = [](int64_t value) { return value <= kMostDilation; };
  return op.getLayout() == graph::Layout::ChannelsLast && op.getStrides().size() <= 2 && op.getGroups() == 1 &&
         llvm::all_of(op.getStrides(), isOne) && llvm::all_of(op.getDilations(), isFew) && isF32(op.getResult()) &&
         isF32(plan::unrounded(op.getInput())) && isF32(plan::unrounded(op.getFilter())) &&
         plan::unrounded(op.getFilter()).getDefiningOp<graph::ConstantOp>();
}

/// The work with these tiles.
static Tiling tilingOf(graph::ConvOp op, ArrayRef<graph::WinogradTile> tiles) {
  Tiling tiling;
  tiling.tiles.assign(tiles.begin(), tiles.end());
  kernel::WinogradWork &work = tiling.work;
  RankedTensorType filter = graph::typeOf(op.getFilter());
  graph::Extents shape = graph::extentsOf(op.getResult());
  auto typical = tiles.size() == 2 ? kernel::typicalSide : kernel::typicalLength;
  work.dims = 0;
  work.results = work.tiles = kernel::typicalBatch(shape.front());
  work.inputs = filter.getShape().end()[-2];
  work.channels = filter.getShape().back();
  for (auto [dim, tile] : llvm::enumerate(tiles)) {
    int64_t extent = typical(shape[dim + 1]), dilation = tile.taps > 1 ? op.getDilations()[dim] : 1;
    work.taps *= tile.taps;
    work.products *= tile.points;
    work.dims += tile.points > 1;
    work.results *= extent;
    work.tiles *= llvm::divideCeil(extent, tile.results * dilation) * dilation;
    tiling.dilations.push_back(dilation);
  }
  return tiling;
}

/// One tile for each dim, in all ways; none where a dim has no tile.
static SmallVector<SmallVector<graph::WinogradTile>> tilesOf(graph::ConvOp op) {
  SmallVector<SmallVector<graph::WinogradTile>> all(1);
  for (int64_t taps : graph::typeOf(op.getFilter()).getShape().drop_back(2)) {
    SmallVector<SmallVector<graph::WinogradTile>> longer;
    for (ArrayRef<graph::WinogradTile> begun : all)
      for (const graph::WinogradTile &tile : graph::winogradTiles(taps)) {
        longer.emplace_back(begun);
        longer.back().push_back(tile);
      }
    all = std::move(longer);
  }
  return all;
}

/// The fastest of those that gain.
static std::optional<Tiling> fastestTiling(graph::ConvOp op, const kernel::Machine &machine) {
  Type element = graph::typeOf(op.getFilter()).getElementType();
  std::optional<Tiling> best;
  double least = 1;
  if (!isCandidate(op))
    return best;
  for (ArrayRef<graph::WinogradTile> tiles : tilesOf(op)) {
    Tiling tiling = tilingOf(op, tiles);
    tiling.work.together = machine.together(element, element);
    if (tiling.work.dims == 0)
      continue;
    if (std::optional<double> time = kernel::winogradTime(machine, tiling.work); time && *time < least) {
      least = *time;
      best = std::move(tiling);
    }
  }
  return best;
}

static void rewrite(graph::ConvOp op, const Tiling &tiling, const kernel::Machine &machine, IRRewriter &rewriter) {
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  RankedTensorType type = graph::typeOf(op.getResult());
  graph::Extents shape = graph::extentsOf(type);
  // The result is computed in whole tiles: past its end the input has zeros of its own, as many as may be needed.
  SmallVector<int64_t> high(op.getHigh()), window, results;
  for (auto [dim, tile, dilation] : llvm::enumerate(tiling.tiles, tiling.dilations)) {
    std::optional<int64_t> extent = shape[dim + 1].asNumber();
    int64_t step = tile.results * dilation;
    high[dim] += extent ? static_cast<int64_t>(llvm::alignTo(*extent, step)) - *extent : step - 1;
    window.push_back(tile.taps);
    results.push_back(tile.results);
  }
  Value input = plan::padSpatial(rewriter, loc, plan::unrounded(op.getInput()), op.getLow(), high);
  const kernel::WinogradWork &work = tiling.work;
  int64_t rows =
      kernel::chooseWinogradBlock(machine, work.products, work.tiles, work.inputs, /*panels=*/1, 2 * machine.lanes())
          .tiles;
  kernel::RegisterTile tile = kernel::chooseTile(machine.withoutDots(), 1, rows, work.channels, sizeof(float), 1);
  Value transformed = kernel::WinogradFilterOp::create(rewriter, loc, plan::unrounded(op.getFilter()), results);
  Value panels = plan::packPanels(rewriter, loc, transformed, tile.width);
  Value packed = graph::TransposeOp::create(rewriter, loc, panels, ArrayRef<int64_t>{1, 0, 2, 3});
  // Where only sizes gain. To the type of more digits: the transformation back makes errors larger.
  Type element = graph::typeOf(op.getFilter()).getElementType();
  if (op.getWide() && machine.together(element, element) == 1)
    packed = graph::CastOp::create(rewriter, loc, packed, rewriter.getF16Type());
  rewriter.replaceOpWithNewOp<kernel::WinogradOp>(op, type, input, packed, rewriter.getDenseI64ArrayAttr(window),
                                                  rewriter.getDenseI64ArrayAttr(results),
                                                  rewriter.getDenseI64ArrayAttr(tiling.dilations));
}

namespace {
struct ChooseWinograd : plan::MachinePass<ChooseWinograd> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ChooseWinograd)
  using MachinePass::MachinePass;
  StringRef getArgument() const override { return "choose-winograd"; }
  StringRef getDescription() const override { return "convolutions → Winograd's, where the target gains"; }

  void runOnOperation() override {
    SmallVector<std::pair<graph::ConvOp, Tiling>> chosen;
    getOperation().walk([&](graph::ConvOp op) {
      if (std::optional<Tiling> tiling = fastestTiling(op, machine()))
        chosen.emplace_back(op, std::move(*tiling));
    });
    IRRewriter rewriter(&getContext());
    for (auto &[op, tiling] : chosen)
      rewrite(op, tiling, machine(), rewriter);
  }
};
} // namespace

std::unique_ptr<Pass> plan::createChooseWinogradPass(const kernel::Machine &machine) {
  return std::make_unique<ChooseWinograd>(machine);
}
