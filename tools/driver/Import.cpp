// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "tools/driver/Compile.h"
#include "tools/driver/Errors.h"

using namespace mlir;

namespace smelt::driver {

/// Why a module is not what importers make; empty where it is.
static std::string whyNoGraph(ModuleOp module) {
  if (auto main = module.lookupSymbol<func::FuncOp>("main"); !main || main.isExternal())
    return "it has no function @main";
  std::string why;
  module.walk([&](Operation *op) {
    auto constant = dyn_cast<graph::ConstantOp>(op);
    if (op != module && !isa<func::FuncDialect, graph::GraphDialect>(op->getDialect()))
      why = "it holds '" + op->getName().getStringRef().str() + "'";
    else if (constant && !graph::typeOf(constant).hasStaticShape())
      why = "a constant has dims that are no numbers";
    else if (constant && !graph::constantOf(constant))
      why = "a constant has no value: what is printed for reading leaves large ones out";
    return why.empty() ? WalkResult::advance() : WalkResult::interrupt();
  });
  return why;
}

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
  if (std::string why = whyNoGraph(*module); !why.empty())
    return toolError(kMalformed, path + ": is no model in the graph dialect: " + why);
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
