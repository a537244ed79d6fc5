// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_DRIVER_OUTPUTS_H
#define SMELT_TOOLS_DRIVER_OUTPUTS_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Value.h"
#include <string>

namespace smelt::driver {

/// A value of a model's main function, as an output of the artefact.
struct Output {
  std::string name;
  mlir::Value value;
};

/// Makes values outputs, after the model's own.
void addOutputs(mlir::ModuleOp module, llvm::ArrayRef<Output> outputs);

} // namespace smelt::driver

#endif // SMELT_TOOLS_DRIVER_OUTPUTS_H
