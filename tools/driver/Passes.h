// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_DRIVER_PASSES_H
#define SMELT_TOOLS_DRIVER_PASSES_H

#include "passes/quantize/Passes.h"

namespace mlir {
class DialectRegistry;
class OpPassManager;
} // namespace mlir

namespace smelt::driver {

/// Every dialect that a stage reads or makes.
void registerDialects(mlir::DialectRegistry &registry);

/// A module as imported → the graph of which kernels are made, where each value has the order of dims that it will
/// have.
void buildGraphStages(mlir::OpPassManager &manager);

/// Such a graph → kernels and a plan, in the kernel dialect. With Int8 it knows which products are computed in integers
/// (quantize::kPrecision). What goes into few bits is added to `rounded`, which may be null. `strips` are split-rows'.
void buildKernelStages(mlir::OpPassManager &manager, const kernel::Machine &machine,
                       quantize::Precision precision = quantize::Precision::F32,
                       quantize::RoundedWeights *rounded = nullptr, int64_t strips = 0);

/// Both.
void buildPlanStages(mlir::OpPassManager &manager, const kernel::Machine &machine);

} // namespace smelt::driver

#endif // SMELT_TOOLS_DRIVER_PASSES_H
