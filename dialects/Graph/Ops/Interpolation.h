// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values between elements, for resize and grid_sample. Coordinates and weights are f32, and written once over X: float,
// which is the reference, and Expr, which is what targets emit.

#ifndef SMELT_DIALECTS_GRAPH_OPS_INTERPOLATION_H
#define SMELT_DIALECTS_GRAPH_OPS_INTERPOLATION_H

#include "dialects/Graph/Ops/Expression.h"
#include "dialects/Graph/Ops/Indexing.h"
#include <cmath>

namespace smelt::graph::interpolation {

using std::abs, std::floor;
inline float real(float /*like*/, double value) { return static_cast<float>(value); }
inline Expr real(Expr like, double value) { return like.real(value); }
inline float select(bool condition, float a, float b) { return condition ? a : b; }
inline float roundEven(float x) { return std::nearbyint(x); }

/// An element's part in a value between elements: its place along a dim, a whole number that may lie outside, and its
/// weight.
template <typename X> struct Tap {
  X place;
  X weight;
};
template <typename X> using Taps = llvm::SmallVector<Tap<X>, 4>;

template <typename X> Taps<X> linearTaps(X x) {
  X first = floor(x), rest = x - first;
  return {{first, real(x, 1) - rest}, {first + real(x, 1), rest}};
}

/// Keys, "Cubic convolution interpolation for digital image processing", 1981.
template <typename X> Taps<X> cubicTaps(X x, double a) {
  X first = floor(x), rest = x - first, one = real(x, 1), left = one - rest;
  auto near = [&](X r) { return (real(x, a + 2) * r - real(x, a + 3)) * r * r + one; };
  auto far = [&](X r) {
    X distance = r + one;
    return ((real(x, a) * distance - real(x, 5 * a)) * distance + real(x, 8 * a)) * distance - real(x, 4 * a);
  };
  return {{first - one, far(rest)}, {first, near(rest)}, {first + one, near(left)}, {first + real(x, 2), far(left)}};
}

/// Extents as numbers, when the model is compiled and when it runs.
struct KnownExtents {
  float operator()(float /*like*/, const Extent &extent, double added = 0) const {
    return static_cast<float>(static_cast<double>(extent.number()) + added);
  }
};
struct EmittedExtents {
  ElementAccess &access;

  Expr operator()(Expr like, const Extent &extent, double added = 0) const {
    if (extent.isNumber())
      return like.real(static_cast<double>(extent.number()) + added);
    return numberOf(access.count(extent), like) + added;
  }
};

/// A place limited to [0, last]; NaN goes to 0.
template <typename X> X limited(X place, X most) {
  X least = real(place, 0);
  X raised = select(place > least, place, least);
  return select(raised < most, raised, most);
}

/// Where an interpolation reads along one dim. Null weights are 1; where isInside is given and does not hold, there is
/// but zero.
struct HostTap {
  int64_t index = 0;
  std::optional<float> weight;
  bool isInside = true;
};
struct EmittedTap {
  mlir::Value index;
  std::optional<Expr> weight; // of one lane
  mlir::Value isInside;       // i1
};
template <typename T> struct Axis {
  int64_t dim = 0;
  llvm::SmallVector<T, 4> taps;
};

/// A limited place as an index below `extent`.
int64_t toIndex(float place, int64_t extent);
mlir::Value toIndex(ElementAccess &access, Expr place, const Extent &extent);

/// The sum over the axes' taps of weight · element. `offset` is that of the element at index 0 of all axes.
double interpolate(const HostTensor &tensor, int64_t offset, llvm::ArrayRef<int64_t> strides,
                   llvm::ArrayRef<Axis<HostTap>> axes);
/// Stores a number between elements: integers are cut off, as casts do, and saturate.
void storeBetween(const HostTensor &result, int64_t position, double value);

/// The same on lanes, in the tensor's compute type; `index` has what is not an axis. Null where the tensor can't be
/// read so.
mlir::Value interpolate(ElementAccess &access, mlir::Value tensor, llvm::SmallVector<LaneIndex> index,
                        llvm::ArrayRef<Axis<EmittedTap>> axes);

} // namespace smelt::graph::interpolation

#endif // SMELT_DIALECTS_GRAPH_OPS_INTERPOLATION_H
