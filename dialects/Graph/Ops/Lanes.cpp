// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Lanes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <functional>

using namespace mlir;

namespace smelt::graph {

Coordinates tileCoordinates(TileAccess &access, size_t rank) {
  Coordinates at;
  for (Value index : access.tile())
    at.push_back({index, 0});
  at.resize(rank, {access.indexConstant(0), 0});
  return at;
}

size_t innermostDim(ArrayRef<Extent> shape) {
  for (size_t dim = shape.size(); dim > 0; --dim)
    if (shape[dim - 1] != Extent(1))
      return dim - 1;
  return shape.empty() ? 0 : shape.size() - 1;
}

Expr Line::read(Value base, unsigned lanes, int64_t stride) const {
  Coordinates here = at;
  if (!here.empty())
    here[dim] = along(base, lanes, stride);
  return {access.builder(), access.fetch(operand, here, lanes), isUnsigned()};
}

unsigned Line::lanes() const {
  ImplicitLocOpBuilder &b = access.builder();
  unsigned lanes = access.vectorLanes(compute());
  if (std::optional<int64_t> number = extent().number())
    lanes = std::min<uint64_t>(lanes, llvm::bit_floor(static_cast<uint64_t>(std::max<int64_t>(*number, 1))));
  if (lanes == 1)
    return 1;
  // Asked by trying: in a loop that is dropped again.
  auto trial = scf::ForOp::create(b, access.indexConstant(0), access.indexConstant(1), access.indexConstant(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(trial.getBody());
  bool readable = static_cast<bool>(read(trial.getInductionVar(), lanes).value());
  trial.erase();
  return readable ? lanes : 1;
}

Expr repeat(ImplicitLocOpBuilder &b, TypedAttr number, unsigned lanes, bool isUnsigned) {
  if (lanes > 1)
    number = SplatElementsAttr::get(VectorType::get({lanes}, number.getType()), number);
  return {b, arith::ConstantOp::create(b, number), isUnsigned};
}

Expr repeat(Expr scalar, Expr like) {
  auto vector = dyn_cast<VectorType>(like.type());
  if (!vector)
    return scalar;
  ImplicitLocOpBuilder &b = scalar.builder();
  return {b, vector::BroadcastOp::create(b, vector.clone(scalar.element()), scalar.value()), scalar.isUnsigned()};
}

TypedAttr leastOf(Type compute, bool isUnsigned) {
  if (auto floating = dyn_cast<FloatType>(compute))
    return FloatAttr::get(floating, APFloat::getInf(floating.getFloatSemantics(), /*Negative=*/true));
  unsigned width = compute.getIntOrFloatBitWidth();
  return IntegerAttr::get(compute, isUnsigned ? APInt::getMinValue(width) : APInt::getSignedMinValue(width));
}

TypedAttr greatestOf(Type compute, bool isUnsigned) {
  if (auto floating = dyn_cast<FloatType>(compute))
    return FloatAttr::get(floating, APFloat::getInf(floating.getFloatSemantics()));
  unsigned width = compute.getIntOrFloatBitWidth();
  return IntegerAttr::get(compute, isUnsigned ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width));
}

TypedAttr numberOf(Type compute, int64_t number) {
  if (isa<FloatType>(compute))
    return FloatAttr::get(compute, static_cast<double>(number));
  return IntegerAttr::get(compute, APInt(compute.getIntOrFloatBitWidth(), number, /*isSigned=*/true,
                                         /*implicitTrunc=*/true));
}

template <typename Op> static Expr withoutSignedZeros(Expr a, Expr b) {
  ImplicitLocOpBuilder &builder = a.builder();
  return {builder, Op::create(builder, a.value(), b.value(), arith::FastMathFlags::nsz)};
}

Expr largest(Expr a, Expr b) { return a.isFloat() ? withoutSignedZeros<arith::MaximumFOp>(a, b) : select(a > b, a, b); }
Expr smallest(Expr a, Expr b) {
  return a.isFloat() ? withoutSignedZeros<arith::MinimumFOp>(a, b) : select(a < b, a, b);
}

Value offset(TileAccess &access, Value base, int64_t number) {
  if (number == 0)
    return base;
  return arith::AddIOp::create(access.builder(), base, access.indexConstant(number));
}

unsigned lanesOf(const Team &team, Count extent, unsigned lanes) {
  std::optional<int64_t> number = extent.number();
  while (!team.isAlone() && lanes > 1 && (!number || *number % lanes || *number / lanes < team.size))
    lanes /= 2;
  return lanes;
}

/// Where a member's first vector is.
static Value firstOf(TileAccess &access, const Team &team, unsigned lanes) {
  return arith::MulIOp::create(access.builder(), team.member, access.indexConstant(lanes));
}

LaneFold::LaneFold(TileAccess &access, Count extent, unsigned lanes, unsigned mostVectors, Team team)
    : access_(access), extent_(extent), lanes_(lanes), unroll_(mostVectors), team_(team) {
  if (!team_.isAlone()) {
    unroll_ = 1;
    widths_ = {lanes_};
    return;
  }
  std::optional<int64_t> number = extent.number();
  if (number)
    unroll_ = std::min<int64_t>(mostVectors, *number / lanes);
  widths_.assign(unroll_, lanes);
  for (unsigned width = lanes / 2; width >= 1; width /= 2)
    if (!number || *number % lanes & width)
      widths_.push_back(width);
  if (widths_.empty())
    widths_.push_back(1); // of an empty line
}

SmallVector<Value> LaneFold::start(TypedAttr initial) const {
  return llvm::map_to_vector(widths_,
                             [&](unsigned width) { return repeat(access_.builder(), initial, width).value(); });
}

void LaneFold::addRound(MutableArrayRef<Value> sums, Value base, unsigned count, Step step) const {
  for (unsigned number = 0; number < count; ++number)
    sums[number] = step(sums[number], vectorAt(access_, base, number, lanes_), lanes_);
}

SmallVector<Value> LaneFold::add(ValueRange partials, Step step) const {
  if (!team_.isAlone())
    return forRange(access_.builder(), firstOf(access_, team_, lanes_), extent_, team_.size * lanes_, partials,
                    [&](Value base, ValueRange carried) { return SmallVector<Value>{step(carried[0], base, lanes_)}; });
  std::optional<int64_t> number = extent_.number();
  return number ? addNumber(*number, SmallVector<Value>(partials), step) : addCount(SmallVector<Value>(partials), step);
}

SmallVector<Value> LaneFold::addNumber(int64_t extent, SmallVector<Value> sums, Step step) const {
  if (extent == 0)
    return sums;
  int64_t vectors = extent / lanes_, rounds = unroll_ ? vectors / unroll_ : 0, round = int64_t(unroll_) * lanes_;
  if (rounds == 1)
    addRound(sums, access_.indexConstant(0), unroll_, step);
  if (rounds > 1)
    sums = forRange(access_.builder(), 0, rounds * round, round, sums, [&](Value base, ValueRange carried) {
      SmallVector<Value> next(carried);
      addRound(next, base, unroll_, step);
      return next;
    });
  addRound(sums, access_.indexConstant(rounds * round), vectors - rounds * unroll_, step);
  int64_t done = vectors * lanes_;
  for (size_t number = unroll_; number < widths_.size(); done += widths_[number++])
    sums[number] = step(sums[number], access_.indexConstant(done), widths_[number]);
  return sums;
}

/// Rounds of `unroll_` vectors, then single vectors, then shorter ones.
SmallVector<Value> LaneFold::addCount(SmallVector<Value> sums, Step step) const {
  ImplicitLocOpBuilder &b = access_.builder();
  int64_t round = int64_t(unroll_) * lanes_;
  Count rounds = llvm::isPowerOf2_64(unroll_) ? roundedDown(b, extent_, round) : Count(0);
  sums = forRange(b, 0, rounds, round, sums, [&](Value base, ValueRange carried) {
    SmallVector<Value> next(carried);
    addRound(next, base, unroll_, step);
    return next;
  });
  Count done = rounds;
  for (size_t number = 0; number < widths_.size(); number += number == 0 ? unroll_ : 1) {
    Count end = roundedDown(b, extent_, widths_[number]);
    sums[number] = forRange(b, done, end, widths_[number], sums[number], [&](Value base, ValueRange carried) {
      return SmallVector<Value>{step(carried[0], base, widths_[number])};
    })[0];
    done = end;
  }
  return sums;
}

Expr LaneFold::finish(ValueRange partials, Merge merge, bool isUnsigned) const {
  ImplicitLocOpBuilder &b = access_.builder();
  auto mergeValues = [&](Value first, Value second) {
    return merge({b, first, isUnsigned}, {b, second, isUnsigned}).value();
  };
  return {b, access_.together(team_, finishMember(partials, merge, isUnsigned).value(), mergeValues), isUnsigned};
}

/// Those of one thread.
Expr LaneFold::finishMember(ValueRange partials, Merge merge, bool isUnsigned) const {
  ImplicitLocOpBuilder &b = access_.builder();
  SmallVector<Expr> level;
  for (Value partial : partials.take_front(unroll_))
    level.emplace_back(b, partial, isUnsigned);
  while (level.size() > 1) {
    SmallVector<Expr> next;
    for (size_t pair = 0; pair + 1 < level.size(); pair += 2)
      next.push_back(merge(level[pair], level[pair + 1]));
    if (level.size() % 2)
      next.push_back(level.back());
    level = next;
  }
  // Halves are merged until they are as short as the next partial result, which joins them there.
  std::optional<Expr> sum = level.empty() ? std::nullopt : std::optional<Expr>(level.front());
  unsigned width = widths_.front();
  auto half = [&](Expr whole, unsigned from) {
    Value part = vector::ExtractStridedSliceOp::create(b, whole.value(), ArrayRef<int64_t>{from},
                                                       ArrayRef<int64_t>{width / 2}, ArrayRef<int64_t>{1});
    return Expr(b, part, isUnsigned);
  };
  auto lane = [&](Expr pair, int64_t number) {
    return Expr(b, vector::ExtractOp::create(b, pair.value(), number), isUnsigned);
  };
  for (size_t number = unroll_;; width /= 2) {
    if (number < widths_.size() && widths_[number] == width) {
      Expr partial(b, partials[number++], isUnsigned);
      sum = sum ? merge(*sum, partial) : partial;
    }
    if (width == 1)
      return *sum;
    sum = width == 2 ? merge(lane(*sum, 0), lane(*sum, 1)) : merge(half(*sum, 0), half(*sum, width / 2));
  }
}

SmallVector<Value> nest(TileAccess &access, ArrayRef<Extent> extents, ValueRange initial, NestBody body) {
  SmallVector<Value> at;
  std::function<SmallVector<Value>(ValueRange)> level = [&](ValueRange carried) -> SmallVector<Value> {
    if (at.size() == extents.size())
      return body(at, carried);
    SmallVector<Value> last;
    if (extents[at.size()] == Extent(1)) {
      at.push_back(access.indexConstant(0));
      last = level(carried);
    } else {
      last = access.loop(access.count(extents[at.size()]), carried, [&](Value index, ValueRange inner) {
        at.push_back(index);
        SmallVector<Value> next = level(inner);
        return next;
      });
    }
    at.pop_back();
    return last;
  };
  return level(initial);
}

SmallVector<Value> indicesAt(TileAccess &access, Value position, ArrayRef<Extent> shape) {
  ImplicitLocOpBuilder &b = access.builder();
  SmallVector<Value> at(shape.size());
  for (size_t dim = shape.size(); dim-- > 0;) {
    Value extent = access.count(shape[dim]).in(b);
    at[dim] = dim == 0 ? position : arith::RemUIOp::create(b, position, extent).getResult();
    position = dim == 0 ? position : arith::DivUIOp::create(b, position, extent).getResult();
  }
  return at;
}

/// forBlocks of a member.
static LogicalResult forShare(TileAccess &access, Count extent, unsigned lanes, BlockBody body, const Team &team) {
  ImplicitLocOpBuilder &b = access.builder();
  auto loop = scf::ForOp::create(b, firstOf(access, team, lanes), extent.in(b),
                                 access.indexConstant(team.size * static_cast<int64_t>(lanes)));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    if (succeeded(body(loop.getInductionVar(), lanes, 1)))
      return success();
  }
  loop.erase();
  return lanes == 1 ? failure() : forShare(access, extent, 1, body, team);
}

LogicalResult forBlocks(TileAccess &access, Count extent, unsigned lanes, unsigned mostVectors, BlockBody body,
                        const Team &team) {
  if (!team.isAlone())
    return forShare(access, extent, lanes, body, team);
  ImplicitLocOpBuilder &b = access.builder();
  Count done = 0;
  bool emitted = true;
  // A loop of one step even where one block is all: what fails is dropped with it.
  auto blocks = [&](Count end, unsigned width, unsigned vectors) {
    if (!emitted || (end.number() && end.number() == done.number()))
      return;
    auto loop =
        scf::ForOp::create(b, done.in(b), end.in(b), access.indexConstant(static_cast<int64_t>(width) * vectors));
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      emitted = succeeded(body(loop.getInductionVar(), width, vectors));
    }
    if (!emitted)
      loop.erase();
    else
      done = end;
  };
  if (std::optional<int64_t> number = extent.number()) {
    int64_t vectors = *number / lanes, whole = vectors / mostVectors * mostVectors;
    blocks(whole * lanes, lanes, mostVectors);
    blocks(vectors * lanes, lanes, std::max<unsigned>(1, vectors - whole));
  } else {
    if (llvm::isPowerOf2_32(mostVectors))
      blocks(roundedDown(b, extent, static_cast<int64_t>(lanes) * mostVectors), lanes, mostVectors);
    blocks(roundedDown(b, extent, lanes), lanes, 1);
  }
  for (unsigned width = lanes / 2; width >= 1; width /= 2)
    blocks(roundedDown(b, extent, width), width, 1);
  if (emitted)
    return success();
  if (lanes == 1)
    return failure();
  emitted = true;
  blocks(extent, 1, 1);
  return success(emitted);
}

unsigned linesAtATime(TileAccess &access, Value operand, size_t axis) {
  Extents shape = extentsOf(operand);
  size_t innermost = innermostDim(shape);
  if (innermost <= axis)
    return 1;
  return Line{access, operand, tileCoordinates(access, shape.size()), innermost}.lanes();
}

LogicalResult forLines(TileAccess &access, Value operand, size_t axis, LineBody body) {
  Extents shape = extentsOf(operand);
  size_t innermost = innermostDim(shape);
  Coordinates at = tileCoordinates(access, shape.size());
  if (innermost <= axis)
    return body(at, 1);
  unsigned lanes = linesAtATime(access, operand, axis);
  LogicalResult done = success();
  ArrayRef<Extent> between = ArrayRef<Extent>(shape).slice(axis + 1, innermost - axis - 1);
  nest(access, between, {}, [&](ArrayRef<Value> indices, ValueRange) -> SmallVector<Value> {
    for (auto [number, index] : llvm::enumerate(indices))
      at[axis + 1 + number] = {index, 0};
    done = access.forLanes(access.count(shape[innermost]), lanes, [&](Value base, unsigned width) {
      at[innermost] = along(base, width);
      return body(at, width);
    });
    return {};
  });
  return done;
}

Coordinates moved(ArrayRef<LaneIndex> at, size_t dim, Value index) {
  Coordinates there(at);
  there[dim] = {index, 0};
  return there;
}

Expr Scratch::load(TileAccess &access, Value at, unsigned lanes) const {
  ImplicitLocOpBuilder &b = access.builder();
  if (lanes == 1)
    return {b, memref::LoadOp::create(b, buffer, at)};
  auto type = VectorType::get({lanes}, cast<MemRefType>(buffer.getType()).getElementType());
  return {b, vector::LoadOp::create(b, type, buffer, at)};
}

void Scratch::store(TileAccess &access, Value at, Value value) const {
  ImplicitLocOpBuilder &b = access.builder();
  if (isa<VectorType>(value.getType()))
    vector::StoreOp::create(b, value, buffer, at);
  else
    memref::StoreOp::create(b, value, buffer, at);
}

bool fitsScratch(const Extent &elements, Type compute) {
  std::optional<int64_t> number = elements.asNumber();
  return number && *number <= TileAccess::kMostScratchBytes / elementBytes(compute);
}

Scratch scratchFor(TileAccess &access, const Extent &elements, Type compute) {
  return {fitsScratch(elements, compute) ? access.scratch(elements.number(), compute) : Value()};
}

Scratch scratchToKeep(TileAccess &access, const Extent &elements, Type compute) {
  return access.keepsResults() ? scratchFor(access, elements, compute) : Scratch{};
}

} // namespace smelt::graph
