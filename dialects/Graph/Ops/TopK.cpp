// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Lanes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <numeric>

using namespace mlir;

namespace smelt::graph {

LogicalResult TopKOp::verify() {
  RankedTensorType input = typeOf(getInput()), values = typeOf(getValues()), indices = typeOf(getIndices());
  auto axis = static_cast<int64_t>(getAxis());
  if (failed(Checks{getLoc()}.axis(axis, input)) ||
      failed(Checks{getLoc()}.element(input.getElementType(), Domain::Numbers)))
    return failure();
  if (values.getElementType() != input.getElementType() || !indices.getElementType().isSignlessInteger(64) ||
      extentsOf(values) != extentsOf(indices))
    return emitOpError("has results of types ") << values << " and " << indices << " for an input of type " << input;
  Extents shape = extentsOf(input), part = extentsOf(values);
  bool isPart = part.size() == shape.size();
  if (isPart) {
    Extent rest = shape[axis] - part[axis];
    isPart = !rest.isNumber() || rest.number() >= 0;
    shape[axis] = part[axis];
  }
  if (!isPart || part != shape)
    return emitOpError("has results of shape [")
           << joined(part) << "], which is no part of [" << joined(extentsOf(input)) << "] along its axis";
  return success();
}

/// Whether x stands before y where both are not equal. NaN is beyond all numbers.
template <typename T> static bool precedes(T x, T y, bool smallest) {
  if (x != x || y != y)
    return smallest ? x == x && y != y : x != x && y == y;
  return smallest ? x < y : x > y;
}

LogicalResult TopKOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  Lines lines(operands[0].shape(), getAxis()), first(results[0].shape(), getAxis());
  return onNumbers(operands[0].elementType(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<T> elements = elementsOf<T>(operands[0]);
    MutableArrayRef<int64_t> indices = results[1].asMutable<int64_t>();
    for (int64_t outer = 0; outer < lines.outer; ++outer)
      for (int64_t inner = 0; inner < lines.inner; ++inner) {
        std::vector<int64_t> order(lines.extent);
        std::iota(order.begin(), order.end(), 0);
        llvm::sort(order, [&](int64_t a, int64_t b) {
          T x = elements[lines.at(outer, a, inner)], y = elements[lines.at(outer, b, inner)];
          return precedes(x, y, getSmallest()) || (!precedes(y, x, getSmallest()) && a < b);
        });
        for (int64_t k = 0; k < first.extent; ++k) {
          indices[first.at(outer, k, inner)] = order[k];
          results[0].copyElement(first.at(outer, k, inner), operands[0], lines.at(outer, order[k], inner));
        }
      }
  });
}

// Emission: a heap of the indices of the best k so far, the worst of them on top, which is sorted at the end. Elements
// are compared where they lie.

static Expr precedes(Expr x, Expr y, bool smallest) {
  Expr before = smallest ? x < y : x > y;
  if (!x.isFloat())
    return before;
  return before | (smallest ? (x == x) & (y != y) : (x != x) & (y == y));
}

namespace {
class TopKEmitter {
public:
  TopKEmitter(TopKOp op, TileAccess &access)
      : op_(op), access_(access), b_(access.builder()), axis_(op.getAxis()), extent_(extentsOf(op.getInput())[axis_]),
        k_(extentsOf(op.getValues())[axis_]),
        number_(extent_.asNumber().value_or(INT64_MAX) <= INT32_MAX ? b_.getI32Type() : b_.getI64Type()),
        scratch_(scratchFor(access, k_, number_)) {}

  LogicalResult emit() {
    Extents shape = extentsOf(op_.getInput());
    LogicalResult done = success();
    if (k_ == Extent(0))
      return done;
    nest(access_, ArrayRef<Extent>(shape).drop_front(axis_ + 1), {},
         [&](ArrayRef<Value> indices, ValueRange) -> SmallVector<Value> {
           at_ = tileCoordinates(access_, shape.size());
           for (auto [number, index] : llvm::enumerate(indices))
             at_[axis_ + 1 + number] = {index, 0};
           done = scratch_.buffer ? emitHeap() : emitSelection();
           return {};
         });
    return done;
  }

private:
  /// An element and its index.
  struct Element {
    Expr value;
    Value index;
  };

  Element elementAt(Value index) {
    Value value = access_.fetch(op_.getInput(), moved(at_, axis_, index), 1);
    readable_ &= static_cast<bool>(value);
    if (!value)
      value = repeat(b_, numberOf(computeType(elementOf(op_.getInput())), 0), 1).value();
    return {{b_, value, isUnsignedElement(elementOf(op_.getInput()))}, index};
  }

  /// A total order: no two elements are equal.
  Expr isBefore(const Element &x, const Element &y) {
    Expr sooner(b_, arith::CmpIOp::create(b_, arith::CmpIPredicate::ult, x.index, y.index));
    return precedes(x.value, y.value, op_.getSmallest()) | (!precedes(y.value, x.value, op_.getSmallest()) & sooner);
  }

  LogicalResult storeElement(Value place, const Element &element) {
    Value index = arith::IndexCastOp::create(b_, b_.getI64Type(), element.index);
    Coordinates at = moved(at_, axis_, place);
    return success(readable_ && succeeded(access_.store(0, element.value.value(), at)) &&
                   succeeded(access_.store(1, index, at)));
  }

  /// What the heap holds at a node.
  Element nodeAt(Value node) {
    Value index = scratch_.load(access_, node, 1).value();
    return elementAt(arith::IndexCastOp::create(b_, b_.getIndexType(), index));
  }
  void setNode(Value node, Value index) {
    scratch_.store(access_, node, arith::IndexCastOp::create(b_, number_, index));
  }

  /// The child that stands later in the order, of a node that has one.
  Value laterChild(Value left, Value size) {
    Value right = offset(access_, left, 1);
    Value hasRight = arith::CmpIOp::create(b_, arith::CmpIPredicate::slt, right, size);
    Value other = arith::SelectOp::create(b_, hasRight, right, left);
    Expr isLater = isBefore(nodeAt(left), nodeAt(other));
    return arith::SelectOp::create(b_, isLater.value(), other, left);
  }

  /// Puts an index in the heap of `size` nodes at `start` or below, where nothing below it stands later.
  void sift(Value start, Value size, Value index) {
    Type indexType = b_.getIndexType();
    auto loop = scf::WhileOp::create(b_, TypeRange{indexType}, ValueRange{start});
    {
      OpBuilder::InsertionGuard guard(b_);
      Value node = b_.createBlock(&loop.getBefore(), {}, indexType, b_.getLoc())->getArgument(0);
      Value left = offset(access_, arith::AddIOp::create(b_, node, node), 1);
      Value hasChild = arith::CmpIOp::create(b_, arith::CmpIPredicate::slt, left, size);
      auto step = scf::IfOp::create(b_, TypeRange{b_.getI1Type(), indexType}, hasChild, /*withElseRegion=*/true);
      scf::ConditionOp::create(b_, step.getResult(0), step.getResult(1));
      b_.setInsertionPointToStart(step.thenBlock());
      Value child = laterChild(left, size);
      Element lower = nodeAt(child);
      Expr rises = isBefore(elementAt(index), lower);
      auto move = scf::IfOp::create(b_, TypeRange{indexType}, rises.value(), /*withElseRegion=*/true);
      scf::YieldOp::create(b_, ValueRange{rises.value(), move.getResult(0)});
      b_.setInsertionPointToStart(move.thenBlock());
      setNode(node, lower.index);
      scf::YieldOp::create(b_, child);
      b_.setInsertionPointToStart(move.elseBlock());
      scf::YieldOp::create(b_, node);
      b_.setInsertionPointToStart(step.elseBlock());
      Value no = arith::ConstantOp::create(b_, b_.getBoolAttr(false));
      scf::YieldOp::create(b_, ValueRange{no, node});
      b_.createBlock(&loop.getAfter(), {}, indexType, b_.getLoc());
      scf::YieldOp::create(b_, loop.getAfter().getArgument(0));
    }
    setNode(loop.getResult(0), index);
  }

  LogicalResult emitHeap() {
    int64_t k = k_.number(); // for there is scratch memory
    Value zero = access_.indexConstant(0), size = access_.indexConstant(k);
    forEach(b_, zero, size, [&](Value node) { setNode(node, node); });
    auto indexAt = [&](Value node) { return nodeAt(node).index; };
    forEach(b_, zero, access_.indexConstant(k / 2), [&](Value number) {
      Value node = arith::SubIOp::create(b_, access_.indexConstant(k / 2 - 1), number);
      sift(node, size, indexAt(node));
    });
    forEach(b_, size, access_.count(extent_), [&](Value index) {
      Expr enters = isBefore(elementAt(index), nodeAt(zero));
      auto replace = scf::IfOp::create(b_, enters.value(), /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(b_);
      b_.setInsertionPointToStart(replace.thenBlock());
      sift(zero, size, index);
    });
    // The last in order goes to the end, and the heap is one shorter.
    forEach(b_, zero, access_.indexConstant(k - 1), [&](Value number) {
      Value end = arith::SubIOp::create(b_, access_.indexConstant(k - 1), number);
      Value last = indexAt(end);
      setNode(end, indexAt(zero));
      sift(zero, end, last);
    });
    LogicalResult done = success();
    forEach(b_, zero, size, [&](Value place) { done = storeElement(place, nodeAt(place)); });
    return done;
  }

  /// Without memory: each result is the first of what follows the last one.
  LogicalResult emitSelection() {
    LogicalResult done = success();
    Value zero = access_.indexConstant(0), none = access_.count(extent_).in(b_);
    access_.loop(access_.count(k_), none, [&](Value place, ValueRange carried) -> SmallVector<Value> {
      Value last = carried[0];
      Value hasLast = arith::CmpIOp::create(b_, arith::CmpIPredicate::ne, last, none);
      Element previous = elementAt(arith::SelectOp::create(b_, hasLast, last, zero));
      SmallVector<Value> best =
          access_.loop(access_.count(extent_), none, [&](Value index, ValueRange inner) -> SmallVector<Value> {
            Value hasBest = arith::CmpIOp::create(b_, arith::CmpIPredicate::ne, inner[0], none);
            Element x = elementAt(index), first = elementAt(arith::SelectOp::create(b_, hasBest, inner[0], zero));
            Expr isLeft = isBefore(previous, x) | !Expr(b_, hasLast);
            Expr isFirst = isBefore(x, first) | !Expr(b_, hasBest);
            return {arith::SelectOp::create(b_, (isLeft & isFirst).value(), index, inner[0])};
          });
      done = storeElement(place, elementAt(best[0]));
      return best;
    });
    return done;
  }

  TopKOp op_;
  TileAccess &access_;
  ImplicitLocOpBuilder &b_;
  size_t axis_;
  Extent extent_, k_;
  Type number_; // of an index, in scratch memory
  Scratch scratch_;
  Coordinates at_;
  bool readable_ = true;
};
} // namespace

unsigned TopKOp::tiledDims() { return getAxis(); }

LogicalResult TopKOp::emitTile(TileAccess &access) { return TopKEmitter(*this, access).emit(); }

} // namespace smelt::graph
