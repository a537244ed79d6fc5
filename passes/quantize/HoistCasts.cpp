// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// hoist-casts: a rounding to a narrower float moves to before the ops that only move elements, so that the kernel which
// computes a value writes it rounded, and only that is moved.
//   round(view(x))       →   view(round(x))            reshape, transpose, slice, broadcast
//   round(concat(x…))    →   concat(round(x)…)         where nothing else reads it; so of pad, and of the maximum of
//   windows,
//                                                      which rounding keeps in order

#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/quantize/Passes.h"

using namespace mlir;
using namespace smelt;

namespace {

class Hoisting {
public:
  Hoisting(func::FuncOp function, RewriterBase &rewriter) : rewriter_(rewriter) {
    function.walk([&](graph::CastOp op) {
      if (isRounding(op))
        add(op);
    });
  }
  void run() {
    while (!pending_.empty())
      hoist(pending_.pop_back_val());
  }

private:
  static bool isRounding(graph::CastOp op) {
    Type from = graph::typeOf(op.getInput()).getElementType();
    return from.isF32() && (op.getTo().isBF16() || op.getTo().isF16());
  }
  void add(graph::CastOp op) {
    known_.try_emplace({op.getInput(), op.getTo()}, op.getResult());
    pending_.push_back(op);
  }
  void hoist(graph::CastOp op);
  bool mayHoistOver(Operation *mover, Type to);
  Value rounded(Value value, graph::CastOp like);

  RewriterBase &rewriter_;
  SmallVector<graph::CastOp> pending_;
  DenseMap<std::pair<Value, Type>, Value> known_;
};

} // namespace

/// How many of an op's operands, the first ones, are elements of its result.
static unsigned movedOperands(Operation *op) { return isa<graph::ConcatOp>(op) ? op->getNumOperands() : 1; }

bool Hoisting::mayHoistOver(Operation *mover, Type to) {
  if (isa<graph::ReshapeOp, graph::TransposeOp, graph::SliceOp, graph::BroadcastOp>(mover))
    return true;
  auto pool = dyn_cast<graph::PoolOp>(mover);
  if (!isa<graph::ConcatOp, graph::PadOp>(mover) && !(pool && pool.getKind() == graph::PoolKind::Max))
    return false;
  return llvm::all_of(mover->getUsers(), [&](Operation *user) {
    auto cast = dyn_cast<graph::CastOp>(user);
    return cast && cast.getTo() == to;
  });
}

/// The rounding of a value, which is made where there is none.
Value Hoisting::rounded(Value value, graph::CastOp like) {
  auto found = known_.find({value, like.getTo()});
  if (found != known_.end())
    return found->second;
  OpBuilder::InsertionGuard guard(rewriter_);
  rewriter_.setInsertionPointAfterValue(value);
  auto cast = graph::CastOp::create(rewriter_, value.getLoc(), value, like.getTo());
  add(cast);
  return cast;
}

void Hoisting::hoist(graph::CastOp op) {
  Operation *mover = op.getInput().getDefiningOp();
  if (!mover || mover->getNumResults() != 1 || !mayHoistOver(mover, op.getTo()))
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
  moved->getResult(0).setType(op.getType());
  known_[std::pair(op.getInput(), op.getTo())] = moved->getResult(0);
  rewriter_.replaceOp(op, moved->getResult(0));
  if (!mover->use_empty())
    return;
  for (Type type : {Type(rewriter_.getBF16Type()), Type(rewriter_.getF16Type())})
    known_.erase({mover->getResult(0), type}); // another value may get its place in memory
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
