// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Parts.h"
#include "dialects/Graph/Symbols.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace smelt::frontend {

PartBuilder::PartBuilder(GraphBuilder &builder)
    : builder_(builder), block_(builder.builder().getInsertionBlock()),
      before_(block_->empty() ? nullptr : &block_->back()), sizes_(builder.sizes()) {
  ++builder_.partDepth();
}

Value PartBuilder::argument(Type type) {
  auto placeholder =
      UnrealizedConversionCastOp::create(builder_.builder(), builder_.location(), TypeRange(type), ValueRange());
  arguments_.push_back(placeholder.getResult(0));
  return arguments_.back();
}

SmallVector<Operation *> PartBuilder::ops() const {
  Block::iterator first = before_ ? std::next(before_->getIterator()) : block_->begin();
  return llvm::map_to_vector(llvm::make_range(first, block_->end()), [](Operation &op) { return &op; });
}

llvm::StringSet<> PartBuilder::symbols() const {
  llvm::StringSet<> defined;
  for (Operation *op : ops())
    for (StringRef symbol : graph::symbolsDefinedBy(op))
      defined.insert(symbol);
  return defined;
}

void PartBuilder::rollBack() {
  keepConstants();
  SmallVector<Operation *> built = ops();
  for (Operation *op : llvm::reverse(built)) {
    op->dropAllUses();
    op->erase();
  }
  arguments_.clear();
  builder_.sizes() = sizes_;
}

/// Initializers become ops where they are first used, and may be used again behind the part.
void PartBuilder::keepConstants() {
  for (Operation *op : ops())
    if (isa<graph::ConstantOp>(op)) {
      op->moveBefore(block_, before_ ? std::next(before_->getIterator()) : block_->begin());
      before_ = op;
    }
}

func::FuncOp PartBuilder::outline(ValueRange results, SmallVectorImpl<Value> &captures, graph::Extents &uses) {
  keepConstants();
  SmallVector<Operation *> moved = ops();
  llvm::SmallPtrSet<Operation *, 32> inside(moved.begin(), moved.end());
  OpBuilder &b = builder_.builder();
  OpBuilder::InsertionGuard guard(b);
  Operation *parent = block_->getParentOp();
  b.setInsertionPoint(parent);
  func::FuncOp function =
      func::FuncOp::create(b, builder_.location(), builder_.nextPartName(), b.getFunctionType({}, {}));
  function.setPrivate();
  Block *body = function.addEntryBlock();
  b.setInsertionPointToEnd(body);
  IRMapping mapping;
  for (Value argument : arguments_)
    mapping.map(argument, body->addArgument(argument.getType(), argument.getLoc()));
  for (Value capture : captures)
    mapping.map(capture, body->addArgument(capture.getType(), capture.getLoc()));
  auto valueInside = [&](Value value) {
    if (Operation *maker = value.getDefiningOp(); maker && inside.contains(maker))
      return mapping.lookupOrDefault(value);
    if (Value known = mapping.lookupOrNull(value))
      return known;
    if (auto constant = value.getDefiningOp<graph::ConstantOp>()) {
      Value copy = graph::ConstantOp::create(b, constant.getLoc(), constant.getValue());
      mapping.map(value, copy);
      return copy;
    }
    captures.push_back(value);
    Value argument = body->addArgument(value.getType(), value.getLoc());
    mapping.map(value, argument);
    return argument;
  };
  llvm::StringSet<> defined = symbols();
  llvm::SetVector<StringRef> used;
  for (Operation *op : moved) {
    if (isa<UnrealizedConversionCastOp>(op))
      continue;
    for (OpOperand &operand : op->getOpOperands())
      operand.set(valueInside(operand.get()));
    op->moveBefore(body, body->end());
    for (const graph::Extent &extent : graph::extentsMentionedBy(op))
      extent.walkSymbols([&](StringRef symbol) {
        if (graph::isFoundAtRunTime(symbol) && !defined.contains(symbol))
          used.insert(symbol);
      });
  }
  func::ReturnOp::create(b, builder_.location(), llvm::map_to_vector(results, valueInside));
  function.setFunctionType(b.getFunctionType(body->getArgumentTypes(), body->getTerminator()->getOperandTypes()));
  for (Value argument : arguments_)
    argument.getDefiningOp()->erase();
  for (StringRef symbol : used)
    uses.push_back(graph::Extent::symbol(b.getContext(), symbol));
  return function;
}

} // namespace smelt::frontend
