// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators on images and caches that sample, crop or put back elements.

#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Ops/Windows.h"
#include "frontends/onnx/Tensors.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::HostTensor, graph::Scalar;

// GridSample                                                                          ONNX GridSample, versions 16–22
static Values gridSample(NodeReader &node) {
  using graph::ResizeMode;
  Value x = node.input(0, Floats), grid = node.input(1, Floats);
  auto mode = node.choice<ResizeMode>("mode", node.opset() < 20 ? "bilinear" : "linear",
                                      {{"nearest", ResizeMode::Nearest},
                                       {"linear", ResizeMode::Linear},
                                       {"bilinear", ResizeMode::Linear},
                                       {"cubic", ResizeMode::Cubic},
                                       {"bicubic", ResizeMode::Cubic}});
  std::string padding = node.text("padding_mode", "zeros");
  bool alignCorners = node.flag("align_corners", false);
  if (padding != "zeros" && padding != "border" && padding != "reflection")
    malformed("has padding_mode '" + printable(padding) + "'");
  if (rankOf(x) < 3 || rankOf(grid) != rankOf(x) || shapeOf(grid).back() != rankOf(x) - 2 ||
      shapeOf(grid)[0] != shapeOf(x)[0])
    malformed("needs a grid of one position for each of its result's, not " + inWords(shapeOf(grid)) + " for " +
              inWords(shapeOf(x)));
  return {node.builder().make<graph::GridSampleOp>(x, grid, mode, padding, alignCorners)};
}

/// Positions from -1 to 1 along a dim: of the first and last element, or of their outer edges.
static Value positions(NodeReader &node, Type element, int64_t extent, bool alignCorners) {
  GraphBuilder &b = node.builder();
  double count = static_cast<double>(extent);
  double step = alignCorners ? (extent > 1 ? 2 / (count - 1) : 0) : 2 / count;
  double first = alignCorners ? -1 : -1 + step / 2;
  return b.makeAs<graph::IotaOp>(checkedType(extent, element), b.scalar(element, first), b.scalar(element, step), 0);
}

// AffineGrid: [positions, 1] · thetaᵀ                                                  ONNX AffineGrid, version 20
static Values affineGrid(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value theta = node.input(0, Floats);
  Integers size = node.integersInput(1);
  bool alignCorners = node.flag("align_corners", false);
  auto dims = static_cast<int64_t>(size.size()) - 2;
  if ((dims != 2 && dims != 3) || llvm::any_of(size, [](int64_t extent) { return extent < 1; }) ||
      shapeOf(theta) != ArrayRef<int64_t>({size[0], dims, dims + 1}))
    malformed("needs a size of four or five positive numbers and as many matrices of " + Twine(dims) + " rows");
  Type element = elementOf(theta);
  SmallVector<int64_t> spatial(size.begin() + 2, size.end()), column = spatial;
  checkedType(size, element);
  column.push_back(1);
  Values columns; // x, y, z: the last dim first
  for (int64_t dim = dims - 1; dim >= 0; --dim) {
    SmallVector<int64_t> aligned(dims + 1, 1);
    aligned[dim] = spatial[dim];
    Value along = positions(node, element, spatial[dim], alignCorners);
    columns.push_back(b.broadcast(b.reshape(along, aligned), column));
  }
  columns.push_back(b.broadcast(b.scalar(element, 1.0), column));
  int64_t points = graph::typeOf(columns.front()).getNumElements();
  Value homogeneous = b.reshape(b.make<graph::ConcatOp>(columns, dims), {1, points, dims + 1});
  Value grid = b.make<graph::MatMulOp>(homogeneous, b.transpose(theta, {0, 2, 1}));
  SmallVector<int64_t> shape = {size[0]};
  shape.append(spatial);
  shape.push_back(dims);
  return {b.reshape(grid, shape)};
}

// CenterCropPad: each axis cropped, or padded with zeros, around its middle     ONNX CenterCropPad, version 18
static Values centerCropPad(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0);
  Integers shape = node.integersInput(1);
  Integers axes = node.integers("axes").value_or(llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x))));
  normalAxes(axes, rankOf(x)); // each once
  if (shape.size() != axes.size() || llvm::any_of(shape, [](int64_t extent) { return extent < 0; }))
    malformed("needs one extent for each of " + Twine(axes.size()) + " axes");
  SmallVector<int64_t> low(rankOf(x), 0), high(rankOf(x), 0);
  for (auto [given, extent] : llvm::zip_equal(axes, shape)) {
    int64_t axis = normalAxis(given, rankOf(x)), excess = shapeOf(x)[axis] - extent;
    // Rounded down: the window begins earlier, and what is added goes to the end.
    low[axis] = excess > 0 ? -(excess / 2) : -excess / 2;
    high[axis] = -excess - low[axis];
  }
  return {b.make<graph::PadOp>(x, b.scalarLike(x, 0), low, high)};
}

// MaxUnpool: elements back at their places in a flat tensor of zeros              ONNX MaxUnpool, versions 9–22
static Values maxUnpool(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats), indices = node.input(1, SignedIntegers);
  std::optional<Integers> kernel = node.integers("kernel_shape"), shape = node.optionalIntegers(2);
  if (rankOf(x) < 3 || !kernel || static_cast<int64_t>(kernel->size()) != rankOf(x) - 2 ||
      shapeOf(indices) != shapeOf(x))
    malformed("needs an input of three dims or more, indices of the same dims and a kernel_shape that fits");
  Windows windows = readWindows(node, *kernel);
  if (!shape) {
    shape.emplace(shapeOf(x).take_front(2));
    for (size_t dim = 0; dim < windows.dims(); ++dim) {
      int64_t reach = checkedAdd(checkedMul(shapeOf(x)[dim + 2] - 1, windows.strides[dim]), windows.kernel[dim]);
      shape->push_back(checkedSub(reach, checkedAdd(windows.low[dim], windows.high[dim])));
    }
  }
  RankedTensorType type = checkedType(*shape, elementOf(x));
  int64_t count = graph::typeOf(x).getNumElements();
  Value zeros = b.broadcast(b.scalarLike(x, 0), {type.getNumElements()});
  Value flat = b.make<graph::ScatterElementsOp>(zeros, b.reshape(indices, {count}), b.reshape(x, {count}), int64_t(0),
                                                graph::ScatterReduction::None);
  return {b.reshape(flat, *shape)};
}

// Col2Im: each row of a channel's window goes to its place, and what meets is added up: a transposed convolution
// whose filters hold a single 1                                                             ONNX Col2Im, version 18
static Values col2Im(NodeReader &node) {
  GraphBuilder &b = node.builder();
  constexpr int64_t kMostElements = 1 << 24; // of the filter, which has the square of a window's
  Value x = node.input(0, Floats);
  Integers image = node.integersInput(1), block = node.integersInput(2);
  Windows windows = readWindows(node, block);
  int64_t window = 1, places = 1;
  for (int64_t extent : block)
    window = checkedMul(window, extent);
  if (rankOf(x) != 3 || image.size() != block.size() || shapeOf(x)[1] % window != 0)
    malformed("needs an input [n, channels · " + Twine(window) + ", places] and an image of " + Twine(block.size()) +
              " dims");
  SmallVector<int64_t> columns = {shapeOf(x)[0], shapeOf(x)[1]}, filterShape = {shapeOf(x)[1], 1};
  Integers outputPadding;
  for (size_t dim = 0; dim < block.size(); ++dim) {
    int64_t padded = checkedAdd(image[dim], checkedAdd(windows.low[dim], windows.high[dim]));
    int64_t room = checkedSub(padded, windows.reach(dim));
    if (image[dim] < 1 || room < 0)
      malformed("has a window that does not fit an image of " + inWords(image));
    columns.push_back(room / windows.strides[dim] + 1);
    places = checkedMul(places, columns.back());
    outputPadding.push_back(room % windows.strides[dim]);
    filterShape.push_back(block[dim]);
  }
  if (places != shapeOf(x)[2])
    malformed("has " + Twine(shapeOf(x)[2]) + " places, its windows " + Twine(places));
  if (checkedMul(shapeOf(x)[1], window) > kMostElements)
    unsupported("windows of " + Twine(window) + " elements in " + Twine(shapeOf(x)[1]) + " rows are too large");
  HostTensor filter = HostTensor::zeros(checkedType(filterShape, elementOf(x)));
  for (int64_t row = 0; row < shapeOf(x)[1]; ++row)
    filter.set(row * window + row % window, Scalar::ofFloat(1));
  return {b.make<graph::ConvTransposeOp>(b.reshape(x, columns), b.constant(filter), windows.strides, windows.dilations,
                                         windows.low, windows.high, outputPadding, shapeOf(x)[1] / window)};
}

// TensorScatter: updates from a position of each batch on, wrapped around where circular  ONNX TensorScatter, 24
static Values tensorScatter(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value cache = node.input(0), update = node.input(1), starts = node.optionalInput(2, SignedIntegers);
  int64_t axis = normalAxis(node.integer("axis", -2), rankOf(cache));
  bool circular = node.choice<bool>("mode", "linear", {{"linear", false}, {"circular", true}});
  Type i64 = b.builder().getI64Type();
  SmallVector<int64_t> expected(shapeOf(cache));
  if (axis == 0 || rankOf(update) != rankOf(cache))
    malformed("needs an update of as many dims as its cache, and an axis other than 0");
  int64_t most = expected[axis];
  expected[axis] = shapeOf(update)[axis];
  if (shapeOf(update) != ArrayRef<int64_t>(expected) || expected[axis] > most)
    malformed("has an update of dims " + inWords(shapeOf(update)) + " for a cache of " + inWords(shapeOf(cache)));
  auto number = [&](int64_t value) { return b.scalar(i64, Scalar::ofSigned(value)); };
  SmallVector<int64_t> along(rankOf(cache), 1), perBatch(rankOf(cache), 1);
  along[axis] = expected[axis];
  perBatch[0] = expected[0];
  Value places = b.makeAs<graph::IotaOp>(checkedType(along, i64), number(0), number(1), axis);
  if (starts)
    places = b.make<graph::AddOp>(places, b.reshape(b.cast(starts, i64), perBatch));
  if (circular)
    places = b.make<graph::ModOp>(places, number(most), /*fmod=*/false);
  return {b.make<graph::ScatterElementsOp>(cache, b.broadcast(places, expected), update, axis,
                                           graph::ScatterReduction::None)};
}

static constexpr Operator kOperators[] = {
    {"AffineGrid", 20, affineGrid},
    {"CenterCropPad", 18, centerCropPad},
    {"Col2Im", 18, col2Im},
    {"GridSample", 16, gridSample},
    {"MaxUnpool", 9, maxUnpool},
    {"TensorScatter", 24, tensorScatter},
    {"GridSample", 1, gridSample, "com.microsoft", 16},
};

ArrayRef<Operator> spatialOperators() { return kOperators; }

} // namespace smelt::frontend::onnx
