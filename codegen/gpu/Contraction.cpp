// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products and convolutions over packed panels. An invocation has the sums of a few points along the last point dim and
// of a few vectors of channels in registers; neighbouring invocations have neighbouring points, and so the same
// weights.

#include "codegen/gpu/Bindings.h"
#include "codegen/gpu/Emitters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;
using smelt::graph::Extent;
using smelt::graph::Extents;
using smelt::graph::LaneIndex;

namespace smelt::gpu {

namespace {

class Contraction {
public:
  Contraction(Body &body, kernel::ContractOp root, func::FuncOp function, const Profile &profile);
  /// Fails where panels are not plain, or their elements are none that devices multiply.
  FailureOr<Extent> emit(Value invocation);

private:
  bool isSupported();
  LogicalResult emitTile(ValueRange index);
  LogicalResult accumulate(size_t level, Value packedRow, SmallVector<Value> &sums);
  LogicalResult accumulateChannels(Value packedRow, SmallVector<Value> &sums);
  LogicalResult step(Value channel, Value packedRow, unsigned lanes, SmallVector<Value> &sums);
  LogicalResult dotStep(Value channel, Value packedRow, SmallVector<Value> &sums);
  Value pack(Value bytes, bool isAligned);
  Value dot(Value x, Value w);
  Value readInput(int64_t point, Value channel, unsigned lanes, bool isStored = false);
  Value readPanel(Value row, int64_t vector, bool isStored = false);
  LogicalResult store(ArrayRef<Value> sums);
  LogicalResult storePoint(int64_t point, ArrayRef<Value> sums);
  bool isOpen() const { return !along_.isNumber(); }
  bool isCut() const { return !isOpen() && mayBeCut(along_, points_); }
  LogicalResult storeVector(ArrayRef<LaneIndex> outer, int64_t vector, Value sum);
  LogicalResult loop(const Extent &end, int64_t step, SmallVector<Value> &sums, LoopBody body);

  Body &body_;
  ImplicitLocOpBuilder &b_;
  kernel::ContractOp root_;
  Extents shape_, packed_; // the result's, and the panels'
  Extent along_;           // the last dim of points
  Type sum_;
  bool hasDots_;
  bool isInputAligned_, isPanelAligned_; // so that four bytes are a word, if the input is read as it lies in memory
  VectorType type_;                      // of sums; null where devices multiply no such elements
  size_t spatial_;                       // dims of points
  Extent depth_, channels_;
  int64_t groups_, width_, points_, vectors_, unrolled_, mostStraightRows_;
  // The tile at hand.
  SmallVector<Value> place_; // [batch…, point…]: its first point
  Value own_;                // where the points begin that no other tile has; null where all are its own
  Value group_, panel_;
  Value column_;            // its first column in the panel
  SmallVector<Value> taps_; // where in the window
};

constexpr int64_t kMostUnrolledTaps = 9;
// Of CUDA, rows of the panels in code without a loop: ptxas begins it with all of its loads, for which there are no
// registers.
constexpr int64_t kMostStraightRows = 16;

bool isOfBytes(Value tensor) {
  auto element = dyn_cast<IntegerType>(graph::typeOf(tensor).getElementType());
  return element && element.getWidth() == 8;
}

/// Points of a tile along a dim. Where no number near `most` divides it, the last tile begins earlier; where only the
/// run knows it, what the last tile has beyond the end is computed like the last point, and not stored.
int64_t pointsFor(const Extent &along, int64_t most) {
  if (!along.isNumber())
    return most;
  const int64_t extent = along.number(), divisor = divisorOf(extent, most);
  return extent > most && 2 * divisor < most ? most : divisor;
}

} // namespace

Contraction::Contraction(Body &body, kernel::ContractOp root, func::FuncOp function, const Profile &profile)
    : body_(body), b_(body.builder()), root_(root), shape_(graph::extentsOf(root.getResult())),
      packed_(graph::extentsOf(root.getPacked())), along_(shape_[shape_.size() - 2]),
      sum_(sumType(graph::typeOf(root.getInput()), graph::typeOf(root.getPacked()), graph::typeOf(root.getResult()))),
      hasDots_(profile.hasDots && sum_ && sum_.isInteger(32) && isOfBytes(root.getInput()) &&
               isOfBytes(root.getPacked())),
      isInputAligned_(isAlignedInMemory(function, root.getInput(), kLanes)),
      isPanelAligned_(isAlignedInMemory(function, root.getPacked(), kLanes)),
      type_(sum_ ? VectorType::get({kLanes}, sum_) : VectorType()), spatial_(root.getWindow().size()),
      depth_(graph::extentsOf(root.getInput()).back().floorDiv(static_cast<int64_t>(root.getGroups()))),
      channels_(shape_.back().floorDiv(static_cast<int64_t>(root.getGroups()))),
      groups_(static_cast<int64_t>(root.getGroups())), width_(packed_.back().asNumber().value_or(1)),
      points_(pointsFor(along_, profile.points)), vectors_(divisorOf(width_ / kLanes, profile.vectors)),
      unrolled_(profile.unrolled), mostStraightRows_(profile.api == Api::Cuda ? kMostStraightRows : INT64_MAX) {}

bool Contraction::isSupported() {
  return sum_ && root_.getTogether() == 1 && root_.getBlock() == 0 && width_ % kLanes == 0 && packed_.back().isNumber();
}

FailureOr<Extent> Contraction::emit(Value invocation) {
  if (!isSupported())
    return failure();
  const bool hasGroups = groups_ > 1;
  if (packed_.size() < 3 + size_t(hasGroups))
    return failure();
  Extents extents{groups_, packed_[packed_.size() - 3], width_ / (kLanes * vectors_)};
  extents.append(shape_.begin(), shape_.end() - 1);
  extents.back() = along_.ceilDiv(points_);
  const Extent count = graph::productOf(extents);
  if (count.isTooLarge())
    return failure();
  if (failed(emitTile(indexOf(body_, invocation, extents))))
    return failure();
  return count;
}

LogicalResult Contraction::emitTile(ValueRange index) {
  group_ = index[0];
  panel_ = index[1];
  column_ = body_.scale(index[2], kLanes * vectors_);
  place_.assign(index.begin() + 3, index.end());
  place_.back() = body_.scale(place_.back(), points_);
  if (isCut()) {
    own_ = place_.back();
    place_.back() = arith::MinSIOp::create(b_, own_, body_.constant(along_.number() - points_));
  }
  SmallVector<Value> sums(points_ * vectors_, arith::ConstantOp::create(b_, b_.getZeroAttr(type_)));
  if (failed(accumulate(0, body_.constant(0), sums)))
    return failure();
  return store(sums);
}

/// Calls `body` for 0, step, … below `end`, with the sums carried from one to the next.
LogicalResult Contraction::loop(const Extent &end, int64_t step, SmallVector<Value> &sums, LoopBody body) {
  if (end.isNumber() && end.number() <= step)
    return end.number() > 0 ? body(body_.constant(0), sums) : success();
  return loopWith(body_, body_.constant(0), body_.value(end), step, sums, body);
}

/// The window's dims from number `level` on, then the channels; `packedRow` is the panels' row where they begin.
LogicalResult Contraction::accumulate(size_t level, Value packedRow, SmallVector<Value> &sums) {
  if (level == spatial_)
    return accumulateChannels(packedRow, sums);
  int64_t taps = 1;
  Extent inner = depth_;
  for (int64_t extent : root_.getWindow())
    taps *= extent;
  for (int64_t extent : root_.getWindow().drop_front(level + 1))
    inner *= extent;
  auto emitTap = [&](Value tap, SmallVector<Value> &carried) {
    taps_.push_back(tap);
    LogicalResult done = accumulate(level + 1, body_.add(packedRow, body_.scale(tap, inner)), carried);
    taps_.pop_back();
    return done;
  };
  const int64_t extent = root_.getWindow()[level];
  const bool isStraight = depth_.isNumber() && depth_.number() <= unrolled_ * kLanes;
  if (taps > kMostUnrolledTaps || (isStraight && taps * depth_.number() > mostStraightRows_))
    return loop(extent, 1, sums, emitTap);
  for (int64_t tap = 0; tap < extent; ++tap)
    if (failed(emitTap(body_.constant(tap), sums)))
      return failure();
  return success();
}

LogicalResult Contraction::accumulateChannels(Value packedRow, SmallVector<Value> &sums) {
  const Extent vectors = depth_.floorDiv(kLanes), whole = vectors * Extent(kLanes);
  const int64_t unrolled = vectors.isNumber() ? divisorOf(vectors.number(), unrolled_) : 1;
  auto emitStep = [&](Value first, SmallVector<Value> &carried) {
    for (int64_t vector = 0; vector < unrolled; ++vector) {
      Value channel = body_.add(first, body_.constant(vector * kLanes));
      Value row = body_.add(packedRow, channel);
      if (failed(hasDots_ ? dotStep(channel, row, carried) : step(channel, row, kLanes, carried)))
        return failure();
    }
    return success();
  };
  if (failed(loop(whole, unrolled * kLanes, sums, emitStep)))
    return failure();
  if (!depth_.isNumber())
    return loopWith(body_, body_.value(whole), body_.value(depth_), 1, sums,
                    [&](Value channel, SmallVector<Value> &carried) {
                      return step(channel, body_.add(packedRow, channel), 1, carried);
                    });
  for (int64_t channel = whole.number(); channel < depth_.number(); ++channel)
    if (failed(step(body_.constant(channel), body_.add(packedRow, body_.constant(channel)), 1, sums)))
      return failure();
  return success();
}

/// As many channels of the input as `lanes`, by as many rows of the panel.
LogicalResult Contraction::step(Value channel, Value packedRow, unsigned lanes, SmallVector<Value> &sums) {
  SmallVector<Value> inputs;
  for (int64_t point = 0; point < points_; ++point) {
    inputs.push_back(readInput(point, channel, lanes));
    if (!inputs.back() && lanes > 1) { // whatever is fused to it can be read one by one alone
      SmallVector<Value> elements;
      for (unsigned lane = 0; lane < lanes; ++lane)
        elements.push_back(readInput(point, body_.add(channel, body_.constant(lane)), 1));
      if (llvm::all_of(elements, [](Value element) { return element != nullptr; }))
        inputs.back() = vector::FromElementsOp::create(b_, type_, elements);
    }
    if (!inputs.back())
      return failure();
  }
  for (unsigned lane = 0; lane < lanes; ++lane) {
    Value row = body_.add(packedRow, body_.constant(lane));
    for (int64_t vector = 0; vector < vectors_; ++vector) {
      Value weights = readPanel(row, vector);
      if (!weights)
        return failure();
      for (int64_t point = 0; point < points_; ++point) {
        Value factor = lanes == 1 ? inputs[point] : vector::ExtractOp::create(b_, inputs[point], lane).getResult();
        Value &sum = sums[point * vectors_ + vector];
        sum = multiplyAdd(body_, vector::BroadcastOp::create(b_, type_, factor), weights, sum);
      }
    }
  }
  return success();
}

/// Four words, of four bytes each, with rows for columns.
static SmallVector<Value> transposed(ArrayRef<Value> words, ImplicitLocOpBuilder &b) {
  auto number = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(static_cast<int32_t>(value)));
  };
  auto masked = [&](Value word, int64_t mask) -> Value { return arith::AndIOp::create(b, word, number(mask)); };
  auto left = [&](Value word, int64_t bits) -> Value { return arith::ShLIOp::create(b, word, number(bits)); };
  auto right = [&](Value word, int64_t bits) -> Value { return arith::ShRUIOp::create(b, word, number(bits)); };
  auto either = [&](Value x, Value y) -> Value { return arith::OrIOp::create(b, x, y); };
  constexpr int64_t kEven = 0x00ff00ff, kOdd = 0xff00ff00, kLow = 0x0000ffff, kHigh = 0xffff0000;
  auto even = [&](Value x, Value y) { return either(masked(x, kEven), left(masked(y, kEven), 8)); }; // bytes 0 and 2
  auto odd = [&](Value x, Value y) { return either(masked(right(x, 8), kEven), masked(y, kOdd)); };  // 1 and 3
  Value evens[] = {even(words[0], words[1]), even(words[2], words[3])},
        odds[] = {odd(words[0], words[1]), odd(words[2], words[3])};
  auto low = [&](ArrayRef<Value> x) { return either(masked(x[0], kLow), left(x[1], 16)); };
  auto high = [&](ArrayRef<Value> x) { return either(right(x[0], 16), masked(x[1], kHigh)); };
  return {low(evens), low(odds), high(evens), high(odds)};
}

/// Four channels of the input by four rows of the panel, of bytes.
LogicalResult Contraction::dotStep(Value channel, Value packedRow, SmallVector<Value> &sums) {
  SmallVector<Value> inputs;
  for (int64_t point = 0; point < points_; ++point) {
    Value bytes = readInput(point, channel, kLanes, /*isStored=*/true);
    if (!bytes) // whatever is fused to it can be read one by one alone
      return step(channel, packedRow, kLanes, sums);
    inputs.push_back(pack(bytes, isInputAligned_ && depth_.isNumber() && depth_.number() % kLanes == 0));
  }
  for (int64_t vector = 0; vector < vectors_; ++vector) {
    SmallVector<Value> rows;
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      Value bytes = readPanel(body_.add(packedRow, body_.constant(lane)), vector, /*isStored=*/true);
      if (!bytes)
        return failure();
      rows.push_back(pack(bytes, isPanelAligned_));
    }
    SmallVector<Value> columns = transposed(rows, b_);
    for (int64_t point = 0; point < points_; ++point) {
      SmallVector<Value> dots;
      for (Value column : columns)
        dots.push_back(dot(inputs[point], column));
      Value &sum = sums[point * vectors_ + vector];
      sum = arith::AddIOp::create(b_, sum, vector::FromElementsOp::create(b_, type_, dots));
    }
  }
  return success();
}

/// Four bytes as a word, which is one in memory where they are aligned.
Value Contraction::pack(Value bytes, bool isAligned) {
  auto word = vector::BitCastOp::create(b_, VectorType::get({1}, b_.getI32Type()), bytes);
  if (isAligned)
    word->setAttr(kPacked, b_.getUnitAttr());
  return vector::ExtractOp::create(b_, word, 0);
}

/// The sum of four products.
Value Contraction::dot(Value x, Value w) {
  auto isUnsigned = [](Value tensor) { return graph::typeOf(tensor).getElementType().isUnsignedInteger(); };
  auto format =
      spirv::PackedVectorFormatAttr::get(b_.getContext(), spirv::PackedVectorFormat::PackedVectorFormat4x8Bit);
  const bool left = isUnsigned(root_.getInput()), right = isUnsigned(root_.getPacked());
  Type word = b_.getI32Type();
  if (left && right)
    return spirv::UDotOp::create(b_, word, x, w, format);
  if (left != right) // the signed one first
    return spirv::SUDotOp::create(b_, word, left ? w : x, left ? x : w, format);
  return spirv::SDotOp::create(b_, word, x, w, format);
}

Value Contraction::readInput(int64_t point, Value channel, unsigned lanes, bool isStored) {
  const size_t batch = place_.size() - spatial_;
  SmallVector<LaneIndex> index;
  for (auto [dim, at] : llvm::enumerate(place_)) {
    Value position = dim + 1 == place_.size() ? body_.add(at, body_.constant(point)) : at;
    if (isOpen() && dim + 1 == place_.size() && point > 0)
      position = arith::MinSIOp::create(b_, position, body_.value(along_ - 1));
    if (dim >= batch) {
      size_t along = dim - batch;
      position = body_.add(body_.scale(position, root_.getStrides()[along]),
                           body_.scale(taps_[along], root_.getDilations()[along]));
    }
    index.push_back({position, 0});
  }
  index.push_back({body_.add(body_.scale(group_, depth_), channel), lanes > 1 ? 1 : 0});
  body_.startPoint();
  Value read = body_.read(root_.getInput(), index, lanes);
  return isStored ? read : toSum(body_, read, root_.getInput(), sum_);
}

/// [batch…, group, panel, row, column], the first two where there are any.
Value Contraction::readPanel(Value row, int64_t vector, bool isStored) {
  SmallVector<LaneIndex> index;
  const size_t others = 3 + size_t(groups_ > 1);
  for (size_t dim = 0; dim + others < packed_.size(); ++dim)
    index.push_back({place_[dim], 0});
  if (groups_ > 1)
    index.push_back({group_, 0});
  index.push_back({panel_, 0});
  index.push_back({row, 0});
  index.push_back({body_.add(column_, body_.constant(kLanes * vector)), 1});
  body_.startPoint();
  Value read = body_.read(root_.getPacked(), index, kLanes);
  return isStored ? read : toSum(body_, read, root_.getPacked(), sum_);
}

LogicalResult Contraction::store(ArrayRef<Value> sums) {
  for (int64_t point = 0; point < points_; ++point) {
    ArrayRef<Value> ofPoint = sums.slice(point * vectors_, vectors_);
    if (!own_ && !isOpen()) {
      if (failed(storePoint(point, ofPoint)))
        return failure();
      continue;
    }
    Value at = body_.add(place_.back(), body_.constant(point));
    Value isOwn = own_ ? arith::CmpIOp::create(b_, arith::CmpIPredicate::sge, at, own_)
                       : arith::CmpIOp::create(b_, arith::CmpIPredicate::slt, at, body_.value(along_));
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(scf::IfOp::create(b_, isOwn, /*withElseRegion=*/false).thenBlock());
    if (failed(storePoint(point, ofPoint)))
      return failure();
  }
  return success();
}

LogicalResult Contraction::storePoint(int64_t point, ArrayRef<Value> sums) {
  SmallVector<LaneIndex> outer = llvm::map_to_vector(place_, [](Value at) { return LaneIndex{at, 0}; });
  outer.back().base = body_.add(outer.back().base, body_.constant(point));
  for (int64_t vector = 0; vector < vectors_; ++vector)
    if (failed(storeVector(outer, vector, sums[vector])))
      return failure();
  return success();
}

/// What a panel has beyond the last channel is not stored.
LogicalResult Contraction::storeVector(ArrayRef<LaneIndex> outer, int64_t vector, Value sum) {
  Value column = body_.add(column_, body_.constant(kLanes * vector));
  Value inGroup = body_.add(body_.scale(panel_, width_), column); // of the group's channels
  Value first = body_.add(body_.scale(group_, channels_), inGroup);
  return storeChannels(body_, inGroup, channels_, width_, [&](int64_t channels) {
    return body_.storeChannels(root_.getResult(), sum, outer, first, channels);
  });
}

FailureOr<graph::Extent> emitContraction(Body &body, kernel::ContractOp root, func::FuncOp function, Value invocation,
                                         const Profile &profile) {
  return Contraction(body, root, function, profile).emit(invocation);
}

} // namespace smelt::gpu
