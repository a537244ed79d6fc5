// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// scatter_elements and scatter_nd: a copy of the data, in which updates replace or meet what stands where indices say,
// in the order in which they are listed.

#include "dialects/Graph/Ops/Indexing.h"
#include "dialects/Graph/Ops/Lanes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace smelt::graph {

/// What stands after `update` has met `value`.
template <typename X> static X met(ScatterReduction reduction, X value, X update) {
  switch (reduction) {
  case ScatterReduction::None:
    return update;
  case ScatterReduction::Add:
    return formula::sum(value, update);
  case ScatterReduction::Mul:
    return formula::product(value, update);
  case ScatterReduction::Max:
    return formula::larger(value, update);
  case ScatterReduction::Min:
    return formula::smaller(value, update);
  }
  return update;
}

/// Of bools a sum is whether any holds, a product whether all do.
static Expr metOf(ScatterReduction reduction, Expr value, Expr update) {
  if (value.isFloat() || value.width() > 1)
    return met(reduction, value, update);
  bool any = reduction == ScatterReduction::Add || reduction == ScatterReduction::Max;
  return any ? value | update : value & update;
}

static LogicalResult checkUpdates(std::optional<Location> location, Value data, Value indices, Value updates) {
  if (elementOf(data) != elementOf(updates))
    return emitOptionalError(location, "data and updates have different element types, ", elementOf(data), " and ",
                             elementOf(updates));
  if (typeOf(data).getRank() == 0)
    return emitOptionalError(location, "a scalar has no places to choose from");
  return checkIndices(location, indices);
}

/// Lets an update meet an element of the result, on the host.
static void meet(ScatterReduction reduction, const HostTensor &result, int64_t to, const HostTensor &updates,
                 int64_t from) {
  if (reduction == ScatterReduction::None)
    return result.copyElement(to, updates, from);
  (void)onNumbers(result.elementType(), [&](auto zero) {
    using T = decltype(zero);
    result.set(to, toScalar(met(reduction, fromScalar<T>(result.get(to)), fromScalar<T>(updates.get(from)))));
  });
}

// While emitting.

/// Emits `body` where `condition` holds; everywhere when it is null.
static void onlyIf(TileAccess &access, Value condition, llvm::function_ref<void()> body) {
  if (!condition)
    return body();
  ImplicitLocOpBuilder &b = access.builder();
  auto choice = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  body();
}

static Value conjunction(ImplicitLocOpBuilder &b, Value a, Value c) {
  return a ? arith::AndIOp::create(b, a, c).getResult() : c;
}

static Coordinates coordinatesOf(ArrayRef<Value> outer, ArrayRef<Value> inner) {
  Coordinates at;
  for (ArrayRef<Value> part : {outer, inner})
    for (Value index : part)
      at.push_back({index, 0});
  return at;
}

static Coordinates coordinatesAt(TileAccess &access, Value position, ArrayRef<Extent> shape) {
  return coordinatesOf(indicesAt(access, position, shape), {});
}

/// The index that a tensor of indices holds, as a coordinate of a dim. Null where it can't be read.
static Value fetchIndex(TileAccess &access, Value indices, ArrayRef<LaneIndex> at, const Extent &extent) {
  ImplicitLocOpBuilder &b = access.builder();
  Value read = access.fetch(indices, at, 1);
  return read ? wrapIndex(b, arith::IndexCastOp::create(b, b.getIndexType(), read), access.count(extent)) : nullptr;
}

/// Emits result = data over the tile.
static LogicalResult copyTile(TileAccess &access, Value data) {
  Extents shape(llvm::drop_begin(extentsOf(data), access.tile().size()));
  unsigned most = access.vectorLanes(computeType(elementOf(data)));
  LogicalResult done = success();
  nest(access, ArrayRef<Extent>(shape).drop_back(), {}, [&](ArrayRef<Value> at, ValueRange) {
    Coordinates row = coordinatesOf(access.tile(), at);
    done = access.forLanes(access.count(shape.back()), most, [&](Value base, unsigned lanes) {
      Coordinates here = row;
      here.push_back(along(base, lanes));
      Value value = access.fetch(data, here, lanes);
      return value ? access.store(0, value, here) : failure();
    });
    return SmallVector<Value>();
  });
  return done;
}

namespace {

constexpr int64_t kMostOwnBytes = 2048; // of a thread's places in scratch memory, where many threads have such

/// Elements of the result that updates meet in scratch memory, as many at a time as it has room for.
class Accumulation {
public:
  using Place = llvm::function_ref<Coordinates(Value position)>;
  using Updates = llvm::function_ref<LogicalResult()>;

  Accumulation(TileAccess &access, Value data, ScatterReduction reduction, int64_t mostBytes)
      : access_(access), b_(access.builder()), data_(data), reduction_(reduction), mostBytes_(mostBytes) {}

  /// Emits, over blocks of [0, end), which is `extent` at most: what stands at `place`, then `updates`, which call
  /// meet, then the result.
  LogicalResult run(const Extent &extent, Value end, Place place, Updates updates);
  /// Lets an update meet the element at a position, if that lies in the block.
  void meet(Value position, Value update);
  /// The positions in the block: [start, end).
  Value start() const { return start_; }
  Value end() const { return end_; }

private:
  TileAccess &access_;
  ImplicitLocOpBuilder &b_;
  Value data_;
  ScatterReduction reduction_;
  int64_t mostBytes_;
  Scratch scratch_;
  Value start_, end_;
};

} // namespace

LogicalResult Accumulation::run(const Extent &extent, Value end, Place place, Updates updates) {
  Type compute = computeType(elementOf(data_));
  int64_t room = mostBytes_ / elementBytes(compute);
  room = std::min(extent.asNumber().value_or(room), room);
  if (extent == Extent(0))
    return success();
  scratch_ = {access_.scratch(room, compute)};
  LogicalResult done = success();
  access_.loop(access_.count(extent.ceilDiv(room)), {}, [&](Value block, ValueRange) {
    start_ = arith::MulIOp::create(b_, block, access_.indexConstant(room));
    end_ = arith::MinSIOp::create(b_, arith::AddIOp::create(b_, start_, access_.indexConstant(room)), end);
    auto inBlock = [&](Value position) { return arith::SubIOp::create(b_, position, start_).getResult(); };
    forEach(access_.builder(), start_, end_, [&](Value position) {
      Value value = access_.fetch(data_, place(position), 1);
      if (value)
        scratch_.store(access_, inBlock(position), value);
      else
        done = failure();
    });
    if (failed(updates()))
      done = failure();
    forEach(access_.builder(), start_, end_, [&](Value position) {
      if (failed(access_.store(0, scratch_.load(access_, inBlock(position), 1).value(), place(position))))
        done = failure();
    });
    return SmallVector<Value>();
  });
  return done;
}

void Accumulation::meet(Value position, Value update) {
  Value from = arith::CmpIOp::create(b_, arith::CmpIPredicate::sge, position, start_);
  Value to = arith::CmpIOp::create(b_, arith::CmpIPredicate::slt, position, end_);
  onlyIf(access_, arith::AndIOp::create(b_, from, to), [&] {
    bool isUnsigned = isUnsignedElement(elementOf(data_));
    Value at = arith::SubIOp::create(b_, position, start_);
    Expr value = scratch_.load(access_, at, 1).as(isUnsigned);
    scratch_.store(access_, at, metOf(reduction_, value, Expr(b_, update, isUnsigned)).value());
  });
}

namespace {

/// A line of places in the data, to any of which updates may go, and those of its places that this thread owns: all, or
/// a share of them.
class UpdatedLine {
public:
  UpdatedLine(TileAccess &access, const Extent &places, const std::optional<Share> &share)
      : access_(access), b_(access.builder()), places_(places), share_(share) {}
  virtual ~UpdatedLine() = default;

  /// Emits result = data, then updates that replace it, `lanes` lines at a time.
  LogicalResult replace(Value data, Value updates, unsigned lanes);
  /// Emits what updates that meet the data make of it, one line at a time.
  LogicalResult reduce(Value data, Value updates, ScatterReduction reduction);

protected:
  using UpdateBody = llvm::function_ref<LogicalResult(Value position, const Coordinates &to, const Coordinates &from)>;
  /// A place's coordinates in the data.
  virtual Coordinates place(Value position) = 0;
  /// Emits `body` for each update of the line, in their order: its place, that in the data, and its own.
  virtual LogicalResult forUpdates(UpdateBody body) = 0;

  TileAccess &access_;
  ImplicitLocOpBuilder &b_;
  Extent places_;

private:
  LogicalResult updateOwn(UpdateBody body);

  std::optional<Share> share_;
};

} // namespace

/// Emits `body` for those updates alone that go to places of this thread's.
LogicalResult UpdatedLine::updateOwn(UpdateBody body) {
  return forUpdates([&](Value position, const Coordinates &to, const Coordinates &from) {
    Value isOwn;
    if (share_ && share_->step > 1) {
      Value number = arith::AndIOp::create(b_, position, access_.indexConstant(share_->step - 1));
      isOwn = arith::CmpIOp::create(b_, arith::CmpIPredicate::eq, number, share_->first);
    }
    LogicalResult done = success();
    onlyIf(access_, isOwn, [&] { done = body(position, to, from); });
    return done;
  });
}

LogicalResult UpdatedLine::replace(Value data, Value updates, unsigned lanes) {
  LogicalResult done = success();
  Count first = share_ ? Count(share_->first) : Count(0);
  forRange(b_, first, access_.count(places_), share_ ? share_->step : 1, {}, [&](Value position, ValueRange) {
    Coordinates at = place(position);
    Value value = access_.fetch(data, at, lanes);
    if (!value || failed(access_.store(0, value, at)))
      done = failure();
    return SmallVector<Value>();
  });
  LogicalResult updated = updateOwn([&](Value, const Coordinates &to, const Coordinates &from) {
    Value update = access_.fetch(updates, from, lanes);
    return update ? access_.store(0, update, to) : failure();
  });
  return success(succeeded(done) && succeeded(updated));
}

LogicalResult UpdatedLine::reduce(Value data, Value updates, ScatterReduction reduction) {
  const int64_t step = share_ ? share_->step : 1;
  Value end = access_.count(places_).in(b_);
  auto scaled = [&](Value number) {
    if (!share_)
      return number;
    Value scale = access_.indexConstant(step);
    return arith::AddIOp::create(b_, arith::MulIOp::create(b_, number, scale), share_->first).getResult();
  };
  auto number = [&](Value position) {
    return step == 1 ? position : arith::DivUIOp::create(b_, position, access_.indexConstant(step)).getResult();
  };
  if (step > 1) // ⌈(end - first) / step⌉, of a first below the step
    end = number(
        arith::AddIOp::create(b_, end, arith::SubIOp::create(b_, access_.indexConstant(step - 1), share_->first)));
  Accumulation own(access_, data, reduction, share_ ? kMostOwnBytes : TileAccess::kMostScratchBytes);
  return own.run(
      places_.ceilDiv(step), end, [&](Value position) { return place(scaled(position)); },
      [&] {
        return updateOwn([&](Value position, const Coordinates &, const Coordinates &from) {
          Value update = access_.fetch(updates, from, 1);
          if (update)
            own.meet(number(position), update);
          return success(update != nullptr);
        });
      });
}

/// How many places an owner has at most: no more than it walks by updates, or copies would take longer than that; nor
/// than its scratch memory has room for.
static int64_t mostOwn(Value data, const Extent &updates, ScatterReduction reduction) {
  constexpr int64_t kTypicalUpdates = 256;
  const int64_t walked = std::max<int64_t>(updates.asNumber().value_or(kTypicalUpdates), 1);
  const int64_t room = kMostOwnBytes / elementBytes(computeType(elementOf(data)));
  return reduction == ScatterReduction::None ? walked : std::min(walked, room);
}

/// Updates of types that are not computed with can but replace the data.
static LogicalResult checkReduction(std::optional<Location> location, Type element, ScatterReduction reduction) {
  if (reduction == ScatterReduction::None || !isStoredOnly(element))
    return success();
  return emitOptionalError(location, "elements of type ", element, " can only be moved and cast");
}

// Scatter elements.

LogicalResult ScatterElementsOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                                  Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType data = typeOf(adaptor.getData()), indices = typeOf(adaptor.getIndices());
  auto axis = static_cast<int64_t>(adaptor.getAxis());
  if (failed(checkUpdates(location, adaptor.getData(), adaptor.getIndices(), adaptor.getUpdates())) ||
      failed(checkReduction(location, data.getElementType(), adaptor.getReduction())) ||
      failed(checkAxis(location, axis, data.getRank())))
    return failure();
  if (extentsOf(indices) != extentsOf(adaptor.getUpdates()))
    return emitOptionalError(location, "needs one update for each index");
  if (failed(checkElementIndices(location, data, indices, axis)))
    return failure();
  return yieldTensor(location, extentsOf(data), data.getElementType(), types);
}

LogicalResult ScatterElementsOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  copyElements(results[0], 0, operands[0], 0, results[0].size());
  SmallVector<int64_t> strides = rowMajorStrides(results[0].shape()), at(results[0].rank(), 0);
  auto axis = static_cast<int64_t>(getAxis());
  for (auto [update, index] : llvm::enumerate(operands[1].toIntegers())) {
    int64_t to = (wrapIndex(index, results[0].shape()[axis]) - at[axis]) * strides[axis];
    for (auto [i, stride] : llvm::zip_equal(at, strides))
      to += i * stride;
    meet(getReduction(), results[0], to, operands[2], static_cast<int64_t>(update));
    advance(at, operands[1].shape());
  }
  return success();
}

/// What lies before the axis does not change: each index of it is a tile.
unsigned ScatterElementsOp::tiledDims() { return getAxis(); }

/// i1: there are updates in this tile and at `inner`, coordinates behind the axis. Null where there always are.
static Value hasUpdates(ScatterElementsOp op, TileAccess &access, ArrayRef<Value> inner) {
  ImplicitLocOpBuilder &b = access.builder();
  Extents data = extentsOf(op.getType()), indices = extentsOf(op.getIndices());
  size_t axis = op.getAxis();
  Value condition;
  for (size_t dim = 0; dim < data.size(); ++dim) {
    bool isInner = dim > axis;
    if (dim == axis || indices[dim] == data[dim] || (isInner && inner.empty()))
      continue;
    Value index = isInner ? inner[dim - axis - 1] : access.tile()[dim];
    condition = conjunction(
        b, condition, arith::CmpIOp::create(b, arith::CmpIPredicate::slt, index, access.count(indices[dim]).in(b)));
  }
  return condition;
}

namespace {

/// Of elements: what lies along the axis, behind which the coordinates are `inner`.
class LineOfElements : public UpdatedLine {
public:
  LineOfElements(ScatterElementsOp op, TileAccess &access, ArrayRef<Value> inner, const std::optional<Share> &share)
      : UpdatedLine(access, extentsOf(op.getType())[op.getAxis()], share), op_(op), inner_(inner) {}

private:
  Coordinates place(Value position) override {
    Coordinates at = coordinatesOf(access_.tile(), position);
    llvm::append_range(at, coordinatesOf(inner_, {}));
    return at;
  }
  LogicalResult forUpdates(UpdateBody body) override {
    LogicalResult done = success();
    onlyIf(access_, hasUpdates(op_, access_, inner_), [&] {
      forEach(b_, 0, access_.count(extentsOf(op_.getIndices())[op_.getAxis()]), [&](Value number) {
        const Coordinates from = place(number);
        Value index = fetchIndex(access_, op_.getIndices(), from, places_);
        if (!index || failed(body(index, place(index), from)))
          done = failure();
      });
    });
    return done;
  }

  ScatterElementsOp op_;
  ArrayRef<Value> inner_;
};

} // namespace

static LogicalResult replaceElements(ScatterElementsOp op, TileAccess &access) {
  size_t axis = op.getAxis();
  if (failed(copyTile(access, op.getData())))
    return failure();
  LogicalResult done = success();
  onlyIf(access, hasUpdates(op, access, {}), [&] {
    nest(access, Extents(llvm::drop_begin(extentsOf(op.getIndices()), axis)), {}, [&](ArrayRef<Value> at, ValueRange) {
      Coordinates from = coordinatesOf(access.tile(), at), to = from;
      Value index = fetchIndex(access, op.getIndices(), from, extentsOf(op.getType())[axis]);
      Value update = access.fetch(op.getUpdates(), from, 1);
      to[axis] = {index, 0};
      if (!index || !update || failed(access.store(0, update, to)))
        done = failure();
      return SmallVector<Value>();
    });
  });
  return done;
}

LogicalResult ScatterElementsOp::emitTile(TileAccess &access) {
  Extents shape = extentsOf(getType());
  ArrayRef<Extent> behind = ArrayRef<Extent>(shape).drop_front(getAxis() + 1);
  const bool isReplaced = getReduction() == ScatterReduction::None;
  auto emitLine = [&](ArrayRef<Value> inner, const std::optional<Share> &share) {
    LineOfElements line(*this, access, inner, share);
    return isReplaced ? line.replace(getData(), getUpdates(), /*lanes=*/1)
                      : line.reduce(getData(), getUpdates(), getReduction());
  };
  if (std::optional<Share> share = access.shareOf(
          productOf(behind), shape[getAxis()], mostOwn(getData(), extentsOf(getIndices())[getAxis()], getReduction())))
    return emitLine(indicesAt(access, share->line, behind), share);
  if (isReplaced)
    return replaceElements(*this, access);
  LogicalResult done = success();
  nest(access, behind, {}, [&](ArrayRef<Value> inner, ValueRange) {
    if (failed(emitLine(inner, {})))
      done = failure();
    return SmallVector<Value>();
  });
  return done;
}

// Scatter of slices.

LogicalResult ScatterNdOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  RankedTensorType data = typeOf(adaptor.getData()), indices = typeOf(adaptor.getIndices());
  Extents updates = extentsOf(adaptor.getUpdates()), from = extentsOf(data);
  if (failed(checkUpdates(location, adaptor.getData(), adaptor.getIndices(), adaptor.getUpdates())) ||
      failed(checkReduction(location, data.getElementType(), adaptor.getReduction())))
    return failure();
  int64_t depth = indices.getRank() == 0 ? -1 : indices.getShape().back();
  if (depth < 0 || depth > data.getRank())
    return emitOptionalError(location, "the last dim of the indices, ", indices,
                             ", counts coordinates in data of rank ", data.getRank());
  Extents shape(llvm::drop_end(extentsOf(indices)));
  llvm::append_range(shape, ArrayRef<Extent>(from).drop_front(depth));
  if (shape != updates)
    return emitOptionalError(location, "the updates, ", adaptor.getUpdates().getType(),
                             ", do not have the shape of the indices without their last dim and of the slices");
  for (const Extent &extent : ArrayRef<Extent>(from).take_front(depth))
    if (failed(checkNotEmpty(location, extent, updates)))
      return failure();
  return yieldTensor(location, extentsOf(data), data.getElementType(), types);
}

LogicalResult ScatterNdOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  copyElements(results[0], 0, operands[0], 0, results[0].size());
  ArrayRef<int64_t> extents = results[0].shape().take_front(operands[1].shape().back());
  auto depth = static_cast<int64_t>(extents.size());
  int64_t row = product(results[0].shape().drop_front(depth));
  SmallVector<int64_t> indices = operands[1].toIntegers();
  for (int64_t from = 0; from < operands[2].size(); from += row) {
    int64_t slot = 0;
    for (auto [coordinate, extent] : llvm::enumerate(extents))
      slot = slot * extent + wrapIndex(indices[from / row * depth + static_cast<int64_t>(coordinate)], extent);
    if (getReduction() == ScatterReduction::None)
      copyElements(results[0], slot * row, operands[2], from, row);
    else
      for (int64_t i = 0; i < row; ++i)
        meet(getReduction(), results[0], slot * row + i, operands[2], from + i);
  }
  return success();
}

/// Any index may be anywhere: updates that follow each other are one thread's.
unsigned ScatterNdOp::tiledDims() { return 0; }

/// The dims of the updates: those of the indices' tuples, and those of a slice.
static std::pair<Extents, Extents> updateDims(ScatterNdOp op) {
  size_t tuples = typeOf(op.getIndices()).getRank() - 1;
  Extents updates = extentsOf(op.getUpdates());
  return {Extents(ArrayRef<Extent>(updates).take_front(tuples)), Extents(ArrayRef<Extent>(updates).drop_front(tuples))};
}

/// The coordinates of the slice that update number `tuple` names; empty where they can't be read.
static std::optional<Coordinates> fetchSlot(ScatterNdOp op, TileAccess &access, ArrayRef<Value> tuple) {
  Coordinates slot;
  int64_t depth = typeOf(op.getIndices()).getShape().back();
  for (int64_t coordinate = 0; coordinate < depth; ++coordinate) {
    Coordinates at = coordinatesOf(tuple, access.indexConstant(coordinate));
    Value index = fetchIndex(access, op.getIndices(), at, extentsOf(op.getType())[coordinate]);
    if (!index)
      return std::nullopt;
    slot.push_back({index, 0});
  }
  return slot;
}

static LogicalResult replaceSlices(ScatterNdOp op, TileAccess &access) {
  if (failed(copyTile(access, op.getData())))
    return failure();
  auto [tuples, slice] = updateDims(op);
  Extent row = 1;
  ArrayRef<Extent> outer = slice;
  if (!slice.empty()) {
    row = slice.back();
    outer = outer.drop_back();
  }
  unsigned most = access.vectorLanes(computeType(elementOf(op.getData())));
  LogicalResult done = success();
  bool hasRows = !slice.empty();
  nest(access, tuples, {}, [&](ArrayRef<Value> tuple, ValueRange) {
    std::optional<Coordinates> slot = fetchSlot(op, access, tuple);
    if (!slot) {
      done = failure();
      return SmallVector<Value>();
    }
    return nest(access, outer, {}, [&](ArrayRef<Value> inner, ValueRange) {
      done = access.forLanes(access.count(row), most, [&](Value base, unsigned lanes) {
        Coordinates from = coordinatesOf(tuple, inner), to = *slot;
        llvm::append_range(to, coordinatesOf(inner, {}));
        if (hasRows) {
          from.push_back(along(base, lanes));
          to.push_back(along(base, lanes));
        }
        Value update = access.fetch(op.getUpdates(), from, lanes);
        return update ? access.store(0, update, to) : failure();
      });
      return SmallVector<Value>();
    });
  });
  return done;
}

/// The row-major number of a slice.
static Value numberOf(ScatterNdOp op, TileAccess &access, const Coordinates &slot) {
  ImplicitLocOpBuilder &b = access.builder();
  Value number = access.indexConstant(0);
  for (auto [index, extent] : llvm::zip(slot, extentsOf(op.getType())))
    number = arith::AddIOp::create(b, arith::MulIOp::create(b, number, access.count(extent).in(b)), index.base);
  return number;
}

namespace {

/// Of slices: what lies along the dims that are indexed, at the coordinates `column` within the slices.
class LineOfSlices : public UpdatedLine {
public:
  LineOfSlices(ScatterNdOp op, TileAccess &access, const Coordinates &column, ArrayRef<Extent> indexed,
               const Share &share)
      : UpdatedLine(access, productOf(indexed), share), op_(op), column_(column), indexed_(indexed) {}

private:
  Coordinates place(Value position) override { return inSlice(coordinatesAt(access_, position, indexed_)); }
  Coordinates inSlice(Coordinates at) const {
    llvm::append_range(at, column_);
    return at;
  }
  LogicalResult forUpdates(UpdateBody body) override {
    LogicalResult done = success();
    nest(access_, updateDims(op_).first, {}, [&](ArrayRef<Value> tuple, ValueRange) {
      std::optional<Coordinates> slot = fetchSlot(op_, access_, tuple);
      if (!slot || failed(body(numberOf(op_, access_, *slot), inSlice(*slot), inSlice(coordinatesOf(tuple, {})))))
        done = failure();
      return SmallVector<Value>();
    });
    return done;
  }

  ScatterNdOp op_;
  const Coordinates &column_;
  ArrayRef<Extent> indexed_;
};

} // namespace

/// A thread's share of the result: columns of the slices, whole vectors of them where they have such. Nothing where one
/// thread makes all.
static std::optional<LogicalResult> emitShare(ScatterNdOp op, TileAccess &access) {
  const bool isReplaced = op.getReduction() == ScatterReduction::None;
  Extents shape = extentsOf(op.getType()), slice = updateDims(op).second;
  ArrayRef<Extent> indexed = ArrayRef<Extent>(shape).drop_back(slice.size());
  unsigned width = isReplaced ? access.vectorLanes(computeType(elementOf(op.getData()))) : 1;
  std::optional<Extent> vectors = slice.empty() ? std::nullopt : slice.back().dividedBy(width);
  if (vectors)
    slice.back() = *vectors;
  else
    width = 1;
  std::optional<Share> share = access.shareOf(
      productOf(slice), productOf(indexed), mostOwn(op.getData(), productOf(updateDims(op).first), op.getReduction()));
  if (!share)
    return std::nullopt;
  ImplicitLocOpBuilder &b = access.builder();
  Coordinates column = coordinatesAt(access, share->line, slice);
  auto emitLine = [&](Value base, unsigned lanes) {
    Coordinates here = column;
    if (width > 1) {
      Value first = arith::MulIOp::create(b, here.back().base, access.indexConstant(width));
      here.back() = along(arith::AddIOp::create(b, first, base), lanes);
    }
    LineOfSlices line(op, access, here, indexed, *share);
    return isReplaced ? line.replace(op.getData(), op.getUpdates(), lanes)
                      : line.reduce(op.getData(), op.getUpdates(), op.getReduction());
  };
  return access.forLanes(Count(width), width, emitLine);
}

/// Emits the updates of slices, in so far as they fall in the block.
static LogicalResult meetSlices(ScatterNdOp op, TileAccess &access, Accumulation &block) {
  ImplicitLocOpBuilder &b = access.builder();
  Extents tuples = updateDims(op).first, slice = updateDims(op).second;
  Value row = access.count(productOf(slice)).in(b);
  LogicalResult done = success();
  nest(access, tuples, {}, [&](ArrayRef<Value> tuple, ValueRange) {
    std::optional<Coordinates> slot = fetchSlot(op, access, tuple);
    if (!slot) {
      done = failure();
      return SmallVector<Value>();
    }
    Value first = arith::MulIOp::create(b, numberOf(op, access, *slot), row);
    Value before = arith::SubIOp::create(b, block.start(), first), last = arith::SubIOp::create(b, block.end(), first);
    Value from = arith::MaxSIOp::create(b, before, access.indexConstant(0)), to = arith::MinSIOp::create(b, last, row);
    forEach(access.builder(), from, to, [&](Value i) {
      Coordinates at = coordinatesOf(tuple, {});
      llvm::append_range(at, coordinatesAt(access, i, slice));
      Value update = access.fetch(op.getUpdates(), at, 1);
      if (update)
        block.meet(arith::AddIOp::create(b, first, i), update);
      else
        done = failure();
    });
    return SmallVector<Value>();
  });
  return done;
}

LogicalResult ScatterNdOp::emitTile(TileAccess &access) {
  if (std::optional<LogicalResult> done = emitShare(*this, access))
    return *done;
  if (getReduction() == ScatterReduction::None)
    return replaceSlices(*this, access);
  Accumulation block(access, getData(), getReduction(), TileAccess::kMostScratchBytes);
  Extents shape = extentsOf(getType());
  const Extent all = productOf(shape);
  auto place = [&](Value position) { return coordinatesAt(access, position, shape); };
  return block.run(all, access.count(all).in(access.builder()), place,
                   [&] { return meetSlices(*this, access, block); });
}

} // namespace smelt::graph
