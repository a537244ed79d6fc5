// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that sample an image where data says, and a determinant.

#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Ops/Windows.h"

using namespace mlir;
using llvm::APFloat, llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents, graph::HostTensor, graph::Scalar;

// RoiAlign                                                                              ONNX RoiAlign, versions 10–22
static Values roiAlign(NodeReader &node) {
  Value x = node.input(0, Floats), rois = node.input(1, Floats), batches = node.input(2, SignedIntegers);
  bool halfPixel = node.opset() >= 16 && node.choice<bool>("coordinate_transformation_mode", "half_pixel",
                                                           {{"half_pixel", true}, {"output_half_pixel", false}});
  bool maximum = node.choice<bool>("mode", "avg", {{"avg", false}, {"max", true}});
  int64_t height = node.integer("output_height", 1), width = node.integer("output_width", 1);
  int64_t ratio = node.integer("sampling_ratio", 0);
  if (rankOf(rois) != 2)
    malformed("needs rois of two dims");
  rois = node.builder().expect(rois, {extentsOf(rois)[0], 4}, "rois");
  batches = node.builder().withShape(batches, ArrayRef(extentsOf(rois)).take_front(rankOf(batches) == 1 ? 1 : 0));
  return {node.builder().make<graph::RoiAlignOp>(x, rois, batches, height, width, ratio,
                                                 APFloat(node.number("spatial_scale", 1)), halfPixel, maximum)};
}

// MaxRoiPool                                                                         ONNX MaxRoiPool, versions 1–22
static Values maxRoiPool(NodeReader &node) {
  Value x = node.input(0, Floats), rois = node.input(1, Floats);
  Integers bins = node.integers("pooled_shape").value_or(Integers());
  if (bins.size() != 2)
    malformed("needs a pooled_shape of two numbers");
  APFloat scale(node.number("spatial_scale", 1));
  return {node.builder().make<graph::MaxRoiPoolOp>(x, rois, bins[0], bins[1], scale)};
}

constexpr int64_t kMostTaps = 1 << 16;

namespace {
/// DeformConv in its parts: samples where offsets say (grid_sample), times the mask, as columns of a product.
class DeformConvBuilder {
public:
  explicit DeformConvBuilder(NodeReader &node) : node_(node), b_(node.builder()) {}
  Values build();

private:
  void readOperands();
  Value kernelPlaces(int64_t dim);
  Value windowPlaces(int64_t dim);
  Value coordinate(Value offsets, int64_t dim);

  NodeReader &node_;
  GraphBuilder &b_;
  Value x_, filter_, offsets_, bias_, mask_;
  Windows windows_;
  Extents output_; // spatial
  Extent batch_, places_ = 1;
  int64_t groups_ = 1, offsetGroups_ = 1, taps_ = 1;
};
} // namespace

void DeformConvBuilder::readOperands() {
  x_ = node_.input(0, Floats);
  filter_ = node_.input(1, Floats);
  offsets_ = node_.input(2, Floats);
  bias_ = node_.optionalInput(3, Floats);
  mask_ = node_.optionalInput(4, Floats);
  windows_ = readWindows(node_, kernelOf(node_, x_, filter_));
  groups_ = groupsOf(node_, x_, filter_);
  offsetGroups_ = node_.integer("offset_group", 1);
  batch_ = extentsOf(x_)[0];
  for (size_t dim = 0; dim < windows_.dims(); ++dim) {
    Extent room = extentsOf(x_)[dim + 2] + windows_.low[dim] + windows_.high[dim] - windows_.reach(dim);
    bool isNone = room.isNumber() && room.number() < 0;
    output_.push_back(isNone ? Extent(0) : room.floorDiv(windows_.strides[dim]) + 1);
    taps_ = checkedMul(taps_, windows_.kernel[dim]);
  }
  places_ = elementsOf(output_);
  if (taps_ > kMostTaps)
    unsupported("a filter of " + Twine(taps_) + " taps is too large");
  if (offsetGroups_ < 1 || fixedDim(x_, 1) % offsetGroups_ != 0)
    malformed("has " + Twine(offsetGroups_) + " offset groups of " + Twine(fixedDim(x_, 1)) + " channels");
  Extents expected{batch_, checkedMul(offsetGroups_, taps_)};
  expected.append(output_);
  if (mask_)
    mask_ = b_.expect(mask_, expected, "a mask");
  expected[1] *= static_cast<int64_t>(windows_.dims());
  offsets_ = b_.expect(offsets_, expected, "offsets");
  if (bias_ && shapeOf(bias_) != shapeOf(filter_).take_front())
    malformed("needs a bias of " + Twine(shapeOf(filter_)[0]) + " elements, not " + inWords(shapeOf(bias_)));
}

/// Where each tap stands in its window along a dim, [taps, 1].
Value DeformConvBuilder::kernelPlaces(int64_t dim) {
  HostTensor places = HostTensor::zeros(checkedType({taps_, 1}, elementOf(x_)));
  SmallVector<int64_t> tap(windows_.dims(), 0);
  for (int64_t number = 0; number < taps_; ++number, graph::advance(tap, windows_.kernel))
    places.set(number, Scalar::ofFloat(static_cast<double>(tap[dim] * windows_.dilations[dim])));
  return b_.constant(places);
}

/// Where each window begins along a dim, [places].
Value DeformConvBuilder::windowPlaces(int64_t dim) {
  Extents along(windows_.dims(), 1);
  along[dim] = output_[dim];
  Value start = b_.scalarLike(x_, static_cast<double>(-windows_.low[dim]));
  Value step = b_.scalarLike(x_, static_cast<double>(windows_.strides[dim]));
  Value places = b_.makeAs<graph::IotaOp>(checkedType(along, elementOf(x_)), start, step, dim);
  return b_.reshape(b_.broadcast(places, output_), places_);
}

/// From -1 to 1 as grid_sample wants it, of offsets [n · groups, taps, dims, places]: (2 at + 1) / extent - 1
Value DeformConvBuilder::coordinate(Value offsets, int64_t dim) {
  const Extent images = extentsOf(offsets)[0], given = extentsOf(x_)[dim + 2];
  Value at = b_.reshape(b_.sliceDim(offsets, 2, dim, 1), {images, taps_, places_});
  at = b_.make<graph::AddOp>(b_.make<graph::AddOp>(at, kernelPlaces(dim)), windowPlaces(dim));
  Value step, first;
  if (given.isNumber()) {
    auto extent = static_cast<double>(given.number());
    step = b_.scalarLike(x_, 2 / extent);
    first = b_.scalarLike(x_, 1 / extent - 1);
  } else {
    Value half = b_.make<graph::ReciprocalOp>(b_.cast(b_.number(given), elementOf(x_)));
    step = b_.make<graph::AddOp>(half, half);
    first = b_.make<graph::SubOp>(half, b_.scalarLike(x_, 1));
  }
  Value result = b_.make<graph::AddOp>(b_.make<graph::MulOp>(at, step), first);
  return b_.reshape(result, {images, taps_, places_, 1});
}

Values DeformConvBuilder::build() {
  readOperands();
  auto dims = static_cast<int64_t>(windows_.dims());
  const Extent images = batch_ * offsetGroups_;
  int64_t channels = fixedDim(x_, 1), outputs = shapeOf(filter_)[0];
  Value offsets = b_.reshape(offsets_, {images, taps_, dims, places_});
  Values coordinates;
  for (int64_t dim = dims; dim-- > 0;)
    coordinates.push_back(coordinate(offsets, dim));
  // A grid of as many dims as the image: those that it lacks are 1.
  Extents gridShape{images, taps_, places_}, image{images, channels / offsetGroups_};
  gridShape.append(std::max<int64_t>(dims - 2, 0), 1);
  gridShape.push_back(dims);
  if (dims == 1)
    gridShape = {images, places_ * taps_, dims};
  llvm::append_range(image, spatialExtents(x_));
  Value grid = b_.reshape(b_.make<graph::ConcatOp>(coordinates, int64_t(3)), gridShape);
  Value samples = b_.make<graph::GridSampleOp>(b_.reshape(x_, image), grid, graph::ResizeMode::Linear,
                                               b_.builder().getStringAttr("zeros"), /*align_corners=*/false);
  samples = b_.reshape(samples, {images, channels / offsetGroups_, taps_, places_});
  if (mask_)
    samples = b_.make<graph::MulOp>(samples, b_.reshape(mask_, {images, 1, taps_, places_}));
  int64_t rows = checkedMul(channels / groups_, taps_);
  Value columns = b_.reshape(samples, {batch_, groups_, rows, places_});
  Value result = b_.matMul(b_.reshape(filter_, {groups_, outputs / groups_, rows}), columns);
  Extents shape{batch_, outputs}, biasShape(dims + 1, 1);
  shape.append(output_);
  biasShape[0] = outputs;
  result = b_.reshape(result, shape);
  return {bias_ ? b_.make<graph::AddOp>(result, b_.reshape(bias_, biasShape)) : result};
}

// DeformConv                                                                          ONNX DeformConv, versions 19–22
static Values deformConv(NodeReader &node) { return DeformConvBuilder(node).build(); }

// Det                                                                                       ONNX Det, versions 11–22
static Values det(NodeReader &node) {
  Value x = node.input(0, Floats);
  int64_t most = graph::TileAccess::kMostScratchBytes / (elementOf(x).isF64() ? 8 : 4);
  int64_t rows = rankOf(x) >= 2 ? fixedDim(x, rankOf(x) - 1) : 0;
  if (rows > 1 && rows > most / rows)
    unsupported("a matrix of " + Twine(rows) + " rows is too large; Smelt takes " + Twine(most) + " elements");
  return {node.builder().make<graph::DetOp>(x)};
}

static constexpr Operator kOperators[] = {
    {"DeformConv", 19, deformConv},
    {"Det", 11, det},
    {"MaxRoiPool", 1, maxRoiPool},
    {"RoiAlign", 10, roiAlign},
};

ArrayRef<Operator> detectionOperators() { return kOperators; }

} // namespace smelt::frontend::onnx
