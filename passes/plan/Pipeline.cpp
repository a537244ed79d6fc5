// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "passes/plan/Passes.h"

using namespace mlir;

namespace smelt::plan {

void buildPlanPipeline(OpPassManager &manager, const kernel::Machine &machine, int64_t strips) {
  OpPassManager &function = manager.nest<func::FuncOp>();
  function.addPass(createPackElementsPass());
  if (machine.isDevice) {
    function.addPass(createReduceWholePoolsPass());
    function.addPass(createSeparatePoolsPass());
    function.addPass(createSplitScansPass());
    function.addPass(createSplitReductionsPass());
  }
  function.addPass(createFormDispatchesPass(machine));
  if (!machine.isDevice)
    manager.addPass(createSplitRowsPass(machine, strips));
  manager.addPass(createPlaceBuffersPass(machine));
  manager.addPass(createCollapseDimsPass());
  manager.addPass(createParametriseKernelsPass());
  manager.addPass(createDeduplicateKernelsPass());
}

void registerPlanPasses() {
  for (auto create :
       {createSplitConvTransposePass, createSharePaddingPass, createPackElementsPass, createReduceWholePoolsPass,
        createSeparatePoolsPass, createSplitScansPass, createSplitReductionsPass, createCollapseDimsPass,
        createParametriseKernelsPass, createDeduplicateKernelsPass})
    registerPass(create);
  registerPass([] { return createFormDispatchesPass(); });
  registerPass([] { return createFoldColumnsPass(); });
  registerPass([] { return createChooseWinogradPass(); });
  registerPass([] { return createPackContractionsPass(); });
  registerPass([] { return createSplitKPass(); });
  registerPass([] { return createSplitProductsPass(); });
  registerPass([] { return createSplitRowsPass(); });
  registerPass([] { return createPlaceBuffersPass(); });
}

} // namespace smelt::plan
