// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Boxes whose score is high enough, in a heap; the best of them is taken out until enough are chosen, and is chosen
// where it overlaps none that was. Whatever numbers there are, that ends: the heap gets smaller with each.

#include "dialects/Graph/Ops/Heap.h"
#include "dialects/Graph/Ops/Indexing.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult NonMaxSuppressionOp::verify() {
  RankedTensorType boxes = typeOf(getBoxes()), scores = typeOf(getScores());
  if (boxes.getRank() != 3 || scores.getRank() != 3 || boxes.getDimSize(2) != 4 || !boxes.getElementType().isF32() ||
      !scores.getElementType().isF32())
    return emitOpError("needs f32 boxes [n, s, 4] and scores [n, c, s], not ") << boxes << " and " << scores;
  Extents from = extentsOf(boxes), shape = extentsOf(scores), chosen = extentsOf(getChosen());
  if (from[0] != shape[0] || from[1] != shape[2])
    return emitOpError("has scores [") << joined(shape) << "] of boxes [" << joined(from) << "]";
  if (shape[2].asNumber().value_or(0) > INT32_MAX)
    return emitOpError("has too many boxes");
  Type element = boxes.getElementType();
  if (failed(checkScalar(getLoc(), "most", getMost(), IntegerType::get(getContext(), 64))) ||
      failed(checkScalar(getLoc(), "iou_threshold", getIouThreshold(), element)) ||
      (getScoreThreshold() && failed(checkScalar(getLoc(), "score_threshold", getScoreThreshold(), element))))
    return failure();
  if (chosen.size() != 3 || chosen[0] != shape[0] || chosen[1] != shape[1] || !elementOf(getChosen()).isInteger(64) ||
      extentsOf(getOrder()) != shape || !elementOf(getOrder()).isInteger(32))
    return emitOpError("has results of types ") << getChosen().getType() << " and " << getOrder().getType();
  return success();
}

// Boxes, on float and on Expr.

namespace {
template <typename X> struct Box {
  X top, left, bottom, right;
};
} // namespace

static float choose(bool condition, float a, float b) { return condition ? a : b; }
static Expr choose(Expr condition, Expr a, Expr b) { return select(condition, a, b); }
template <typename X> static X lesser(X a, X b) { return choose(b < a, b, a); }
template <typename X> static X greater(X a, X b) { return choose(a < b, b, a); }

/// Of the four numbers that the model has of it.
template <typename X> static Box<X> boxOf(ArrayRef<X> numbers, bool center) {
  X a = numbers[0], b = numbers[1], c = numbers[2], d = numbers[3];
  if (!center)
    return {lesser(a, c), lesser(b, d), greater(a, c), greater(b, d)};
  X across = c * 0.5F, down = d * 0.5F;
  return {b - down, a - across, b + down, a + across};
}

/// Whether two boxes have more than `threshold` of their union in common; none that is empty, or broken, has.
template <typename X> static auto overlaps(const Box<X> &a, const Box<X> &b, X threshold) {
  X top = greater(a.top, b.top), left = greater(a.left, b.left);
  X bottom = lesser(a.bottom, b.bottom), right = lesser(a.right, b.right);
  X common = (right - left) * (bottom - top);
  X ofA = (a.right - a.left) * (a.bottom - a.top), ofB = (b.right - b.left) * (b.bottom - b.top);
  X all = ofA + ofB - common;
  return (top < bottom) & (left < right) & (common > 0.0F) & (ofA > 0.0F) & (ofB > 0.0F) & (all > 0.0F) &
         (common / all > threshold);
}

LogicalResult NonMaxSuppressionOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  ArrayRef<int64_t> shape = operands[1].shape();
  const int64_t count = shape[2], room = results[0].shape()[2], most = operands[2].get(0).asSigned();
  auto numberOf = [&](size_t operand, int64_t at) { return static_cast<float>(operands[operand].get(at).asFloat()); };
  float overlap = numberOf(3, 0);
  for (int64_t line = 0; line < shape[0] * shape[1]; ++line) {
    auto scoreOf = [&](int64_t box) { return numberOf(1, line * count + box); };
    auto at = [&](int64_t box) {
      int64_t place = (line / shape[1] * count + box) * 4;
      float numbers[] = {numberOf(0, place), numberOf(0, place + 1), numberOf(0, place + 2), numberOf(0, place + 3)};
      return boxOf<float>(numbers, getCenter());
    };
    SmallVector<int64_t> order, chosen;
    for (int64_t box = 0; box < count; ++box)
      if (operands.size() < 5 || scoreOf(box) > numberOf(4, 0))
        order.push_back(box);
    // NaN comes last.
    llvm::stable_sort(order, [&](int64_t a, int64_t b) {
      float x = scoreOf(a), y = scoreOf(b);
      return x > y || (x == x && y != y);
    });
    for (int64_t box : order) {
      if (static_cast<int64_t>(chosen.size()) >= std::min(most, room))
        break;
      if (llvm::none_of(chosen, [&](int64_t other) { return overlaps(at(box), at(other), overlap); }))
        chosen.push_back(box);
    }
    for (int64_t place = 0; place < room; ++place) {
      bool isChosen = place < static_cast<int64_t>(chosen.size());
      results[0].set(line * room + place, Scalar::ofSigned(isChosen ? chosen[place] : -1));
    }
  }
  return success();
}

// Emission: a tile is one class of one example.

namespace {
class SuppressionEmitter {
public:
  SuppressionEmitter(NonMaxSuppressionOp op, TileAccess &access)
      : op_(op), access_(access), b_(access.builder()), tile_(access.tile()) {}

  LogicalResult emit() {
    Value size = collect();
    Heap heap{access_, [&](Value node) { return load(1, node); },
              [&](Value node, Value box) { store(1, node, box, b_.getI32Type()); },
              [&](Value a, Value b) { return isBefore(a, b); }};
    heap.build(size);
    Value room = access_.count(extentsOf(op_.getChosen())[2]).in(b_), zero = access_.indexConstant(0);
    Value most = arith::IndexCastOp::create(b_, b_.getIndexType(), fetch(op_.getMost(), {}));
    Value chosen = choose(heap, size, arith::MinSIOp::create(b_, most, room));
    Value none = arith::SubIOp::create(b_, zero, access_.indexConstant(1));
    forEach(b_, chosen, room, [&](Value place) { store(0, place, none, b_.getI64Type()); });
    return success(done_);
  }

private:
  Value fetch(Value operand, ArrayRef<Value> at) {
    Value value = access_.fetch(operand, coordinates(at), 1);
    done_ &= static_cast<bool>(value);
    return value ? value : repeat(b_, numberOf(computeType(elementOf(operand)), 0), 1).value();
  }
  static Coordinates coordinates(ArrayRef<Value> at) {
    return llvm::map_to_vector(at, [](Value index) { return LaneIndex{index, 0}; });
  }
  Coordinates resultAt(Value place) { return coordinates({tile_[0], tile_[1], place}); }
  Value load(unsigned result, Value place) {
    return arith::IndexCastOp::create(b_, b_.getIndexType(), access_.reload(result, resultAt(place)));
  }
  void store(unsigned result, Value place, Value index, Type type) {
    Value number = arith::IndexCastOp::create(b_, type, index);
    done_ &= succeeded(access_.store(result, number, resultAt(place)));
  }

  Expr scoreOf(Value box) { return {b_, fetch(op_.getScores(), {tile_[0], tile_[1], box})}; }

  Expr isBefore(Value a, Value b) {
    Expr x = scoreOf(a), y = scoreOf(b);
    Expr sooner(b_, arith::CmpIOp::create(b_, arith::CmpIPredicate::ult, a, b));
    Expr same = (x == y) | ((x != x) & (y != y));
    return (x > y) | ((x == x) & (y != y)) | (same & sooner);
  }

  Box<Expr> boxAt(Value box) {
    SmallVector<Expr> numbers;
    for (int64_t number = 0; number < 4; ++number)
      numbers.emplace_back(b_, fetch(op_.getBoxes(), {tile_[0], box, access_.indexConstant(number)}));
    return boxOf<Expr>(numbers, op_.getCenter());
  }

  /// Lists the boxes whose score is high enough; how many there are. Each is written, and the next one over it where it
  /// is not.
  Value collect() {
    Value zero = access_.indexConstant(0), one = access_.indexConstant(1);
    Value threshold = op_.getScoreThreshold() ? fetch(op_.getScoreThreshold(), {}) : Value();
    Count boxes = access_.count(extentsOf(op_.getScores())[2]);
    return access_.loop(boxes, zero, [&](Value box, ValueRange carried) -> SmallVector<Value> {
      store(1, carried[0], box, b_.getI32Type());
      Value next = arith::AddIOp::create(b_, carried[0], one);
      if (!threshold)
        return {next};
      Expr isHigh = scoreOf(box) > Expr(b_, threshold);
      return {arith::SelectOp::create(b_, isHigh.value(), next, carried[0])};
    })[0];
  }

  /// The first of `count` chosen boxes that this one overlaps; `count` where there is none.
  Value firstOverlap(Value box, Value count, Expr threshold) {
    Box<Expr> candidate = boxAt(box);
    Type index = b_.getIndexType();
    auto loop = scf::WhileOp::create(b_, TypeRange{index}, ValueRange{access_.indexConstant(0)});
    OpBuilder::InsertionGuard guard(b_);
    Value place = b_.createBlock(&loop.getBefore(), {}, index, b_.getLoc())->getArgument(0);
    Value isThere = arith::CmpIOp::create(b_, arith::CmpIPredicate::slt, place, count);
    auto compare = scf::IfOp::create(b_, TypeRange{b_.getI1Type()}, isThere, /*withElseRegion=*/true);
    scf::ConditionOp::create(b_, compare.getResult(0), place);
    b_.setInsertionPointToStart(compare.thenBlock());
    Expr isFree = !overlaps(candidate, boxAt(load(0, place)), threshold);
    scf::YieldOp::create(b_, isFree.value());
    b_.setInsertionPointToStart(compare.elseBlock());
    Value no = arith::ConstantOp::create(b_, b_.getBoolAttr(false));
    scf::YieldOp::create(b_, no);
    Value last = b_.createBlock(&loop.getAfter(), {}, index, b_.getLoc())->getArgument(0);
    scf::YieldOp::create(b_, offset(access_, last, 1));
    return loop.getResult(0);
  }

  /// Writes up to `most` chosen boxes; how many there are.
  Value choose(const Heap &heap, Value size, Value most) {
    Expr threshold(b_, fetch(op_.getIouThreshold(), {}));
    Type index = b_.getIndexType();
    Value zero = access_.indexConstant(0);
    auto loop = scf::WhileOp::create(b_, TypeRange{index, index}, ValueRange{size, zero});
    OpBuilder::InsertionGuard guard(b_);
    Block *before = b_.createBlock(&loop.getBefore(), {}, {index, index}, {b_.getLoc(), b_.getLoc()});
    Value hasBoxes = arith::CmpIOp::create(b_, arith::CmpIPredicate::sgt, before->getArgument(0), zero);
    Value hasRoom = arith::CmpIOp::create(b_, arith::CmpIPredicate::slt, before->getArgument(1), most);
    scf::ConditionOp::create(b_, arith::AndIOp::create(b_, hasBoxes, hasRoom), before->getArguments());
    Block *after = b_.createBlock(&loop.getAfter(), {}, {index, index}, {b_.getLoc(), b_.getLoc()});
    Value left = after->getArgument(0), count = after->getArgument(1);
    Value box = heap.pop(left);
    // What is not chosen is written over by the next one.
    Value isFree = arith::CmpIOp::create(b_, arith::CmpIPredicate::eq, firstOverlap(box, count, threshold), count);
    store(0, count, box, b_.getI64Type());
    Value next = arith::SelectOp::create(b_, isFree, offset(access_, count, 1), count);
    scf::YieldOp::create(b_, ValueRange{offset(access_, left, -1), next});
    return loop.getResult(1);
  }

  NonMaxSuppressionOp op_;
  TileAccess &access_;
  ImplicitLocOpBuilder &b_;
  ArrayRef<Value> tile_;
  bool done_ = true;
};
} // namespace

unsigned NonMaxSuppressionOp::tiledDims() { return 2; }

bool NonMaxSuppressionOp::readsResults() { return true; }

LogicalResult NonMaxSuppressionOp::emitTile(TileAccess &access) { return SuppressionEmitter(*this, access).emit(); }

} // namespace smelt::graph
