// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Heap.h"
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

// Emission: a heap of the indices of the best k so far, the worst of them on top, which is sorted at the end. It lies
// in scratch memory where it fits there, else where the indices go. Elements are compared where they lie.

static Expr precedes(Expr x, Expr y, bool smallest) {
  Expr before = smallest ? x < y : x > y;
  if (!x.isFloat())
    return before;
  return before | (smallest ? (x == x) & (y != y) : (x != x) & (y == y));
}

/// Of an index in scratch memory.
static Type numberType(TopKOp op) {
  unsigned width = extentsOf(op.getInput())[op.getAxis()].asNumber().value_or(INT64_MAX) <= INT32_MAX ? 32 : 64;
  return IntegerType::get(op.getContext(), width);
}

namespace {
class TopKEmitter {
public:
  TopKEmitter(TopKOp op, TileAccess &access)
      : op_(op), access_(access), b_(access.builder()), axis_(op.getAxis()), extent_(extentsOf(op.getInput())[axis_]),
        k_(extentsOf(op.getValues())[axis_]), number_(numberType(op)), scratch_(scratchFor(access, k_, number_)) {}

  LogicalResult emit() {
    Extents shape = extentsOf(op_.getInput());
    if (k_ == Extent(0))
      return success();
    nest(access_, ArrayRef<Extent>(shape).drop_front(axis_ + 1), {},
         [&](ArrayRef<Value> indices, ValueRange) -> SmallVector<Value> {
           at_ = tileCoordinates(access_, shape.size());
           for (auto [number, index] : llvm::enumerate(indices))
             at_[axis_ + 1 + number] = {index, 0};
           emitLine();
           return {};
         });
    return success(done_);
  }

private:
  Expr elementAt(Value index) {
    Type compute = computeType(elementOf(op_.getInput()));
    Value value = access_.fetch(op_.getInput(), moved(at_, axis_, index), 1);
    done_ &= static_cast<bool>(value);
    if (!value)
      value = repeat(b_, numberOf(compute, 0), 1).value();
    return {b_, value, isUnsignedElement(elementOf(op_.getInput()))};
  }

  /// A total order: no two elements are equal.
  Expr isBefore(Value a, Value b) {
    Expr sooner(b_, arith::CmpIOp::create(b_, arith::CmpIPredicate::ult, a, b)), x = elementAt(a), y = elementAt(b);
    return precedes(x, y, op_.getSmallest()) | (!precedes(y, x, op_.getSmallest()) & sooner);
  }

  /// What the heap holds at a node.
  Value load(Value node) {
    Value index =
        scratch_.buffer ? scratch_.load(access_, node, 1).value() : access_.reload(1, moved(at_, axis_, node));
    return arith::IndexCastOp::create(b_, b_.getIndexType(), index);
  }
  void store(Value node, Value index) {
    if (scratch_.buffer)
      scratch_.store(access_, node, arith::IndexCastOp::create(b_, number_, index));
    else
      storeResult(1, node, arith::IndexCastOp::create(b_, b_.getI64Type(), index));
  }
  void storeResult(unsigned result, Value place, Value value) {
    done_ &= succeeded(access_.store(result, value, moved(at_, axis_, place)));
  }

  void emitLine() {
    Heap heap{access_, [&](Value node) { return load(node); }, [&](Value node, Value index) { store(node, index); },
              [&](Value a, Value b) { return isBefore(b, a); }};
    Value zero = access_.indexConstant(0), size = access_.count(k_).in(b_);
    forEach(b_, zero, size, [&](Value node) { store(node, node); });
    heap.build(size);
    // Where there are no nodes, nothing enters.
    Value isNone = arith::CmpIOp::create(b_, arith::CmpIPredicate::eq, size, zero), end = access_.count(extent_).in(b_);
    forEach(b_, arith::SelectOp::create(b_, isNone, end, size).getResult(), end, [&](Value index) {
      Expr enters = isBefore(index, load(zero));
      auto replace = scf::IfOp::create(b_, enters.value(), /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(b_);
      b_.setInsertionPointToStart(replace.thenBlock());
      heap.sift(zero, size, index);
    });
    // The last in order goes to the end, and the heap is one shorter.
    forEach(b_, zero, size, [&](Value number) {
      Value left = arith::SubIOp::create(b_, size, number);
      Value last = heap.pop(left);
      store(offset(access_, left, -1), last);
    });
    forEach(b_, zero, size, [&](Value place) {
      Value index = load(place);
      storeResult(0, place, elementAt(index).value());
      if (scratch_.buffer)
        storeResult(1, place, arith::IndexCastOp::create(b_, b_.getI64Type(), index));
    });
  }

  TopKOp op_;
  TileAccess &access_;
  ImplicitLocOpBuilder &b_;
  size_t axis_;
  Extent extent_, k_;
  Type number_; // of an index, in scratch memory
  Scratch scratch_;
  Coordinates at_;
  bool done_ = true;
};
} // namespace

unsigned TopKOp::tiledDims() { return getAxis(); }

bool TopKOp::readsResults() { return !fitsScratch(extentsOf(getValues())[getAxis()], numberType(*this)); }

LogicalResult TopKOp::emitTile(TileAccess &access) { return TopKEmitter(*this, access).emit(); }

} // namespace smelt::graph
