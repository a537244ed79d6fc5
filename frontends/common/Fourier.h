// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Complex numbers as two tensors of floats, and transforms of them into frequencies and back, as products with matrices
// of cosines and sines.

#ifndef SMELT_FRONTENDS_COMMON_FOURIER_H
#define SMELT_FRONTENDS_COMMON_FOURIER_H

#include "frontends/common/GraphBuilder.h"

namespace smelt::frontend {

/// Complex numbers: two tensors of one type.
struct ComplexValue {
  mlir::Value real, imaginary; // null: all are 0

  bool isReal() const { return !imaginary; }
  /// The imaginary part as a tensor, whatever it is.
  mlir::Value imaginaryOrZeros(GraphBuilder &builder) const;
  /// Both along a new dim.
  mlir::Value together(GraphBuilder &builder, int64_t dim) const;
};

/// Complex numbers of a tensor whose last dim holds their parts, and is 2.
ComplexValue complexFrom(GraphBuilder &builder, mlir::Value parts);
/// √(re² + im²)
mlir::Value magnitude(GraphBuilder &builder, const ComplexValue &x);
/// A product, a quotient, and length · e^(i · angle).
ComplexValue product(GraphBuilder &builder, const ComplexValue &a, const ComplexValue &b);
ComplexValue quotient(GraphBuilder &builder, const ComplexValue &a, const ComplexValue &b);
ComplexValue polar(GraphBuilder &builder, mlir::Value length, mlir::Value angle);
/// All numbers times one.
ComplexValue scaled(GraphBuilder &builder, const ComplexValue &x, double factor);

/// The first `extent` places of a dim, with zeros behind the last where it has fewer.
mlir::Value resizedDim(GraphBuilder &builder, mlir::Value x, int64_t dim, int64_t extent);

/// X[k] = Σ x[n] e^(∓2πi k n / length) along a dim of f16, bf16, f32 or f64 that is known now; + where it is `inverse`,
/// which is not scaled. `oneSided`: k up to length / 2 alone, of reals. Refuses lengths above 2^20.
ComplexValue fourier(GraphBuilder &builder, const ComplexValue &x, int64_t dim, bool inverse, bool oneSided = false);
/// The `length` reals that one side of a spectrum stands for, [length / 2 + 1] along a dim, which is what fourier makes
/// of them times `length`.
mlir::Value inverseReal(GraphBuilder &builder, const ComplexValue &spectrum, int64_t dim, int64_t length);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_FOURIER_H
