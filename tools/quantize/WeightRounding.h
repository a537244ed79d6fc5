// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_WEIGHTROUNDING_H
#define SMELT_TOOLS_QUANTIZE_WEIGHTROUNDING_H

#include "passes/quantize/BlockRounding.h"
#include "tools/driver/Compile.h"

namespace mlir {
class ModuleOp;
} // namespace mlir

namespace smelt::quantize {

/// Weights of few bits whose rounding makes up for itself, found on samples: what rounding one row of a matrix adds to
/// the results is taken off by the rows that are rounded later, as far as inputs go together (Frantar et al., "GPTQ:
/// accurate post-training quantization for generative pre-trained transformers", 2023).
class WeightRounding {
public:
  /// Runs a model in f32 on samples, .npz files, and rounds the matrices of its products to 4 or 8 bits, as
  /// `options.precision` says. Throws runner::Error.
  static llvm::Expected<WeightRounding> find(const driver::CompileOptions &options,
                                             const std::vector<std::string> &samples);

  /// Gives the products of a graph of the same model (that driver::buildGraphStages made) their codes.
  void apply(mlir::ModuleOp module) const;

private:
  /// A constant, which outlives the MLIR context that it was found in.
  struct Constant {
    std::vector<int64_t> shape;
    std::vector<char> bytes;
  };
  /// Codes of 4 bits, as roundBlocks makes them.
  struct Matrix {
    Constant codes, scales, zeroPoints;
    bool hasHalfScales;
    int64_t block, fraction;
  };

  static Matrix kept(const RoundedBlocks &blocks);

  std::vector<std::optional<Matrix>> products_; // in order; nothing for those that need no data
};

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_WEIGHTROUNDING_H
