// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What structured ops share before they are emitted: checks in words, the geometry of windows, and elements as numbers
// for the reference.

#ifndef SMELT_DIALECTS_GRAPH_OPS_STRUCTURED_H
#define SMELT_DIALECTS_GRAPH_OPS_STRUCTURED_H

#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Ops/Formulas.h"
#include <vector>

namespace smelt::graph {

/// The checks of one op's type inference. Each says in words, at `location` if there is one, what is wrong.
struct Checks {
  std::optional<mlir::Location> location;

  /// `axis` as an I64Attr gives it: a negative number is a large one.
  llvm::LogicalResult axis(uint64_t axis, mlir::RankedTensorType type) const;
  llvm::LogicalResult element(mlir::Type element, Domain domain) const;
  /// The type of a result; fails where it has too many elements to count.
  llvm::LogicalResult result(llvm::ArrayRef<Extent> shape, mlir::Type element,
                             llvm::SmallVectorImpl<mlir::Type> &types) const;
  template <typename Numbers, typename = std::enable_if_t<std::is_convertible_v<Numbers, llvm::ArrayRef<int64_t>>>>
  llvm::LogicalResult result(const Numbers &shape, mlir::Type element, llvm::SmallVectorImpl<mlir::Type> &types) const {
    return result(llvm::ArrayRef<Extent>(toExtents(shape)), element, types);
  }
  /// One value in [least, 2³¹) for each of `dims` spatial dims.
  llvm::LogicalResult attribute(llvm::StringRef name, llvm::ArrayRef<int64_t> values, size_t dims, int64_t least) const;
};

/// The element type of a product of such elements; where it is `wide`, the one that its sums are computed in.
mlir::Type productType(mlir::Type element, bool wide);

/// Whether such elements can be multiplied. Of a `wide` product, floats may be narrower on either side; of integers,
/// the right ones are i8, and the left ones as narrow or i16.
bool isProductOf(mlir::Type left, mlir::Type right, bool wide);

/// One spatial dim of an op that moves a window over its input: tap k of result o reads
/// input[o · stride + k · dilation - low].
struct WindowDim {
  Extent input = 1;
  int64_t window = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t low = 0;
  Extent output = 1;

  int64_t position(int64_t result, int64_t tap) const { return result * stride + tap * dilation - low; }
  bool isInside(int64_t position) const { return position >= 0 && position < input.number(); }
  int64_t reach() const { return dilation * (window - 1) + 1; }
};
using Window = llvm::SmallVector<WindowDim>;

/// The attributes of such an op, one value a spatial dim.
struct WindowAttributes {
  llvm::ArrayRef<int64_t> window, strides, dilations, low, high;
};

/// The window dims with their result extents; in words why there are none. Attributes of spatial dims that the input
/// lacks, or out of range, are refused, and so are windows that do not fit in the input; where there may be none of
/// them, not those that are one element longer and move by 1.
llvm::FailureOr<Window> inferWindow(Checks checks, llvm::ArrayRef<Extent> input, const WindowAttributes &attributes,
                                    bool mayBeNone = false);
/// The same of an op that is known to be right, whose input and result have these extents.
Window windowOf(llvm::ArrayRef<Extent> input, llvm::ArrayRef<Extent> output, Layout layout,
                const WindowAttributes &attributes);
/// The extents of the results, one a spatial dim.
Extents outputsOf(const Window &window);

template <typename T> llvm::ArrayRef<T> spatialDims(llvm::ArrayRef<T> shape, Layout layout) {
  return layout == Layout::ChannelsFirst ? shape.drop_front(2) : shape.drop_front().drop_back();
}
inline Extents spatialDims(const Extents &shape, Layout layout) {
  return Extents(spatialDims(llvm::ArrayRef<Extent>(shape), layout));
}
template <typename T> T channelsOf(llvm::ArrayRef<T> shape, Layout layout) {
  return layout == Layout::ChannelsFirst ? shape[1] : shape.back();
}
inline Extent channelsOf(const Extents &shape, Layout layout) {
  return channelsOf(llvm::ArrayRef<Extent>(shape), layout);
}
/// [n, channels, spatial…] in the order of a layout.
Extents shapeOf(Layout layout, const Extent &batch, llvm::ArrayRef<Extent> spatial, const Extent &channels);

// For the reference.

/// Calls `visit` for each tap of the window at result `at` of batch `n` that lies in the input: with the row-major
/// number of the place it reads, batch included, and that of the tap.
void forEachTap(const Window &window, int64_t n, llvm::ArrayRef<int64_t> at,
                llvm::function_ref<void(int64_t position, int64_t tap)> visit);

/// All elements as T: double, int64_t or uint64_t.
template <typename T> std::vector<T> elementsOf(const HostTensor &tensor) {
  std::vector<T> elements(tensor.size());
  if (tensor.elementType().isF32())
    llvm::copy(tensor.as<float>(), elements.begin());
  else
    for (int64_t position = 0; position < tensor.size(); ++position)
      elements[position] = fromScalar<T>(tensor.get(position));
  return elements;
}

template <typename T> void setElements(const HostTensor &result, llvm::ArrayRef<T> elements) {
  if (result.elementType().isF32())
    llvm::copy(llvm::map_range(elements, [](T element) { return static_cast<float>(element); }),
               result.asMutable<float>().begin());
  else
    for (int64_t position = 0; position < result.size(); ++position)
      result.set(position, toScalar(elements[position]));
}

/// Calls `function` with a value of what elements of this type are computed in: double, int64_t or uint64_t.
template <typename Function> llvm::LogicalResult onNumbers(mlir::Type element, Function function) {
  if (llvm::isa<mlir::FloatType>(element))
    function(double()); // NOLINT(bugprone-branch-clone): three types
  else if (isUnsignedElement(element))
    function(uint64_t());
  else
    function(int64_t());
  return llvm::success();
}

/// [n, spatial…, c] → [n, c, spatial…]
void copyChannelsFirst(const HostTensor &channelsLast, const HostTensor &result);

/// A row-major shape seen from one of its dims: element i of line (o, n) lies at (o · extent + i) · inner + n.
struct Lines {
  int64_t outer = 1, extent = 1, inner = 1;

  Lines(llvm::ArrayRef<int64_t> shape, size_t axis);
  int64_t at(int64_t outer, int64_t position, int64_t inner) const {
    return (outer * extent + position) * this->inner + inner;
  }
};

/// result dim i is dim permutation[i] of the tensor.
HostTensor transposed(const HostTensor &tensor, llvm::ArrayRef<int64_t> permutation);
/// A permutation: `before`, then the spatial dims 2, 3, …, then `after`.
llvm::SmallVector<int64_t> aroundSpatial(size_t rank, llvm::ArrayRef<int64_t> before, llvm::ArrayRef<int64_t> after);

/// Elements in channels-last order, to a tensor of a layout.
template <typename T> void setElements(const HostTensor &result, Layout layout, llvm::ArrayRef<T> elements) {
  if (layout == Layout::ChannelsLast)
    return setElements<T>(result, elements);
  llvm::SmallVector<int64_t> last(result.shape());
  std::rotate(last.begin() + 1, last.begin() + 2, last.end());
  HostTensor channelsLast = HostTensor::zeros(mlir::RankedTensorType::get(last, result.elementType()));
  setElements<T>(channelsLast, elements);
  copyChannelsFirst(channelsLast, result);
}

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_OPS_STRUCTURED_H
