// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Transforms into frequencies, and what reads complex numbers.

#include "frontends/tflite/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

// RFFT2D: of reals [..., h, w] and two lengths: complex numbers [..., lengths[0], lengths[1] / 2 + 1]
static Values rfft2d(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.real(0);
  const Integers lengths = node.integersInput(1);
  const int64_t rank = rankOf(x);
  if (rank < 2 || lengths.size() != 2 || !elementOf(x).isF32())
    malformed("needs f32 of two dims or more and two lengths");
  for (int64_t length : lengths)
    if (length < 1)
      malformed("transforms " + Twine(length) + " values");
  x = resizedDim(b, resizedDim(b, x, rank - 2, lengths[0]), rank - 1, lengths[1]);
  ComplexValue made = fourier(b, {x, nullptr}, rank - 1, /*inverse=*/false, /*oneSided=*/true);
  if (lengths[0] > 1)
    made = fourier(b, made, rank - 2, /*inverse=*/false);
  return {made.together(b, 0)};
}

static Values realPart(OperatorReader &node) { return {node.complexInput(0).real}; }
static Values imaginaryPart(OperatorReader &node) { return {node.complexInput(0).imaginary}; }
static Values complexAbs(OperatorReader &node) { return {magnitude(node.builder(), node.complexInput(0))}; }

static constexpr Operator kOperators[] = {
    {"COMPLEX_ABS", complexAbs},
    {"IMAG", imaginaryPart},
    {"REAL", realPart},
    {"RFFT2D", rfft2d},
};

ArrayRef<Operator> spectralOperators() { return kOperators; }

} // namespace smelt::frontend::tflite
