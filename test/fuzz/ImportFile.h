// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TEST_FUZZ_IMPORTFILE_H
#define SMELT_TEST_FUZZ_IMPORTFILE_H

#include "mlir/IR/Verifier.h"
#include "test/fuzz/Context.h"
#include "test/fuzz/Fuzz.h"
#include "tools/driver/Compile.h"
#include "tools/driver/Errors.h"
#include "tools/driver/Passes.h"

namespace smelt::fuzz {

/// A file → a graph whose shapes are known and whose constants are folded. What is imported verifies; what is not is
/// refused in one line, as no defect of Smelt.
inline void importFile(const std::string &path) {
  mlir::MLIRContext &context = contextFrom([] {
    mlir::DialectRegistry registry;
    driver::registerDialects(registry);
    return std::make_unique<mlir::MLIRContext>(registry, mlir::MLIRContext::Threading::DISABLED);
  });
  driver::CompileOptions options;
  options.model = path;
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> module = driver::importGraph(options, context);
  if (module)
    return require(succeeded(mlir::verify(**module)), "the imported graph verifies");
  const driver::Failure failure = driver::explain(module.takeError());
  require(failure.exitCode != driver::kDefect, failure.message);
  require(failure.message.find('\n') == std::string::npos, "a message of one line");
}

} // namespace smelt::fuzz

#endif // SMELT_TEST_FUZZ_IMPORTFILE_H
