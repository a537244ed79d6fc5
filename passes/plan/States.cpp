// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/plan/States.h"

using namespace mlir;

namespace smelt::plan {

using graph::Extent;
using graph::Extents;

/// The largest values that --shape allows: of `x + 1` with x:0..8, 9.
static std::optional<int64_t> mostOf(const Extent &extent, DictionaryAttr bounds) {
  if (extent.isNumber() || !bounds)
    return extent.asNumber();
  MLIRContext *context = bounds.getContext();
  // What a run finds is what bounds are asked for.
  Extent found = extent.substitute([&](StringRef name) { return Extent::symbol(context, ("%" + name).str()); });
  std::optional<Extent> most = found.upperBound([&](StringRef name) -> std::optional<Extent> {
    auto range = bounds.getAs<DenseI64ArrayAttr>(name.drop_front());
    bool isBounded = range && range.size() == 2 && range[1] <= graph::kMostExtent;
    return isBounded ? std::optional<Extent>(range[1]) : std::nullopt;
  });
  return most ? most->asNumber() : std::nullopt;
}

static std::optional<Extents> largest(ArrayRef<Extent> extents, DictionaryAttr bounds) {
  Extents most;
  for (const Extent &extent : extents) {
    std::optional<int64_t> number = mostOf(extent, bounds);
    if (!number)
      return std::nullopt;
    most.push_back(*number);
  }
  return most;
}

constexpr int64_t kMostBytes = int64_t(1) << 34; // with looser bounds, memory grows

static std::optional<int64_t> bytesOf(const std::optional<Extents> &shape, Type element) {
  if (!shape)
    return std::nullopt;
  Extent bytes = graph::productOf(*shape) * graph::elementBytes(element);
  return bytes.isTooLarge() || bytes.number() > kMostBytes ? std::nullopt : bytes.asNumber();
}

/// concat(input, more), where what is there need not move: rows have room behind them, or there is one row.
static void placeTogether(State &state, Value input, Value output, const std::optional<Extents> &capacity) {
  auto concat = output.getDefiningOp<graph::ConcatOp>();
  if (!concat || concat.getOperand(0) != input)
    return;
  Extents shape = graph::extentsOf(output);
  bool isOneRow = llvm::all_of(ArrayRef(shape).take_front(concat.getAxis()),
                               [](const Extent &extent) { return extent == Extent(1); });
  state.isOne = isOneRow || capacity;
  if (state.isOne)
    state.strides = graph::rowMajorStrides(isOneRow ? shape : *capacity);
}

/// slice(concat(input, more)) of one row: the next run finds its input where it lies in the whole, which is all that
/// need be written.
static void placeWindow(State &state, Value input, Value output) {
  auto slice = output.getDefiningOp<graph::SliceOp>();
  auto concat = slice ? slice.getInput().getDefiningOp<graph::ConcatOp>() : graph::ConcatOp();
  if (!concat || concat.getOperand(0) != input || input.getType() != output.getType() ||
      !graph::typeOf(concat.getResult()).hasStaticShape())
    return;
  ArrayRef<int64_t> shape = graph::typeOf(concat.getResult()).getShape();
  auto isOne = [](int64_t extent) { return extent == 1; };
  auto isStep = [](const Extent &step) { return step == Extent(1); };
  if (!llvm::all_of(shape.take_front(concat.getAxis()), isOne) || !llvm::all_of(slice.getSteps(), isStep))
    return;
  // Dims but the axis are whole in both.
  const Extents starts(slice.getStarts()), strides = graph::rowMajorStrides(graph::extentsOf(concat.getResult()));
  std::optional<int64_t> first = starts[concat.getAxis()].asNumber(), stride = strides[concat.getAxis()].asNumber();
  if (!first || !stride || *first < 0)
    return;
  state.whole = concat.getResult();
  state.skipped = *first * *stride;
}

SmallVector<int64_t> State::gaps() const {
  SmallVector<int64_t> numbers;
  for (const Extent &stride : strides)
    if (std::optional<int64_t> number = stride.asNumber())
      numbers.push_back(*number);
  return numbers.size() == strides.size() ? numbers : SmallVector<int64_t>();
}

SmallVector<State> statesOf(func::FuncOp main) {
  Operation *module = main->getParentOp();
  auto pairs = module->getAttrOfType<DenseI64ArrayAttr>(kStates);
  auto bounds = module->getAttrOfType<DictionaryAttr>("graph.bounds");
  SmallVector<State> states;
  for (int64_t position = 0; pairs && position + 1 < pairs.size(); position += 2) {
    State &state = states.emplace_back();
    state.input = static_cast<int>(pairs[position]);
    state.output = static_cast<int>(pairs[position + 1]);
    Value input = main.getArgument(state.input);
    Value output = main.getBody().front().getTerminator()->getOperand(state.output);
    Type element = graph::typeOf(input).getElementType();
    std::optional<Extents> capacity = largest(graph::extentsOf(output), bounds);
    std::optional<int64_t> before = bytesOf(largest(graph::extentsOf(input), bounds), element);
    std::optional<int64_t> after = bytesOf(capacity, element);
    if (before && after)
      state.bytes = std::max(*before, *after);
    placeTogether(state, input, output, state.bytes ? capacity : std::nullopt);
    if (!state.isOne)
      placeWindow(state, input, output);
  }
  return states;
}

} // namespace smelt::plan
