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

using graph::Extent, graph::Extents, graph::HostTensor, graph::Scalar;

// GridSample                                                                          ONNX GridSample, versions 16–22
static Values gridSample(NodeReader &node) {
  using graph::ResizeMode;
  Value x = node.input(0, Numbers | Bools), grid = node.input(1, Floats);
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
  if (rankOf(x) >= 3 && rankOf(grid) == rankOf(x)) {
    grid = node.builder().withDim(grid, 0, extentsOf(x)[0]);
    grid = node.builder().withDim(grid, rankOf(grid) - 1, rankOf(x) - 2);
  }
  if (rankOf(x) < 3 || rankOf(grid) != rankOf(x) || extentsOf(grid).back() != Extent(rankOf(x) - 2) ||
      extentsOf(grid)[0] != extentsOf(x)[0])
    malformed("needs a grid of one position for each of its result's, not " + inWords(extentsOf(grid)) + " for " +
              inWords(extentsOf(x)));
  return {node.builder().throughFloat(x, [&](Value image) {
    return node.builder().make<graph::GridSampleOp>(image, grid, mode, padding, alignCorners);
  })};
}

/// The same of an extent that only the run knows.
static Value runPositions(GraphBuilder &b, Type element, const Extent &extent, bool alignCorners) {
  Value one = b.scalar(element, 1.0), two = b.scalar(element, 2.0), minus = b.scalar(element, -1.0);
  Value count = b.cast(b.number(extent), element), step = b.make<graph::DivOp>(two, count), first;
  if (alignCorners) {
    Value last = b.make<graph::SubOp>(count, one), isSingle = b.make<graph::LessEqualOp>(count, one);
    step = b.make<graph::SelectOp>(isSingle, b.scalar(element, 0.0), b.make<graph::DivOp>(two, last));
    first = minus;
  } else {
    first = b.make<graph::AddOp>(minus, b.make<graph::DivOp>(one, count));
  }
  return b.makeAs<graph::IotaOp>(checkedType({extent}, element), first, step, 0);
}

/// Positions from -1 to 1 along a dim: of the first and last element, or of their outer edges.
static Value positions(NodeReader &node, Type element, const Extent &given, bool alignCorners) {
  GraphBuilder &b = node.builder();
  if (!given.isNumber())
    return runPositions(b, element, given, alignCorners);
  int64_t extent = given.number();
  double count = static_cast<double>(extent);
  double step = alignCorners ? (extent > 1 ? 2 / (count - 1) : 0) : 2 / count;
  double first = alignCorners ? -1 : -1 + step / 2;
  return b.makeAs<graph::IotaOp>(checkedType(extent, element), b.scalar(element, first), b.scalar(element, step), 0);
}

// AffineGrid: [positions, 1] · thetaᵀ                                                  ONNX AffineGrid, version 20
static Values affineGrid(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value theta = node.input(0, Floats);
  Extents size = node.extentsInput(1);
  bool alignCorners = node.flag("align_corners", false);
  auto dims = static_cast<int64_t>(size.size()) - 2;
  auto isNone = [](const Extent &extent) { return extent.isNumber() && extent.number() < 1; };
  if (rankOf(theta) == 3 && dims > 0)
    theta = b.withShape(theta, {size[0], dims, dims + 1});
  if ((dims != 2 && dims != 3) || llvm::any_of(size, isNone) || extentsOf(theta) != Extents{size[0], dims, dims + 1})
    malformed("needs a size of four or five positive numbers and as many matrices of " + Twine(dims) + " rows");
  Type element = elementOf(theta);
  Extents spatial(llvm::drop_begin(size, 2)), column = spatial;
  checkedType(size, element);
  column.push_back(1);
  Values columns; // x, y, z: the last dim first
  for (int64_t dim = dims - 1; dim >= 0; --dim) {
    Extents aligned(dims + 1, 1);
    aligned[dim] = spatial[dim];
    Value along = positions(node, element, spatial[dim], alignCorners);
    columns.push_back(b.broadcast(b.reshape(along, aligned), column));
  }
  columns.push_back(b.broadcast(b.scalar(element, 1.0), column));
  const Extent points = elementsOf(spatial);
  Value homogeneous = b.reshape(b.make<graph::ConcatOp>(columns, dims), {1, points, dims + 1});
  Value grid = b.make<graph::MatMulOp>(homogeneous, b.transpose(theta, {0, 2, 1}));
  Extents shape{size[0]};
  shape.append(spatial);
  shape.push_back(dims);
  return {b.reshape(grid, shape)};
}

// CenterCropPad: each axis cropped, or padded with zeros, around its middle     ONNX CenterCropPad, version 18
static Values centerCropPad(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0);
  Extents shape = node.extentsInput(1, GraphBuilder::Sign::NotNegative);
  Integers axes = node.integers("axes").value_or(llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x))));
  normalAxes(axes, rankOf(x)); // each once
  auto isNegative = [](const Extent &extent) { return extent.isNumber() && extent.number() < 0; };
  if (shape.size() != axes.size() || llvm::any_of(shape, isNegative))
    malformed("needs one extent for each of " + Twine(axes.size()) + " axes");
  Extents low(rankOf(x), 0), high(rankOf(x), 0);
  for (auto [given, extent] : llvm::zip_equal(axes, shape)) {
    int64_t axis = normalAxis(given, rankOf(x));
    Extent excess = extentsOf(x)[axis] - extent, missing = Extent::max(Extent(0) - excess, 0);
    // Rounded down: the window begins earlier, and what is added goes to the end.
    low[axis] = missing.floorDiv(2) - Extent::max(excess, 0).floorDiv(2);
    high[axis] = Extent(0) - excess - low[axis];
  }
  return {b.make<graph::PadOp>(x, b.scalarLike(x, 0), ArrayRef<Extent>(low), ArrayRef<Extent>(high),
                               graph::PadMode::Constant)};
}

// MaxUnpool: elements back at their places in a flat tensor of zeros              ONNX MaxUnpool, versions 9–22
static Values maxUnpool(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats), indices = node.input(1, SignedIntegers);
  std::optional<Integers> kernel = node.integers("kernel_shape");
  std::optional<Extents> stated = node.optionalExtents(2, GraphBuilder::Sign::NotNegative);
  if (rankOf(x) < 3 || !kernel || static_cast<int64_t>(kernel->size()) != rankOf(x) - 2)
    malformed("needs an input of three dims or more and a kernel_shape that fits");
  Extents from = extentsOf(x);
  indices = b.expect(indices, from, "indices");
  Windows windows = readWindows(node, *kernel);
  Extents shape(ArrayRef<Extent>(from).take_front(2));
  for (size_t dim = 0; dim < windows.dims(); ++dim) {
    Extent reach = (from[dim + 2] - 1) * windows.strides[dim] + windows.kernel[dim];
    shape.push_back(reach - windows.low[dim] - windows.high[dim]);
  }
  checkedType(shape, elementOf(x));
  const Extent count = elementsOf(from);
  Value zeros = b.broadcast(b.scalarLike(x, 0), elementsOf(shape));
  Value flat = b.make<graph::ScatterElementsOp>(zeros, b.reshape(indices, count), b.reshape(x, count), int64_t(0),
                                                graph::ScatterReduction::None);
  Value result = b.reshape(flat, shape);
  if (!stated)
    return {result};
  // Places are those of the shape that the windows make; the rest of a larger one is zeros.
  if (stated->size() != shape.size())
    malformed("has an output_shape " + inWords(*stated) + " for " + Twine(shape.size()) + " dims");
  for (auto [dim, extent] : llvm::enumerate(*stated))
    result = b.padDim(result, static_cast<int64_t>(dim), 0, extent - shape[dim], b.scalarLike(x, 0));
  return {result};
}

/// Where the taps of windows lie in an image, as one dim: i64 [taps, windows], and whether they lie inside it.
struct WindowPlaces {
  Value places, isInside;
};

/// Coordinate `dim` of a row-major number.
static Value coordinate(GraphBuilder &b, Value number, ArrayRef<Extent> extents, size_t dim) {
  Value inner = b.number(elementsOf(extents.drop_front(dim + 1)));
  return b.make<graph::ModOp>(b.make<graph::DivOp>(number, inner), b.number(extents[dim]), /*fmod=*/false);
}

static WindowPlaces placesOf(GraphBuilder &b, const Windows &windows, ArrayRef<Extent> image, ArrayRef<Extent> block,
                             ArrayRef<Extent> counts) {
  Value tap = b.countAlong({elementsOf(block), 1}, 0), window = b.countAlong({1, elementsOf(counts)}, 1);
  WindowPlaces result;
  for (size_t dim = 0; dim < image.size(); ++dim) {
    Value start = b.make<graph::MulOp>(coordinate(b, window, counts, dim), b.number(windows.strides[dim]));
    Value step = b.make<graph::MulOp>(coordinate(b, tap, block, dim), b.number(windows.dilations[dim]));
    Value at = b.make<graph::SubOp>(b.make<graph::AddOp>(start, step), b.number(windows.low[dim]));
    Value isInside = b.make<graph::AndOp>(b.make<graph::GreaterEqualOp>(at, b.number(0)),
                                          b.make<graph::LessOp>(at, b.number(image[dim])));
    result.isInside = result.isInside ? b.make<graph::AndOp>(result.isInside, isInside) : isInside;
    Value before = result.places ? b.make<graph::MulOp>(result.places, b.number(image[dim])) : nullptr;
    result.places = before ? b.make<graph::AddOp>(before, at) : at;
  }
  result.places = b.make<graph::SelectOp>(result.isInside, result.places, b.number(0));
  return result;
}

/// Col2Im of an image or windows that only the run knows.
static Value col2ImByRun(NodeReader &node, Value x, ArrayRef<Extent> image, ArrayRef<Extent> block) {
  GraphBuilder &b = node.builder();
  if (rankOf(x) != 3 || image.size() != block.size())
    malformed("needs an input of three dims and an image of " + Twine(block.size()) + " dims");
  Windows windows = readWindows(node, Integers(block.size(), 1)); // whose kernel is not read
  Extents counts;
  for (size_t dim = 0; dim < image.size(); ++dim) {
    Extent room = image[dim] + windows.low[dim] + windows.high[dim] - (block[dim] - 1) * windows.dilations[dim] - 1;
    counts.push_back(b.named(room.floorDiv(windows.strides[dim]) + 1, GraphBuilder::Sign::NotNegative));
  }
  const Extent taps = b.named(elementsOf(block), GraphBuilder::Sign::NotNegative), all = elementsOf(counts);
  const Extent batch = extentsOf(x)[0],
               channels = b.named(extentsOf(x)[1].floorDiv(taps), GraphBuilder::Sign::NotNegative);
  x = b.withShape(x, {batch, channels * taps, all});
  WindowPlaces where = placesOf(b, windows, image, block, counts);
  Extents shape{batch, channels, elementsOf(block) * all};
  auto flat = [&](Value value) { return b.reshape(value, ArrayRef<Extent>(shape).take_back(1)); };
  Value values = b.make<graph::SelectOp>(flat(where.isInside), b.reshape(x, shape), b.scalarLike(x, 0));
  Value zeros = b.broadcast(b.scalarLike(x, 0), {batch, channels, elementsOf(image)});
  Value sums = b.make<graph::ScatterElementsOp>(zeros, b.broadcast(flat(where.places), shape), values, int64_t(2),
                                                graph::ScatterReduction::Add);
  Extents result{batch, channels};
  llvm::append_range(result, image);
  return b.reshape(sums, result);
}

// Col2Im: each row of a channel's window goes to its place, and what meets is added up: a transposed convolution
// whose filters hold a single 1                                                             ONNX Col2Im, version 18
static Values col2Im(NodeReader &node) {
  GraphBuilder &b = node.builder();
  constexpr int64_t kMostElements = 1 << 24; // of the filter, which has the square of a window's
  Value x = node.input(0, Numbers | Bools);
  Extents imageExtents = node.extentsInput(1, GraphBuilder::Sign::NotNegative);
  Extents blockExtents = node.extentsInput(2, GraphBuilder::Sign::NotNegative);
  std::optional<Integers> knownImage = graph::asNumbers(imageExtents), knownBlock = graph::asNumbers(blockExtents);
  if (elementOf(x).isInteger(1)) // what meets is added up as well
    return {b.cast(col2ImByRun(node, b.cast(x, b.builder().getI32Type()), imageExtents, blockExtents), elementOf(x))};
  if (!knownImage || !knownBlock || !isa<FloatType>(elementOf(x)))
    return {col2ImByRun(node, x, imageExtents, blockExtents)};
  const Integers &image = *knownImage, &block = *knownBlock;
  Windows windows = readWindows(node, block);
  int64_t window = 1, places = 1;
  for (int64_t extent : block)
    window = checkedMul(window, extent);
  if (rankOf(x) != 3 || image.size() != block.size() || fixedDim(x, 1) % window != 0)
    malformed("needs an input [n, channels · " + Twine(window) + ", places] and an image of " + Twine(block.size()) +
              " dims");
  int64_t rows = fixedDim(x, 1);
  Extents columns = {extentsOf(x)[0], rows};
  SmallVector<int64_t> filterShape = {rows, 1};
  Integers outputPadding;
  for (size_t dim = 0; dim < block.size(); ++dim) {
    int64_t padded = checkedAdd(image[dim], checkedAdd(windows.low[dim], windows.high[dim]));
    int64_t room = checkedSub(padded, windows.reach(dim));
    if (image[dim] < 1 || room < 0)
      malformed("has a window that does not fit an image of " + inWords(image));
    columns.push_back(room / windows.strides[dim] + 1);
    places = checkedMul(places, columns.back().number());
    outputPadding.push_back(room % windows.strides[dim]);
    filterShape.push_back(block[dim]);
  }
  x = b.withDim(x, 2, places);
  if (extentsOf(x)[2] != Extent(places))
    malformed("has " + extentsOf(x)[2].str() + " places, its windows " + Twine(places));
  if (checkedMul(rows, window) > kMostElements)
    unsupported("windows of " + Twine(window) + " elements in " + Twine(rows) + " rows are too large");
  HostTensor filter = HostTensor::zeros(checkedType(filterShape, elementOf(x)));
  for (int64_t row = 0; row < rows; ++row)
    filter.set(row * window + row % window, Scalar::ofFloat(1));
  return {b.make<graph::ConvTransposeOp>(b.reshape(x, columns), b.constant(filter), windows.strides, windows.dilations,
                                         windows.low, windows.high, outputPadding, rows / window)};
}

// TensorScatter: updates from a position of each batch on, wrapped around where circular  ONNX TensorScatter, 24
static Values tensorScatter(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value cache = node.input(0), update = node.input(1), starts = node.optionalInput(2, SignedIntegers);
  int64_t axis = normalAxis(node.integer("axis", -2), rankOf(cache));
  bool circular = node.choice<bool>("mode", "linear", {{"linear", false}, {"circular", true}});
  Type i64 = b.builder().getI64Type();
  Extents expected = extentsOf(cache);
  if (axis == 0 || rankOf(update) != rankOf(cache))
    malformed("needs an update of as many dims as its cache, and an axis other than 0");
  const Extent most = expected[axis];
  expected[axis] = extentsOf(update)[axis];
  const Extent rest = most - expected[axis];
  if (rest.isNumber() && rest.number() < 0)
    malformed("has an update of dims " + inWords(extentsOf(update)) + " for a cache of " + inWords(extentsOf(cache)));
  update = b.expect(update, expected, "an update");
  auto number = [&](const Extent &value) { return b.number(value); };
  Extents along(rankOf(cache), 1), perBatch(rankOf(cache), 1);
  along[axis] = expected[axis];
  perBatch[0] = expected[0];
  Value places = b.countAlong(along, axis);
  if (starts)
    places = b.make<graph::AddOp>(places, b.reshape(b.cast(starts, i64), perBatch));
  if (circular)
    places = b.make<graph::ModOp>(places, number(most), /*fmod=*/false);
  return {b.make<graph::ScatterElementsOp>(cache, b.broadcast(places, expected), update, axis,
                                           graph::ScatterReduction::None)};
}

static constexpr Operator kOperators[] = {
    {"AffineGrid", 20, affineGrid, "", 0,
     "with align_corners, the one place along a dim of 1 is -1, as in the reference; in ONNX Runtime it is 1."},
    {"CenterCropPad", 18, centerCropPad},
    {"Col2Im", 18, col2Im},
    {"GridSample", 16, gridSample, "", 0,
     "cubic samples at the border weigh the elements that the padding mode says, as in the reference; those of ONNX "
     "Runtime differ."},
    {"MaxUnpool", 9, maxUnpool},
    {"TensorScatter", 24, tensorScatter},
    {"GridSample", 1, gridSample, "com.microsoft", 16},
};

ArrayRef<Operator> spatialOperators() { return kOperators; }

} // namespace smelt::frontend::onnx
