// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "tools/driver/Compile.h"
#include "tools/driver/Errors.h"

using namespace mlir;

namespace smelt::driver {

static llvm::Expected<OwningOpRef<ModuleOp>> importText(const std::string &path, MLIRContext &context) {
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (message.empty())
      message = diagnostic.str();
    return success();
  });
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(path, &context);
  if (!module)
    return toolError(kMalformed, path + ": " + message);
  return module;
}

llvm::Expected<OwningOpRef<ModuleOp>> importGraph(const CompileOptions &options, MLIRContext &context) {
  llvm::Expected<OwningOpRef<ModuleOp>> module = llvm::StringRef(options.model).ends_with(".mlir")
                                                     ? importText(options.model, context)
                                                     : frontend::importModel(options.model, options.import, context);
  if (module && options.afterImport)
    options.afterImport(**module);
  return module;
}

} // namespace smelt::driver
