// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Structured.h"
#include "dialects/Graph/Ops/Indexing.h"
#include <limits>

using namespace mlir;

namespace smelt::graph {

constexpr int64_t kMostAttribute = std::numeric_limits<int32_t>::max(); // so that no product of two overflows

LogicalResult Checks::axis(uint64_t axis, RankedTensorType type) const {
  if (axis < static_cast<uint64_t>(type.getRank()))
    return success();
  return emitOptionalError(location, "axis ", static_cast<int64_t>(axis), " is none of the dims of ",
                           inWords(type.getShape()));
}

LogicalResult Checks::element(Type element, Domain domain) const {
  if (isIn(domain, computeType(element)) && elementBytes(element) != 0 && !isStoredOnly(element))
    return success();
  return emitOptionalError(location, "is not defined on elements of type ", element);
}

LogicalResult Checks::result(ArrayRef<Extent> shape, Type element, SmallVectorImpl<Type> &types) const {
  if (productOf(shape).isTooLarge())
    return emitOptionalError(location, "the result [", joined(shape), "] has too many elements");
  types.push_back(tensorOf(shape, element));
  return success();
}

LogicalResult Checks::attribute(StringRef name, ArrayRef<int64_t> values, size_t dims, int64_t least) const {
  if (values.size() != dims)
    return emitOptionalError(location, name, " has ", values.size(), " values for ", dims, " spatial dims");
  for (int64_t value : values)
    if (value < least || value > kMostAttribute)
      return emitOptionalError(location, "a value of ", name, " is ", value, ", not one from ", least, " to ",
                               kMostAttribute);
  return success();
}

Type productType(Type element, bool wide) {
  if (!wide)
    return element;
  if (isa<FloatType>(element))
    return computeType(element);
  bool isNarrow = element.isInteger(8) || element.isSignlessInteger(16);
  return isNarrow ? IntegerType::get(element.getContext(), 32) : element;
}

bool isProductOf(Type left, Type right, bool wide) {
  if (productType(left, wide) != productType(right, wide))
    return false;
  bool isWidened = isa<IntegerType>(left) && productType(left, wide) != left;
  return isWidened ? right.isSignlessInteger(8) : left == right || isa<FloatType>(left);
}

static Window windowOf(ArrayRef<Extent> input, ArrayRef<Extent> output, const WindowAttributes &attributes) {
  Window window;
  for (size_t dim = 0; dim < input.size(); ++dim)
    window.push_back({input[dim], attributes.window[dim], attributes.strides[dim], attributes.dilations[dim],
                      attributes.low[dim], output[dim]});
  return window;
}

FailureOr<Window> inferWindow(Checks checks, ArrayRef<Extent> input, const WindowAttributes &attributes,
                              bool mayBeNone) {
  size_t dims = input.size();
  if (failed(checks.attribute("window", attributes.window, dims, 1)) ||
      failed(checks.attribute("strides", attributes.strides, dims, 1)) ||
      failed(checks.attribute("dilations", attributes.dilations, dims, 1)) ||
      failed(checks.attribute("low", attributes.low, dims, 0)) ||
      failed(checks.attribute("high", attributes.high, dims, 0)))
    return failure();
  Window window = windowOf(input, Extents(dims, 1), attributes);
  for (auto [dim, high] : llvm::zip_equal(window, attributes.high)) {
    Extent room = dim.input + (dim.low + high - dim.reach());
    const int64_t least = mayBeNone && dim.stride == 1 ? -1 : 0;
    if (room.isTooLarge() || (room.isNumber() && room.number() < least)) {
      (void)emitOptionalError(checks.location, "a window that reaches over ", dim.reach(), " elements does not fit in ",
                              dim.input.str(), " with padding of ", dim.low, " and ", high);
      return failure();
    }
    dim.output = room.floorDiv(dim.stride) + 1;
  }
  return window;
}

Window windowOf(ArrayRef<Extent> input, ArrayRef<Extent> output, Layout layout, const WindowAttributes &attributes) {
  return windowOf(spatialDims(input, layout), spatialDims(output, layout), attributes);
}

Extents outputsOf(const Window &window) {
  return llvm::map_to_vector<6>(window, [](const WindowDim &dim) { return dim.output; });
}

void forEachTap(const Window &window, int64_t n, ArrayRef<int64_t> at,
                llvm::function_ref<void(int64_t position, int64_t tap)> visit) {
  SmallVector<int64_t> extents = llvm::map_to_vector(window, [](const WindowDim &dim) { return dim.window; });
  SmallVector<int64_t> tap(extents.size(), 0);
  int64_t number = 0;
  do {
    int64_t position = n;
    bool inside = true;
    for (auto [dim, o, k] : llvm::zip_equal(window, at, tap)) {
      inside &= dim.isInside(dim.position(o, k));
      position = position * dim.input.number() + dim.position(o, k);
    }
    if (inside)
      visit(position, number);
    ++number;
  } while (advance(tap, extents));
}

Extents shapeOf(Layout layout, const Extent &batch, ArrayRef<Extent> spatial, const Extent &channels) {
  Extents shape{batch};
  if (layout == Layout::ChannelsFirst)
    shape.push_back(channels);
  llvm::append_range(shape, spatial);
  if (layout == Layout::ChannelsLast)
    shape.push_back(channels);
  return shape;
}

Lines::Lines(ArrayRef<int64_t> shape, size_t axis) : extent(shape[axis]) {
  for (int64_t dim : shape.take_front(axis))
    outer *= dim;
  for (int64_t dim : shape.drop_front(axis + 1))
    inner *= dim;
}

HostTensor transposed(const HostTensor &tensor, ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> from = rowMajorStrides(tensor.shape()), strides, shape;
  for (int64_t dim : permutation) {
    strides.push_back(from[dim]);
    shape.push_back(tensor.shape()[dim]);
  }
  HostTensor result = HostTensor::zeros(RankedTensorType::get(shape, tensor.elementType()));
  copyStrided(tensor, 0, strides, result);
  return result;
}

SmallVector<int64_t> aroundSpatial(size_t rank, ArrayRef<int64_t> before, ArrayRef<int64_t> after) {
  SmallVector<int64_t> permutation(before);
  for (size_t dim = 2; dim < rank; ++dim)
    permutation.push_back(dim);
  llvm::append_range(permutation, after);
  return permutation;
}

void copyChannelsFirst(const HostTensor &channelsLast, const HostTensor &result) {
  SmallVector<int64_t> strides = rowMajorStrides(channelsLast.shape());
  std::rotate(strides.begin() + 1, strides.end() - 1, strides.end());
  copyStrided(channelsLast, 0, strides, result);
}

} // namespace smelt::graph
