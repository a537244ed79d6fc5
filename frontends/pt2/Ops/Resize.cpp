// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Images of other sizes, and samples of images.

#include "frontends/common/TargetShape.h"
#include "frontends/pt2/Ops/Operands.h"
#include <cmath>

using namespace mlir;
using llvm::APFloat, llvm::Twine;

namespace smelt::frontend::pt2 {

using graph::NearestMode, graph::ResizeCoordinates, graph::ResizeMode;

namespace {
/// The extents that are asked for, and the scales where they are stated.
struct Target {
  Extents shape;
  SmallVector<double> scales; // 0: the result's extent by the input's
};
} // namespace

/// ⌊extent · scale⌋, as the product of floats of 64 bits is rounded.
static Extent scaledExtent(GraphBuilder &b, const Extent &extent, double scale) {
  if (!(scale > 0) || scale > 1e6)
    malformed("resizes by " + Twine(std::to_string(scale)));
  if (extent.isNumber()) {
    double size = std::floor(static_cast<double>(extent.number()) * scale);
    if (!(size < graph::kMostExtent))
      malformed("resizes a dim of " + extent.str() + " by " + Twine(std::to_string(scale)));
    return static_cast<int64_t>(size);
  }
  double inverse = 1 / scale;
  if (scale == std::floor(scale))
    return extent * static_cast<int64_t>(scale);
  if (inverse == std::floor(inverse))
    return extent.floorDiv(static_cast<int64_t>(inverse));
  constexpr int64_t kMostParts = 1 << 16;
  for (int64_t parts = 2; parts <= kMostParts; parts *= 2) // of which products are exact
    if (const double factor = scale * static_cast<double>(parts); factor == std::floor(factor))
      return (extent * static_cast<int64_t>(factor)).floorDiv(parts);
  const Type f64 = b.builder().getF64Type();
  Value product = b.make<graph::MulOp>(b.cast(b.number(extent), f64), b.scalar(f64, scale));
  return b.countFrom(b.cast(b.make<graph::FloorOp>(product), b.builder().getI64Type()),
                     extent * static_cast<int64_t>(std::ceil(scale)));
}

/// Sizes and one scale a dim ("scales_h"), or, in the form `vec`, sizes or a list of scales.
static Target readTarget(NodeReader &node, Value x) {
  Target target{extentsOf(x), SmallVector<double>(rankOf(x), 1)};
  const auto dims = static_cast<size_t>(rankOf(x) - 2);
  if (rankOf(x) < 3)
    malformed("resizes a tensor of " + Twine(rankOf(x)) + " dims");
  std::optional<Extents> sizes = node.optionalExtents("output_size");
  SmallVector<double> scales(dims, 0);
  if (node.hasArgument("scale_factors")) {
    if (std::optional<SmallVector<double>> given = node.optionalNumbers("scale_factors"))
      scales = *given;
  } else {
    constexpr llvm::StringLiteral kNames[] = {"scales_d", "scales_h", "scales_w"};
    for (size_t dim = 0; dim < dims; ++dim) {
      StringRef name = dims == 1 ? "scales" : StringRef(kNames[3 - dims + dim]);
      scales[dim] = node.optionalNumber(name).value_or(0);
    }
  }
  if ((sizes && sizes->size() != dims) || scales.size() != dims || (!sizes && llvm::is_contained(scales, 0.0)))
    malformed("needs a size or a scale for each of " + Twine(dims) + " dims");
  for (size_t dim = 0; dim < dims; ++dim) {
    target.shape[dim + 2] = sizes ? (*sizes)[dim] : scaledExtent(node.builder(), target.shape[dim + 2], scales[dim]);
    target.scales[dim + 2] = scales[dim];
  }
  return target;
}

static Value resized(NodeReader &node, ResizeMode mode, ResizeCoordinates coordinates, NearestMode nearest) {
  Value x = node.tensor(node.hasArgument("input") ? "input" : "self");
  Target target = readTarget(node, x);
  const bool aligns = coordinates == ResizeCoordinates::AlignCorners;
  for (size_t dim = 2; dim < target.scales.size(); ++dim) // with corners aligned, sizes alone matter
    if (target.scales[dim] == 0 || aligns)
      target.scales[dim] = resizeScale(extentsOf(x)[dim], target.shape[dim]);
  if (target.shape == extentsOf(x))
    return x;
  constexpr double kCubic = -0.75;
  return node.builder().makeAs<graph::ResizeOp>(checkedType(target.shape, elementOf(x)), x, target.scales, mode,
                                                coordinates, nearest, APFloat(kCubic), /*exclude_outside=*/false);
}

static Value nearest(NodeReader &node) {
  return resized(node, ResizeMode::Nearest, ResizeCoordinates::Asymmetric, NearestMode::Floor);
}
/// ⌊(i + 1/2) / scale⌋: the nearest of half pixels, the higher of two as near
static Value nearestExact(NodeReader &node) {
  return resized(node, ResizeMode::Nearest, ResizeCoordinates::HalfPixel, NearestMode::RoundPreferCeil);
}
template <ResizeMode mode> static Value interpolated(NodeReader &node) {
  return resized(node, mode,
                 node.flag("align_corners") ? ResizeCoordinates::AlignCorners : ResizeCoordinates::HalfPixel,
                 NearestMode::RoundPreferFloor);
}

/// A border that is as wide as a cubic filter reaches, and positions that are where they were. torch takes the nearest
/// for each of the filter's places beyond an image, but leaves the filter where it is, which graph.grid_sample moves to
/// the border: so far beyond this one, all its places have one value.
static void widenForCubic(GraphBuilder &b, Value &x, Value &grid, bool aligns) {
  constexpr int64_t kReach = 2;
  Values factors; // of the last dim first
  for (int64_t dim = rankOf(x) - 1; dim >= 2; --dim) {
    const Extent size = extentsOf(x)[dim];
    Value first = b.sliceDim(x, dim, 0, 1), last = b.sliceDim(x, dim, size - 1, 1);
    x = b.concat({first, first, x, last, last}, dim);
    auto spanOf = [&](const Extent &extent) { return b.cast(b.number(extent - (aligns ? 1 : 0)), elementOf(grid)); };
    factors.push_back(b.make<graph::DivOp>(spanOf(size), spanOf(size + 2 * kReach)));
  }
  grid = b.make<graph::MulOp>(grid, b.stack(factors, 0));
}

// Samples of an image at positions from -1 to 1.
static Value gridSampler(NodeReader &node) {
  GraphBuilder &b = node.builder();
  constexpr llvm::StringLiteral kPaddings[] = {"zeros", "border", "reflection"};
  Value x = node.tensor("input"), grid = node.tensor("grid");
  int64_t mode = node.integer("interpolation_mode"), padding = node.integer("padding_mode");
  if (mode < 0 || mode > 2 || padding < 0 || padding > 2)
    malformed("has interpolation_mode " + Twine(mode) + " and padding_mode " + Twine(padding));
  constexpr ResizeMode kModes[] = {ResizeMode::Linear, ResizeMode::Nearest, ResizeMode::Cubic};
  const bool aligns = node.flag("align_corners");
  if (kModes[mode] == ResizeMode::Cubic && kPaddings[padding] == "border" && rankOf(x) > 2)
    widenForCubic(b, x, grid, aligns);
  return b.make<graph::GridSampleOp>(x, grid, kModes[mode], b.builder().getStringAttr(kPaddings[padding]), aligns);
}

static constexpr Operator kOperators[] = {
    {"aten._upsample_nearest_exact1d.default", nearestExact},
    {"aten._upsample_nearest_exact1d.vec", nearestExact},
    {"aten._upsample_nearest_exact2d.default", nearestExact},
    {"aten._upsample_nearest_exact2d.vec", nearestExact},
    {"aten._upsample_nearest_exact3d.vec", nearestExact},
    {"aten.grid_sampler.default", gridSampler},
    {"aten.grid_sampler_2d.default", gridSampler},
    {"aten.grid_sampler_3d.default", gridSampler},
    {"aten.upsample_bicubic2d.default", interpolated<ResizeMode::Cubic>},
    {"aten.upsample_bicubic2d.vec", interpolated<ResizeMode::Cubic>},
    {"aten.upsample_bilinear2d.default", interpolated<ResizeMode::Linear>},
    {"aten.upsample_bilinear2d.vec", interpolated<ResizeMode::Linear>},
    {"aten.upsample_linear1d.default", interpolated<ResizeMode::Linear>},
    {"aten.upsample_linear1d.vec", interpolated<ResizeMode::Linear>},
    {"aten.upsample_nearest1d.default", nearest},
    {"aten.upsample_nearest1d.vec", nearest},
    {"aten.upsample_nearest2d.default", nearest},
    {"aten.upsample_nearest2d.vec", nearest},
    {"aten.upsample_nearest3d.default", nearest},
    {"aten.upsample_nearest3d.vec", nearest},
    {"aten.upsample_trilinear3d.default", interpolated<ResizeMode::Linear>},
    {"aten.upsample_trilinear3d.vec", interpolated<ResizeMode::Linear>},
};

ArrayRef<Operator> resizeOperators() { return kOperators; }

} // namespace smelt::frontend::pt2
