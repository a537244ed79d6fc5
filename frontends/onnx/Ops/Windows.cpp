// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Ops/Windows.h"

using llvm::Twine;
using smelt::graph::Extent;

namespace smelt::frontend::onnx {

/// A list of `count` numbers from `least` on; all `fallback` where the node does not give it.
static Integers readList(NodeReader &node, llvm::StringRef name, size_t count, int64_t least, int64_t fallback) {
  Integers values = node.integers(name).value_or(Integers(count, fallback));
  if (values.size() != count || llvm::any_of(values, [&](int64_t value) { return value < least; }))
    malformed(name + " " + inWords(values) + " should be " + Twine(count) + " numbers from " + Twine(least) + " on");
  return values;
}

Windows readWindows(NodeReader &node, Integers kernel) {
  Windows windows;
  size_t dims = kernel.size();
  windows.kernel = std::move(kernel);
  if (llvm::any_of(windows.kernel, [](int64_t extent) { return extent < 1; }))
    malformed("has a kernel of dims " + inWords(windows.kernel));
  windows.strides = readList(node, "strides", dims, 1, 1);
  windows.dilations = readList(node, "dilations", dims, 1, 1);
  Integers pads = readList(node, "pads", 2 * dims, 0, 0);
  windows.autoPad = node.choice<AutoPad>("auto_pad", "NOTSET",
                                         {{"NOTSET", AutoPad::NotSet},
                                          {"SAME_UPPER", AutoPad::SameUpper},
                                          {"SAME_LOWER", AutoPad::SameLower},
                                          {"VALID", AutoPad::Valid}});
  if (windows.autoPad != AutoPad::NotSet)
    pads.assign(2 * dims, 0);
  windows.low.assign(pads.begin(), pads.begin() + dims);
  windows.high.assign(pads.begin() + dims, pads.end());
  for (size_t dim = 0; dim < dims; ++dim)
    checkedAdd(checkedAdd(windows.low[dim], windows.high[dim]), windows.reach(dim));
  return windows;
}

/// max(0, (ceil(extent / stride) - 1) · stride + reach - extent)
static Extent sameTotal(const Extent &extent, int64_t stride, int64_t reach) {
  Extent count = extent.ceilDiv(stride);
  Extent total = Extent::max(count - 1, 0) * stride + reach - extent;
  if (extent.isNumber())
    return Extent::max(total, 0);
  // Where windows overlap, all of them reach as far as the input does; an empty one has no windows.
  if (reach == 1)
    return 0;
  total = (count - 1) * stride + reach - extent;
  return reach >= stride ? total : Extent::max(total, 0);
}

AutoPadding autoPadding(const Windows &windows, llvm::ArrayRef<Extent> spatial) {
  AutoPadding padding{graph::toExtents(windows.low), graph::toExtents(windows.high)};
  if (windows.autoPad == AutoPad::NotSet || windows.autoPad == AutoPad::Valid)
    return padding;
  for (size_t dim = 0; dim < windows.dims(); ++dim) {
    Extent total = sameTotal(spatial[dim], windows.strides[dim], windows.reach(dim));
    if (total.isTooLarge())
      malformed("its padding overflows");
    Extent half = total.floorDiv(2);
    padding.low[dim] = windows.autoPad == AutoPad::SameUpper ? half : total - half;
    padding.high[dim] = total - padding.low[dim];
  }
  return padding;
}

bool AutoPadding::resolve(Windows &windows) const {
  std::optional<Integers> before = graph::asNumbers(low), after = graph::asNumbers(high);
  if (!before || !after)
    return false;
  windows.low = *before;
  windows.high = *after;
  return true;
}

Value padded(GraphBuilder &b, Value input, llvm::ArrayRef<Extent> low, llvm::ArrayRef<Extent> high, Value number) {
  for (size_t dim = 0; dim < low.size(); ++dim)
    input = b.padDim(input, static_cast<int64_t>(dim) + 2, low[dim], high[dim], number);
  return input;
}

Integers kernelOf(NodeReader &node, Value input, Value &filter) {
  if (rankOf(input) < 3 || rankOf(filter) != rankOf(input))
    malformed("needs an input of three dims or more and a filter of as many, not " + inWords(extentsOf(input)) +
              " and " + inWords(extentsOf(filter)));
  std::optional<Integers> stated = node.integers("kernel_shape");
  if (stated && static_cast<int64_t>(stated->size()) == rankOf(filter) - 2)
    for (auto [dim, extent] : llvm::enumerate(*stated))
      filter = node.builder().withDim(filter, static_cast<int64_t>(dim) + 2, extent);
  std::optional<Integers> kernel = graph::asNumbers(spatialExtents(filter));
  if (!kernel)
    unsupported("takes a filter of dims " + inWords(extentsOf(filter)) +
                ", whose window must be fixed; give it with --shape");
  if (stated && *stated != *kernel)
    malformed("kernel_shape is " + inWords(*stated) + ", but its filter has " + inWords(*kernel));
  return *kernel;
}

int64_t groupsOf(NodeReader &node, Value &input, Value filter) {
  int64_t groups = node.integer("group", 1);
  input = node.builder().withDim(input, 1, checkedMul(shapeOf(filter)[1], groups));
  int64_t channels = extentsOf(input)[1].number();
  if (groups < 1 || channels % groups != 0)
    malformed("has " + Twine(groups) + " groups of " + Twine(channels) + " channels");
  if (shapeOf(filter)[1] != channels / groups || shapeOf(filter)[0] % groups != 0)
    malformed("a filter of dims " + inWords(shapeOf(filter)) + " does not fit " + Twine(channels) + " channels in " +
              Twine(groups) + " groups");
  return groups;
}

/// Each place of a window beside the others: [n, c, s…] as [n, places, c, outputs…].
static Value placesOf(GraphBuilder &b, Value input, const Windows &windows) {
  constexpr int64_t kMostPlaces = 256; // each is a slice of its own
  graph::Extents shape = extentsOf(input), steps(shape.size(), 1);
  int64_t count = 1;
  for (size_t dim = 0; dim < windows.dims(); ++dim) {
    Extent &extent = shape[dim + 2];
    const Extent last = (extent - windows.reach(dim)).floorDiv(windows.strides[dim]);
    extent = b.named(last, GraphBuilder::Sign::NotNegative) + 1; // there is one, or the run fails
    steps[dim + 2] = windows.strides[dim];
    count = checkedMul(count, windows.kernel[dim]);
  }
  if (count > kMostPlaces)
    unsupported("has a filter of unknown channels and " + Twine(count) + " places; give its shape with --shape");
  Values places;
  for (int64_t place = 0; place < count; ++place) {
    graph::Extents starts(shape.size(), 0);
    int64_t left = place;
    for (size_t dim = windows.dims(); dim-- > 0; left /= windows.kernel[dim])
      starts[dim + 2] = left % windows.kernel[dim] * windows.dilations[dim];
    places.push_back(b.makeAs<graph::SliceOp>(checkedType(shape, elementOf(input)), input, starts, steps));
  }
  return b.stack(places, 1);
}

/// The convolution with a filter whose channels only the run knows: a product of it with what its windows read.
///     [o, places · c] · [n, places · c, outputs]
static Value multiplied(GraphBuilder &b, Value input, Value filter, const Windows &windows) {
  const Extent channels = simplerOf(extentsOf(input)[1], extentsOf(filter)[1]);
  input = b.withDim(input, 1, channels);
  filter = b.withDim(filter, 1, channels);
  const graph::Extents weights = extentsOf(filter);
  Value read = placesOf(b, input, windows);
  graph::Extents shape = extentsOf(read);
  const Extent places = shape[1], terms = places * channels;
  filter = b.moveDim(b.reshape(filter, {weights[0], weights[1], places}), 2, 1);
  shape.erase(shape.begin() + 1);
  shape[1] = weights[0];
  const Extent outputs = elementsOf(llvm::ArrayRef(shape).drop_front(2));
  Value product = b.matMul(b.reshape(filter, {weights[0], terms}), b.reshape(read, {shape[0], terms, outputs}));
  return b.reshape(product, shape);
}

Value convolve(NodeReader &node, Value input, Value filter) {
  GraphBuilder &b = node.builder();
  Windows windows = readWindows(node, kernelOf(node, input, filter));
  AutoPadding padding = autoPadding(windows, spatialExtents(input));
  const int64_t declared = node.integer("group", 1);
  const Extent channels = extentsOf(input)[1];
  if (channels.isNumber() && declared > 0 && channels.number() % declared == 0)
    filter = b.withDim(filter, 1, channels.number() / declared);
  if (!graph::typeOf(filter).hasStaticShape() && declared == 1)
    return multiplied(b, padded(b, input, padding.low, padding.high, b.scalarLike(input, 0)), filter, windows);
  int64_t groups = groupsOf(node, input, filter);
  if (!padding.resolve(windows))
    input = padded(b, input, padding.low, padding.high, b.scalarLike(input, 0));
  return b.make<graph::ConvOp>(input, filter, windows.strides, windows.dilations, windows.low, windows.high, groups);
}

} // namespace smelt::frontend::onnx
