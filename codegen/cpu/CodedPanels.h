// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Panels of codes of 4 or 8 bits (kernel.contract with blocks), decoded in registers. One row waits for memory, and is
// multiplied by codes as they come; for more rows a panel becomes numbers once, which all of them read.

#ifndef SMELT_CODEGEN_CPU_CODEDPANELS_H
#define SMELT_CODEGEN_CPU_CODEDPANELS_H

#include "codegen/cpu/Emitters.h"
#include "dialects/Kernel/Scratch.h"

namespace smelt::cpu {

class CodedPanels {
public:
  /// Emits what is done once for all tiles; `input` is the first element of the first row.
  CodedPanels(Body &body, kernel::ContractOp root, const kernel::Machine &machine, mlir::Value input);

  /// Whether there are codes, scales and zero points in memory.
  static bool isSupported(kernel::ContractOp root);

  /// i1: the input is one row. Null where that is known, and `isOneRow` says it.
  mlir::Value hasOneRow() const { return hasOneRow_; }
  bool isOneRow() const { return !layout_.mayBeMore; }

  /// The sums of the row's products with the first `vectors` of a panel.
  llvm::SmallVector<mlir::Value> multiplyRow(mlir::Value panel, int64_t vectors);
  /// Makes numbers of a panel, unless they are there.
  void decode(mlir::Value panel);
  /// Where they are: rows along K of a panel's width, f32.
  mlir::Value numbers() const { return numbers_; }

private:
  /// Some rows of a block: which block, and how many.
  struct Rows {
    mlir::Value block;
    int64_t count;
  };
  using Vectors = llvm::SmallVector<mlir::Value>;

  void sumBlocks();
  mlir::Value sumOfBlock(mlir::Value block, int64_t count);
  mlir::Value addLanes(mlir::Value vector);
  Vectors overBlocks(mlir::ValueRange carried, llvm::function_ref<Vectors(Rows, mlir::ValueRange)> visit);
  Vectors overSteps(Rows rows, mlir::ValueRange carried,
                    llvm::function_ref<Vectors(mlir::Value step, int64_t count, mlir::ValueRange)> visit);
  Vectors multiplyBlock(mlir::Value panel, Rows rows, mlir::ValueRange totals);
  void decodeBlock(mlir::Value panel, Rows rows, int64_t vectors);
  Vectors load(mlir::Value panel, mlir::Value step, int64_t vectors);
  Vectors loadOfBlock(unsigned which, mlir::Value panel, mlir::Value block, int64_t vectors);
  mlir::Value number(mlir::Value loaded, int64_t place);
  bool staysInPlace(int64_t place) const;
  mlir::Value inPlace(mlir::Value loaded, int64_t place);
  mlir::Value rowOf(mlir::Value block, mlir::Value step, int64_t place);

  Body &body_;
  mlir::ImplicitLocOpBuilder &b_;
  kernel::ContractOp root_;
  kernel::CodesLayout layout_;
  mlir::Value input_, inputBuffer_;
  graph::Extent stride_;
  mlir::RankedTensorType packed_;
  int64_t lanes_, width_, steps_, block_, perStep_; // steps: of K
  bool looksUp_;                                    // codes in a register of numbers
  mlir::Value hasOneRow_, numbers_, sums_, current_;
};

} // namespace smelt::cpu

#endif // SMELT_CODEGEN_CPU_CODEDPANELS_H
