// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Lanes.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult LayerNormOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getInput());
  types.push_back(type);
  return Checks{location}.axis(adaptor.getAxis(), type);
}

LogicalResult LayerNormOp::verify() { return Checks{getLoc()}.element(getType().getElementType(), Domain::Floats); }

/// A row in place.
static void normalise(MutableArrayRef<double> row, double epsilon, bool rms) {
  double mean = 0, square = 0;
  auto count = static_cast<double>(row.size());
  if (!rms)
    for (double x : row)
      mean += x / count;
  for (double x : row)
    square += (x - mean) * (x - mean) / count;
  for (double &x : row)
    x = (x - mean) / std::sqrt(square + epsilon);
}

LogicalResult LayerNormOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  std::vector<double> elements = elementsOf<double>(operands[0]);
  int64_t extent = elementCount(operands[0].shape().drop_front(getAxis())).value_or(0);
  for (size_t row = 0; extent > 0 && row < elements.size(); row += extent)
    normalise(MutableArrayRef<double>(elements).slice(row, extent), getEpsilon().convertToDouble(), getRms());
  setElements<double>(results[0], elements);
  return success();
}

// Emission: lanes along the innermost dim. The variance is a pass of its own, over differences from the mean: exact
// where the mean is large.

namespace {
class LayerNormEmitter {
public:
  LayerNormEmitter(LayerNormOp op, TileAccess &access)
      : op_(op), access_(access), b_(access.builder()), shape_(extentsOf(op.getType())),
        line_{access, op.getInput(), tileCoordinates(access, shape_.size()),
              std::max<size_t>(innermostDim(shape_), op.getAxis())},
        team_(access.teamAlong(shape_[line_.dim])), lanes_(lanesOf(team_, line_.extent(), line_.lanes())),
        fold_(access, line_.extent(), lanes_, kVectors, team_),
        outer_(ArrayRef<Extent>(shape_).slice(op.getAxis(), line_.dim - op.getAxis())),
        count_(productOf(ArrayRef<Extent>(shape_).drop_front(op.getAxis()))),
        scratch_(team_.isAlone() ? scratchToKeep(access, count_, line_.compute()) : Scratch{}) {}

  LogicalResult emit() {
    std::optional<Expr> mean;
    if (!op_.getRms()) {
      Expr sum = fold(/*isFirst=*/true, [](Expr partial, Expr x) { return partial + x; });
      mean = sum / numberOf(access_.count(count_), sum);
    }
    Expr square = fold(/*isFirst=*/op_.getRms(), [&](Expr partial, Expr x) {
      Expr difference = centred(x, mean);
      return fma(difference, difference, partial);
    });
    if (!readable_)
      return failure();
    Expr variance = square / numberOf(access_.count(count_), square);
    return storeResults(mean, 1.0 / sqrt(variance + op_.getEpsilon().convertToDouble()));
  }

private:
  static Expr centred(Expr x, std::optional<Expr> mean) { return mean ? x - repeat(*mean, x) : x; }

  /// The sum of `step` over the row. The first reading of the row leaves it in the scratch memory.
  Expr fold(bool isFirst, function_ref<Expr(Expr partial, Expr x)> step) {
    SmallVector<Value> partials = fold_.start(numberOf(line_.compute(), 0));
    partials = nest(access_, outer_, partials, [&](ArrayRef<Value> at, ValueRange carried) {
      moveTo(at);
      return fold_.add(carried, [&](Value partial, Value base, unsigned width) {
        Expr x = read(base, width, isFirst);
        readable_ &= static_cast<bool>(x.value());
        return x.value() ? step({b_, partial}, x).value() : partial;
      });
    });
    return fold_.finish(partials, [](Expr a, Expr b) { return a + b; }, false);
  }

  LogicalResult storeResults(std::optional<Expr> mean, Expr scale) {
    LogicalResult done = success();
    auto store = [&](Value base, unsigned width, unsigned vectors) {
      for (unsigned vector = 0; vector < vectors; ++vector)
        if (failed(storeResult(vectorAt(access_, base, vector, width), width, mean, scale)))
          return failure();
      return success();
    };
    nest(access_, outer_, {}, [&](ArrayRef<Value> at, ValueRange) -> SmallVector<Value> {
      moveTo(at);
      done = forBlocks(access_, line_.extent(), lanes_, kVectors, store, team_);
      return {};
    });
    return done;
  }

  LogicalResult storeResult(Value base, unsigned width, std::optional<Expr> mean, Expr scale) {
    Expr x = read(base, width, /*isFirst=*/false);
    if (!x.value())
      return failure();
    Coordinates at = line_.at;
    at[line_.dim] = along(base, width);
    return access_.store(0, (centred(x, mean) * repeat(scale, x)).value(), at);
  }

  Expr read(Value base, unsigned width, bool isFirst) {
    if (!scratch_.buffer)
      return line_.read(base, width);
    Value place = arith::AddIOp::create(b_, rowStart_, base);
    if (!isFirst)
      return scratch_.load(access_, place, width);
    Expr x = line_.read(base, width);
    if (x.value())
      scratch_.store(access_, place, x.value());
    return x;
  }

  /// Goes to a line of the row.
  void moveTo(ArrayRef<Value> at) {
    rowStart_ = access_.indexConstant(0);
    for (auto [number, index] : llvm::enumerate(at)) {
      line_.at[op_.getAxis() + number] = {index, 0};
      if (!scratch_.buffer)
        continue;
      Extent stride = productOf(ArrayRef<Extent>(shape_).drop_front(op_.getAxis() + number + 1));
      Value start = arith::MulIOp::create(b_, index, access_.count(stride).in(b_));
      rowStart_ = arith::AddIOp::create(b_, rowStart_, start);
    }
  }

  static constexpr unsigned kVectors = 4; // at a time

  LayerNormOp op_;
  TileAccess &access_;
  ImplicitLocOpBuilder &b_;
  Extents shape_;
  Line line_;
  Team team_; // for each line
  unsigned lanes_;
  LaneFold fold_;
  Extents outer_; // extents of the row's dims before the line's
  Extent count_;
  Scratch scratch_;
  Value rowStart_; // where the line begins in the scratch memory
  bool readable_ = true;
};
} // namespace

unsigned LayerNormOp::tiledDims() { return getAxis(); }

LogicalResult LayerNormOp::emitTile(TileAccess &access) { return LayerNormEmitter(*this, access).emit(); }

} // namespace smelt::graph
