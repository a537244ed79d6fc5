// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that cut, join and pad tensors.

#include "frontends/common/Axes.h"
#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Tensors.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent;
using graph::Extents;

static Values concat(NodeReader &node) {
  Values inputs = node.allInputs();
  int64_t axis = normalAxis(node.integer("axis"), rankOf(inputs.front()));
  if (inputs.size() == 1)
    return inputs;
  return {node.builder().concat(inputs, axis)};
}

// Split into parts of given extents, or of equal ones of which the last may be smaller   ONNX Split, versions 2–18

/// The parts of a Split that gives none.
static Extents evenParts(NodeReader &node, const Extent &extent, int64_t count) {
  Extent part = extent.ceilDiv(count);
  if (extent.isNumber() && node.opset() < 18 && part * count != extent)
    malformed("cannot split " + extent.str() + " elements evenly into " + Twine(count) + " parts");
  Extents parts;
  for (int64_t i = 0; i < count; ++i)
    parts.push_back(Extent::min(Extent::max(extent - part * i, 0), part));
  return parts;
}

static Values split(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0);
  int64_t axis = normalAxis(node.integer("axis", 0), rankOf(x));
  Extent extent = extentsOf(x)[axis], at = 0;
  std::optional<Extents> parts = node.extentsOf("split", 1, 13, GraphBuilder::Sign::NotNegative);
  int64_t count = node.opset() < 18 ? node.outputCount() : node.integer("num_outputs", node.outputCount());
  if (count != node.outputCount() || count < 1)
    malformed("has " + Twine(node.outputCount()) + " outputs, but should have " + Twine(count));
  if (!parts)
    parts = evenParts(node, extent, count);
  if (parts->size() != node.outputCount())
    malformed("splits " + extent.str() + " elements into " + inWords(*parts) + " for " + Twine(node.outputCount()) +
              " outputs");
  Values values;
  for (auto [number, part] : llvm::enumerate(*parts)) {
    Extent left = extent - at;
    if (number + 1 == parts->size() && !(part.isNumber() && left.isNumber()))
      part = part == left ? part : b.named(Extent::equal(part, left), GraphBuilder::Sign::NotNegative);
    bool fits = !part.isNumber() || (part.number() >= 0 && (!left.isNumber() || part.number() <= left.number()));
    if (!fits || (number + 1 == parts->size() && part.isNumber() && left != part))
      malformed("cannot split " + extent.str() + " elements into " + inWords(*parts));
    values.push_back(b.sliceDim(x, axis, at, part));
    at += part;
  }
  return values;
}

// Slice: [start, end) with a step, both counted from the end where negative, and clamped   ONNX Slice, versions 1–13

/// Element 0 and the number of elements of a slice of a dim.
static std::pair<int64_t, int64_t> sliceOf(int64_t extent, int64_t start, int64_t end, int64_t step) {
  if (step == 0)
    malformed("has a step of 0");
  auto position = [&](int64_t at, int64_t low, int64_t high) {
    return std::clamp(at < 0 ? at + extent : at, low, high);
  };
  if (extent == 0)
    return {0, 0};
  if (step > 0) {
    int64_t from = position(start, 0, extent), to = position(end, 0, extent);
    return {from, to > from ? (to - from - 1) / step + 1 : 0};
  }
  int64_t from = position(start, 0, extent - 1), to = position(end, -1, extent - 1);
  // -step overflows where it is the least number, and then takes one element as any large step does.
  int64_t stride = step == INT64_MIN ? INT64_MAX : -step;
  return {from, from > to ? (from - to - 1) / stride + 1 : 0};
}

/// The same where some of them are symbolic.
static std::pair<Extent, Extent> sliceOf(GraphBuilder &b, const Extent &extent, const Extent &start, const Extent &end,
                                         const Extent &step) {
  if (extent.isNumber() && start.isNumber() && end.isNumber() && step.isNumber())
    return sliceOf(extent.number(), start.number(), end.number(), step.number());
  if (step == Extent(0))
    malformed("has a step of 0");
  // Backwards, both ends lie one before.
  constexpr int64_t kMost = int64_t(1) << 62;
  Extent isBack = b.named(isNegative(step)), size = step;
  if (!step.isNumber()) // what divides by it has no value where it is 0
    size = b.named(Extent::max(step, 0) - Extent::max(Extent::min(step, 0), -kMost), GraphBuilder::Sign::NotNegative);
  else if (step.number() < 0)
    size = step == Extent(INT64_MIN) ? Extent(kMost) : Extent(0) - step;
  auto position = [&](const Extent &at, const Extent &least) {
    Extent fromStart = at + isNegative(at) * extent;
    if (fromStart.isTooLarge()) // INT64_MAX, which means the end
      fromStart = extent;
    return Extent::min(Extent::max(fromStart, least), extent - isBack);
  };
  Extent from = position(start, 0), to = position(end, Extent(0) - isBack);
  if (start.isFoundAtRunTime() || step.isFoundAtRunTime())
    from = b.named(from);
  Extent way = isBack == Extent(0) ? to - from : b.named((to - from) * (Extent(1) - isBack * 2));
  return {from, Extent::max(way, 0).ceilDiv(size)};
}

static Extents firstDims(size_t count) {
  return graph::toExtents(llvm::to_vector(llvm::seq<int64_t>(0, static_cast<int64_t>(count))));
}

/// A list of integers, as such of 64 bits; null where the node gives none.
static Value listInput(NodeReader &node, unsigned index) {
  Value list = node.optionalInput(index, AnyInteger);
  if (list && rankOf(list) != 1)
    malformed("its input " + Twine(index) + " is no list");
  return list ? node.builder().cast(list, node.builder().builder().getI64Type()) : list;
}

namespace {
/// What a Slice gives for each of its axes.
struct SliceLists {
  std::optional<Extents> starts, ends, axes, steps;
};
} // namespace

/// Those of a Slice that has a list of unknown length: as many as there are axes, or one for each dim where nothing
/// tells their number.
static std::optional<SliceLists> openLists(NodeReader &node, ArrayRef<Extent> shape) {
  GraphBuilder &b = node.builder();
  Values lists;
  std::optional<Extent> count;
  bool isOpen = false;
  for (unsigned index = 1; index <= 4; ++index) {
    lists.push_back(node.opset() < 10 ? Value() : listInput(node, index));
    if (!lists.back())
      continue;
    const Extent length = extentsOf(lists.back())[0];
    isOpen |= !length.isNumber();
    count = count ? simplerOf(*count, length) : length;
  }
  if (!isOpen || !lists[0] || !lists[1])
    return std::nullopt;
  const auto rank = static_cast<int64_t>(shape.size());
  for (Value &list : lists)
    list = list ? b.expect(list, *count, "lists") : list;
  if (count->isNumber()) {
    if (count->number() > rank)
      malformed("has more axes than the " + Twine(rank) + " dims of its input");
    auto numbers = [&](Value list) { return list ? std::optional(b.sizesFrom(list)) : std::nullopt; };
    return SliceLists{numbers(lists[0]), numbers(lists[1]), numbers(lists[2]), numbers(lists[3])};
  }
  Value axes = lists[2] ? lists[2] : b.countAlong(*count, 0);
  SliceLists each{perDim(b, axes, lists[0], Extents(rank, 0)), perDim(b, axes, lists[1], shape), {}, {}};
  if (lists[3])
    each.steps = perDim(b, axes, lists[3], Extents(rank, 1));
  return each;
}

static SliceLists readSlice(NodeReader &node, ArrayRef<Extent> shape) {
  if (std::optional<SliceLists> open = openLists(node, shape))
    return *open;
  SliceLists lists{node.extentsOf("starts", 1, 10), node.extentsOf("ends", 2, 10), node.extentsOf("axes", 3, 10), {}};
  if (node.opset() >= 10)
    lists.steps = node.optionalExtents(4);
  return lists;
}

/// Places that are told with the axes that they are of: those beyond all dims are brought nearer, so that sums with
/// them stay within 64 bits.
static Extents brought(ArrayRef<Extent> places, ArrayRef<Extent> axes) {
  constexpr int64_t kFarthest = int64_t(1) << 62;
  if (llvm::all_of(axes, [](const Extent &axis) { return axis.isNumber(); }))
    return Extents(places);
  return llvm::map_to_vector<8>(places, [](const Extent &place) {
    return place.isNumber() ? place : Extent::max(Extent::min(place, kFarthest), -kFarthest);
  });
}

static Values slice(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0);
  const SliceLists lists = readSlice(node, extentsOf(x));
  const std::optional<Extents> &starts = lists.starts, &ends = lists.ends;
  if (!starts || !ends)
    malformed("lacks its starts or ends");
  Extents axes = lists.axes.value_or(firstDims(starts->size()));
  Extents steps = lists.steps.value_or(Extents(starts->size(), 1));
  if (ends->size() != starts->size() || axes.size() != starts->size() || steps.size() != starts->size())
    malformed("has unequal numbers of starts, ends, axes and steps");
  if (static_cast<int64_t>(axes.size()) > rankOf(x))
    malformed("has more axes than the " + Twine(rankOf(x)) + " dims of its input");
  Extents shape = extentsOf(x), zeros(shape.size(), 0), ones(shape.size(), 1);
  Extents from = perDim(b, axes, brought(*starts, axes), zeros), to = perDim(b, axes, brought(*ends, axes), shape),
          by = perDim(b, axes, steps, ones);
  for (auto [dim, extent] : llvm::enumerate(shape)) {
    if (from[dim] == Extent(0) && to[dim] == extent && by[dim] == Extent(1))
      continue;
    auto [start, count] = sliceOf(b, extent, from[dim], to[dim], by[dim]);
    extent = count.isFoundAtRunTime() ? b.named(count, GraphBuilder::Sign::NotNegative) : count;
    from[dim] = count == Extent(0) ? Extent(0) : start;
    by[dim] = count == Extent(0) || count == Extent(1) ? Extent(1) : by[dim];
  }
  RankedTensorType type = checkedType(shape, elementOf(x));
  bool isWhole = type == x.getType() && llvm::all_of(by, [](const Extent &step) { return step == Extent(1); });
  return {isWhole ? x : b.makeAs<graph::SliceOp>(type, x, from, by)};
}

// Pad: pads holds all lows, then all highs                                                   ONNX Pad, versions 2–25

namespace {
/// What a Pad puts before and behind each of its axes.
struct PadLists {
  Extents axes, pads;
};
} // namespace

/// Those of a Pad that has a list of unknown length.
static std::optional<PadLists> openPads(NodeReader &node, int64_t rank) {
  GraphBuilder &b = node.builder();
  Value pads = node.opset() < 11 ? Value() : listInput(node, 1);
  Value axes = node.opset() < 18 ? Value() : listInput(node, 3);
  if (!pads || (extentsOf(pads)[0].isNumber() && (!axes || extentsOf(axes)[0].isNumber())))
    return std::nullopt;
  Extent count = axes ? extentsOf(axes)[0] : Extent(rank);
  if (extentsOf(pads)[0].isNumber())
    count = extentsOf(pads)[0].floorDiv(2);
  if (count.isNumber() && count.number() > rank)
    malformed("has more axes than the " + Twine(rank) + " dims of its input");
  pads = b.expect(pads, count * 2, "pads");
  axes = axes ? b.expect(axes, count, "axes") : axes;
  if (count.isNumber())
    return PadLists{axes ? b.sizesFrom(axes) : firstDims(rank), b.sizesFrom(pads)};
  const Extents zeros(rank, 0);
  PadLists lists{firstDims(rank), perDim(b, axes, b.sliceDim(pads, 0, 0, count), zeros)};
  llvm::append_range(lists.pads, perDim(b, axes, b.sliceDim(pads, 0, count, count), zeros));
  return lists;
}

static PadLists readPads(NodeReader &node, int64_t rank) {
  if (std::optional<PadLists> open = openPads(node, rank))
    return *open;
  PadLists lists{firstDims(rank), {}};
  if (node.opset() >= 11)
    lists.pads = node.extentsInput(1);
  else if (std::optional<Integers> given = node.integers("pads"))
    lists.pads = graph::toExtents(*given);
  else
    malformed("lacks its pads");
  if (node.opset() >= 18)
    lists.axes = node.optionalExtents(3).value_or(lists.axes);
  if (lists.pads.size() != 2 * lists.axes.size())
    malformed("needs two pads for each of " + Twine(lists.axes.size()) + " axes");
  return lists;
}

static Values pad(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0), value;
  const auto [axes, pads] = readPads(node, rankOf(x));
  if (node.opset() < 11)
    value = b.scalarLike(x, node.number("value", 0));
  else
    value = node.optionalInput(2);
  using Mode = graph::PadMode;
  auto mode = node.choice<Mode>(
      "mode", "constant",
      {{"constant", Mode::Constant}, {"edge", Mode::Edge}, {"reflect", Mode::Reflect}, {"wrap", Mode::Wrap}});
  ArrayRef<Extent> all = pads;
  Extents zeros(rankOf(x), 0);
  Extents low = perDim(b, axes, all.take_front(axes.size()), zeros);
  Extents high = perDim(b, axes, all.drop_front(axes.size()), zeros);
  if (low == zeros && high == zeros)
    return {x};
  for (auto [extent, before, after] : llvm::zip_equal(extentsOf(x), low, high))
    if (auto numbers = graph::asNumbers({extent, before, after}))
      checkedAdd(checkedAdd((*numbers)[0], (*numbers)[1]), (*numbers)[2]);
  // A symbol for the sum: products of sums are long.
  for (auto [extent, before, after] : llvm::zip_equal(extentsOf(x), low, high))
    if (before.isFoundAtRunTime() || after.isFoundAtRunTime())
      after = b.named(before + extent + after, GraphBuilder::Sign::NotNegative) - before - extent;
  value = value ? b.reshape(value, {}) : b.scalarLike(x, 0);
  return {b.make<graph::PadOp>(x, value, low, high, mode)};
}

// Trilu: a triangle of the last two dims                                                       ONNX Trilu, version 14
static Values trilu(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0), k = node.optionalInput(1, SignedIntegers);
  bool upper = node.flag("upper", true);
  if (rankOf(x) < 2)
    malformed("needs an input of two dims or more");
  k = k ? b.reshape(k, {}) : b.scalar(b.builder().getI64Type(), graph::Scalar::ofSigned(0));
  return {b.make<graph::TriluOp>(x, k, upper)};
}

static Values reverseSequence(NodeReader &node) {
  Value x = node.input(0), lengths = node.input(1, SignedIntegers);
  int64_t batch = node.integer("batch_axis", 1), time = node.integer("time_axis", 0);
  if (rankOf(x) < 2 || batch == time || batch < 0 || batch > 1 || time < 0 || time > 1)
    malformed("needs batch_axis and time_axis to be 0 and 1, or 1 and 0");
  lengths = node.builder().expect(lengths, extentsOf(x)[batch], "lengths");
  return {node.builder().make<graph::ReverseSequenceOp>(x, lengths, batch, time)};
}

static constexpr Operator kOperators[] = {
    {"Concat", 4, concat},
    {"Pad", 2, pad},
    {"ReverseSequence", 10, reverseSequence},
    {"Slice", 1, slice},
    {"Split", 2, split},
    {"Trilu", 14, trilu},
    {"Pad", 1, pad, "com.microsoft", 13},
    {"Trilu", 1, trilu, "com.microsoft", 14},
};

ArrayRef<Operator> dataOperators() { return kOperators; }

} // namespace smelt::frontend::onnx
