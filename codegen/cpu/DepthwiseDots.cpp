// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Depthwise convolution of 8 bits by dot instructions: what the taps of a column read is one word of each lane, which
// neighbouring points share, and so are the weights of these taps.

#include "codegen/cpu/DepthwiseDots.h"
#include "codegen/cpu/Dots.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using smelt::graph::Extent;
using smelt::graph::LaneIndex;

namespace smelt::cpu {

namespace {

class DepthwiseDots {
public:
  DepthwiseDots(Body &body, graph::ConvOp root, const kernel::Machine &machine);
  LogicalResult emitRow(ValueRange outer, Value channel);

private:
  /// Taps that one word holds, beginning with some tap of the grouped dim, and where they lie from a point's first.
  struct Group {
    SmallVector<int64_t> tap;
    int64_t count;
    Extent offset;
  };
  /// A word that was made, by its place from the row's first column.
  struct Word {
    Extent offset;
    int64_t count;
    Value value;
  };

  void findGroups();
  int64_t choosePoints();
  Extent stepOf(size_t dim); // from tap to tap, in the input
  LogicalResult emitColumns(ValueRange outer, Value channel, const Extent &from, const Extent &to, int64_t points);
  SmallVector<Value> readWeights(Value channel);
  Value wordAt(SmallVectorImpl<Word> &words, Value base, const Group &group, int64_t point);

  Body &body_;
  ImplicitLocOpBuilder &b_;
  graph::ConvOp root_;
  Dots dots_;
  Value input_, filter_; // arguments of the kernel
  RankedTensorType filterType_;
  size_t groupedDim_; // of the window
  bool isUnsigned_;
  int64_t lanes_;
  SmallVector<Group> groups_;
  SmallVector<Value> weights_; // of the groups
};

} // namespace

static Type elementOf(Value value) { return graph::typeOf(value).getElementType(); }

static Value argumentOf(Value operand) {
  auto load = operand.getDefiningOp<kernel::LoadOp>();
  return load ? load.getBuffer() : nullptr;
}

/// The left type of the dot instruction that takes the input's elements, as they are or widened to words; null where
/// there is none.
static Type leftType(graph::ConvOp conv, const kernel::Machine &machine) {
  Type input = elementOf(conv.getInput()), weight = elementOf(conv.getFilter());
  Type words = IntegerType::get(conv.getContext(), 16);
  if (machine.byLane || !input.isInteger(8)) // those widen in the same step
    return nullptr;
  return machine.dotOf(input, weight) ? input : machine.dotOf(words, weight) ? words : nullptr;
}

/// A machine with registers of so many words.
static kernel::Machine ofLanes(kernel::Machine machine, unsigned lanes) {
  machine.vectorBytes = lanes * sizeof(int32_t);
  return machine;
}

bool isDepthwiseOfDots(graph::ConvOp conv, const kernel::Machine &machine, unsigned lanes) {
  constexpr unsigned kLeastLanes = 4;
  Value input = argumentOf(conv.getInput()), filter = argumentOf(conv.getFilter());
  return lanes >= kLeastLanes && input && filter && leftType(conv, machine) &&
         Body::stridesOf(input).back() == Extent(1) && Body::stridesOf(filter).back() == Extent(1);
}

DepthwiseDots::DepthwiseDots(Body &body, graph::ConvOp root, const kernel::Machine &machine)
    : body_(body), b_(body.builder()), root_(root),
      dots_(body, machine, leftType(root, machine), elementOf(root.getFilter())), input_(argumentOf(root.getInput())),
      filter_(argumentOf(root.getFilter())), filterType_(graph::typeOf(root.getFilter())),
      isUnsigned_(graph::isUnsignedElement(elementOf(root.getInput()))), lanes_(machine.vectorBytes / sizeof(int32_t)) {
  size_t dims = root.getStrides().size();
  // Of a window of one row, the columns are grouped.
  groupedDim_ = dims > 1 && filterType_.getDimSize(dims - 2) > 1 ? dims - 2 : dims - 1;
  findGroups();
}

Extent DepthwiseDots::stepOf(size_t dim) { return Body::stridesOf(input_)[dim + 1] * root_.getDilations()[dim]; }

void DepthwiseDots::findGroups() {
  const int64_t together = dots_.together();
  SmallVector<int64_t> window(filterType_.getShape().drop_back(2)), starts(window), at(window.size(), 0);
  starts[groupedDim_] = llvm::divideCeil(window[groupedDim_], together);
  do {
    Group group{at, 0, 0};
    group.tap[groupedDim_] *= together;
    group.count = std::min(together, window[groupedDim_] - group.tap[groupedDim_]);
    for (size_t dim = 0; dim < window.size(); ++dim)
      group.offset += stepOf(dim) * group.tap[dim];
    groups_.push_back(group);
  } while (graph::advance(at, starts));
}

/// How many neighbouring points are computed at once: those that make the fewest words in all.
int64_t DepthwiseDots::choosePoints() {
  constexpr int64_t kMostPoints = 8, kWordCost = 6, kFew = 4;
  const size_t last = root_.getStrides().size() - 1;
  const int64_t taps = filterType_.getDimSize(last), stride = root_.getStrides()[last];
  std::optional<int64_t> columns = graph::extentsOf(root_.getResult())[last + 1].asNumber();
  auto cost = [&](int64_t points) { // words of one row of taps
    bool isShared = groupedDim_ != last && stride < taps && root_.getDilations()[last] == 1;
    int64_t words = isShared ? (points - 1) * stride + taps : points * taps;
    return words * kWordCost + points * taps;
  };
  if (!columns)
    return kFew;
  int64_t best = 1, least = *columns * cost(1);
  for (int64_t points = 2; points <= std::min(kMostPoints, *columns); ++points)
    if (int64_t all = *columns / points * cost(points) + *columns % points * cost(1); all < least) {
      best = points;
      least = all;
    }
  return best;
}

/// The word of each group's weights.
SmallVector<Value> DepthwiseDots::readWeights(Value channel) {
  graph::Extents strides = Body::stridesOf(filter_);
  SmallVector<Value> weights;
  for (const Group &group : groups_) {
    Value at = channel;
    for (auto [tap, stride] : llvm::zip(group.tap, strides))
      at = body_.add(at, body_.value(stride * tap));
    weights.push_back(
        dots_.column(body_.bufferOf(filter_), at, strides[groupedDim_], group.count, /*isUnsigned=*/false));
  }
  return weights;
}

Value DepthwiseDots::wordAt(SmallVectorImpl<Word> &words, Value base, const Group &group, int64_t point) {
  const size_t last = root_.getStrides().size() - 1;
  Extent offset = group.offset + Body::stridesOf(input_)[last + 1] * (root_.getStrides()[last] * point);
  for (const Word &word : words)
    if (word.offset == offset && word.count == group.count)
      return word.value;
  Value at = body_.add(base, body_.value(offset));
  Value made = dots_.column(body_.bufferOf(input_), at, stepOf(groupedDim_), group.count, isUnsigned_);
  words.push_back({offset, group.count, made});
  return made;
}

LogicalResult DepthwiseDots::emitColumns(ValueRange outer, Value channel, const Extent &from, const Extent &to,
                                         int64_t points) {
  auto loop = scf::ForOp::create(b_, body_.value(from), body_.value(to), body_.constant(points));
  OpBuilder::InsertionGuard guard(b_);
  b_.setInsertionPointToStart(loop.getBody());
  graph::Extents strides = Body::stridesOf(input_);
  SmallVector<Value> place(outer);
  place.push_back(loop.getInductionVar());
  Value base = channel;
  for (auto [dim, at] : llvm::enumerate(place))
    if (graph::extentsOf(root_.getResult())[dim] != Extent(1))
      base = body_.add(base, body_.scale(at, strides[dim] * (dim == 0 ? 1 : root_.getStrides()[dim - 1])));
  SmallVector<Word> words;
  Value zero = arith::ConstantOp::create(b_, b_.getZeroAttr(VectorType::get({lanes_}, b_.getI32Type())));
  SmallVector<Value> sums(points, zero);
  for (auto [group, weight] : llvm::zip_equal(groups_, weights_))
    for (int64_t point = 0; point < points; ++point)
      sums[point] = dots_.multiplyAdd(wordAt(words, base, group, point), weight, sums[point]);
  for (auto [point, sum] : llvm::enumerate(sums)) {
    SmallVector<LaneIndex> index = llvm::map_to_vector(outer, [](Value at) { return LaneIndex{at, 0}; });
    index.push_back({body_.add(place.back(), body_.constant(static_cast<int64_t>(point))), 0});
    index.push_back({channel, 1});
    body_.startPoint();
    body_.define(root_.getResult(), sum);
    if (failed(body_.store(root_.getResult(), index, lanes_)))
      return failure();
  }
  return success();
}

LogicalResult DepthwiseDots::emitRow(ValueRange outer, Value channel) {
  const int64_t points = choosePoints();
  weights_ = readWeights(channel);
  const Extent columns = graph::extentsOf(root_.getResult())[root_.getStrides().size()];
  const Extent whole = columns.floorDiv(points) * points;
  if (failed(emitColumns(outer, channel, 0, whole, points)))
    return failure();
  return whole == columns ? success() : emitColumns(outer, channel, whole, columns, 1);
}

LogicalResult emitRowByDots(Body &body, graph::ConvOp root, const kernel::Machine &machine, ValueRange outer,
                            Value channel, unsigned lanes) {
  return DepthwiseDots(body, root, ofLanes(machine, lanes)).emitRow(outer, channel);
}

} // namespace smelt::cpu
