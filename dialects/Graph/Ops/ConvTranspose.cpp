// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Structured.h"

using namespace mlir;

namespace smelt::graph {

/// The filter's dims over which the window moves, and its output channels in one group.
static ArrayRef<int64_t> windowExtents(ArrayRef<int64_t> filter, Layout layout) {
  return layout == Layout::ChannelsFirst ? filter.drop_front(2) : filter.drop_back(2);
}
static int64_t inputsOf(ArrayRef<int64_t> filter, Layout layout) {
  return layout == Layout::ChannelsFirst ? filter[0] : filter[filter.size() - 2];
}
static int64_t outputsOf(ArrayRef<int64_t> filter, Layout layout) {
  return layout == Layout::ChannelsFirst ? filter[1] : filter.back();
}

/// The result's spatial extents; padding may be negative: it adds zeros.
static LogicalResult inferSpatial(std::optional<Location> location, ConvTransposeOp::Adaptor adaptor,
                                  SmallVectorImpl<int64_t> &spatial) {
  ArrayRef<int64_t> input = spatialDims(typeOf(adaptor.getInput()).getShape(), adaptor.getLayout());
  ArrayRef<int64_t> window = windowExtents(typeOf(adaptor.getFilter()).getShape(), adaptor.getLayout());
  Checks checks{location};
  constexpr int64_t kLeast = std::numeric_limits<int32_t>::min();
  if (failed(checks.attribute("window", window, input.size(), 1)) ||
      failed(checks.attribute("strides", adaptor.getStrides(), input.size(), 1)) ||
      failed(checks.attribute("dilations", adaptor.getDilations(), input.size(), 1)) ||
      failed(checks.attribute("low", adaptor.getLow(), input.size(), kLeast)) ||
      failed(checks.attribute("high", adaptor.getHigh(), input.size(), kLeast)) ||
      failed(checks.attribute("output_padding", adaptor.getOutputPadding(), input.size(), 0)))
    return failure();
  for (size_t dim = 0; dim < input.size(); ++dim) {
    int64_t reach = adaptor.getDilations()[dim] * (window[dim] - 1) + 1;
    int64_t border = reach - adaptor.getLow()[dim] - adaptor.getHigh()[dim] + adaptor.getOutputPadding()[dim];
    int64_t extent = 0;
    if (llvm::MulOverflow(input[dim] - 1, adaptor.getStrides()[dim], extent) ||
        llvm::AddOverflow(extent, border, extent) || extent < 0)
      return emitOptionalError(location, "spatial dim ", dim, " of the result would have ", extent, " elements");
    spatial.push_back(extent);
  }
  return success();
}

LogicalResult ConvTransposeOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                                SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getInput());
  ArrayRef<int64_t> input = type.getShape(), filter = typeOf(adaptor.getFilter()).getShape();
  Layout layout = adaptor.getLayout();
  if (input.size() < 3 || filter.size() != input.size())
    return emitOptionalError(location, "the input ", inWords(input),
                             " needs batch, channels and spatial dims, and the filter ", inWords(filter), " as many");
  if (typeOf(adaptor.getFilter()).getElementType() != type.getElementType())
    return emitOptionalError(location, "the input has elements of type ", type.getElementType(),
                             " and the filter of another");
  if (failed(Checks{location}.element(type.getElementType(), Domain::Floats)))
    return failure();
  int64_t channels = channelsOf(input, layout), outputs = 0;
  auto groups = static_cast<int64_t>(adaptor.getGroups());
  if (groups < 1 || channels % groups != 0 || inputsOf(filter, layout) != channels)
    return emitOptionalError(location, "the input has ", channels, " channels, the filter reads ",
                             inputsOf(filter, layout), ", in ", groups, " groups");
  if (llvm::MulOverflow(outputsOf(filter, layout), groups, outputs))
    return emitOptionalError(location, "the result has too many channels");
  SmallVector<int64_t> spatial;
  if (failed(inferSpatial(location, adaptor, spatial)))
    return failure();
  return Checks{location}.result(shapeOf(layout, input[0], spatial, outputs), type.getElementType(), types);
}

namespace {
/// A transposed convolution on numbers, channels last: each input point is spread over the result.
struct HostConvTranspose {
  Window window;                            // of the convolution it is the gradient of: its result is our input
  int64_t batch, groups, channels, outputs; // channels and outputs of one group
  std::vector<double> input, filter;

  std::vector<double> run() const {
    SmallVector<int64_t> from = llvm::map_to_vector(window, [](const WindowDim &dim) { return dim.output; });
    int64_t points = elementCount(from).value_or(0), resultPoints = 1;
    for (const WindowDim &dim : window)
      resultPoints *= dim.input;
    std::vector<double> result(batch * resultPoints * groups * outputs, 0);
    for (int64_t n = 0; n < batch; ++n) {
      SmallVector<int64_t> at(from.size(), 0);
      for (int64_t point = 0; point < points; ++point, advance(at, from))
        spread(n * points + point, n, at, result);
    }
    return result;
  }

  void spread(int64_t point, int64_t n, ArrayRef<int64_t> at, MutableArrayRef<double> result) const {
    SmallVector<int64_t> extents = llvm::map_to_vector(window, [](const WindowDim &dim) { return dim.window; });
    SmallVector<int64_t> tap(extents.size(), 0);
    int64_t number = 0, width = groups * outputs;
    do {
      int64_t position = n;
      bool inside = true;
      for (auto [dim, o, k] : llvm::zip_equal(window, at, tap)) {
        inside &= dim.isInside(dim.position(o, k));
        position = position * dim.input + dim.position(o, k);
      }
      if (inside)
        addTap(point, number, result.slice(position * width, width));
      ++number;
    } while (advance(tap, extents));
  }

  void addTap(int64_t point, int64_t tap, MutableArrayRef<double> sums) const {
    for (int64_t c = 0; c < groups * channels; ++c) {
      double value = input[point * groups * channels + c];
      const double *weights = &filter[(tap * groups * channels + c) * outputs];
      for (int64_t o = 0; o < outputs; ++o)
        sums[c / channels * outputs + o] += value * weights[o];
    }
  }
};
} // namespace

LogicalResult ConvTransposeOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  HostTensor input = operands[0], filter = operands[1];
  const HostTensor &result = results[0];
  if (result.size() == 0 || input.size() == 0)
    return success();
  if (getLayout() == Layout::ChannelsFirst) {
    input = transposed(input, aroundSpatial(input.rank(), {0}, {1}));
    filter = transposed(filter, aroundSpatial(filter.rank(), {}, {0, 1}));
  }
  ArrayRef<int64_t> shape = filter.shape();
  Window window = windowOf(spatialDims(result.shape(), getLayout()), spatialDims(operands[0].shape(), getLayout()),
                           {shape.drop_back(2), getStrides(), getDilations(), getLow(), getHigh()});
  auto groups = static_cast<int64_t>(getGroups());
  HostConvTranspose conv{window,
                         input.shape()[0],
                         groups,
                         shape[shape.size() - 2] / groups,
                         shape.back(),
                         elementsOf<double>(input),
                         elementsOf<double>(filter)};
  setElements<double>(result, getLayout(), conv.run());
  return success();
}

unsigned ConvTransposeOp::tiledDims() { return 0; }
LogicalResult ConvTransposeOp::emitTile(TileAccess &access) { return failure(); }

} // namespace smelt::graph
