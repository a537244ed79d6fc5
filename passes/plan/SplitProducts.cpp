// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// split-products: products of few results and a long K, whatever their operands are, become a batch of products of
// parts of K, and the sum of these; so do convolutions of one tap.
//   matmul(a[m, k], b[k, n])   →   reduce(matmul(a[parts, m, k / parts], b[parts, k / parts, n])) {sum}
// Results are exact sums of f32, or of i32 of integers; what narrow floats are rounded to comes after.

#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/plan/MachinePass.h"
#include "passes/plan/Parts.h"
#include "passes/plan/Passes.h"

using namespace mlir;
using namespace smelt;

/// A convolution of one tap as a product of its points by the filter; null for others.
static Value asProduct(graph::ConvOp op, IRRewriter &rewriter) {
  auto areAll = [](ArrayRef<int64_t> numbers, int64_t number) {
    return llvm::all_of(numbers, [&](int64_t each) { return each == number; });
  };
  RankedTensorType input = graph::typeOf(op.getInput()), filter = graph::typeOf(op.getFilter()),
                   type = graph::typeOf(op.getResult());
  if (op.getLayout() != graph::Layout::ChannelsLast || op.getGroups() != 1 || !input.hasStaticShape() ||
      !areAll(op.getStrides(), 1) || !areAll(op.getLow(), 0) || !areAll(op.getHigh(), 0) ||
      !areAll(filter.getShape().drop_back(2), 1))
    return nullptr;
  const int64_t depth = input.getShape().back(), channels = type.getShape().back();
  const int64_t rows[] = {type.getNumElements() / std::max<int64_t>(channels, 1), depth}, matrix[] = {depth, channels};
  const Location loc = op.getLoc();
  Value product =
      graph::MatMulOp::create(rewriter, loc, graph::reshapeTo(rewriter, loc, op.getInput(), ArrayRef<int64_t>(rows)),
                              graph::reshapeTo(rewriter, loc, op.getFilter(), ArrayRef<int64_t>(matrix)), op.getWide());
  return graph::reshapeTo(rewriter, loc, product, type.getShape());
}

/// Of how many parts products of so many results in all are, for [rows, depth] · [depth, columns].
static int64_t partsOf(const kernel::Machine &machine, int64_t batch, int64_t rows, int64_t columns, int64_t depth) {
  if (batch == 0 || rows == 0 || columns == 0)
    return 1;
  return kernel::chooseProductParts(machine, batch, rows, columns, depth);
}

/// Whether a kernel of attention may take the product: its weights are a softmax's.
static bool isOfAttention(Value lhs) {
  auto cast = lhs.getDefiningOp<graph::CastOp>();
  return isa_and_nonnull<graph::SoftmaxOp>((cast ? cast.getInput() : lhs).getDefiningOp());
}

static int64_t partsOf(graph::MatMulOp op, const kernel::Machine &machine) {
  RankedTensorType lhs = graph::typeOf(op.getLhs()), type = graph::typeOf(op.getResult());
  const Type element = type.getElementType();
  if (!lhs.hasStaticShape() || !type.hasStaticShape() || !(element.isF32() || element.isInteger(32)) ||
      op.getRhs().getDefiningOp<graph::DequantizeBlocksOp>() || isOfAttention(op.getLhs()))
    return 1;
  ArrayRef<int64_t> shape = type.getShape();
  return partsOf(machine, ShapedType::getNumElements(shape.drop_back(2)), shape[shape.size() - 2], shape.back(),
                 lhs.getShape().back());
}

static int64_t partsOf(graph::ConvOp op, const kernel::Machine &machine) {
  RankedTensorType type = graph::typeOf(op.getResult());
  if (!type.hasStaticShape() || !(type.getElementType().isF32() || type.getElementType().isInteger(32)))
    return 1;
  const int64_t channels = type.getShape().back();
  return partsOf(machine, 1, type.getNumElements() / std::max<int64_t>(channels, 1), channels,
                 graph::typeOf(op.getInput()).getShape().back());
}

static void split(graph::MatMulOp op, int64_t wanted, IRRewriter &rewriter) {
  rewriter.setInsertionPoint(op);
  const Location loc = op.getLoc();
  RankedTensorType type = graph::typeOf(op.getResult());
  const int64_t rank = type.getRank();
  const plan::Parts parts = plan::cutInto(graph::typeOf(op.getLhs()).getShape().back(), wanted);
  // K is the last dim of the left side, and the last but one of the right.
  auto dimOf = [](Value side, int64_t fromEnd) { return graph::typeOf(side).getRank() - fromEnd; };
  // Parts become the outermost dim, before a batch of as many dims as the result has.
  auto batched = [&](Value side, int64_t dim) {
    Value whole = plan::wholeParts(rewriter, side, dim, parts);
    SmallVector<int64_t> order{dim};
    for (int64_t other = 0; other < graph::typeOf(whole).getRank(); ++other)
      if (other != dim)
        order.push_back(other);
    Value moved = graph::transposeTo(rewriter, loc, whole, order);
    SmallVector<int64_t> shape(graph::typeOf(moved).getShape());
    shape.insert(shape.begin() + 1, rank + 1 - static_cast<int64_t>(shape.size()), 1);
    return graph::reshapeTo(rewriter, loc, moved, shape);
  };
  Value partial = graph::MatMulOp::create(rewriter, loc, batched(op.getLhs(), dimOf(op.getLhs(), 1)),
                                          batched(op.getRhs(), dimOf(op.getRhs(), 2)), op.getWide());
  Value sum = graph::ReduceOp::create(rewriter, loc, partial, graph::ReduceKind::Sum, ArrayRef<int64_t>{0});
  sum = graph::reshapeTo(rewriter, loc, sum, type.getShape());
  if (parts.tail > 0)
    sum = graph::AddOp::create(
        rewriter, loc, sum,
        graph::MatMulOp::create(rewriter, loc, plan::tailOf(rewriter, op.getLhs(), dimOf(op.getLhs(), 1), parts),
                                plan::tailOf(rewriter, op.getRhs(), dimOf(op.getRhs(), 2), parts), op.getWide()));
  rewriter.replaceOp(op, sum);
}

namespace {
struct SplitProducts : plan::MachinePass<SplitProducts> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SplitProducts)
  using MachinePass::MachinePass;
  StringRef getArgument() const override { return "split-products"; }
  StringRef getDescription() const override { return "products of few results and a long K → a batch, and its sum"; }

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<graph::ConvOp> convs;
    getOperation().walk([&](graph::ConvOp op) { convs.push_back(op); });
    for (graph::ConvOp op : convs)
      if (partsOf(op, machine()) > 1) {
        rewriter.setInsertionPoint(op);
        if (Value product = asProduct(op, rewriter))
          rewriter.replaceOp(op, product);
      }
    SmallVector<graph::MatMulOp> products;
    getOperation().walk([&](graph::MatMulOp op) { products.push_back(op); });
    for (graph::MatMulOp op : products)
      if (const int64_t wanted = partsOf(op, machine()); wanted > 1)
        split(op, wanted, rewriter);
  }
};
} // namespace

std::unique_ptr<Pass> plan::createSplitProductsPass(const kernel::Machine &machine) {
  return std::make_unique<SplitProducts>(machine);
}
