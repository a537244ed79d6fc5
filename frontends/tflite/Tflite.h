// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_TFLITE_TFLITE_H
#define SMELT_FRONTENDS_TFLITE_TFLITE_H

#include "frontends/common/Import.h"
#include "frontends/common/MappedFile.h"

namespace smelt::frontend::tflite {

/// Whether a file begins as TensorFlow Lite models do.
bool isTflite(llvm::StringRef bytes);

/// frontend::importModel and summariseModel for such a file. Both refuse (see Refusal.h).
mlir::OwningOpRef<mlir::ModuleOp> importModel(std::shared_ptr<const MappedFile> file, llvm::StringRef path,
                                              const ImportOptions &options, mlir::MLIRContext &context);
ModelSummary summarise(std::shared_ptr<const MappedFile> file, llvm::StringRef path, const ImportOptions &options);

} // namespace smelt::frontend::tflite

#endif // SMELT_FRONTENDS_TFLITE_TFLITE_H
