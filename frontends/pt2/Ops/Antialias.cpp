// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Images resized with antialiasing, each dim by a matrix of weights, and the grids that affine maps make.

#include "frontends/pt2/Ops/Math.h"
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

constexpr int64_t kMostWeights = 1 << 24; // of a matrix

// 1 - |x|
static double triangle(double x) { return std::max(1 - std::abs(x), 0.0); }

// Keys' kernel of -1/2
static double cubic(double x) {
  constexpr double kA = -0.5;
  x = std::abs(x);
  if (x < 1)
    return ((kA + 2) * x - (kA + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * kA : 0;
}

namespace {
struct Filter {
  double (*weight)(double x);
  double reach;
};
/// Along one dim: results are `scale` elements apart.
struct Step {
  int64_t from, to;
  double scale;
};
} // namespace

/// [to, from]: what each element counts for each result, as upsample_bilinear2d_aa weighs them.
static Value weightsOf(GraphBuilder &b, const Step &step, const Filter &filter, Type type) {
  if (checkedMul(step.from, step.to) > kMostWeights)
    unsupported("resizes " + Twine(step.from) + " to " + Twine(step.to));
  b.countComputed(checkedMul(checkedMul(step.from, step.to), 8));
  graph::HostTensor weights = graph::HostTensor::zeros(RankedTensorType::get({step.to, step.from}, type));
  const double stretch = std::max(step.scale, 1.0), reach = filter.reach * stretch;
  for (int64_t result = 0; result < step.to; ++result) {
    const double centre = step.scale * (static_cast<double>(result) + 0.5), limit = static_cast<double>(step.from);
    const auto first = static_cast<int64_t>(std::clamp(centre - reach + 0.5, 0.0, limit));
    const auto end = static_cast<int64_t>(std::clamp(centre + reach + 0.5, 0.0, limit));
    SmallVector<double> row;
    double sum = 0;
    for (int64_t at = first; at < end; ++at) {
      row.push_back(filter.weight((static_cast<double>(at) - centre + 0.5) / stretch));
      sum += row.back();
    }
    for (auto [place, weight] : llvm::enumerate(row))
      weights.set(result * step.from + first + static_cast<int64_t>(place),
                  graph::Scalar::ofFloat(sum != 0 ? weight / sum : weight));
  }
  return b.constant(weights);
}

static Step stepOf(int64_t from, int64_t to, double factor, bool aligns) {
  if (from < 1 || to < 1)
    malformed("resizes a dim of " + Twine(from) + " to " + Twine(to));
  if (aligns)
    return {from, to, to > 1 ? static_cast<double>(from - 1) / static_cast<double>(to - 1) : 0};
  return {from, to, factor > 0 ? 1 / factor : static_cast<double>(from) / static_cast<double>(to)};
}

static Value antialiased(NodeReader &node, const Filter &filter) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor(node.hasArgument("input") ? "input" : "self");
  if (rankOf(x) != 4 || !isa<FloatType>(elementOf(x)))
    unsupported("resizes " + Twine(rankOf(x)) + " dims of " + inWords(elementOf(x)) + " with antialiasing");
  const int64_t height = fixedDim(x, 2), width = fixedDim(x, 3);
  const bool aligns = node.flag("align_corners");
  std::optional<Integers> size = node.optionalIntegers("output_size");
  SmallVector<double> factors(2, 0);
  if (node.hasArgument("scale_factors"))
    factors = node.optionalNumbers("scale_factors").value_or(factors);
  else
    factors = {node.optionalNumber("scales_h").value_or(0), node.optionalNumber("scales_w").value_or(0)};
  if (factors.size() != 2 || (size && size->size() != 2))
    malformed("needs a size or a scale for each of 2 dims");
  auto scaled = [](int64_t extent, double factor) {
    const double wanted = std::floor(static_cast<double>(extent) * factor);
    if (!(wanted >= 1 && wanted <= static_cast<double>(kMostWeights)))
      malformed("resizes a dim of " + Twine(extent) + " by " + Twine(std::to_string(factor)));
    return static_cast<int64_t>(wanted);
  };
  Integers wanted = size ? *size : Integers{scaled(height, factors[0]), scaled(width, factors[1])};
  Value rows = weightsOf(b, stepOf(height, wanted[0], factors[0], aligns), filter, elementOf(x));
  Value columns = weightsOf(b, stepOf(width, wanted[1], factors[1], aligns), filter, elementOf(x));
  return b.matMul(rows, b.matMul(x, b.transpose(columns, {1, 0})));
}
static Value antialiasedLinear(NodeReader &node) { return antialiased(node, {triangle, 1}); }
static Value antialiasedCubic(NodeReader &node) { return antialiased(node, {cubic, 2}); }

/// [n, d, d + 1], a size [n, c, s…] → [n, s…, d]: where each place of a result lies in [-1, 1] of the input, the last
/// dim of the size first.
static Value affineGrid(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value theta = node.tensor("theta");
  Integers size = node.integers("size");
  const bool aligns = node.flag("align_corners");
  const auto dims = static_cast<int64_t>(size.size()) - 2;
  if ((dims != 2 && dims != 3) || rankOf(theta) != 3 || fixedDim(theta, 1) != dims || fixedDim(theta, 2) != dims + 1)
    malformed("makes a grid of " + Twine(dims) + " dims by maps " + inWords(extentsOf(theta)));
  int64_t count = 1;
  for (int64_t extent : ArrayRef(size).drop_front(2)) {
    if (extent < 1)
      malformed("makes a grid of " + inWords(size));
    count = checkedMul(count, extent);
  }
  if (count > kMostWeights)
    unsupported("makes a grid of " + Twine(count) + " places");
  b.countComputed(checkedMul(count, 4 * (dims + 1)));
  graph::HostTensor places = graph::HostTensor::zeros(RankedTensorType::get({count, dims + 1}, elementOf(theta)));
  for (int64_t place = 0; place < count; ++place) {
    int64_t rest = place;
    for (int64_t dim = 0; dim < dims; ++dim) {
      const int64_t extent = size[size.size() - 1 - dim], at = rest % extent;
      rest /= extent;
      const double last = static_cast<double>(extent - 1), number = static_cast<double>(at);
      const double where = extent == 1 ? 0
                           : aligns    ? 2 * number / last - 1
                                       : (2 * number + 1) / static_cast<double>(extent) - 1;
      places.set(place * (dims + 1) + dim, graph::Scalar::ofFloat(where));
    }
    places.set(place * (dims + 1) + dims, graph::Scalar::ofFloat(1));
  }
  Extents shape{extentsOf(theta)[0]};
  for (int64_t extent : ArrayRef(size).drop_front(2))
    shape.push_back(extent);
  shape.push_back(dims);
  return b.reshape(b.matMul(b.constant(places), b.transpose(theta, {0, 2, 1})), shape);
}

static constexpr Operator kOperators[] = {
    {"aten._upsample_bicubic2d_aa.default", antialiasedCubic},
    {"aten._upsample_bicubic2d_aa.vec", antialiasedCubic},
    {"aten._upsample_bilinear2d_aa.default", antialiasedLinear},
    {"aten._upsample_bilinear2d_aa.vec", antialiasedLinear},
    {"aten.affine_grid_generator.default", affineGrid},
};

ArrayRef<Operator> antialiasOperators() { return kOperators; }

} // namespace smelt::frontend::pt2
