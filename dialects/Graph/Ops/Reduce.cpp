// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Lanes.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult ReduceOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getInput());
  Extents shape = extentsOf(type);
  for (auto [number, axis] : llvm::enumerate(adaptor.getAxes())) {
    if (failed(Checks{location}.axis(axis, type)))
      return failure();
    if (number > 0 && adaptor.getAxes()[number - 1] >= axis)
      return emitOptionalError(location, "axes are not sorted, or name ", axis, " twice");
    shape[axis] = 1;
  }
  types.push_back(tensorOf(shape, type.getElementType()));
  return success();
}

static Domain domainOf(ReduceKind kind) {
  return kind == ReduceKind::LogSum || kind == ReduceKind::LogSumExp ? Domain::Floats : Domain::Numbers;
}

LogicalResult ReduceOp::verify() {
  Type element = getType().getElementType();
  bool chooses = getKind() == ReduceKind::Max || getKind() == ReduceKind::Min;
  // Narrow integers would overflow at once.
  bool narrow = element.isInteger() && element.getIntOrFloatBitWidth() < 32 && !chooses;
  if (narrow || !isIn(domainOf(getKind()), computeType(element)))
    return emitOpError() << stringifyReduceKind(getKind()) << " is not defined on elements of type " << element;
  return success();
}

namespace {
/// A reduction on numbers: result[r] = finish(… combine(combine(initial, x), y) …).
template <typename T> struct HostReduction {
  ReduceKind kind;
  int64_t count;

  T initial() const {
    using Limits = std::numeric_limits<T>;
    switch (kind) {
    case ReduceKind::Max:
    case ReduceKind::LogSumExp:
      return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
    case ReduceKind::Min:
      return Limits::has_infinity ? Limits::infinity() : Limits::max();
    case ReduceKind::Prod:
      return 1;
    default:
      return 0;
    }
  }
  T combine(T sum, T x) const {
    switch (kind) {
    case ReduceKind::Max:
      return formula::larger(sum, x);
    case ReduceKind::Min:
      return formula::smaller(sum, x);
    case ReduceKind::Prod:
      return formula::product(sum, x);
    case ReduceKind::SumSquare:
    case ReduceKind::L2:
      return formula::sum(sum, formula::product(x, x));
    case ReduceKind::L1:
      return formula::sum(sum, formula::absolute(x));
    case ReduceKind::LogSumExp: // log(e^a + e^b)
      if (sum == x)
        return sum + T(M_LN2);
      return formula::larger(sum, x) + T(std::log1p(std::exp(-std::fabs(double(sum) - double(x)))));
    default:
      return formula::sum(sum, x);
    }
  }
  T finish(T sum) const {
    switch (kind) {
    case ReduceKind::Mean:
      return count == 0 && !std::is_floating_point_v<T> ? T(0) : sum / T(count);
    case ReduceKind::L2:
      return std::sqrt(sum);
    case ReduceKind::LogSum:
      return std::log(sum);
    default:
      return sum;
    }
  }
};
} // namespace

LogicalResult ReduceOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  const HostTensor &input = operands[0], &result = results[0];
  SmallVector<int64_t> strides = rowMajorStrides(result.shape());
  for (int64_t axis : getAxes())
    strides[axis] = 0;
  int64_t count = result.size() ? input.size() / result.size() : 0;
  return onNumbers(result.elementType(), [&](auto zero) {
    using T = decltype(zero);
    HostReduction<T> reduction{getKind(), count};
    std::vector<T> elements = elementsOf<T>(input), sums(result.size(), reduction.initial());
    SmallVector<int64_t> at(input.rank(), 0);
    for (T element : elements) {
      int64_t offset = 0;
      for (auto [index, stride] : llvm::zip_equal(at, strides))
        offset += index * stride;
      sums[offset] = reduction.combine(sums[offset], element);
      advance(at, input.shape());
    }
    if constexpr (!std::is_floating_point_v<T>) { // wraps at its width before it is divided
      setElements<T>(result, sums);
      sums = elementsOf<T>(result);
    }
    for (T &sum : sums)
      sum = reduction.finish(sum);
    setElements<T>(result, sums);
  });
}

// Emission. Lanes lie along the innermost dim: where it is reduced, they are partial results of one element; where it
// stays, each is a result of its own.

/// sum combined with x
static Expr combine(ReduceKind kind, Expr sum, Expr x) {
  switch (kind) {
  case ReduceKind::Max:
    return largest(sum, x);
  case ReduceKind::Min:
    return smallest(sum, x);
  case ReduceKind::Prod:
    return sum * x;
  case ReduceKind::SumSquare:
  case ReduceKind::L2:
    return x.isFloat() ? fma(x, x, sum) : sum + x * x;
  case ReduceKind::L1:
    return sum + formula::absolute(x);
  default:
    return sum + x;
  }
}

/// Two partial results become one.
static Expr merge(ReduceKind kind, Expr a, Expr b) {
  bool adds = kind != ReduceKind::Max && kind != ReduceKind::Min && kind != ReduceKind::Prod;
  return adds ? a + b : combine(kind, a, b);
}

static TypedAttr initialOf(ReduceKind kind, Type compute, bool isUnsigned) {
  switch (kind) {
  case ReduceKind::Max:
    return leastOf(compute, isUnsigned);
  case ReduceKind::Min:
    return greatestOf(compute, isUnsigned);
  default:
    return numberOf(compute, kind == ReduceKind::Prod ? 1 : 0);
  }
}

/// `count` is how many elements there are, in the type of the sum.
static Expr finish(ReduceKind kind, Expr sum, Expr count) {
  switch (kind) {
  case ReduceKind::Mean:
    return sum / count;
  case ReduceKind::LogSum:
    return log(sum);
  case ReduceKind::L2: {
    if (sum.isFloat())
      return sqrt(sum);
    Type element = sum.element(), real = Float64Type::get(element.getContext());
    return sum.isUnsigned() ? sqrt(sum.to<arith::UIToFPOp>(real)).to<arith::FPToUIOp>(element)
                            : sqrt(sum.to<arith::SIToFPOp>(real)).to<arith::FPToSIOp>(element);
  }
  default:
    return sum;
  }
}

namespace {
class ReduceEmitter {
public:
  ReduceEmitter(ReduceOp op, TileAccess &access)
      : op_(op), access_(access), shape_(extentsOf(op.getInput())),
        line_{access, op.getInput(), tileCoordinates(access, shape_.size()), innermostDim(shape_)} {
    for (int64_t axis : op.getAxes())
      if (axis != static_cast<int64_t>(line_.dim)) {
        outer_.push_back(axis);
        outerExtents_.push_back(shape_[axis]);
      }
    for (int64_t axis : op.getAxes())
      count_ *= shape_[axis];
  }

  LogicalResult emit() {
    bool isReduced = llvm::is_contained(op_.getAxes(), static_cast<int64_t>(line_.dim));
    return isReduced ? emitAlongLanes() : emitAcrossLanes();
  }

private:
  /// Reduces all that the tile reads, by groups of lanes; `map` is applied to what is read. Empty where so many lanes
  /// can't be had.
  using Map = function_ref<Expr(Expr x, unsigned group)>;
  using Pass = function_ref<SmallVector<Expr>(ReduceKind kind, Map map)>;

  /// The result of each group of lanes.
  SmallVector<Expr> reduce(Pass pass) {
    auto same = [](Expr x, unsigned) { return x; };
    ReduceKind kind = op_.getKind();
    if (kind != ReduceKind::LogSumExp) {
      SmallVector<Expr> sums = pass(kind, same);
      for (Expr &sum : sums)
        // The mean of no integers is 0, as devices do not divide by 0 alike.
        sum = finish(kind, sum, numberOf(access_.count(sum.isFloat() ? count_ : Extent::max(count_, 1)), sum));
      return sums;
    }
    // log Σ e^x = m + log Σ e^(x - m), with the largest x for m, unless that is infinite
    SmallVector<Expr> shifts = pass(ReduceKind::Max, same);
    for (Expr &shift : shifts)
      shift = select(abs(shift) < std::numeric_limits<double>::infinity(), shift, 0.0);
    if (shifts.empty())
      return {};
    SmallVector<Expr> sums = pass(ReduceKind::Sum, [&](Expr x, unsigned group) {
      return exp(x - repeat(shifts[shifts.size() == 1 ? 0 : group], x));
    });
    for (auto [sum, shift] : llvm::zip(sums, shifts))
      sum = log(sum) + shift;
    return sums;
  }

  LogicalResult emitAlongLanes() {
    constexpr unsigned kVectors = 4;
    Team team = access_.teamAlong(shape_[line_.dim]);
    LaneFold fold(access_, line_.extent(), lanesOf(team, line_.extent(), line_.lanes()), kVectors, team);
    bool readable = true;
    SmallVector<Expr> result = reduce([&](ReduceKind kind, Map map) {
      SmallVector<Value> partials = fold.start(initialOf(kind, line_.compute(), line_.isUnsigned()));
      partials = nest(access_, outerExtents_, partials, [&](ArrayRef<Value> at, ValueRange carried) {
        moveTo(at);
        return fold.add(carried, [&](Value partial, Value base, unsigned lanes) {
          Expr x = line_.read(base, lanes);
          readable &= static_cast<bool>(x.value());
          return x.value() ? combine(kind, expression(partial), map(x, 0)).value() : partial;
        });
      });
      auto merged = [&](Expr a, Expr b) { return merge(kind, a, b); };
      return SmallVector<Expr>{fold.finish(partials, merged, line_.isUnsigned())};
    });
    if (!readable)
      return failure();
    return access_.once(
        team, [&] { return access_.store(0, result.front().value(), tileCoordinates(access_, shape_.size())); });
  }

  LogicalResult emitAcrossLanes() {
    constexpr unsigned kMostVectors = 8;
    unsigned lanes = line_.lanes();
    if (std::optional<Columns> columns = teamAcross(lanes))
      return emitColumns(*columns, lanes);
    return forBlocks(access_, line_.extent(), lanes, kMostVectors, [&](Value base, unsigned lanes, unsigned vectors) {
      bool readable = true;
      auto pass = [&](ReduceKind kind, Map map) {
        TypedAttr initial = initialOf(kind, line_.compute(), line_.isUnsigned());
        SmallVector<Value> sums(vectors, repeat(access_.builder(), initial, lanes).value());
        sums = nest(access_, outerExtents_, sums, [&](ArrayRef<Value> at, ValueRange carried) {
          moveTo(at);
          SmallVector<Value> next(carried);
          for (auto [group, sum] : llvm::enumerate(next)) {
            Expr x = line_.read(vectorAt(access_, base, group, lanes), lanes);
            readable &= static_cast<bool>(x.value());
            if (x.value())
              sum = combine(kind, expression(sum), map(x, group)).value();
          }
          return next;
        });
        return llvm::map_to_vector(sums, [&](Value sum) { return expression(sum); });
      };
      SmallVector<Expr> results = reduce(pass);
      if (!readable)
        return failure();
      for (auto [group, result] : llvm::enumerate(results)) {
        Coordinates at = tileCoordinates(access_, shape_.size());
        at[line_.dim] = along(vectorAt(access_, base, group, lanes), lanes);
        if (failed(access_.store(0, result.value(), at)))
          return failure();
      }
      return success();
    });
  }

  /// A team for a few lines, each with its share of what is reduced; takes as many lanes as divide the lines.
  std::optional<Columns> teamAcross(unsigned &lanes) {
    std::optional<int64_t> lines = shape_[line_.dim].asNumber(), steps = productOf(outerExtents_).asNumber();
    if (!lines || !steps)
      return std::nullopt;
    unsigned whole = lanes;
    while (*lines % whole)
      whole /= 2;
    std::optional<Columns> columns = access_.teamAcross(*lines, *steps, whole);
    if (columns)
      lanes = whole;
    return columns;
  }

  LogicalResult emitColumns(const Columns &columns, unsigned lanes) {
    bool readable = true;
    auto pass = [&](ReduceKind kind, Map map) {
      TypedAttr initial = initialOf(kind, line_.compute(), line_.isUnsigned());
      SmallVector<Value> sums =
          forRange(access_.builder(), columns.team.member, access_.count(productOf(outerExtents_)), columns.team.size,
                   repeat(access_.builder(), initial, lanes).value(), [&](Value step, ValueRange carried) {
                     moveTo(indicesAt(access_, step, outerExtents_));
                     Expr x = line_.read(columns.first, lanes);
                     readable &= static_cast<bool>(x.value());
                     return SmallVector<Value>{x.value() ? combine(kind, expression(carried[0]), map(x, 0)).value()
                                                         : carried[0]};
                   });
      Value all = access_.together(columns.team, sums[0],
                                   [&](Value a, Value b) { return merge(kind, expression(a), expression(b)).value(); });
      return SmallVector<Expr>{expression(all)};
    };
    SmallVector<Expr> result = reduce(pass);
    if (!readable)
      return failure();
    Coordinates at = tileCoordinates(access_, shape_.size());
    at[line_.dim] = along(columns.first, lanes);
    return access_.once(columns.team, [&] { return access_.store(0, result.front().value(), at); });
  }

  void moveTo(ArrayRef<Value> at) {
    for (auto [dim, index] : llvm::zip_equal(outer_, at))
      line_.at[dim] = {index, 0};
  }
  Expr expression(Value value) const { return {access_.builder(), value, line_.isUnsigned()}; }

  ReduceOp op_;
  TileAccess &access_;
  Extents shape_;
  Line line_;
  SmallVector<int64_t> outer_; // reduced dims besides the innermost
  Extents outerExtents_;
  Extent count_ = 1;
};
} // namespace

unsigned ReduceOp::tiledDims() {
  // An innermost dim that stays holds the lanes.
  Extents shape = extentsOf(getInput());
  size_t innermost = innermostDim(shape);
  return llvm::is_contained(getAxes(), static_cast<int64_t>(innermost)) ? shape.size() : innermost;
}

LogicalResult ReduceOp::emitTile(TileAccess &access) { return ReduceEmitter(*this, access).emit(); }

} // namespace smelt::graph
