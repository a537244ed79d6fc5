// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_ONNX_ONNX_H
#define SMELT_FRONTENDS_ONNX_ONNX_H

#include "frontends/common/Import.h"
#include "frontends/common/MappedFile.h"

namespace smelt::frontend::onnx {

/// frontend::importModel and summariseModel for a file that should be ONNX. `path` is where it lies: the folder that
/// its external data must be in. Both refuse (see Refusal.h).
mlir::OwningOpRef<mlir::ModuleOp> importModel(std::shared_ptr<const MappedFile> file, llvm::StringRef path,
                                              const ImportOptions &options, mlir::MLIRContext &context);
ModelSummary summarise(std::shared_ptr<const MappedFile> file, llvm::StringRef path, const ImportOptions &options);

} // namespace smelt::frontend::onnx

#endif // SMELT_FRONTENDS_ONNX_ONNX_H
