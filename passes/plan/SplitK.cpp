// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// split-k: a product or convolution that has few tiles for a device's multiprocessors, and a long K, is computed as
// groups of channels of the input, each by itself; then the partial sums are added up, in their order, by the kernel
// that does what follows.
//   contract(x, w)   →   p = contract(x, w') {groups = s};  ((p[…, 0, n] + p[…, 1, n]) + …) + p[…, s - 1, n]
//   w[panels, taps · s · c, width]   →   w'[s, panels, taps · c, width]
// Partial sums are f32, or i32 of integers, whatever the result is. How many parts there are is chooseSplits' choice.

#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/plan/MachinePass.h"
#include "passes/plan/Passes.h"

using namespace mlir;
using namespace smelt;

/// Whether groups share tiles of such a product.
static bool hasTiles(kernel::ContractOp op) {
  RankedTensorType packed = graph::typeOf(op.getPacked());
  const Type left = graph::typeOf(op.getInput()).getElementType(), right = packed.getElementType(),
             sum = graph::typeOf(op.getResult()).getElementType();
  auto isPlain = [](Type type) { return type.isF32() || type.isF16() || type.isBF16(); };
  const bool isOfBytes = left.isInteger(8) && right.isInteger(8) && sum.isSignlessInteger(32);
  return op.getTogether() == 1 && op.getBlock() == 0 && kernel::kGroupTile % packed.getShape().back() == 0 &&
         (isOfBytes || (isPlain(left) && isPlain(right) && isPlain(sum)));
}

/// Whether its weights can be laid out anew, and partial sums be added up by vectors. Of products by what the run
/// computes most are part of an attention.
static bool isCandidate(kernel::ContractOp op) {
  auto isStatic = [](Value value) { return graph::typeOf(value).hasStaticShape(); };
  constexpr int64_t kVector = 4;
  constexpr int64_t kPanelsRank = 3; // without a batch
  return op.getGroups() == 1 && graph::typeOf(op.getPacked()).getRank() == kPanelsRank && isStatic(op.getInput()) &&
         isStatic(op.getResult()) && op.getPacked().getDefiningOp<graph::ConstantOp>() && hasTiles(op) &&
         graph::typeOf(op.getResult()).getShape().back() % kVector == 0;
}

static int64_t splitsOf(kernel::ContractOp op, const kernel::Machine &machine) {
  RankedTensorType input = graph::typeOf(op.getInput()), result = graph::typeOf(op.getResult());
  kernel::GroupProduct product;
  product.elementBytes = graph::elementBytes(input.getElementType());
  product.depth = input.getShape().back();
  product.channels = result.getShape().back();
  product.points = result.getNumElements() / std::max<int64_t>(1, product.channels);
  for (int64_t extent : op.getWindow())
    product.taps *= extent;
  return product.points > 0 && product.channels > 0 ? kernel::chooseSplits(machine, product) : 1;
}

/// [panels, taps · s · c, width] → [s, panels, taps · c, width]
static Value splitPanels(kernel::ContractOp op, int64_t splits, OpBuilder &builder) {
  ArrayRef<int64_t> shape = graph::typeOf(op.getPacked()).getShape();
  const int64_t depth = graph::typeOf(op.getInput()).getShape().back(), taps = shape[1] / depth;
  Location loc = op.getLoc();
  const int64_t apart[] = {shape[0], taps, splits, depth / splits, shape[2]},
                joined[] = {splits, shape[0], shape[1] / splits, shape[2]}, order[] = {2, 0, 1, 3, 4};
  Value split = graph::reshapeTo(builder, loc, op.getPacked(), ArrayRef<int64_t>(apart));
  return graph::reshapeTo(builder, loc, graph::transposeTo(builder, loc, split, order), ArrayRef<int64_t>(joined));
}

static void split(kernel::ContractOp op, int64_t splits, IRRewriter &rewriter) {
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  RankedTensorType type = graph::typeOf(op.getResult());
  const Type sum = isa<FloatType>(type.getElementType()) ? Type(rewriter.getF32Type()) : type.getElementType();
  const RankedTensorType part = RankedTensorType::get(type.getShape(), sum);
  SmallVector<int64_t> shape(type.getShape()), starts(shape.size(), 0), steps(shape.size(), 1);
  const int64_t channels = shape.back();
  shape.back() *= splits;
  Value partial = kernel::ContractOp::create(rewriter, loc, RankedTensorType::get(shape, sum), op.getInput(),
                                             splitPanels(op, splits, rewriter), ValueRange(), op.getWindowAttr(),
                                             op.getStridesAttr(), op.getDilationsAttr(),
                                             rewriter.getI64IntegerAttr(splits), op.getTogetherAttr());
  Value result;
  for (int64_t number = 0; number < splits; ++number) {
    starts.back() = number * channels;
    Value next = graph::SliceOp::create(rewriter, loc, part, partial, starts, steps);
    result = result ? graph::AddOp::create(rewriter, loc, result, next).getResult() : next;
  }
  if (sum != type.getElementType())
    result = graph::CastOp::create(rewriter, loc, result, type.getElementType());
  rewriter.replaceOp(op, result);
}

namespace {
struct SplitK : plan::MachinePass<SplitK> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SplitK)
  using MachinePass::MachinePass;
  StringRef getArgument() const override { return "split-k"; }
  StringRef getDescription() const override { return "few tiles of long sums → partial sums, and their sum"; }

  void runOnOperation() override {
    SmallVector<kernel::ContractOp> products;
    getOperation().walk([&](kernel::ContractOp op) { products.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (kernel::ContractOp op : products)
      if (const int64_t splits = isCandidate(op) ? splitsOf(op, machine()) : 1; splits > 1)
        split(op, splits, rewriter);
  }
};
} // namespace

std::unique_ptr<Pass> plan::createSplitKPass(const kernel::Machine &machine) {
  return std::make_unique<SplitK>(machine);
}
