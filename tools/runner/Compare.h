// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// How far a tensor is from another.

#ifndef SMELT_TOOLS_RUNNER_COMPARE_H
#define SMELT_TOOLS_RUNNER_COMPARE_H

#include "smelt/smelt.h"

#include <string>
#include <vector>

namespace smelt::runner {

/// Elements that belong to somebody else.
struct TensorView {
  smelt_dtype dtype;
  std::vector<int64_t> shape;
  const unsigned char *bytes;

  /// Floats of less than 16 bits are not among these: they are the same only where their bits are.
  bool isFloat() const { return dtype <= SMELT_F64; }
  uint64_t count() const;
  /// The byte of an element of a type of less than 16 bits that NumPy lacks.
  unsigned char code(uint64_t index) const;
  /// An element as a double; exact for all types but integers beyond 2^53.
  double at(uint64_t index) const;
};

struct Difference {
  double maxAbs = 0;      // largest |got - want|; infinite where only one is NaN, or infinities differ
  double maxRelative = 0; // maxAbs over the largest finite |want|
  double cosine = 1;      // of the angle between the two, over elements that are finite in both
  uint64_t differing = 0; // elements whose values are not the same; NaN is the same as NaN
  uint64_t worst = 0;     // the index of maxAbs
};

/// Of tensors of one type and shape.
Difference difference(const TensorView &got, const TensorView &want);

/// What an element may differ by: absolute + relative · |want|.
struct Tolerance {
  double absolute, relative;
};

/// "" when every float is within the tolerance and every other element equal; else the worst element:
/// "3 of 60 elements, the worst at [0, 2, 1]: 1.5, not 1.25".
std::string beyond(const TensorView &got, const TensorView &want, Tolerance tolerance);

/// The largest finite |element|.
double largest(const TensorView &tensor);

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_COMPARE_H
