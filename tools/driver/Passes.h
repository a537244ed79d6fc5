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

/// A module as imported → kernels and a plan, in the kernel dialect.
void buildPlanStages(mlir::OpPassManager &manager, const kernel::Machine &machine,
                     quantize::Precision precision = quantize::Precision::F32);

/// All stages: a module as imported → a plan, and kernels in the LLVM dialect.
void buildAllStages(mlir::OpPassManager &manager, const kernel::Machine &machine,
                    quantize::Precision precision = quantize::Precision::F32);

} // namespace smelt::driver

#endif // SMELT_TOOLS_DRIVER_PASSES_H
