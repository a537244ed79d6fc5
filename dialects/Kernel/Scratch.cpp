// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Kernel/Scratch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace smelt::kernel {

/// Elements from one matrix of a block to the next: not a multiple of what a cache takes for one place.
static int64_t spread(int64_t elements) {
  constexpr int64_t kSets = 1024, kLine = 16; // of f32
  return elements % kSets ? elements : elements + kLine;
}

static void chooseBlock(WinogradLayout &layout, const Machine &machine) {
  auto rowsPerStep = [&] {
    return chooseTile(machine.withoutDots(), 1, layout.block.tiles, layout.shape.back().number(), sizeof(float),
                      /*together=*/1, layout.width)
        .columns;
  };
  auto block = [&](int64_t tiles) {
    return chooseWinogradBlock(machine, layout.products, tiles, layout.channels, layout.panels, layout.width);
  };
  if (layout.tiles.isNumber()) {
    layout.block = block(layout.tiles.number());
    layout.blocks = layout.block.count;
    layout.rowsPerStep = rowsPerStep();
    return;
  }
  // Blocks of the most tiles there may be, in whole steps; the last one has fewer.
  constexpr int64_t kMany = 1 << 20;
  int64_t typical = typicalBatch(layout.shape[0]) * typicalSide(layout.rows.tiles * layout.columns.tiles);
  layout.block = block(kMany);
  layout.block.panelGroups = block(typical).panelGroups;
  layout.rowsPerStep = rowsPerStep();
  layout.block.tiles -= layout.block.tiles % layout.rowsPerStep;
  layout.blocks = layout.tiles.ceilDiv(layout.block.tiles);
}

WinogradLayout winogradLayout(WinogradOp op, const Machine &machine) {
  WinogradLayout layout;
  layout.shape = graph::extentsOf(op.getResult());
  layout.isImage = op.getWindow().size() == 2;
  RankedTensorType packed = graph::typeOf(op.getPacked());
  layout.panels = packed.getDimSize(0);
  layout.products = packed.getDimSize(1);
  layout.channels = packed.getDimSize(2);
  layout.width = packed.getDimSize(3);
  for (size_t number = 0; number < op.getWindow().size(); ++number) {
    WinogradDim &dim = layout.isImage && number == 0 ? layout.rows : layout.columns;
    dim.tile = *graph::winogradTile(op.getWindow()[number], op.getTile()[number]);
    dim.dilation = op.getDilations()[number];
    dim.extent = layout.shape[number + 1];
    dim.tiles = dim.extent.ceilDiv(dim.tile.results * dim.dilation) * dim.dilation;
  }
  layout.tiles = layout.shape[0] * layout.rows.tiles * layout.columns.tiles;
  chooseBlock(layout, machine);
  layout.rowStride = spread(layout.channels);
  layout.inStride = spread(layout.block.tiles * layout.rowStride);
  layout.outStride = spread(layout.block.tiles * layout.width);
  return layout;
}

std::optional<AttentionOps> findAttention(Block &kernel) {
  AttentionOps ops;
  for (Operation &op : kernel) {
    if (auto contract = dyn_cast<ContractOp>(op))
      (ops.scores ? ops.result : ops.scores) = contract;
    if (auto softmax = dyn_cast<graph::SoftmaxOp>(op))
      ops.softmax = softmax;
  }
  if (!ops.scores || !ops.softmax || !ops.result)
    return std::nullopt;
  return ops;
}

AttentionLayout attentionLayout(const AttentionOps &given, const Machine &machine) {
  constexpr int64_t kBlockKeys = 512; // scores of a dozen rows of q in 24 KB
  constexpr int64_t kLine = 16;       // so that lines of 2 KB do not meet in the same places of the cache
  AttentionOps ops = given;
  graph::Extents scores = graph::extentsOf(ops.scores.getResult());
  graph::Extents keys = graph::extentsOf(ops.scores.getPacked()), values = graph::extentsOf(ops.result.getPacked());
  int64_t keyWidth = keys.back().number(), valueWidth = values.back().number();
  auto rowsFor = [&](int64_t width, const graph::Extent &channels) {
    return chooseTile(machine, 1, typicalLength(scores[scores.size() - 2]), typicalLength(channels), sizeof(float),
                      /*together=*/1, width)
        .columns;
  };
  AttentionLayout layout;
  graph::Extent channels = graph::extentsOf(ops.result.getResult()).back();
  layout.rows = std::min(rowsFor(keyWidth, scores.back()), rowsFor(valueWidth, channels));
  int64_t blockPanels = std::max<int64_t>(1, kBlockKeys / keyWidth);
  if (std::optional<int64_t> panels = keys[keys.size() - 3].asNumber())
    blockPanels = std::min(blockPanels, std::max<int64_t>(1, *panels));
  layout.blockKeys = blockPanels * keyWidth;
  layout.lineStride = layout.blockKeys + kLine;
  layout.valueStride = values[values.size() - 3].number() * valueWidth;
  return layout;
}

CodesLayout codesLayout(ContractOp op) {
  CodesLayout layout;
  graph::Extents shape = graph::extentsOf(op.getResult());
  layout.rows = graph::productOf(ArrayRef<graph::Extent>(shape).drop_back());
  layout.mayBeOneRow = layout.rows.asNumber().value_or(1) == 1;
  layout.mayBeMore = layout.rows != graph::Extent(1);
  RankedTensorType packed = graph::typeOf(op.getPacked()), scales = graph::typeOf(op.getScales().front());
  if (op.getScales().size() > 1)
    layout.sums = scales.getDimSize(1);
  layout.panelElements = graph::typeOf(op.getInput()).getShape().back() * packed.getDimSize(2);
  return layout;
}

/// A panel's numbers, and the sums of an input's blocks.
static SmallVector<ScratchBlock> scratchOfCodes(ContractOp op) {
  CodesLayout layout = codesLayout(op);
  Type number = graph::typeOf(op.getResult()).getElementType();
  return {{layout.mayBeMore ? layout.panelElements : 0, number}, {layout.mayBeOneRow ? layout.sums : 0, number}};
}

SmallVector<ScratchBlock> scratchBlocks(Block &kernel, const Machine &machine) {
  if (std::optional<AttentionOps> attention = findAttention(kernel)) {
    AttentionLayout layout = attentionLayout(*attention, machine);
    Type number = graph::typeOf(attention->scores.getResult()).getElementType();
    Type power = graph::typeOf(attention->result.getInput()).getElementType();
    SmallVector<ScratchBlock> blocks{{layout.rows * layout.lineStride, number},
                                     {layout.rows * layout.valueStride, number}};
    if (power != number) // powers are rounded, and lie beside the scores
      blocks.push_back({layout.rows * layout.lineStride, power});
    return blocks;
  }
  for (auto contract : kernel.getOps<ContractOp>())
    if (contract.getBlock() > 0)
      return scratchOfCodes(contract);
  auto winograds = kernel.getOps<WinogradOp>();
  if (winograds.empty())
    return {};
  WinogradOp winograd = *winograds.begin();
  WinogradLayout layout = winogradLayout(winograd, machine);
  Type number = graph::typeOf(winograd.getResult()).getElementType();
  return {{layout.products * layout.inStride, number}, {layout.products * layout.outStride, number}};
}

SmallVector<int64_t> scratchOffsets(ArrayRef<ScratchBlock> blocks) {
  constexpr int64_t kAlignment = 64; // of a line of the cache, and of the widest vector
  SmallVector<int64_t> offsets{0};
  for (const ScratchBlock &block : blocks)
    offsets.push_back(offsets.back() + llvm::alignTo(block.elements * graph::elementBytes(block.element), kAlignment));
  return offsets;
}

int64_t scratchBytes(Block &kernel, const Machine &machine) {
  constexpr int64_t kMostOnStack = int64_t(16) << 10;
  if (machine.isDevice && findAttention(kernel)) // whose workgroups have memory of their own
    return 0;
  int64_t bytes = scratchOffsets(scratchBlocks(kernel, machine)).back();
  return bytes > kMostOnStack ? bytes : 0;
}

} // namespace smelt::kernel
