// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// quantize-weights: constant matrices that products sum over, and tables that are gathered from, are kept in 4 or 8
// bits; all is computed in f32 as before (BlockRounding.cpp).
//   matmul(x, w)                    →   matmul(x, dequantize_blocks(codes, scales, zero points))
//   gather(t, i)                    →   gather(dequantize_blocks(…), i)
//   matmul(x, w), gather(wᵀ, i)     →   the same codes for both
// What is small stays as it is, and where tables are in another precision than products, those that are a small part.
// Ops marked `graph.precision` are as the mark says, where that is one of these two. Tables may be narrowed alone,
// beside products of integers.

#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassRegistry.h"
#include "passes/quantize/BlockRounding.h"
#include "passes/quantize/Passes.h"

using namespace mlir;
using namespace smelt;

namespace {

/// Rounds the constants of one function, each once.
class Rounding {
public:
  Rounding(unsigned bits, RewriterBase &rewriter) : bits_(bits), rewriter_(rewriter) {}

  void lower(graph::MatMulOp op);
  void lower(graph::GatherOp op);
  void addTo(quantize::RoundedWeights &count) const;

private:
  void count(Value weights);

  Value rounded(Value constant, int64_t axis);
  Value tied(Value table);

  unsigned bits_;
  RewriterBase &rewriter_;
  DenseMap<std::pair<Value, int64_t>, Value> rounded_; // by constant and axis; null for what stays
  SmallVector<Value> weights_;                         // of products, that were rounded
  DenseMap<Value, bool> seen_;                         // matrices and tables, and whether they are in few bits
};

} // namespace

/// A constant that is kept in few bits.
static std::optional<graph::HostTensor> matrixOf(Value value, int64_t axis) {
  std::optional<graph::HostTensor> matrix = graph::constantOf(value);
  return matrix && quantize::isWorthRounding(*matrix, axis) ? matrix : std::nullopt;
}

Value Rounding::rounded(Value constant, int64_t axis) {
  auto [entry, isNew] = rounded_.try_emplace({constant, axis}, nullptr);
  if (!isNew)
    return entry->second;
  std::optional<graph::HostTensor> matrix = matrixOf(constant, axis);
  std::optional<quantize::RoundedBlocks> blocks =
      matrix ? quantize::roundBlocks(*matrix, axis, bits_) : std::optional<quantize::RoundedBlocks>();
  if (!blocks)
    return nullptr;
  OpBuilder::InsertionGuard guard(rewriter_);
  rewriter_.setInsertionPointToStart(constant.getParentBlock()); // before all that may share them
  Location loc = constant.getLoc();
  Value zeroPoints = blocks->zeroPoints ? graph::makeConstant(rewriter_, loc, *blocks->zeroPoints) : nullptr;
  Value result = graph::DequantizeBlocksOp::create(rewriter_, loc, graph::makeConstant(rewriter_, loc, blocks->codes),
                                                   graph::makeConstant(rewriter_, loc, blocks->scales), zeroPoints,
                                                   axis, blocks->block, blocks->fraction);
  rounded_[{constant, axis}] = result;
  return result;
}

/// Of what a product sums over, or a gather reads, before it is changed.
void Rounding::count(Value weights) {
  const bool isRounded = weights.getDefiningOp<graph::DequantizeBlocksOp>() != nullptr; // by data, or in the model
  const RankedTensorType type = graph::typeOf(weights);
  if (isRounded || (type.getRank() >= 2 && type.getElementType().isF32() && graph::constantOf(weights)))
    seen_[weights] |= isRounded;
}

void Rounding::addTo(quantize::RoundedWeights &count) const {
  count.all += seen_.size();
  count.taken += llvm::count_if(seen_, [](const auto &each) { return each.second; });
}

void Rounding::lower(graph::MatMulOp op) {
  if (!graph::typeOf(op.getLhs()).getElementType().isF32())
    return;
  count(op.getRhs());
  if (Value weights = rounded(op.getRhs(), 0)) {
    weights_.push_back(op.getRhs());
    seen_[op.getRhs()] = true;
    rewriter_.modifyOpInPlace(op, [&] { op.getRhsMutable().assign(weights); });
  }
}

/// The codes of a product's weights of which the table is the transpose, as a language model's words are its answers;
/// null where there are none.
Value Rounding::tied(Value table) {
  std::optional<graph::HostTensor> rows = matrixOf(table, 1);
  if (!rows)
    return nullptr;
  for (Value weights : weights_)
    if (std::optional<graph::HostTensor> columns = matrixOf(weights, 0); quantize::areTransposed(*rows, *columns)) {
      auto codes = rounded(weights, 0).getDefiningOp<graph::DequantizeBlocksOp>();
      if (rows->shape()[1] % static_cast<int64_t>(codes.getBlock()) != 0)
        return nullptr; // rows that end within a block are not read from panels
      rewriter_.setInsertionPointAfter(codes);
      return graph::TransposeOp::create(rewriter_, codes.getLoc(), codes, ArrayRef<int64_t>{1, 0});
    }
  return nullptr;
}

void Rounding::lower(graph::GatherOp op) {
  if (op.getAxis() != 0)
    return;
  count(op.getData());
  Value table = tied(op.getData());
  if (!table)
    table = rounded(op.getData(), 1);
  if (!table)
    return;
  seen_[op.getData()] = true;
  rewriter_.modifyOpInPlace(op, [&] { op.getDataMutable().assign(table); });
}

/// How many elements all constants have.
static int64_t constantsOf(func::FuncOp function) {
  int64_t elements = 0;
  function.walk([&](graph::ConstantOp constant) { elements += graph::typeOf(constant.getResult()).getNumElements(); });
  return elements;
}

/// Whether a table is so much of a model that its size counts. What is less saves next to nothing, and may cost much:
/// all that is computed depends on the few numbers that stand for a byte or a kind of token.
static bool isLargePart(graph::GatherOp gather, int64_t all) {
  constexpr int64_t kLeastPart = 8; // an eighth
  const RankedTensorType table = graph::typeOf(gather.getData());
  return table.hasStaticShape() && table.getNumElements() >= all / kLeastPart;
}

namespace {
struct QuantizeWeights : PassWrapper<QuantizeWeights, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(QuantizeWeights)
  QuantizeWeights(quantize::Precision products, quantize::Precision tables, quantize::RoundedWeights *count)
      : count_(count) {
    products_ = quantize::nameOf(products).str();
    tables_ = quantize::nameOf(tables).str();
  }
  QuantizeWeights(const QuantizeWeights &other) : PassWrapper(other), count_(other.count_) {} // with its own options
  StringRef getArgument() const override { return "quantize-weights"; }
  StringRef getDescription() const override { return "constant matrices → codes of few bits, computed with in f32"; }

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    Rounding toFour(4, rewriter), toEight(8, rewriter);
    std::vector<std::pair<Operation *, Rounding *>> ops;
    const int64_t all = constantsOf(getOperation());
    const bool areBeside = tables_ != products_; // tables beside products of another precision
    getOperation().walk([&](Operation *op) {
      auto mark = op->getAttrOfType<StringAttr>(quantize::kPrecision);
      auto gather = dyn_cast<graph::GatherOp>(op);
      if (gather && !mark && areBeside && !isLargePart(gather, all))
        return;
      StringRef unmarked = gather ? tables_ : products_;
      std::optional<quantize::Precision> precision = quantize::precisionOf(mark ? mark.getValue() : unmarked);
      if (precision == quantize::Precision::Int4Weights)
        ops.emplace_back(op, &toFour);
      else if (precision == quantize::Precision::Int8Weights)
        ops.emplace_back(op, &toEight);
    });
    for (auto [op, rounding] : ops)
      if (auto matmul = dyn_cast<graph::MatMulOp>(op))
        rounding->lower(matmul);
    for (auto [op, rounding] : ops) // which may share their codes
      if (auto gather = dyn_cast<graph::GatherOp>(op))
        rounding->lower(gather);
    if (count_)
      for (const Rounding *rounding : {&toFour, &toEight})
        rounding->addTo(*count_);
  }

private:
  quantize::RoundedWeights *count_;
  Option<std::string> products_{*this, "products", llvm::cl::desc("int4-weights, int8-weights, or others for none"),
                                llvm::cl::init("int4-weights")};
  Option<std::string> tables_{*this, "tables", llvm::cl::desc("the same, of what is gathered from"),
                              llvm::cl::init("int4-weights")};
};
} // namespace

std::unique_ptr<Pass> quantize::createQuantizeWeightsPass(Precision products, Precision tables, RoundedWeights *count) {
  return std::make_unique<QuantizeWeights>(products, tables, count);
}
