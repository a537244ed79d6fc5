// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A model → a graph whose shapes are known and whose constants are folded. What is imported verifies.

#include "mlir/IR/Verifier.h"
#include "test/fuzz/Context.h"
#include "test/fuzz/Fuzz.h"
#include "tools/driver/Compile.h"
#include "tools/driver/Errors.h"
#include "tools/driver/Passes.h"

using namespace smelt;

static void import(const std::string &path) {
  mlir::MLIRContext &context = fuzz::contextFrom([] {
    mlir::DialectRegistry registry;
    driver::registerDialects(registry);
    return std::make_unique<mlir::MLIRContext>(registry, mlir::MLIRContext::Threading::DISABLED);
  });
  driver::CompileOptions options;
  options.model = path;
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> module = driver::importGraph(options, context);
  if (module)
    return fuzz::require(succeeded(mlir::verify(**module)), "the imported graph verifies");
  const driver::Failure failure = driver::explain(module.takeError());
  fuzz::require(failure.exitCode != driver::kDefect, failure.message);
  fuzz::require(failure.message.find('\n') == std::string::npos, "a message of one line");
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const fuzz::MemoryFile file(data, size);
  import(file.path());
  return 0;
}
