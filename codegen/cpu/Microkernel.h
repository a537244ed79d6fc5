// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_CPU_MICROKERNEL_H
#define SMELT_CODEGEN_CPU_MICROKERNEL_H

#include "codegen/cpu/Dots.h"

namespace smelt::cpu {

/// A product of a few rows with one panel, f32, held in registers: sums[row][vector] += Σₖ rows[row][k] · panel[k][…].
struct PanelProduct {
  mlir::Value rows, rowsBase; // the buffer and the element of row 0 at k = 0
  graph::Extent rowStride = 0, stepStride = 1;
  mlir::Type rowType;           // of the rows' elements, where it is not f32
  mlir::Value panel, panelBase; // the kernel's argument, of any type of floats
  int64_t width = 0;            // elements of a panel's row
  mlir::Value steps;            // of k, of type index
  int64_t count = 1;            // rows
  int64_t vectors = 1;          // of `lanes` elements
  int64_t lanes = 1;
  bool byLanes = false; // `lanes` steps at a time, of which there is a whole number, each multiplied by a lane
  int64_t readers = 0;  // products that read the panel: each fetches its share of what follows; 0: none does
  mlir::Value turn;     // which of them this is
  Dots *dots = nullptr; // multiplies rows and a panel that are both of its type

  /// Emits the loop along k; `sums` are count · vectors values, row after row.
  llvm::SmallVector<mlir::Value> emit(Body &body, mlir::ValueRange sums) const;
  /// Zeros to start with.
  llvm::SmallVector<mlir::Value> zeros(Body &body) const;

private:
  void prefetchShare(Body &body, mlir::Value k) const;
  llvm::SmallVector<mlir::Value> loadPanel(Body &body, mlir::Value k) const;
  llvm::SmallVector<mlir::Value> emitGroups(Body &body, mlir::ValueRange sums) const;
};

} // namespace smelt::cpu

#endif // SMELT_CODEGEN_CPU_MICROKERNEL_H
