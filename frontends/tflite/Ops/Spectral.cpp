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

namespace {
/// cos and sin of 2π k n / length, [length, count], n along the first dim.
struct Waves {
  Waves(GraphBuilder &b, int64_t length, int64_t count);
  Value cosines, sines;
};
} // namespace

Waves::Waves(GraphBuilder &b, int64_t length, int64_t count) {
  RankedTensorType type = checkedType({length, count}, b.builder().getF32Type());
  graph::HostTensor c = graph::HostTensor::zeros(type), s = graph::HostTensor::zeros(type);
  MutableArrayRef<float> cosine = c.asMutable<float>(), sine = s.asMutable<float>();
  for (int64_t n = 0; n < length; ++n)
    for (int64_t k = 0; k < count; ++k) {
      const double angle = kTwoPi * static_cast<double>(n * k % length) / static_cast<double>(length);
      cosine[n * count + k] = static_cast<float>(std::cos(angle));
      sine[n * count + k] = static_cast<float>(std::sin(angle));
    }
  cosines = b.constant(c);
  sines = b.constant(s);
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
  const Waves along(b, lengths[1], lengths[1] / 2 + 1);
  Value real = b.matMul(x, along.cosines), imaginary = b.make<graph::NegOp>(b.matMul(x, along.sines));
  if (lengths[0] > 1) {
    // (r + i m) (c - i s) = (r c + m s) + i (m c - r s), of matrices that are their own transposes
    const Waves down(b, lengths[0], lengths[0]);
    auto product = [&](Value waves, Value of) { return b.matMul(waves, of); };
    Value sum = b.make<graph::AddOp>(product(down.cosines, real), product(down.sines, imaginary));
    imaginary = b.make<graph::SubOp>(product(down.cosines, imaginary), product(down.sines, real));
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
