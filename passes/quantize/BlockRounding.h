// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_PASSES_QUANTIZE_BLOCKROUNDING_H
#define SMELT_PASSES_QUANTIZE_BLOCKROUNDING_H

#include "dialects/Graph/Graph.h"

namespace smelt::quantize {

/// A matrix in few bits, as graph.dequantize_blocks takes it.
struct RoundedBlocks {
  graph::HostTensor codes, scales;
  std::optional<graph::HostTensor> zeroPoints;
  int64_t block = 0, fraction = 1;
};

/// Rounds a matrix of f32, of which elements along `axis` are summed up, to 4 bits in blocks of 32 that have a scale
/// and a zero point each, or to 8 bits in blocks of 128 that have a scale. Scales are f16 where their range allows it.
/// The same numbers always give the same codes. Nothing for numbers that are not finite.
std::optional<RoundedBlocks> roundBlocks(const graph::HostTensor &matrix, int64_t axis, unsigned bits);

/// The same of a matrix [k, n] that rows of inputs are multiplied by: the rounding of a row is made up for by the rows
/// behind it. `factors` is the upper triangular U, [k, k], of inverse(XᵀX) = UᵀU, where X are the inputs (compensation
/// in the order of rows: Frantar et al., "GPTQ", 2023, algorithm 1).
std::optional<RoundedBlocks> roundBlocks(const graph::HostTensor &matrix, llvm::ArrayRef<float> factors, unsigned bits);

/// Whether a constant is what is kept in few bits: a matrix of f32 with enough elements, of which enough lie along
/// `axis`.
bool isWorthRounding(const graph::HostTensor &matrix, int64_t axis);

/// Whether b is a, transposed; both are matrices of elements of 4 bytes.
bool areTransposed(const graph::HostTensor &a, const graph::HostTensor &b);

} // namespace smelt::quantize

#endif // SMELT_PASSES_QUANTIZE_BLOCKROUNDING_H
