// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Lanes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult SoftmaxOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getInput());
  types.push_back(type);
  return Checks{location}.axis(adaptor.getAxis(), type);
}

LogicalResult SoftmaxOp::verify() { return Checks{getLoc()}.element(getType().getElementType(), Domain::Floats); }

LogicalResult SoftmaxOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  Lines lines(operands[0].shape(), getAxis());
  std::vector<double> elements = elementsOf<double>(operands[0]);
  for (int64_t outer = 0; outer < lines.outer; ++outer)
    for (int64_t inner = 0; inner < lines.inner; ++inner) {
      auto each = [&](auto function) {
        for (int64_t i = 0; i < lines.extent; ++i)
          function(elements[lines.at(outer, i, inner)]);
      };
      double most = -std::numeric_limits<double>::infinity(), sum = 0;
      each([&](double x) { most = formula::larger(most, x); });
      each([&](double x) { sum += std::exp(x - most); });
      each([&](double &x) { x = getLog() ? x - most - std::log(sum) : std::exp(x - most) / sum; });
    }
  setElements<double>(results[0], elements);
  return success();
}

// Emission. Three passes: the largest x, the sum of e^(x - largest), and the results. A maximum that passes over NaN
// will do: the sum meets it.

static Expr raised(Expr most, Expr x) { return select(x > most, x, most); }

namespace {
class SoftmaxEmitter {
public:
  SoftmaxEmitter(SoftmaxOp op, TileAccess &access)
      : op_(op), access_(access), b_(access.builder()), shape_(extentsOf(op.getType())),
        line_{access, op.getInput(), tileCoordinates(access, shape_.size()), op.getAxis()} {}

  /// The axis is innermost: lanes lie along it.
  LogicalResult emitAlongLanes() {
    if (!op_.getLog() && !shape_[line_.dim].isNumber() && access_.keepsResults())
      return emitShortOrLong();
    team_ = access_.teamAlong(shape_[line_.dim]);
    if (!op_.getLog() && team_.isAlone())
      scratch_ = scratchToKeep(access_, shape_[line_.dim], line_.compute());
    return emitLine();
  }

  /// The axis is not innermost: each lane is a line of its own.
  LogicalResult emitAcrossLanes() {
    if (!op_.getLog())
      scratch_ =
          scratchToKeep(access_, shape_[line_.dim] * linesAtATime(access_, op_.getInput(), line_.dim), line_.compute());
    return forLines(access_, op_.getInput(), line_.dim, [&](ArrayRef<LaneIndex> at, unsigned width) {
      line_.at.assign(at.begin(), at.end());
      return emitGroup(width);
    });
  }

private:
  /// Only the run knows whether e^x of a whole line fits into scratch memory.
  LogicalResult emitShortOrLong() {
    int64_t most = TileAccess::kMostScratchBytes / elementBytes(line_.compute());
    Value isShort =
        arith::CmpIOp::create(b_, arith::CmpIPredicate::sle, line_.extent().in(b_), access_.indexConstant(most));
    auto choice = scf::IfOp::create(b_, isShort, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(choice.thenBlock());
    scratch_ = {access_.scratch(most, line_.compute())};
    if (failed(emitLine()))
      return failure();
    b_.setInsertionPointToStart(choice.elseBlock());
    scratch_ = {};
    return emitLine();
  }

  LogicalResult emitLine() {
    constexpr unsigned kVectors = 2; // e^x keeps the processor busy enough
    constexpr unsigned kMostVectors = 4;
    unsigned lanes = lanesOf(team_, line_.extent(), line_.lanes());
    LaneFold maxima(access_, line_.extent(), lanes, kMostVectors, team_),
        sums(access_, line_.extent(), lanes, kVectors, team_);
    SmallVector<Value> partials = maxima.start(leastOf(line_.compute(), false));
    partials = maxima.add(partials, [&](Value partial, Value base, unsigned width) {
      return withRead(base, width, partial, [&](Expr x) { return raised({b_, partial}, x); });
    });
    Expr most = maxima.finish(partials, raised, false);
    partials = sums.start(numberOf(line_.compute(), 0));
    partials = sums.add(partials, [&](Value partial, Value base, unsigned width) {
      return withRead(base, width, partial, [&](Expr x) {
        Expr power = exp(x - repeat(most, x));
        if (scratch_.buffer)
          scratch_.store(access_, base, power.value());
        return Expr(b_, partial) + power;
      });
    });
    Expr sum = sums.finish(partials, [](Expr a, Expr b) { return a + b; }, false);
    if (!readable_)
      return failure();
    Expr scale = scaleOf(most, sum);
    auto store = [&](Value base, unsigned width, unsigned vectors) {
      for (unsigned vector = 0; vector < vectors; ++vector)
        if (failed(storeResult(vectorAt(access_, base, vector, width), width, most, scale)))
          return failure();
      return success();
    };
    return forBlocks(access_, line_.extent(), lanes, kVectors, store, team_);
  }

  /// `width` lines side by side.
  LogicalResult emitGroup(unsigned width) {
    readable_ = true;
    TypedAttr least = leastOf(line_.compute(), false), zero = numberOf(line_.compute(), 0);
    Expr most(b_, access_.loop(line_.extent(), repeat(b_, least, width).value(), [&](Value index, ValueRange carried) {
      Value next = withRead(index, width, carried[0], [&](Expr x) { return raised({b_, carried[0]}, x); });
      return SmallVector<Value>{next};
    })[0]);
    Expr sum(b_, access_.loop(line_.extent(), repeat(b_, zero, width).value(), [&](Value index, ValueRange carried) {
      Value next = withRead(index, width, carried[0], [&](Expr x) {
        Expr power = exp(x - most);
        if (scratch_.buffer)
          scratch_.store(access_, scratchPlace(index, width), power.value());
        return Expr(b_, carried[0]) + power;
      });
      return SmallVector<Value>{next};
    })[0]);
    if (!readable_)
      return failure();
    Expr scale = scaleOf(most, sum);
    LogicalResult done = success();
    access_.loop(line_.extent(), {}, [&](Value index, ValueRange) -> SmallVector<Value> {
      done = storeResult(index, width, most, scale);
      return {};
    });
    return done;
  }

  Value withRead(Value base, unsigned width, Value otherwise, function_ref<Expr(Expr)> function) {
    Expr x = readAt(base, width);
    readable_ &= static_cast<bool>(x.value());
    return x.value() ? function(x).value() : otherwise;
  }
  bool isAlongLanes() const { return innermostDim(shape_) <= line_.dim; }
  Expr readAt(Value index, unsigned width) {
    if (isAlongLanes())
      return line_.read(index, width);
    return {b_, access_.fetch(op_.getInput(), moved(line_.at, line_.dim, index), width)};
  }
  /// Where e^x of an index lies in the scratch memory.
  Value scratchPlace(Value index, unsigned width) const {
    if (isAlongLanes() || width == 1)
      return index;
    return arith::MulIOp::create(b_, index, access_.indexConstant(width));
  }

  /// What results are made with: 1 / sum, or its logarithm.
  Expr scaleOf(Expr most, Expr sum) { return op_.getLog() ? log(sum) : 1.0 / sum; }

  LogicalResult storeResult(Value index, unsigned width, Expr most, Expr scale) {
    Coordinates at = line_.at;
    at[line_.dim] = isAlongLanes() ? along(index, width) : LaneIndex{index, 0};
    Expr result = scale;
    if (scratch_.buffer) {
      Expr power = scratch_.load(access_, scratchPlace(index, width), width);
      result = power * repeat(scale, power);
    } else {
      Expr x = readAt(index, width);
      if (!x.value())
        return failure();
      Expr shifted = x - repeat(most, x);
      result = op_.getLog() ? shifted - repeat(scale, x) : exp(shifted) * repeat(scale, x);
    }
    return access_.store(0, result.value(), at);
  }

  SoftmaxOp op_;
  TileAccess &access_;
  ImplicitLocOpBuilder &b_;
  Extents shape_;
  Line line_;
  Team team_; // for a line along lanes
  Scratch scratch_;
  bool readable_ = true;
};
} // namespace

unsigned SoftmaxOp::tiledDims() { return getAxis(); }

LogicalResult SoftmaxOp::emitTile(TileAccess &access) {
  SoftmaxEmitter emitter(*this, access);
  size_t innermost = innermostDim(extentsOf(getType()));
  return innermost <= getAxis() ? emitter.emitAlongLanes() : emitter.emitAcrossLanes();
}

} // namespace smelt::graph
