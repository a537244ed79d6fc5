// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/TargetShape.h"
#include "frontends/tflite/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

using graph::Extent, graph::Extents, graph::NearestMode, graph::ResizeCoordinates, graph::ResizeMode;

static double scaleOf(const Extent &from, const Extent &to) {
  auto isNone = [](const Extent &extent) { return extent.isNumber() && extent.number() < 1; };
  if (isNone(from) || isNone(to))
    malformed("resizes a dim of " + from.str() + " to " + to.str());
  return resizeScale(from, to);
}

/// [n, h, w, c] with the two numbers of input 1 as h and w.
static Value resize(OperatorReader &node, ResizeMode mode, bool alignsCorners, bool isHalfPixel) {
  GraphBuilder &b = node.builder();
  Value x = mode == ResizeMode::Nearest ? node.moved(0) : node.real(0);
  Extents shape = extentsOf(x), sizes = node.extentsInput(1, GraphBuilder::Sign::NotNegative);
  if (shape.size() != 4 || sizes.size() != 2)
    malformed("needs an input of four dims and two sizes, not " + inWords(shape) + " and " + inWords(sizes));
  if (alignsCorners && isHalfPixel)
    malformed("aligns corners and centers of pixels at once");
  const SmallVector<double> scales = {1, scaleOf(shape[1], sizes[0]), scaleOf(shape[2], sizes[1]), 1};
  shape[1] = sizes[0];
  shape[2] = sizes[1];
  RankedTensorType type = checkedType(shape, elementOf(x));
  if (type == x.getType())
    return x;
  ResizeCoordinates coordinates = alignsCorners ? ResizeCoordinates::AlignCorners
                                  : isHalfPixel ? ResizeCoordinates::HalfPixel
                                                : ResizeCoordinates::Asymmetric;
  // Places are rounded down; with corners aligned, or centers, to the nearest.
  NearestMode nearest = alignsCorners || isHalfPixel ? NearestMode::RoundPreferCeil : NearestMode::Floor;
  return b.makeAs<graph::ResizeOp>(type, x, scales, mode, coordinates, nearest, APFloat(-0.75),
                                   /*exclude_outside=*/false);
}

static Values resizeBilinear(OperatorReader &node) {
  const auto &options = node.options<schema::ResizeBilinearOptions>();
  return {resize(node, ResizeMode::Linear, options.align_corners(), options.half_pixel_centers())};
}

static Values resizeNearestNeighbor(OperatorReader &node) {
  const auto &options = node.options<schema::ResizeNearestNeighborOptions>();
  return {resize(node, ResizeMode::Nearest, options.align_corners(), options.half_pixel_centers())};
}

static constexpr Operator kOperators[] = {
    {"RESIZE_BILINEAR", resizeBilinear},
    {"RESIZE_NEAREST_NEIGHBOR", resizeNearestNeighbor},
};

ArrayRef<Operator> resizeOperators() { return kOperators; }

} // namespace smelt::frontend::tflite
