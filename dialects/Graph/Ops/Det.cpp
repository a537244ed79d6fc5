// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Lanes.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult DetOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                      SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getInput());
  Extents shape = extentsOf(type);
  if (shape.size() < 2 || shape.back() != shape[shape.size() - 2] || !shape.back().isNumber())
    return emitOptionalError(location, "needs square matrices of a size that is known, not ", type);
  Checks checks{location};
  if (failed(checks.element(type.getElementType(), Domain::Floats)))
    return failure();
  return checks.result(ArrayRef<Extent>(shape).drop_back(2), type.getElementType(), types);
}

LogicalResult DetOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  int64_t size = operands[0].shape().back();
  std::vector<double> elements = elementsOf<double>(operands[0]), determinants(results[0].size(), 1.0);
  double *matrix = elements.data();
  for (double &determinant : determinants) {
    auto at = [&](int64_t row, int64_t column) -> double & { return matrix[row * size + column]; };
    for (int64_t step = 0; step < size; ++step) {
      int64_t pivot = step;
      for (int64_t row = step + 1; row < size; ++row)
        if (std::fabs(at(row, step)) > std::fabs(at(pivot, step)))
          pivot = row;
      if (pivot != step)
        std::swap_ranges(&at(pivot, 0), &at(pivot, 0) + size, &at(step, 0));
      determinant *= pivot == step ? at(step, step) : -at(step, step);
      for (int64_t row = step + 1; row < size && at(step, step) != 0; ++row) {
        double factor = at(row, step) / at(step, step);
        for (int64_t column = step; column < size; ++column)
          at(row, column) -= factor * at(step, column);
      }
    }
    matrix += size * size;
  }
  setElements<double>(results[0], determinants);
  return success();
}

// Emission: element by element, in scratch memory; matrices are small.

namespace {
class DetEmitter {
public:
  DetEmitter(DetOp op, TileAccess &access)
      : op_(op), access_(access), b_(access.builder()), size_(typeOf(op.getInput()).getShape().back()),
        compute_(computeType(op.getType().getElementType())) {}

  LogicalResult emit() {
    matrix_ = size_ <= kMostRows ? scratchFor(access_, std::max<int64_t>(size_ * size_, 1), compute_) : Scratch{};
    if (!matrix_.buffer || !load())
      return failure();
    Value one = repeat(b_, numberOf(compute_, 1), 1).value();
    Value determinant = access_.loop(size_, one, [&](Value step, ValueRange carried) {
      return SmallVector<Value>{emitStep(step, {b_, carried[0]}).value()};
    })[0];
    return access_.store(0, determinant, tileCoordinates(access_, op_.getType().getRank()));
  }

private:
  static constexpr int64_t kMostRows = 1 << 10; // so that their square is no overflow

  Value place(Value row, Value column) {
    Value first = arith::MulIOp::create(b_, row, access_.indexConstant(size_));
    return arith::AddIOp::create(b_, first, column);
  }
  Expr at(Value row, Value column) { return matrix_.load(access_, place(row, column), 1); }
  void put(Value row, Value column, Expr value) { matrix_.store(access_, place(row, column), value.value()); }
  void forEach(Value first, function_ref<void(Value)> body) { graph::forEach(b_, first, size_, body); }

  bool load() {
    bool done = true;
    Value zero = access_.indexConstant(0);
    forEach(zero, [&](Value row) {
      forEach(zero, [&](Value column) {
        Coordinates at = tileCoordinates(access_, op_.getType().getRank());
        at.push_back({row, 0});
        at.push_back({column, 0});
        Value element = access_.fetch(op_.getInput(), at, 1);
        done &= static_cast<bool>(element);
        if (element)
          put(row, column, {b_, element});
      });
    });
    return done;
  }

  /// Eliminates one column below its pivot; the determinant so far times the pivot.
  Expr emitStep(Value step, Expr determinant) {
    Value pivot = forRange(b_, step, size_, 1, step, [&](Value row, ValueRange carried) {
      Expr isLarger = abs(at(row, step)) > abs(at(carried[0], step));
      return SmallVector<Value>{arith::SelectOp::create(b_, isLarger.value(), row, carried[0])};
    })[0];
    forEach(step, [&](Value column) {
      Expr own = at(step, column), other = at(pivot, column);
      put(step, column, other);
      put(pivot, column, own);
      // Where both are one row, the last store put back what was there.
    });
    Expr head = at(step, step);
    Expr isInPlace(b_, arith::CmpIOp::create(b_, arith::CmpIPredicate::eq, pivot, step));
    forEach(offset(access_, step, 1), [&](Value row) {
      Expr factor = select(head == 0.0, 0.0, at(row, step) / head);
      forEach(step, [&](Value column) { put(row, column, at(row, column) - factor * at(step, column)); });
    });
    return determinant * select(isInPlace, head, -head);
  }

  DetOp op_;
  TileAccess &access_;
  ImplicitLocOpBuilder &b_;
  int64_t size_;
  Type compute_;
  Scratch matrix_;
};
} // namespace

unsigned DetOp::tiledDims() { return getType().getRank(); }

LogicalResult DetOp::emitTile(TileAccess &access) { return DetEmitter(*this, access).emit(); }

} // namespace smelt::graph
