// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Transforms into frequencies, and what reads complex numbers. A transform is a product with a matrix of cosines and
// one of sines: Σ x[n] e^(-2πi k n / length) = Σ x[n] cos(2π k n / length) - i Σ x[n] sin(2π k n / length).

#include "frontends/tflite/Operators.h"
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

using graph::Extents;

constexpr double kTwoPi = 6.283185307179586;
constexpr int64_t kLongest = 1 << 11; // a transform is a product with a matrix of the square of its length

/// `function` (cos or sin) of 2π k n / length, n from `first` on along the first dim, k from 0 on along the second.
static Value waves(GraphBuilder &b, double (*function)(double), int64_t length, int64_t first, int64_t rows,
                   int64_t columns) {
  graph::HostTensor made = graph::HostTensor::zeros(checkedType({rows, columns}, b.builder().getF32Type()));
  MutableArrayRef<float> numbers = made.asMutable<float>();
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t k = 0; k < columns; ++k) {
      const auto turn = static_cast<double>((first + row) * k % length);
      numbers[row * columns + k] = static_cast<float>(function(kTwoPi * turn / static_cast<double>(length)));
    }
  return b.constant(made);
}
static Value cosines(GraphBuilder &b, int64_t length, int64_t first, int64_t rows, int64_t columns) {
  return waves(b, std::cos, length, first, rows, columns);
}
static Value sines(GraphBuilder &b, int64_t length, int64_t first, int64_t rows, int64_t columns) {
  return waves(b, std::sin, length, first, rows, columns);
}

/// Rows [r, length] of reals. Cosines of n and length - n are alike, and sines opposite: sums and differences of what
/// stands there are half as much to multiply.
static ComplexValue transformedRows(GraphBuilder &b, Value x) {
  const int64_t length = fixedDim(x, 1), count = length / 2 + 1, pairs = (length - 1) / 2;
  if (pairs == 0) // sines are 0
    return {b.matMul(x, cosines(b, length, 0, length, count)),
            b.broadcast(b.scalarLike(x, 0), {extentsOf(x)[0], graph::Extent(count)})};
  Value first = b.sliceDim(x, 1, 1, pairs), second = b.reverseDim(x, 1, length - pairs, pairs);
  Values even = {b.sliceDim(x, 1, 0, 1), b.make<graph::AddOp>(first, second)};
  if (length % 2 == 0)
    even.push_back(b.sliceDim(x, 1, length / 2, 1));
  Value odd = b.make<graph::SubOp>(second, first); // the imaginary part has the other sign
  return {b.matMul(b.concat(even, 1), cosines(b, length, 0, count, count)),
          b.matMul(odd, sines(b, length, 1, pairs, count))};
}

/// The first `extent` places of a dim, with zeros behind the last where it has fewer.
static Value resized(GraphBuilder &b, Value x, int64_t dim, int64_t extent) {
  const int64_t missing = extent - fixedDim(x, dim);
  return missing <= 0 ? b.sliceDim(x, dim, 0, extent) : b.padDim(x, dim, 0, missing, b.scalarLike(x, 0));
}

// RFFT2D: of reals [..., h, w] and two lengths: complex numbers [..., lengths[0], lengths[1] / 2 + 1]
static Values rfft2d(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.real(0);
  const Integers lengths = node.integersInput(1);
  const int64_t rank = rankOf(x);
  if (rank < 2 || lengths.size() != 2 || !elementOf(x).isF32())
    malformed("needs f32 of two dims or more and two lengths");
  for (int64_t length : lengths) {
    if (length < 1)
      malformed("transforms " + Twine(length) + " values");
    if (length > kLongest)
      unsupported("a transform of " + Twine(length) + " values is too long; Smelt takes " + Twine(kLongest));
  }
  x = resized(b, resized(b, x, rank - 2, lengths[0]), rank - 1, lengths[1]);
  // One product of all rows.
  Extents shape = extentsOf(x);
  ComplexValue made = transformedRows(b, b.reshape(x, {elementsOf(ArrayRef(shape).drop_back()), shape.back()}));
  shape.back() = lengths[1] / 2 + 1;
  Value real = b.reshape(made.real, shape), imaginary = b.reshape(made.imaginary, shape);
  if (lengths[0] > 1) {
    // (c - i s) (r + i m) = (c r + s m) + i (c m - s r)
    Value c = cosines(b, lengths[0], 0, lengths[0], lengths[0]), s = sines(b, lengths[0], 0, lengths[0], lengths[0]);
    Value sum = b.make<graph::AddOp>(b.matMul(c, real), b.matMul(s, imaginary));
    imaginary = b.make<graph::SubOp>(b.matMul(c, imaginary), b.matMul(s, real));
    real = sum;
  }
  return {ComplexValue{real, imaginary}.together(b)};
}

static Values realPart(OperatorReader &node) { return {node.complexInput(0).real}; }
static Values imaginaryPart(OperatorReader &node) { return {node.complexInput(0).imaginary}; }

// COMPLEX_ABS: √(re² + im²)
static Values complexAbs(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  const ComplexValue x = node.complexInput(0);
  Value squares =
      b.make<graph::AddOp>(b.make<graph::MulOp>(x.real, x.real), b.make<graph::MulOp>(x.imaginary, x.imaginary));
  return {b.make<graph::SqrtOp>(squares)};
}

static constexpr Operator kOperators[] = {
    {"COMPLEX_ABS", complexAbs},
    {"IMAG", imaginaryPart},
    {"REAL", realPart},
    {"RFFT2D", rfft2d},
};

ArrayRef<Operator> spectralOperators() { return kOperators; }

} // namespace smelt::frontend::tflite
