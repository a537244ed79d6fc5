// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_PASSES_LAYOUT_PASSES_H
#define SMELT_PASSES_LAYOUT_PASSES_H

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace smelt::layout {

/// Convolutions, pools and what lies between them → channels last, with as few transposes left as can be.
void buildLayoutPipeline(mlir::OpPassManager &manager);
void registerLayoutPasses();

} // namespace smelt::layout

#endif // SMELT_PASSES_LAYOUT_PASSES_H
