// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "passes/graph/Passes.h"
#include "passes/layout/Passes.h"

using namespace mlir;

namespace smelt::layout {

void buildLayoutPipeline(OpPassManager &manager) {
  manager.addPass(createConvertLayoutPass());
  manager.addPass(graph::createFoldConstantsPass());
  manager.addPass(graph::createSimplifyPass());
  manager.addPass(createCSEPass());
}

void registerLayoutPasses() { registerPass(createConvertLayoutPass); }

} // namespace smelt::layout
