// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "passes/graph/Passes.h"

using namespace mlir;

namespace smelt::graph {

void buildGraphPipeline(OpPassManager &manager) {
  auto tidy = [&] {
    manager.addPass(createFoldConstantsPass());
    manager.addPass(createSimplifyPass());
    manager.addPass(createFoldConstantsPass()); // what simplify left to compute: -c, 1 / c
    manager.addPass(createCSEPass());
  };
  tidy();
  manager.addPass(createRecognisePass());
  manager.addPass(createFoldScalesPass());
  tidy();
}

void registerGraphPasses() {
  for (auto create : {createFoldConstantsPass, createSimplifyPass, createFoldScalesPass, createRecognisePass})
    registerPass(create);
}

} // namespace smelt::graph
