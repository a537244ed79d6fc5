// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_PASSES_LAYOUT_PASSES_H
#define SMELT_PASSES_LAYOUT_PASSES_H

#include <memory>

namespace mlir {
class OpPassManager;
class Pass;
} // namespace mlir

namespace smelt::layout {

/// Convolutions, pools and what lies between them → channels last, with as few transposes left as can be.
std::unique_ptr<mlir::Pass> createConvertLayoutPass();

/// convert-layout, and what it leaves to fold. For a module.
void buildLayoutPipeline(mlir::OpPassManager &manager);
void registerLayoutPasses();

} // namespace smelt::layout

#endif // SMELT_PASSES_LAYOUT_PASSES_H
