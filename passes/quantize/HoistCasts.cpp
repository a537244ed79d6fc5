// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// hoist-casts: a rounding to a narrower type moves to before the ops that only move elements, so that the kernel which
// computes a value writes it rounded, and only that is moved.
//   round(view(x))       →   view(round(x))            reshape, transpose, slice, broadcast
//   round(concat(x…))    →   concat(round(x)…)         where nothing else reads it; so of pad, and of the maximum of
//                                                      windows, which rounding keeps in order
//   round(max(x) * f)    →   max(round(x * f))         of positive f, one for each channel, likewise

#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/Rounding.h"

using namespace mlir;
using namespace smelt;

namespace {

class Hoisting {
public:
  Hoisting(func::FuncOp function, RewriterBase &rewriter) : rewriter_(rewriter) {
    function.walk([&](Operation *op) {
      if (quantize::isRounding(op))
        add(op);
    });
  }
  void run() {
    while (!pending_.empty())
      hoist(pending_.pop_back_val());
  }

private:
  /// How a value is rounded, and what that is.
  struct Rounding {
    OperationName name;
    DictionaryAttr attributes;
    Value result;
  };

  void add(Operation *op) {
    roundings_[op->getOperand(0)].push_back({op->getName(), op->getAttrDictionary(), op->getResult(0)});
    pending_.push_back(op);
  }
  void hoist(Operation *op);
  Operation *hoistFactors(Operation *mover);
  bool mayHoistOver(Operation *mover, Operation *rounding);
  Value rounded(Value value, Operation *like);

  RewriterBase &rewriter_;
  SmallVector<Operation *> pending_;
  DenseMap<Value, SmallVector<Rounding>> roundings_;
};

} // namespace

/// How many of an op's operands, the first ones, are elements of its result.
static unsigned movedOperands(Operation *op) { return isa<graph::ConcatOp>(op) ? op->getNumOperands() : 1; }

/// Whether two ops round in the same way.
static bool areAlike(Operation *a, Operation *b) {
  return a->getName() == b->getName() && a->getAttrDictionary() == b->getAttrDictionary();
}

bool Hoisting::mayHoistOver(Operation *mover, Operation *rounding) {
  if (isa<graph::ReshapeOp, graph::TransposeOp, graph::SliceOp, graph::BroadcastOp>(mover))
    return true;
  auto pool = dyn_cast<graph::PoolOp>(mover);
  if (!isa<graph::ConcatOp, graph::PadOp>(mover) && !(pool && pool.getKind() == graph::PoolKind::Max))
    return false;
  return llvm::all_of(mover->getUsers(), [&](Operation *user) { return areAlike(user, rounding); });
}

/// The rounding of a value, which is made where there is none.
Value Hoisting::rounded(Value value, Operation *like) {
  for (const Rounding &known : roundings_[value])
    if (known.name == like->getName() && known.attributes == like->getAttrDictionary())
      return known.result;
  OpBuilder::InsertionGuard guard(rewriter_);
  rewriter_.setInsertionPointAfterValue(value);
  IRMapping mapping;
  mapping.map(like->getOperand(0), value);
  Operation *made = rewriter_.clone(*like, mapping);
  made->setLoc(value.getLoc());
  made->getResult(0).setType(graph::typeOf(value).clone(graph::typeOf(like->getResult(0)).getElementType()));
  add(made);
  return made->getResult(0);
}

/// mul(max(x), f) becomes max(mul(x, f)), which is returned; what is no such thing is returned as it is.
Operation *Hoisting::hoistFactors(Operation *mover) {
  auto product = dyn_cast_or_null<graph::MulOp>(mover);
  auto pool = product && product->hasOneUse() ? product.getLhs().getDefiningOp<graph::PoolOp>() : nullptr;
  std::optional<graph::HostTensor> factors = pool ? graph::constantOf(product.getRhs()) : std::nullopt;
  if (!factors || pool->getNumResults() != 1 || !pool->hasOneUse() || pool.getKind() != graph::PoolKind::Max ||
      product.getResult().getType() != pool->getResult(0).getType() || !factors->type().getElementType().isF32() ||
      !llvm::all_of(factors->as<float>(), [](float f) { return f > 0; }))
    return mover;
  // Of the windows' dims, results and what they are of have unlike extents.
  RankedTensorType from = graph::typeOf(pool->getOperand(0)), to = graph::typeOf(pool->getResult(0));
  ArrayRef<int64_t> shape = factors->type().getShape();
  for (auto [extent, before, after] :
       llvm::zip(shape, from.getShape().take_back(shape.size()), to.getShape().take_back(shape.size())))
    if (extent != 1 && before != after)
      return mover;
  rewriter_.setInsertionPoint(pool);
  Value scaled = graph::MulOp::create(rewriter_, product.getLoc(), pool->getOperand(0), product.getRhs());
  rewriter_.modifyOpInPlace(pool, [&] { pool->setOperand(0, scaled); });
  rewriter_.replaceOp(product, pool->getResult(0));
  return pool;
}

void Hoisting::hoist(Operation *op) {
  Operation *mover = hoistFactors(op->getOperand(0).getDefiningOp());
  if (!mover || mover->getNumResults() != 1 || !mayHoistOver(mover, op))
    return;
  rewriter_.setInsertionPoint(mover);
  SmallVector<Value> operands(mover->getOperands());
  for (Value &operand : MutableArrayRef<Value>(operands).take_front(movedOperands(mover)))
    operand = rounded(operand, op);
  if (auto pad = dyn_cast<graph::PadOp>(mover))
    operands[1] = rounded(pad.getValue(), op);
  rewriter_.setInsertionPointAfter(mover);
  Operation *moved = rewriter_.clone(*mover);
  moved->setOperands(operands);
  moved->getResult(0).setType(op->getResult(0).getType());
  for (Rounding &known : roundings_[mover->getResult(0)])
    if (known.result == op->getResult(0))
      known.result = moved->getResult(0);
  rewriter_.replaceOp(op, moved->getResult(0));
  if (!mover->use_empty())
    return;
  roundings_.erase(mover->getResult(0)); // another value may get its place in memory
  rewriter_.eraseOp(mover);
}

namespace {
struct HoistCasts : PassWrapper<HoistCasts, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(HoistCasts)
  StringRef getArgument() const override { return "hoist-casts"; }
  StringRef getDescription() const override { return "roundings → to before what only moves elements"; }

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    Hoisting(getOperation(), rewriter).run();
  }
};
} // namespace

std::unique_ptr<Pass> quantize::createHoistCastsPass() { return std::make_unique<HoistCasts>(); }
