// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// pack-contractions: puts the right-hand side of products and convolutions in panels as wide as the target's register
// tile, and takes padding out of convolutions.
//   matmul(a, b)                        →   contract(a, pack_panels(b))
//   matmul(a, dequantize_blocks(c, s))  →   contract(a, pack_panels(c), pack_panels(s))
//   conv(x, w) {channels_last, pads}    →   contract(pad(x), pack_panels(reshape(w)))
//   conv(x, w) {depthwise, pads}        →   conv(pad(x), w)
//   conv(x[…, w · k, c], f[…, k, c, n]) {stride k}   →   contract(reshape(x)[…, w, k · c], …), where groups of
//   neighbours
//                                                       along c would be incomplete

#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/plan/Codes.h"
#include "passes/plan/Contractions.h"
#include "passes/plan/MachinePass.h"
#include "passes/plan/Passes.h"

using namespace mlir;
using namespace smelt;
using graph::Extent;
using graph::Extents;

static Type elementOf(Value value) { return graph::typeOf(value).getElementType(); }
static unsigned elementBytesOf(Value value) { return graph::elementBytes(graph::computeType(elementOf(value))); }

/// How many rows of a right-hand side are put side by side: only of a constant, which costs nothing then.
static int64_t togetherOf(Value lhs, Value rhs, const kernel::Machine &machine) {
  return rhs.getDefiningOp<graph::ConstantOp>() ? machine.together(elementOf(lhs), elementOf(rhs)) : 1;
}

/// Whether windows lie side by side along the last dim and cover it, so that a window's row is a tap of more channels.
static bool isRowATap(graph::ConvOp op, Value input) {
  RankedTensorType from = graph::typeOf(input), filter = graph::typeOf(op.getFilter());
  int64_t taps = filter.getDimSize(filter.getRank() - 3), columns = from.getDimSize(from.getRank() - 2);
  return op.getGroups() == 1 && taps > 1 && op.getStrides().back() == taps && op.getDilations().back() == 1 &&
         !ShapedType::isDynamic(columns) && columns % taps == 0;
}

namespace {

struct PackMatMul : OpRewritePattern<graph::MatMulOp> {
  PackMatMul(MLIRContext *context, const kernel::Machine &machine) : OpRewritePattern(context), machine(machine) {}

  LogicalResult matchAndRewrite(graph::MatMulOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    RankedTensorType type = graph::typeOf(op.getResult());
    Extents shape = graph::extentsOf(type);
    int64_t together = togetherOf(op.getLhs(), op.getRhs(), machine);
    Value lhs = op.getLhs(), rhs = plan::groupRows(rewriter, loc, op.getRhs(), together);
    ArrayRef<Extent> batch = ArrayRef<Extent>(shape).drop_back(2);
    Extents lhsShape(batch), rhsShape(batch), left = graph::extentsOf(lhs), right = graph::extentsOf(rhs);
    llvm::append_range(lhsShape, ArrayRef<Extent>(left).take_back(2));
    llvm::append_range(rhsShape, ArrayRef<Extent>(right).take_back(2));
    lhs = graph::broadcastTo(rewriter, loc, lhs, lhsShape);
    Extent rows = shape[batch.size()], columns = shape.back();
    if (graph::productOf(right) == rhsShape[batch.size()] * rhsShape.back()) {
      // All batches share the right-hand side: they are but more rows.
      rhs = graph::reshapeTo(rewriter, loc, rhs, ArrayRef<Extent>(rhsShape).take_back(2));
      rows *= graph::productOf(batch);
    } else {
      rhs = graph::broadcastTo(rewriter, loc, rhs, rhsShape);
    }
    kernel::RegisterTile tile =
        kernel::chooseTile(machine, 1, kernel::typicalLength(rows), kernel::typicalLength(columns), elementBytesOf(op),
                           machine.together(elementOf(op.getLhs()), elementOf(op.getRhs())));
    Value packed = plan::packPanels(rewriter, loc, rhs, tile.width * together);
    rewriter.replaceOpWithNewOp<kernel::ContractOp>(
        op, type, lhs, packed, ValueRange(), rewriter.getDenseI64ArrayAttr({1}), rewriter.getDenseI64ArrayAttr({1}),
        rewriter.getDenseI64ArrayAttr({1}), rewriter.getI64IntegerAttr(1), rewriter.getI64IntegerAttr(together));
    return success();
  }

  kernel::Machine machine;
};

/// Products by codes. A table whose columns the codes are as well is gathered from the panels.
struct PackCodes : OpRewritePattern<graph::MatMulOp> {
  PackCodes(MLIRContext *context, const kernel::Machine &machine)
      : OpRewritePattern(context, /*benefit=*/2), machine(machine) {}

  LogicalResult matchAndRewrite(graph::MatMulOp op, PatternRewriter &rewriter) const override {
    auto matrix = op.getRhs().getDefiningOp<graph::DequantizeBlocksOp>();
    if (!matrix || !elementOf(op.getLhs()).isF32() || !elementOf(op.getResult()).isF32())
      return rewriter.notifyMatchFailure(op, "not by codes");
    // One row is what waits for memory, so that codes are worth it.
    kernel::RegisterTile tile = kernel::chooseTile(machine, 1, 1, graph::typeOf(matrix.getResult()).getShape().back(),
                                                   elementBytesOf(op), /*together=*/1);
    rewriter.setInsertionPointAfter(matrix);
    std::optional<plan::PackedCodes> packed = plan::packCodes(rewriter, matrix, tile.width);
    if (!packed)
      return rewriter.notifyMatchFailure(op, "codes are not constant");
    SmallVector<Operation *> users(matrix->getUsers());
    for (Operation *user : users) {
      if (auto product = dyn_cast<graph::MatMulOp>(user))
        replace(product, *packed, rewriter);
      else if (auto transpose = dyn_cast<graph::TransposeOp>(user))
        for (Operation *reader : llvm::make_early_inc_range(transpose->getUsers()))
          replaceGather(dyn_cast<graph::GatherOp>(reader), matrix, *packed, rewriter);
    }
    return success();
  }

private:
  static void replace(graph::MatMulOp op, const plan::PackedCodes &packed, PatternRewriter &rewriter) {
    if (!elementOf(op.getLhs()).isF32())
      return;
    rewriter.setInsertionPoint(op);
    rewriter.replaceOpWithNewOp<kernel::ContractOp>(
        op, op.getType(), op.getLhs(), packed.codes, packed.scales, rewriter.getDenseI64ArrayAttr({1}),
        rewriter.getDenseI64ArrayAttr({1}), rewriter.getDenseI64ArrayAttr({1}), rewriter.getI64IntegerAttr(1),
        rewriter.getI64IntegerAttr(1), rewriter.getI64IntegerAttr(packed.block),
        rewriter.getI64IntegerAttr(packed.fraction));
  }

  static void replaceGather(graph::GatherOp op, graph::DequantizeBlocksOp matrix, const plan::PackedCodes &packed,
                            PatternRewriter &rewriter) {
    if (!op || op.getAxis() != 0)
      return;
    rewriter.setInsertionPoint(op);
    if (Value rows = plan::gatherColumns(rewriter, op, matrix, packed))
      rewriter.replaceOp(op, rows);
  }

  kernel::Machine machine;
};

/// Rows of a table of codes.
struct GatherCodes : OpRewritePattern<graph::GatherOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(graph::GatherOp op, PatternRewriter &rewriter) const override {
    auto table = op.getData().getDefiningOp<graph::DequantizeBlocksOp>();
    Value rows = table && op.getAxis() == 0 ? plan::gatherRows(rewriter, op, table) : nullptr;
    if (!rows)
      return rewriter.notifyMatchFailure(op, "not a table of codes");
    rewriter.replaceOp(op, rows);
    return success();
  }
};

struct PackConv : OpRewritePattern<graph::ConvOp> {
  PackConv(MLIRContext *context, const kernel::Machine &machine) : OpRewritePattern(context), machine(machine) {}

  LogicalResult matchAndRewrite(graph::ConvOp op, PatternRewriter &rewriter) const override {
    if (op.getLayout() != graph::Layout::ChannelsLast)
      return rewriter.notifyMatchFailure(op, "channels_first");
    RankedTensorType filter = graph::typeOf(op.getFilter());
    int64_t groups = op.getGroups(), taps = filter.getDimSize(filter.getRank() - 2),
            channels = filter.getShape().back();
    Value input = plan::padSpatial(rewriter, op.getLoc(), op.getInput(), op.getLow(), op.getHigh());
    if (groups > 1 && taps == 1 && channels == groups)
      return keepDepthwise(op, input, rewriter);

    for (int64_t extent : filter.getShape().drop_back(2))
      taps *= extent;
    RankedTensorType type = graph::typeOf(op.getResult());
    Extents shape = graph::extentsOf(type);
    auto typical = op.getStrides().size() > 1 ? kernel::typicalSide : kernel::typicalLength;
    int64_t rows = kernel::typicalBatch(shape.front());
    for (const Extent &extent : ArrayRef<Extent>(shape).slice(1, shape.size() - 3))
      rows *= typical(extent);
    kernel::RegisterTile tile =
        kernel::chooseTile(machine, rows, typical(shape[shape.size() - 2]), channels / groups, elementBytesOf(op),
                           machine.together(elementOf(op.getInput()), elementOf(op.getFilter())));
    int64_t together = togetherOf(op.getInput(), op.getFilter(), machine), joined = 1;
    SmallVector<int64_t> window(filter.getShape().drop_back(2)), strides(op.getStrides());
    if (filter.getDimSize(filter.getRank() - 2) % together && isRowATap(op, input)) {
      joined = window.back();
      Extents split = graph::extentsOf(input);
      split[split.size() - 2] = split[split.size() - 2].floorDiv(joined);
      split.back() *= joined;
      input = graph::reshapeTo(rewriter, op.getLoc(), input, split);
      window.back() = strides.back() = 1;
    }
    Value packed = packFilter(op, tile.width, together, joined, rewriter);
    if (joined == 1)
      input = padChannels(op, input, together, rewriter);
    rewriter.replaceOpWithNewOp<kernel::ContractOp>(op, type, input, packed, ValueRange(),
                                                    rewriter.getDenseI64ArrayAttr(window),
                                                    rewriter.getDenseI64ArrayAttr(strides), op.getDilationsAttr(),
                                                    op.getGroupsAttr(), rewriter.getI64IntegerAttr(together));
    return success();
  }

private:
  static LogicalResult keepDepthwise(graph::ConvOp op, Value input, PatternRewriter &rewriter) {
    if (input == op.getInput())
      return rewriter.notifyMatchFailure(op, "depthwise without padding stays as it is");
    SmallVector<int64_t> zeros(op.getLow().size(), 0);
    rewriter.modifyOpInPlace(op, [&] {
      op.getInputMutable().assign(input);
      op.setLow(zeros);
      op.setHigh(zeros);
    });
    return success();
  }

  /// Where a pixel has fewer channels than are read together, it gets more, so that they are read as one word. What
  /// they hold does not matter: their weights are zeros.
  static Value padChannels(graph::ConvOp op, Value input, int64_t together, PatternRewriter &rewriter) {
    RankedTensorType type = graph::typeOf(input);
    int64_t channels = type.getShape().back();
    if (op.getGroups() != 1 || channels >= together || !isa<IntegerType>(type.getElementType()))
      return input;
    SmallVector<int64_t> low(type.getRank(), 0), high(low);
    high.back() = together - channels;
    Value any = graph::makeScalar(rewriter, op.getLoc(), type.getElementType(), graph::Scalar::ofFloat(0));
    return graph::PadOp::create(rewriter, op.getLoc(), input, any, low, high, graph::PadMode::Constant);
  }

  /// [k…, c, groups · n] → [groups, panels, k · c, width]; so many taps, the last dim's or 1, are `joined` to one.
  static Value packFilter(graph::ConvOp op, int64_t width, int64_t together, int64_t joined,
                          PatternRewriter &rewriter) {
    ArrayRef<int64_t> shape = graph::typeOf(op.getFilter()).getShape();
    int64_t groups = op.getGroups(), channels = shape.back() / groups, depth = shape[shape.size() - 2], window = 1;
    for (int64_t extent : shape.drop_back(2))
      window *= extent;
    window /= joined;
    depth *= joined;
    Location loc = op.getLoc();
    Value filter = op.getFilter();
    if (groups > 1) {
      filter = graph::reshapeTo(rewriter, loc, filter, {window * depth, groups, channels});
      filter = graph::TransposeOp::create(rewriter, loc, filter, ArrayRef<int64_t>{1, 0, 2});
    }
    SmallVector<int64_t> outer;
    if (groups > 1)
      outer.push_back(groups);
    if (together > 1) { // of each tap by itself
      SmallVector<int64_t> taps(outer);
      taps.append({window, depth, channels});
      filter = plan::groupRows(rewriter, loc, graph::reshapeTo(rewriter, loc, filter, taps), together);
      depth = graph::typeOf(filter).getDimSize(outer.size() + 1);
    }
    outer.append({window * depth, channels * together});
    return plan::packPanels(rewriter, loc, graph::reshapeTo(rewriter, loc, filter, outer), width * together);
  }

  kernel::Machine machine;
};

struct PackContractions : plan::MachinePass<PackContractions> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PackContractions)
  using MachinePass::MachinePass;
  StringRef getArgument() const override { return "pack-contractions"; }
  StringRef getDescription() const override { return "pack right-hand sides in panels of the target's register tile"; }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<PackMatMul, PackCodes, PackConv>(&getContext(), machine());
    patterns.add<GatherCodes>(&getContext());
    GreedyRewriteConfig config;
    config.enableFolding(false); // folding is fold-constants' work
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass> plan::createPackContractionsPass(const kernel::Machine &machine) {
  return std::make_unique<PackContractions>(machine);
}
