// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/driver/Passes.h"
#include "codegen/cpu/Lower.h"
#include "codegen/cpu/Passes.h"
#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "passes/graph/Passes.h"
#include "passes/layout/Passes.h"
#include "passes/plan/Passes.h"

using namespace mlir;

namespace smelt::driver {

void registerDialects(DialectRegistry &registry) {
  registry.insert<arith::ArithDialect, func::FuncDialect, graph::GraphDialect, kernel::KernelDialect, LLVM::LLVMDialect,
                  math::MathDialect, memref::MemRefDialect, nvgpu::NVGPUDialect, NVVM::NVVMDialect, scf::SCFDialect,
                  spirv::SPIRVDialect, vector::VectorDialect>();
  cpu::registerTranslations(registry);
  registerNVVMDialectTranslation(registry);
}

void buildGraphStages(OpPassManager &manager) {
  manager.addNestedPass<func::FuncOp>(quantize::createKeepCodesPass());
  manager.addPass(graph::createFoldConstantsPass());
  manager.addNestedPass<func::FuncOp>(quantize::createSinkDequantisationPass());
  manager.addNestedPass<func::FuncOp>(quantize::createUnscaleProductsPass());
  manager.addNestedPass<func::FuncOp>(quantize::createNarrowProductsPass());
  manager.addNestedPass<func::FuncOp>(quantize::createFuseQuantisationPass()); // before anything else looks at scales
  graph::buildGraphPipeline(manager);
  layout::buildLayoutPipeline(manager);
  manager.addNestedPass<func::FuncOp>(plan::createSplitConvTransposePass());
  manager.addPass(graph::createFoldConstantsPass()); // the new filters, which the next passes look at
}

/// Products in fewer digits. Beside those in integers, others are in bf16 where the processor multiplies that, and
/// tables in 8 bits with a scale for each block. In f32, weights that narrower floats have exactly stay in those.
static void buildPrecisionStages(OpPassManager &manager, const kernel::Machine &machine, quantize::Precision precision,
                                 quantize::RoundedWeights *rounded, bool forMemory) {
  if (precision == quantize::Precision::F32) {
    if (!machine.isDevice) {
      manager.addNestedPass<func::FuncOp>(quantize::createKeepNarrowFloatsPass(machine, forMemory));
      manager.addPass(graph::createFoldConstantsPass());
    }
    return;
  }
  quantize::Precision tables = precision;
  if (precision == quantize::Precision::Int8 || precision == quantize::Precision::Int8Dynamic) {
    manager.addNestedPass<func::FuncOp>(precision == quantize::Precision::Int8
                                            ? quantize::createQuantizeProductsPass()
                                            : quantize::createQuantizeDynamicallyPass());
    precision = machine.dots & kernel::kBf16Dots ? quantize::Precision::BF16 : quantize::Precision::F32;
    tables = quantize::Precision::Int8Weights;
  }
  manager.addNestedPass<func::FuncOp>(quantize::createQuantizeWeightsPass(precision, tables, rounded));
  if (precision == quantize::Precision::Int4Weights || precision == quantize::Precision::Int8Weights)
    precision = quantize::Precision::F32;
  manager.addNestedPass<func::FuncOp>(quantize::createLowerPrecisionPass(precision, machine));
}

void buildKernelStages(OpPassManager &manager, const kernel::Machine &machine, quantize::Precision precision,
                       quantize::RoundedWeights *rounded, int64_t strips) {
  buildPrecisionStages(manager, machine, precision, rounded, strips == plan::kStripsForMemory);
  manager.addNestedPass<func::FuncOp>(quantize::createFuseQuantisationPass());
  manager.addNestedPass<func::FuncOp>(quantize::createSuitProductsPass(machine));
  if (!machine.isDevice)
    manager.addNestedPass<func::FuncOp>(plan::createChooseWinogradPass(machine));
  if (precision != quantize::Precision::F32) { // of the roundings, those that are left
    manager.addNestedPass<func::FuncOp>(quantize::createHoistCastsPass());
    manager.addNestedPass<func::FuncOp>(quantize::createShareRoundingsPass());
    manager.addNestedPass<func::FuncOp>(quantize::createHoistCastsPass()); // what had other readers before
    manager.addPass(graph::createFoldConstantsPass());
    manager.addNestedPass<func::FuncOp>(quantize::createCoarsenFunctionsPass());
  }
  manager.addNestedPass<func::FuncOp>(plan::createFoldColumnsPass(machine));
  manager.addNestedPass<func::FuncOp>(plan::createSharePaddingPass());
  if (machine.isDevice)
    manager.addNestedPass<func::FuncOp>(plan::createSplitProductsPass(machine));
  manager.addNestedPass<func::FuncOp>(plan::createPackContractionsPass(machine));
  manager.addPass(graph::createFoldConstantsPass()); // packs the weights
  if (machine.multiprocessors) {
    manager.addNestedPass<func::FuncOp>(plan::createSplitKPass(machine));
    manager.addPass(graph::createFoldConstantsPass());
  }
  plan::buildPlanPipeline(manager, machine, strips);
}

void buildPlanStages(OpPassManager &manager, const kernel::Machine &machine) {
  buildGraphStages(manager);
  buildKernelStages(manager, machine);
}

} // namespace smelt::driver
