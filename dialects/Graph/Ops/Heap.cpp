// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Heap.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace smelt::graph {

/// The child that belongs above the other one, of a node that has one.
Value Heap::upperChild(Value left, Value size) const {
  ImplicitLocOpBuilder &b = access.builder();
  Value right = offset(access, left, 1);
  Value hasRight = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, right, size);
  Value other = arith::SelectOp::create(b, hasRight, right, left);
  Expr isOther = isAbove(load(other), load(left));
  return arith::SelectOp::create(b, isOther.value(), other, left);
}

void Heap::sift(Value start, Value size, Value index) const {
  ImplicitLocOpBuilder &b = access.builder();
  Type indexType = b.getIndexType();
  auto loop = scf::WhileOp::create(b, TypeRange{indexType}, ValueRange{start});
  {
    OpBuilder::InsertionGuard guard(b);
    Value node = b.createBlock(&loop.getBefore(), {}, indexType, b.getLoc())->getArgument(0);
    Value left = offset(access, arith::AddIOp::create(b, node, node), 1);
    Value hasChild = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, left, size);
    auto step = scf::IfOp::create(b, TypeRange{b.getI1Type(), indexType}, hasChild, /*withElseRegion=*/true);
    scf::ConditionOp::create(b, step.getResult(0), step.getResult(1));
    b.setInsertionPointToStart(step.thenBlock());
    Value child = upperChild(left, size), lower = load(child);
    Expr rises = isAbove(lower, index);
    auto move = scf::IfOp::create(b, TypeRange{indexType}, rises.value(), /*withElseRegion=*/true);
    scf::YieldOp::create(b, ValueRange{rises.value(), move.getResult(0)});
    b.setInsertionPointToStart(move.thenBlock());
    store(node, lower);
    scf::YieldOp::create(b, child);
    b.setInsertionPointToStart(move.elseBlock());
    scf::YieldOp::create(b, node);
    b.setInsertionPointToStart(step.elseBlock());
    Value no = arith::ConstantOp::create(b, b.getBoolAttr(false));
    scf::YieldOp::create(b, ValueRange{no, node});
    b.createBlock(&loop.getAfter(), {}, indexType, b.getLoc());
    scf::YieldOp::create(b, loop.getAfter().getArgument(0));
  }
  store(loop.getResult(0), index);
}

void Heap::build(Value size) const {
  ImplicitLocOpBuilder &b = access.builder();
  Value half = arith::ShRUIOp::create(b, size, access.indexConstant(1));
  forEach(b, access.indexConstant(0), half, [&](Value number) {
    Value node = arith::SubIOp::create(b, offset(access, half, -1), number);
    sift(node, size, load(node));
  });
}

Value Heap::pop(Value size) const {
  Value top = load(access.indexConstant(0)), end = offset(access, size, -1);
  sift(access.indexConstant(0), end, load(end));
  return top;
}

} // namespace smelt::graph
