// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that cut, join and pad tensors.

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
static Values split(NodeReader &node) {
  Value x = node.input(0);
  int64_t axis = normalAxis(node.integer("axis", 0), rankOf(x)), extent = shapeOf(x)[axis];
  std::optional<Integers> extents = node.integersOf("split", 1, 13);
  int64_t count = node.opset() < 18 ? node.outputCount() : node.integer("num_outputs", node.outputCount());
  if (count != node.outputCount() || count < 1)
    malformed("has " + Twine(node.outputCount()) + " outputs, but should have " + Twine(count));
  if (!extents) {
    int64_t part = (extent - 1) / count + 1;
    if (node.opset() < 18 && part * count != extent)
      malformed("cannot split " + Twine(extent) + " elements evenly into " + Twine(count) + " parts");
    extents.emplace();
    for (int64_t i = 0; i < count; ++i)
      extents->push_back(std::clamp<int64_t>(extent - part * i, 0, part));
  }
  Values parts;
  int64_t at = 0;
  for (int64_t part : *extents) {
    if (part < 0 || part > extent - at)
      malformed("cannot split " + Twine(extent) + " elements into " + inWords(*extents));
    parts.push_back(node.builder().sliceDim(x, axis, at, part));
    at += part;
  }
  if (at != extent || parts.size() != node.outputCount())
    malformed("splits " + Twine(extent) + " elements into " + inWords(*extents) + " for " + Twine(node.outputCount()) +
              " outputs");
  return parts;
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

/// The same of a dim, a start or an end that is symbolic.
static std::pair<Extent, Extent> sliceOf(const Extent &extent, const Extent &start, const Extent &end, int64_t step) {
  if (extent.isNumber() && start.isNumber() && end.isNumber())
    return sliceOf(extent.number(), start.number(), end.number(), step);
  if (step < 1)
    unsupported("goes backwards through a dim of " + extent.str() + " elements; give the shape with --shape");
  auto position = [&](const Extent &at) {
    Extent fromStart = at.isNumber() && at.number() < 0 ? at + extent : at;
    return Extent::min(Extent::max(fromStart, 0), extent);
  };
  Extent from = position(start);
  return {from, Extent::max(position(end) - from, 0).ceilDiv(step)};
}

/// What the attribute, or from version 10 on the input, says.
static std::optional<Extents> extentsOrAttribute(NodeReader &node, StringRef attribute, unsigned input) {
  if (node.opset() >= 10)
    return node.extentsInput(input);
  std::optional<Integers> integers = node.integers(attribute);
  return integers ? std::optional(graph::toExtents(*integers)) : std::nullopt;
}

static Values slice(NodeReader &node) {
  Value x = node.input(0);
  std::optional<Extents> starts = extentsOrAttribute(node, "starts", 1), ends = extentsOrAttribute(node, "ends", 2);
  std::optional<Integers> axes = node.integersOf("axes", 3, 10);
  std::optional<Integers> steps = node.opset() < 10 ? std::nullopt : node.optionalIntegers(4);
  if (!starts || !ends)
    malformed("lacks its starts or ends");
  Integers allAxes = axes.value_or(llvm::to_vector(llvm::seq<int64_t>(0, static_cast<int64_t>(starts->size()))));
  if (ends->size() != starts->size() || allAxes.size() != starts->size() || (steps && steps->size() != starts->size()))
    malformed("has unequal numbers of starts, ends, axes and steps");
  normalAxes(allAxes, rankOf(x)); // each once
  Extents shape = extentsOf(x);
  SmallVector<int64_t> first(shape.size(), 0), strides(shape.size(), 1);
  for (auto [i, given] : llvm::enumerate(allAxes)) {
    int64_t axis = normalAxis(given, rankOf(x)), step = steps ? (*steps)[i] : 1;
    auto [start, count] = sliceOf(shape[axis], (*starts)[i], (*ends)[i], step);
    if (!start.isNumber())
      unsupported("starts at element " + start.str() + " of axis " + Twine(axis) +
                  ", which is not known yet; give the shape with --shape");
    shape[axis] = count;
    first[axis] = count == Extent(0) ? 0 : start.number();
    strides[axis] = count == Extent(0) || count == Extent(1) ? 1 : step;
  }
  RankedTensorType type = checkedType(shape, elementOf(x));
  bool isWhole = type == x.getType() && llvm::all_of(strides, [](int64_t step) { return step == 1; });
  return {isWhole ? x : node.builder().makeAs<graph::SliceOp>(type, x, first, strides)};
}

// Pad: pads holds all lows, then all highs                                                   ONNX Pad, versions 2–25
static Values pad(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0), value;
  std::optional<Integers> pads = node.integersOf("pads", 1, 11);
  std::optional<Integers> axes = node.opset() < 18 ? std::nullopt : node.optionalIntegers(3);
  if (node.opset() < 11)
    value = b.scalarLike(x, node.number("value", 0));
  else
    value = node.optionalInput(2);
  using Mode = graph::PadMode;
  auto mode = node.choice<Mode>(
      "mode", "constant",
      {{"constant", Mode::Constant}, {"edge", Mode::Edge}, {"reflect", Mode::Reflect}, {"wrap", Mode::Wrap}});
  Integers allAxes = axes.value_or(llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x))));
  normalAxes(allAxes, rankOf(x)); // each once
  if (!pads || pads->size() != 2 * allAxes.size())
    malformed("needs two pads for each of " + Twine(allAxes.size()) + " axes");
  SmallVector<int64_t> low(rankOf(x), 0), high(rankOf(x), 0);
  for (auto [i, axis] : llvm::enumerate(allAxes)) {
    low[normalAxis(axis, rankOf(x))] = (*pads)[i];
    high[normalAxis(axis, rankOf(x))] = (*pads)[i + allAxes.size()];
  }
  auto isZero = [](int64_t count) { return count == 0; };
  if (llvm::all_of(low, isZero) && llvm::all_of(high, isZero))
    return {x};
  for (auto [extent, before, after] : llvm::zip_equal(shapeOf(x), low, high))
    checkedAdd(checkedAdd(extent, before), after);
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
    {"Concat", 7, concat},
    {"Pad", 7, pad},
    {"ReverseSequence", 10, reverseSequence},
    {"Slice", 7, slice},
    {"Split", 7, split},
    {"Trilu", 14, trilu},
    {"Pad", 1, pad, "com.microsoft", 13},
    {"Trilu", 1, trilu, "com.microsoft", 14},
};

ArrayRef<Operator> dataOperators() { return kOperators; }

} // namespace smelt::frontend::onnx
