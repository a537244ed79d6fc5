// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_WEIGHTROUNDING_H
#define SMELT_TOOLS_QUANTIZE_WEIGHTROUNDING_H

#include "passes/quantize/BlockRounding.h"
#include "tools/driver/Compile.h"
#include "tools/quantize/Configuration.h"

namespace mlir {
class ModuleOp;
} // namespace mlir

namespace smelt::quantize {

class WeightedProduct;

/// Weights of few bits whose rounding makes up for itself, found on samples: what rounding one row of a matrix adds to
/// the results is taken off by the rows that are rounded later, as far as inputs go together (Frantar et al., "GPTQ:
/// accurate post-training quantization for generative pre-trained transformers", 2023).
class WeightRounding {
public:
  /// Runs a model in f32 on samples, .npz files, and rounds the matrices of its products to 4 or 8 bits, as
  /// `options.precision` says. Throws runner::Error.
  static llvm::Expected<WeightRounding> find(const driver::CompileOptions &options,
                                             const std::vector<std::string> &samples);

  /// What the layers of a configuration say in `rounding`; nothing where none of int4-weights says anything, or what
  /// one says is not of its weights (`isOf`).
  static std::optional<WeightRounding> of(const Configuration &configuration);
  /// Whether a text is the rounding of a matrix of this shape.
  static bool isOf(llvm::StringRef text, llvm::ArrayRef<int64_t> shape);

  /// Gives the products of a graph of the same model (that driver::buildGraphStages made) their codes.
  void apply(mlir::ModuleOp module) const;
  /// Makes it the `rounding` of the layers of the same model: codes, two to a byte, scales and zero points, in base64.
  void writeTo(Configuration &configuration) const;

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
  static std::string textOf(const Matrix &matrix);
  static std::optional<Matrix> read(llvm::StringRef text, llvm::ArrayRef<int64_t> shape);

  std::optional<Matrix> matrixOf(size_t number, const WeightedProduct &product) const;

  std::vector<std::optional<Matrix>> products_; // in order; nothing for those that need no data
  std::vector<std::string> texts_;              // the same as a file has it
};

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_WEIGHTROUNDING_H
