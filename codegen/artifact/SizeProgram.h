// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_ARTIFACT_SIZEPROGRAM_H
#define SMELT_CODEGEN_ARTIFACT_SIZEPROGRAM_H

#include "codegen/artifact/Artifact.h"
#include "dialects/Graph/Extent.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "smelt/smelt.h"
#include "llvm/ADT/StringMap.h"

namespace smelt::artifact {

/// Turns extents into the rows of smelt_size that compute them, each once.
class SizeProgram {
public:
  /// The dims of input number `input`: a symbol that stands there alone takes its value from it.
  void addInput(uint32_t input, llvm::ArrayRef<graph::Extent> extents) { add(SMELT_SIZE_DIM, input, extents); }
  /// The same of a state, to be called after the inputs, which its dims follow before the first run.
  void addState(uint32_t state, llvm::ArrayRef<graph::Extent> extents) { add(SMELT_SIZE_STATE, state, extents); }
  /// To be called after all inputs: dims that are no lone symbols must be what the symbols make them.
  llvm::Error checkInputs();
  /// To be called after all inputs: a dim that is this symbol must be from `least` to `most`; what is computed with it
  /// is computed with a value that is.
  llvm::Error limit(llvm::StringRef symbol, int64_t least, int64_t most);
  llvm::Error define(llvm::StringRef symbol, const graph::Extent &value);
  /// Rows in a sequence, the first of which is returned, for numbers that a step of the plan finds.
  uint32_t defineValues(mlir::ArrayAttr symbols);
  /// The same for symbols that several steps give values; the first is then told by variable().
  uint32_t defineVariables(mlir::ArrayAttr symbols);
  std::optional<uint32_t> variable(llvm::StringRef symbol) const;
  /// Which size an extent is. Fails where a symbol has no value.
  llvm::Expected<uint32_t> sizeOf(const graph::Extent &extent);
  /// Whether all symbols have values by now.
  bool isKnown(const graph::Extent &extent) const;

  /// A row that there never is a value of.
  void addWithoutValue() {
    row({0, SMELT_SIZE_EQUAL, row({0, SMELT_SIZE_NUMBER, 0, 0}), row({1, SMELT_SIZE_NUMBER, 0, 0})});
  }

  uint32_t count() const { return rows_.size(); }
  const std::vector<Size> &rows() const { return rows_; }
  /// Rows from number `first` on are computed in a part of the plan that may not have run: they are not used again.
  void hideFrom(uint32_t first) { std::fill(isHidden_.begin() + first, isHidden_.end(), true); }

private:
  struct Dim {
    uint32_t kind, input, dim;
    graph::Extent extent;
  };

  void add(uint32_t kind, uint32_t input, llvm::ArrayRef<graph::Extent> extents);
  uint32_t row(const Size &size);
  llvm::Expected<uint32_t> sizeOf(graph::Atom atom);
  llvm::Expected<uint32_t> combine(uint32_t kind, llvm::Expected<uint32_t> a, llvm::Expected<uint32_t> b);

  std::vector<Size> rows_;
  std::vector<bool> isHidden_;
  std::vector<Dim> computed_; // dims of inputs that are no lone symbols
  llvm::StringMap<uint32_t> symbols_;
  llvm::StringMap<uint32_t> variables_;
};

} // namespace smelt::artifact

#endif // SMELT_CODEGEN_ARTIFACT_SIZEPROGRAM_H
