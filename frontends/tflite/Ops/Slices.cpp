// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Operators that take a part of a tensor, or put something around it.

#include "frontends/common/Axes.h"
#include "frontends/common/Places.h"
#include "frontends/tflite/Operators.h"
#include "frontends/tflite/Ops/Quantization.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

using graph::Extent, graph::Extents;

namespace {
/// One dim of a strided slice.
struct Range {
  Extent start, extent;
  int64_t step = 1;
  bool isIndex = false; // of one element, whose dim goes
};
} // namespace

/// A place in a dim, counted from its end where it is negative, no farther than its ends, which are `least` and `most`.
static Extent clampedPlace(const Extent &place, const Extent &extent, const Extent &least, const Extent &most) {
  if (place.isNumber() && place.number() >= 0)
    return Extent::min(place, most);
  if (place.isNumber())
    return Extent::max(place + extent, least);
  if (place.isAtLeast(0))
    return Extent::min(place, most);
  return Extent::max(Extent::min(place + isNegative(place) * extent, most), least);
}

/// What begin, end and stride say of a dim; a mask's bit leaves begin or end open.
static Range rangeOf(GraphBuilder &b, const Extent &extent, std::optional<Extent> begin, std::optional<Extent> end,
                     int64_t step) {
  if (step == 0)
    malformed("has a stride of 0");
  Range range;
  range.step = step;
  const bool isForward = step > 0;
  const Extent last = extent - 1;
  const Extent least = isForward ? Extent(0) : Extent(-1), most = isForward ? extent : last;
  range.start =
      begin ? clampedPlace(*begin, extent, isForward ? Extent(0) : Extent(-1), most) : (isForward ? Extent(0) : last);
  const Extent stop = end ? clampedPlace(*end, extent, least, most) : (isForward ? extent : Extent(-1));
  if (range.start.isFoundAtRunTime())
    range.start = b.named(range.start);
  const Extent length = isForward ? stop - range.start : range.start - stop;
  range.extent = Extent::max(length, 0).ceilDiv(isForward ? step : -step);
  if (range.extent.isFoundAtRunTime())
    range.extent = b.named(range.extent, GraphBuilder::Sign::NotNegative);
  if (range.extent.isTooLarge())
    malformed("takes a part whose size overflows");
  return range;
}

namespace {
/// A strided slice as TensorFlow writes it: bits of five masks, one a place of its lists.
class StridedSlice {
public:
  explicit StridedSlice(OperatorReader &node) : b_(node.builder()), x_(node.moved(0)) {
    const auto &options = node.options<schema::StridedSliceOptions>();
    begin_ = node.extentsInput(1);
    end_ = node.extentsInput(2);
    steps_ = node.integersInput(3);
    beginMask_ = options.begin_mask();
    endMask_ = options.end_mask();
    ellipsisMask_ = options.ellipsis_mask();
    newAxisMask_ = options.new_axis_mask();
    shrinkMask_ = options.shrink_axis_mask();
    isOffset_ = options.offset();
  }
  Value build();

private:
  static bool has(int32_t mask, size_t place) { return place < 32 && (static_cast<uint32_t>(mask) >> place & 1) != 0; }
  void readPlaces();
  void readPlace(size_t place);

  GraphBuilder &b_;
  Value x_;
  Extents begin_, end_;
  Integers steps_;
  int32_t beginMask_, endMask_, ellipsisMask_, newAxisMask_, shrinkMask_;
  bool isOffset_;             // `end` counts from `begin`
  SmallVector<Range> ranges_; // of the input's dims
  SmallVector<bool> added_;   // of the result's dims before any goes: whether it is a new one
};
} // namespace

void StridedSlice::readPlace(size_t place) {
  const size_t dim = ranges_.size();
  if (dim >= static_cast<size_t>(rankOf(x_)))
    malformed("takes parts of more dims than " + inWords(extentsOf(x_)) + " has");
  const Extent extent = extentsOf(x_)[dim];
  std::optional<Extent> begin = has(beginMask_, place) ? std::nullopt : std::optional(begin_[place]);
  std::optional<Extent> end = has(endMask_, place) ? std::nullopt : std::optional(end_[place]);
  if (isOffset_ && end)
    end = *end + begin.value_or(0);
  if (!has(shrinkMask_, place)) {
    ranges_.push_back(rangeOf(b_, extent, begin, end, steps_[place]));
    added_.push_back(false);
    return;
  }
  Range range;
  range.start = indexIn(b_, begin.value_or(0), extent);
  range.extent = 1;
  range.isIndex = true;
  ranges_.push_back(range);
  added_.push_back(false);
}

void StridedSlice::readPlaces() {
  const size_t count = steps_.size();
  if (begin_.size() != count || end_.size() != count || count > 32)
    malformed("has lists of " + Twine(begin_.size()) + ", " + Twine(end_.size()) + " and " + Twine(count) + " numbers");
  if (llvm::is_contained(steps_, 0))
    malformed("has a stride of 0");
  size_t named = 0; // dims of the input that places after an ellipsis are of
  for (size_t place = 0; place < count; ++place)
    named += !has(ellipsisMask_, place) && !has(newAxisMask_, place);
  if (named > static_cast<size_t>(rankOf(x_)))
    malformed("takes parts of more dims than " + inWords(extentsOf(x_)) + " has");
  auto takeAll = [&](size_t dims) {
    for (size_t i = 0; i < dims; ++i) {
      ranges_.push_back({Extent(0), extentsOf(x_)[ranges_.size()]});
      added_.push_back(false);
    }
  };
  bool isSpread = false;
  for (size_t place = 0; place < count; ++place) {
    if (has(ellipsisMask_, place)) {
      if (isSpread)
        malformed("has two ellipses");
      isSpread = true;
      takeAll(rankOf(x_) - named);
    } else if (has(newAxisMask_, place)) {
      added_.push_back(true);
    } else {
      readPlace(place);
    }
  }
  takeAll(rankOf(x_) - ranges_.size());
}

Value StridedSlice::build() {
  readPlaces();
  Extents starts, steps, shape, result;
  for (const Range &range : ranges_) {
    starts.push_back(range.extent == Extent(0) ? Extent(0) : range.start);
    steps.push_back(range.step);
    shape.push_back(range.extent);
  }
  size_t dim = 0;
  for (bool isNew : added_) {
    if (isNew)
      result.push_back(1);
    else if (const Range &range = ranges_[dim++]; !range.isIndex)
      result.push_back(range.extent);
  }
  RankedTensorType type = checkedType(shape, elementOf(x_));
  const bool isAll = type == x_.getType() && llvm::all_of(steps, [](const Extent &step) { return step == Extent(1); });
  return b_.reshape(isAll ? x_ : b_.makeAs<graph::SliceOp>(type, x_, starts, steps), result);
}

static Values stridedSlice(OperatorReader &node) { return {StridedSlice(node).build()}; }

// SLICE: from `begin` on, `size` elements, or all that follow where it is -1
static Values slice(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.moved(0);
  Extents begin = node.extentsInput(1), size = node.extentsInput(2), shape = extentsOf(x);
  if (begin.size() != shape.size() || size.size() != shape.size())
    malformed("has lists of " + Twine(begin.size()) + " and " + Twine(size.size()) + " numbers for " + inWords(shape));
  for (auto [dim, extent] : llvm::enumerate(shape)) {
    if (!size[dim].isNumber() && !size[dim].isAtLeast(0))
      size[dim] = Extent::select(b.named(Extent::isSame(size[dim], -1)), extent - begin[dim], size[dim]);
    else if (size[dim] == Extent(-1))
      size[dim] = extent - begin[dim];
    if (!size[dim].isAtLeast(0) && !size[dim].isNumber())
      size[dim] = b.named(size[dim], GraphBuilder::Sign::NotNegative);
    begin[dim] = startWithin(b, begin[dim], size[dim], extent);
  }
  RankedTensorType type = checkedType(size, elementOf(x));
  if (type == x.getType())
    return {x};
  return {b.makeAs<graph::SliceOp>(type, x, begin, Extents(shape.size(), 1))};
}

static Values parts(GraphBuilder &b, Value x, int64_t axis, ArrayRef<Extent> sizes) {
  Values results;
  Extent start = 0;
  for (const Extent &size : sizes) {
    results.push_back(b.sliceDim(x, axis, startWithin(b, start, size, extentsOf(x)[axis]), size));
    start = start + size;
  }
  return results;
}

// SPLIT: input 0 is the axis, 1 what is split into equal parts
static Values split(OperatorReader &node) {
  Value x = node.moved(1);
  const int64_t axis = normalAxis(node.integerInput(0), rankOf(x));
  const int64_t count = node.options<schema::SplitOptions>().num_splits();
  if (count < 1 || count != node.outputCount())
    malformed("makes " + Twine(node.outputCount()) + " tensors of " + Twine(count));
  return parts(node.builder(), x, axis, Extents(count, dividedBy(extentsOf(x)[axis], count)));
}

// SPLIT_V: of what, sizes, one of which may be -1, axis
static Values splitV(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.moved(0);
  Extents sizes = node.extentsInput(1);
  const int64_t axis = normalAxis(node.integerInput(2), rankOf(x));
  if (sizes.size() != node.outputCount())
    malformed("makes " + Twine(node.outputCount()) + " tensors of " + Twine(sizes.size()));
  Extent left = extentsOf(x)[axis];
  Extent *open = nullptr;
  for (Extent &size : sizes) {
    if (!size.isNumber()) // which the run finds, and then not to be -1
      size = b.named(size, GraphBuilder::Sign::NotNegative);
    if (size != Extent(-1)) {
      if (size.isNumber() && size.number() < 0)
        malformed("has a part of " + size.str());
      left = left - size;
    } else if (std::exchange(open, &size)) {
      malformed("leaves two parts open");
    }
  }
  if (open)
    *open = b.named(left, GraphBuilder::Sign::NotNegative);
  if (left.isNumber() && (left.number() < 0 || (!open && left.number() != 0)))
    malformed("has parts of " + inWords(sizes) + " of a dim of " + extentsOf(x)[axis].str());
  if (!left.isNumber() && !open && !sizes.empty())
    sizes.back() = b.named(Extent::equal(sizes.back(), left + sizes.back()), GraphBuilder::Sign::NotNegative);
  return parts(b, x, axis, sizes);
}

/// The rows of a list [rank, 2]: what is added before and after each dim.
static std::pair<Extents, Extents> readPadding(OperatorReader &node, Value x) {
  Value given = node.input(1);
  if (rankOf(given) != 2 || extentsOf(given) != Extents{rankOf(x), 2})
    malformed("needs padding of dims [" + Twine(rankOf(x)) + ", 2], not " + inWords(extentsOf(given)));
  GraphBuilder &b = node.builder();
  const Extents numbers = graph::constantOf(given) ? graph::toExtents(node.integersInput(1))
                                                   : b.sizesFrom(b.flat(given), GraphBuilder::Sign::NotNegative);
  Extents low, high;
  for (int64_t dim = 0; dim < rankOf(x); ++dim) {
    low.push_back(numbers[2 * dim]);
    high.push_back(numbers[2 * dim + 1]);
    for (const Extent &number : {low.back(), high.back()})
      if (number.isNumber() && number.number() < 0)
        malformed("has negative padding " + inWords(numbers));
  }
  return {low, high};
}

static Value padded(GraphBuilder &b, Value x, ArrayRef<Extent> low, ArrayRef<Extent> high, Value number) {
  std::optional<Integers> before = graph::asNumbers(low), after = graph::asNumbers(high);
  if (graph::typeOf(x).hasStaticShape() && before && after)
    return b.make<graph::PadOp>(x, number, *before, *after);
  for (int64_t dim = 0; dim < rankOf(x); ++dim)
    x = b.padDim(x, dim, low[dim], high[dim], number);
  return x;
}

// PAD, PADV2: with zeros, which of quantised tensors are zero points, or a number
static Values pad(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.moved(0);
  auto [low, high] = readPadding(node, x);
  std::optional<Quantisation> how = node.quantisation(0);
  const bool isReal = isa<FloatType>(elementOf(x)) || !how;
  Value number = b.scalar(elementOf(x), graph::Scalar::ofSigned(isReal ? 0 : how->zeroPoint()));
  if (node.hasInput(2))
    number = b.reshape(isa<FloatType>(elementOf(x)) ? node.real(2) : node.input(2), ArrayRef<Extent>());
  return {padded(b, x, low, high, number)};
}

// MIRROR_PAD: with the elements beside the ends, which are repeated (symmetric) or not
static Values mirrorPad(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.moved(0);
  auto [low, high] = readPadding(node, x);
  const int64_t mode = node.options<schema::MirrorPadOptions>().mode();
  if (mode != 0 && mode != 1)
    malformed("has the mode " + Twine(mode) + ", which there is not");
  const int64_t skipped = mode == 0 ? 1 : 0;
  for (int64_t dim = 0; dim < rankOf(x); ++dim) {
    const Extent extent = extentsOf(x)[dim];
    auto mirrored = [&](const Extent &first, const Extent &count) {
      return b.reverseDim(x, dim, startWithin(b, first, count, extent), count);
    };
    Values all;
    if (low[dim] != Extent(0))
      all.push_back(mirrored(skipped, low[dim]));
    all.push_back(x);
    if (high[dim] != Extent(0))
      all.push_back(mirrored(extent - skipped - high[dim], high[dim]));
    x = b.concat(all, dim);
  }
  return {x};
}

static Values reverse(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.moved(0);
  for (int64_t axis : node.integersInput(1)) {
    axis = normalAxis(axis, rankOf(x));
    if (extentsOf(x)[axis] != Extent(0))
      x = b.reverse(x, axis);
  }
  return {x};
}

static constexpr Operator kOperators[] = {
    {"MIRROR_PAD", mirrorPad}, {"PAD", pad},     {"PADV2", pad},      {"REVERSE_V2", reverse},
    {"SLICE", slice},          {"SPLIT", split}, {"SPLIT_V", splitV}, {"STRIDED_SLICE", stridedSlice},
};

ArrayRef<Operator> sliceOperators() { return kOperators; }

} // namespace smelt::frontend::tflite
