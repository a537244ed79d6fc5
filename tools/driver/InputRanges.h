// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_DRIVER_INPUTRANGES_H
#define SMELT_TOOLS_DRIVER_INPUTRANGES_H

#include "codegen/artifact/Artifact.h"
#include "mlir/IR/BuiltinOps.h"
#include "tools/runner/Artifact.h"

namespace smelt::driver {

/// What integers of an imported model's inputs may be: what the file states (`graph.range`, [least, most] of an
/// argument of @main), and places in the tensors that they are indices of. Inputs of which neither says anything, and
/// of floats and bools, have none.
runner::ValueRanges inputRanges(mlir::ModuleOp module);
/// Those of the inputs that an artefact has, as RangeTable.h has them.
std::string rangeTable(const artifact::Model &model, const runner::ValueRanges &ranges);

} // namespace smelt::driver

#endif // SMELT_TOOLS_DRIVER_INPUTRANGES_H
