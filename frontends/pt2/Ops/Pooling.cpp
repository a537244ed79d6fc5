// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/Ops/Operands.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

using graph::PoolKind, graph::ReduceKind;

namespace {
/// The windows of a pool, one value a spatial dim. `high` holds what ceil_mode adds, `declaredHigh` does not.
struct Windows {
  Integers kernel, strides, dilations, low, high, declaredHigh;
};
} // namespace

/// The last window that ceil_mode adds begins inside the input or the padding before it.
static int64_t highForCeil(const Extent &extent, int64_t low, int64_t stride, int64_t reach) {
  if (!extent.isNumber())
    unsupported("has ceil_mode, and an input whose dims are open; give them with --shape");
  int64_t room = checkedSub(checkedAdd(extent.number(), checkedMul(2, low)), reach);
  if (room < 0)
    return low; // refused by the op
  int64_t last = (room + stride - 1) / stride;
  if (last * stride >= extent.number() + low)
    --last;
  return std::max(last * stride + reach - extent.number() - low, low);
}

static Windows readWindows(NodeReader &node, Value x, size_t dims) {
  Windows windows;
  windows.kernel = node.integers("kernel_size", dims);
  windows.strides = node.integers("stride", dims, windows.kernel);
  windows.dilations = node.hasArgument("dilation") ? node.integers("dilation", dims) : Integers(dims, 1);
  windows.low = windows.declaredHigh = windows.high = node.integers("padding", dims);
  for (size_t dim = 0; dim < dims; ++dim) {
    if (windows.kernel[dim] < 1 || windows.strides[dim] < 1 || windows.dilations[dim] < 1 || windows.low[dim] < 0)
      malformed("has windows of " + inWords(windows.kernel) + " by strides of " + inWords(windows.strides));
    int64_t reach = checkedAdd(checkedMul(windows.kernel[dim] - 1, windows.dilations[dim]), 1);
    if (node.flag("ceil_mode"))
      windows.high[dim] = highForCeil(extentsOf(x)[dim + 2], windows.low[dim], windows.strides[dim], reach);
  }
  return windows;
}

/// Calls `pool` with an input that has a dim of examples, which a single example lacks.
template <size_t dims, typename Function> static Values ofBatch(NodeReader &node, Function pool) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  if (rankOf(x) != dims + 2 && rankOf(x) != dims + 1)
    malformed("needs an input of " + Twine(dims + 1) + " or " + Twine(dims + 2) + " dims, not " + Twine(rankOf(x)));
  const bool isSingle = rankOf(x) == dims + 1;
  Extents shape = extentsOf(x);
  if (isSingle) {
    shape.insert(shape.begin(), 1);
    x = b.reshape(x, shape);
  }
  Values results = pool(x);
  for (Value &result : results) {
    Extents made = extentsOf(result);
    result = isSingle ? b.reshape(result, ArrayRef(made).drop_front()) : result;
  }
  return results;
}

static Value pooled(GraphBuilder &b, Value x, PoolKind kind, const Windows &windows, bool countPadding) {
  return b.make<graph::PoolOp>(x, kind, windows.kernel, windows.strides, windows.dilations, windows.low, windows.high,
                               windows.declaredHigh, countPadding, int64_t(1));
}

template <size_t dims> static Values maxPool(NodeReader &node) {
  return ofBatch<dims>(node, [&](Value x) {
    return Values{pooled(node.builder(), x, PoolKind::Max, readWindows(node, x, dims), false)};
  });
}

/// The places count within an image of a channel.
template <size_t dims> static Values maxPoolWithPlaces(NodeReader &node) {
  return ofBatch<dims>(node, [&](Value x) {
    GraphBuilder &b = node.builder();
    Windows windows = readWindows(node, x, dims);
    Value places = b.make<graph::ArgPoolOp>(x, windows.kernel, windows.strides, windows.dilations, windows.low,
                                            windows.high, /*column_major=*/false);
    Extents shape = extentsOf(x);
    const Extent image = elementsOf(ArrayRef(shape).drop_front(2));
    places = b.make<graph::ModOp>(places, b.number(Extent::max(image, 1)), /*fmod=*/false);
    return Values{pooled(b, x, PoolKind::Max, windows, false), places};
  });
}

template <size_t dims> static Values averagePool(NodeReader &node) {
  return ofBatch<dims>(node, [&](Value x) {
    GraphBuilder &b = node.builder();
    Windows windows = readWindows(node, x, dims);
    bool countPadding = node.flag("count_include_pad");
    std::optional<int64_t> divisor =
        node.hasArgument("divisor_override") ? node.optionalInteger("divisor_override") : std::nullopt;
    if (!divisor)
      return Values{pooled(b, x, PoolKind::Average, windows, countPadding)};
    if (node.flag("ceil_mode") || *divisor == 0)
      unsupported("has a divisor of its own with ceil_mode, or one of 0");
    int64_t elements = 1;
    for (int64_t extent : windows.kernel)
      elements = checkedMul(elements, extent);
    Value mean = pooled(b, x, PoolKind::Average, windows, /*countPadding=*/true);
    return Values{b.make<graph::MulOp>(mean, b.scalarLike(mean, double(elements) / double(*divisor)))};
  });
}

// Adaptive pools: window j of n begins at ⌊j · extent / n⌋ and ends at ⌈(j + 1) · extent / n⌉.

static int64_t beginOf(int64_t window, int64_t extent, int64_t count) { return checkedMul(window, extent) / count; }
static int64_t endOf(int64_t window, int64_t extent, int64_t count) {
  return (checkedMul(window + 1, extent) + count - 1) / count;
}

/// A dim averaged over windows of unlike sizes: a product with the share of each element in each window.
static Value averagedAlong(GraphBuilder &b, Value x, int64_t dim, int64_t count) {
  int64_t extent = fixedDim(x, dim);
  b.countComputed(checkedMul(checkedMul(extent, count), 8));
  graph::HostTensor shares = graph::HostTensor::zeros(checkedType({extent, count}, elementOf(x)));
  for (int64_t window = 0; window < count; ++window) {
    int64_t begin = beginOf(window, extent, count), end = endOf(window, extent, count);
    for (int64_t at = begin; at < end; ++at)
      shares.set(at * count + window, graph::Scalar::ofFloat(1.0 / static_cast<double>(end - begin)));
  }
  const int64_t last = rankOf(x) - 1;
  return b.moveDim(b.matMul(b.moveDim(x, dim, last), b.constant(shares)), last, dim);
}

/// The largest elements of windows along a dim, and, in `places`, where they lie.
static Value largestAlong(GraphBuilder &b, Value x, int64_t dim, int64_t count) {
  constexpr int64_t kMostWindows = 1024;
  int64_t extent = fixedDim(x, dim);
  if (count > kMostWindows)
    unsupported("has " + Twine(count) + " windows");
  Values parts;
  for (int64_t window = 0; window < count; ++window) {
    int64_t begin = beginOf(window, extent, count), end = endOf(window, extent, count);
    parts.push_back(b.make<graph::ReduceOp>(b.sliceDim(x, dim, begin, end - begin), ReduceKind::Max, dim));
  }
  return b.concat(parts, dim);
}

template <PoolKind kind> static Value adaptivelyPooled(NodeReader &node, Value x, size_t dims) {
  GraphBuilder &b = node.builder();
  Integers counts = node.integers("output_size", dims), whole, ones(dims, 1), zeros(dims, 0);
  Windows windows{ones, ones, ones, zeros, zeros, zeros};
  bool isEven = true;
  for (size_t dim = 0; dim < dims; ++dim) {
    const Extent extent = extentsOf(x)[dim + 2];
    if (counts[dim] < 1 || (extent.isNumber() && extent.number() < 1))
      malformed("makes windows of " + inWords(extentsOf(x)) + " for " + inWords(counts));
    if (counts[dim] == 1)
      whole.push_back(static_cast<int64_t>(dim) + 2);
    std::optional<Extent> size = extent.dividedBy(counts[dim]);
    isEven &= size && size->isNumber();
    if (size && size->isNumber())
      windows.kernel[dim] = windows.strides[dim] = size->number();
  }
  const bool isMax = kind == PoolKind::Max;
  if (whole.size() == dims)
    return b.make<graph::ReduceOp>(x, isMax ? ReduceKind::Max : ReduceKind::Mean, whole);
  if (isEven)
    return pooled(b, x, kind, windows, false);
  for (size_t dim = 0; dim < dims; ++dim) {
    const auto axis = static_cast<int64_t>(dim) + 2;
    x = isMax ? largestAlong(b, x, axis, counts[dim]) : averagedAlong(b, x, axis, counts[dim]);
  }
  return x;
}

template <size_t dims> static Values adaptiveAverage(NodeReader &node) {
  return ofBatch<dims>(node, [&](Value x) { return Values{adaptivelyPooled<PoolKind::Average>(node, x, dims)}; });
}
/// Places are not computed: a model that asks for them is refused.
template <size_t dims> static Values adaptiveMax(NodeReader &node) {
  return ofBatch<dims>(node, [&](Value x) { return Values{adaptivelyPooled<PoolKind::Max>(node, x, dims)}; });
}

static constexpr Operator kOperators[] = {
    {"aten._adaptive_avg_pool2d.default", adaptiveAverage<2>},
    {"aten._adaptive_avg_pool3d.default", adaptiveAverage<3>},
    {"aten.adaptive_avg_pool1d.default", adaptiveAverage<1>},
    {"aten.adaptive_avg_pool2d.default", adaptiveAverage<2>},
    {"aten.adaptive_avg_pool3d.default", adaptiveAverage<3>},
    {"aten.adaptive_max_pool1d.default", adaptiveMax<1>},
    {"aten.adaptive_max_pool2d.default", adaptiveMax<2>},
    {"aten.adaptive_max_pool3d.default", adaptiveMax<3>},
    {"aten.avg_pool1d.default", averagePool<1>},
    {"aten.avg_pool2d.default", averagePool<2>},
    {"aten.avg_pool3d.default", averagePool<3>},
    {"aten.max_pool1d.default", maxPool<1>},
    {"aten.max_pool1d_with_indices.default", maxPoolWithPlaces<1>},
    {"aten.max_pool2d.default", maxPool<2>},
    {"aten.max_pool2d_with_indices.default", maxPoolWithPlaces<2>},
    {"aten.max_pool3d.default", maxPool<3>},
    {"aten.max_pool3d_with_indices.default", maxPoolWithPlaces<3>},
};

ArrayRef<Operator> poolingOperators() { return kOperators; }

} // namespace smelt::frontend::pt2
