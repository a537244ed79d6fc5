// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Ops/Pooling.h"
#include "frontends/onnx/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents, graph::PoolKind, graph::ReduceKind;

/// With ceil_mode a window may end beyond the padding, if it begins inside the input or the padding before it.
static Extent highForCeil(const Extent &input, int64_t low, int64_t high, int64_t stride, int64_t reach) {
  Extent room = input + low + high - reach;
  if (room.isNumber() && room.number() < 0)
    return high; // refused by the op
  Extent last = room.ceilDiv(stride), begun = (input + low - 1).floorDiv(stride);
  if (last.isTooLarge())
    malformed("its padding overflows");
  bool mayEndInPadding = reach < checkedAdd(high, stride);
  if (mayEndInPadding)
    last = Extent::min(last, begun);
  Extent needed = last * stride + reach - input - low;
  return mayEndInPadding ? Extent::max(needed, high) : needed;
}

namespace {
/// The windows of a pool, with all of their padding, and the padding that the node states itself.
struct Pooling {
  Windows windows;
  AutoPadding padding;
  Extents declaredHigh;
};
} // namespace

static Pooling readPooling(NodeReader &node, Value x) {
  std::optional<Integers> kernel = node.integers("kernel_shape");
  if (rankOf(x) < 3 || !kernel || static_cast<int64_t>(kernel->size()) != rankOf(x) - 2)
    malformed("needs an input of three dims or more, and a kernel_shape that fits");
  Windows windows = readWindows(node, *kernel);
  bool ceil = node.flag("ceil_mode", false);
  Extents spatial = spatialExtents(x);
  AutoPadding padding = autoPadding(windows, spatial);
  Extents declaredHigh = padding.high;
  if (ceil && windows.autoPad == AutoPad::NotSet)
    for (size_t dim = 0; dim < windows.dims(); ++dim)
      padding.high[dim] =
          highForCeil(spatial[dim], windows.low[dim], windows.high[dim], windows.strides[dim], windows.reach(dim));
  return {windows, padding, declaredHigh};
}

/// A pool without padding.
static Value poolInside(GraphBuilder &b, Value x, const Windows &windows, PoolKind kind, int64_t p) {
  Integers zeros(windows.dims(), 0);
  return b.make<graph::PoolOp>(x, kind, windows.kernel, windows.strides, windows.dilations, zeros, zeros, zeros,
                               /*count_padding=*/false, p);
}

/// What counts as an element of an average: 1 where it does.
static Value countedElements(GraphBuilder &b, Value x, const Pooling &pooling, bool countPadding) {
  Extents ones = extentsOf(x), none(pooling.windows.dims(), 0), after;
  ones[0] = ones[1] = 1;
  Value zero = b.scalarLike(x, 0), one = b.scalarLike(x, 1), inside = b.broadcast(one, ones);
  if (!countPadding)
    return padded(b, inside, pooling.padding.low, pooling.padding.high, zero);
  for (auto [high, declared] : llvm::zip_equal(pooling.padding.high, pooling.declaredHigh))
    after.push_back(high - declared);
  return padded(b, padded(b, inside, pooling.padding.low, pooling.declaredHigh, one), none, after, zero);
}

/// A pool whose padding only the run knows: it is made first, of elements that change nothing.
static Value poolPadded(GraphBuilder &b, Value x, const Pooling &pooling, PoolKind kind, bool countPadding, int64_t p) {
  const AutoPadding &padding = pooling.padding;
  bool isMax = kind == PoolKind::Max, isAverage = kind == PoolKind::Average;
  Value neutral = isMax ? b.leastLike(x) : b.scalarLike(x, 0);
  Value result = poolInside(b, padded(b, x, padding.low, padding.high, neutral), pooling.windows, kind, p);
  if (!isAverage || (countPadding && padding.high == pooling.declaredHigh))
    return result;
  Value counted = countedElements(b, x, pooling, countPadding);
  return b.make<graph::DivOp>(result, poolInside(b, counted, pooling.windows, kind, p));
}

Value pool(NodeReader &node, Value x, PoolKind kind, bool countPadding, int64_t p) {
  Pooling pooling = readPooling(node, x);
  Windows &windows = pooling.windows;
  if (!pooling.padding.resolve(windows))
    return poolPadded(node.builder(), x, pooling, kind, countPadding, p);
  return node.builder().make<graph::PoolOp>(x, kind, windows.kernel, windows.strides, windows.dilations, windows.low,
                                            windows.high, *graph::asNumbers(pooling.declaredHigh), countPadding, p);
}

static Values averagePool(NodeReader &node) {
  bool countPadding = node.flag("count_include_pad", false);
  return {pool(node, node.input(0, Floats), PoolKind::Average, countPadding, 1)};
}

/// Places in a flat image of spatial dims `padded`, after all else, as those in one of `inside` that begins at `low`.
static Value movedPlaces(GraphBuilder &b, Value places, ArrayRef<Extent> padded, ArrayRef<Extent> low,
                         ArrayRef<Extent> inside, bool columnMajor) {
  auto number = [&](const Extent &extent) { return b.number(extent); };
  Value rest = places, result;
  Extent stride = 1;
  for (size_t position = 0; position < padded.size(); ++position) { // what counts fastest first
    const size_t dim = columnMajor ? position : padded.size() - 1 - position;
    Value at = b.make<graph::ModOp>(rest, number(Extent::max(padded[dim], 1)), /*fmod=*/false);
    rest = b.make<graph::DivOp>(rest, number(Extent::max(padded[dim], 1)));
    at = b.make<graph::ClampOp>(b.make<graph::SubOp>(at, number(low[dim])), number(0), number(inside[dim] - 1));
    at = b.make<graph::MulOp>(at, number(stride));
    result = result ? b.make<graph::AddOp>(result, at) : at;
    stride *= inside[dim];
  }
  return b.make<graph::AddOp>(result, b.make<graph::MulOp>(rest, number(stride)));
}

/// Places of maxima where only the run knows the padding. What is padded is below all numbers of the input, but -∞ and
/// the least integers.
static Value placesPadded(GraphBuilder &b, Value x, const Pooling &pooling, bool columnMajor) {
  const AutoPadding &padding = pooling.padding;
  const Windows &windows = pooling.windows;
  const Extents inside = spatialExtents(x);
  if (elementOf(x).getIntOrFloatBitWidth() == 8)
    x = b.cast(x, b.builder().getI32Type());
  Value around = padded(b, x, padding.low, padding.high, b.leastLike(x));
  Integers none(windows.dims(), 0);
  Value places =
      b.make<graph::ArgPoolOp>(around, windows.kernel, windows.strides, windows.dilations, none, none, columnMajor);
  return movedPlaces(b, places, spatialExtents(around), padding.low, inside, columnMajor);
}

// MaxPool, and where each maximum lies in the flat input                                 ONNX MaxPool, versions 1–22
static Values maxPool(NodeReader &node) {
  Value x = node.input(0, Numbers), values = pool(node, x, PoolKind::Max, false, 1), indices;
  bool columnMajor = node.flag("storage_order", false);
  if (node.hasOutput(1)) {
    Pooling pooling = readPooling(node, x);
    Windows &windows = pooling.windows;
    indices = pooling.padding.resolve(windows)
                  ? node.builder().make<graph::ArgPoolOp>(x, windows.kernel, windows.strides, windows.dilations,
                                                          windows.low, windows.high, columnMajor)
                  : placesPadded(node.builder(), x, pooling, columnMajor);
  }
  return {values, indices};
}

/// The exponent of an Lp norm.
static int64_t exponentOf(NodeReader &node) {
  int64_t p = node.integer("p", 2);
  if (p < 1)
    malformed("has p = " + Twine(p));
  return p;
}

static Values lpPool(NodeReader &node) {
  int64_t p = exponentOf(node);
  return {pool(node, node.input(0, Floats), PoolKind::Lp, false, p)};
}

/// All spatial dims as one window.
template <ReduceKind kind> static Values globalPool(NodeReader &node) {
  Value x = node.input(0, Floats);
  if (rankOf(x) < 2)
    malformed("needs an input of two dims or more");
  auto spatial = llvm::to_vector(llvm::seq<int64_t>(2, rankOf(x)));
  return {spatial.empty() ? x : node.builder().make<graph::ReduceOp>(x, kind, spatial)};
}

/// The Lp norm of all spatial dims.
static Value normOver(GraphBuilder &b, Value x, int64_t p) {
  auto spatial = llvm::to_vector(llvm::seq<int64_t>(2, rankOf(x)));
  if (p <= 2)
    return b.make<graph::ReduceOp>(x, p == 1 ? ReduceKind::L1 : ReduceKind::L2, spatial);
  Value powers = b.make<graph::PowOp>(b.make<graph::AbsOp>(x), b.scalarLike(x, static_cast<double>(p)));
  Value sum = b.make<graph::ReduceOp>(powers, ReduceKind::Sum, spatial);
  return b.make<graph::PowOp>(sum, b.scalarLike(x, 1.0 / static_cast<double>(p)));
}

static Values globalLpPool(NodeReader &node) {
  int64_t p = exponentOf(node);
  Value x = node.input(0, Floats);
  if (rankOf(x) < 3)
    malformed("needs an input of three dims or more");
  std::optional<Integers> window = graph::asNumbers(spatialExtents(x));
  if (!window)
    return {normOver(node.builder(), x, p)};
  Integers ones(window->size(), 1), zeros(window->size(), 0);
  return {node.builder().make<graph::PoolOp>(x, PoolKind::Lp, *window, ones, ones, zeros, zeros, zeros, false, p)};
}

static constexpr llvm::StringLiteral kValidCeil =
    "with auto_pad VALID, ceil_mode changes nothing, as the formula of the text says; the reference, shape inference "
    "and ONNX Runtime may have one result more.";

static constexpr Operator kOperators[] = {
    {"AveragePool", 1, averagePool, "", 0, kValidCeil},
    {"GlobalAveragePool", 1, globalPool<ReduceKind::Mean>},
    {"GlobalLpPool", 2, globalLpPool},
    {"GlobalMaxPool", 1, globalPool<ReduceKind::Max>},
    {"LpPool", 2, lpPool, "", 0, kValidCeil},
    {"MaxPool", 1, maxPool, "", 0, kValidCeil},
};

ArrayRef<Operator> poolingOperators() { return kOperators; }

} // namespace smelt::frontend::onnx
