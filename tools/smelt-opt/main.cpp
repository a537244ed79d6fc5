// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// smelt-opt: runs passes on textual IR, as mlir-opt does; what the tests of passes are written with.

#include "codegen/cpu/Passes.h"
#include "codegen/cpu/Target.h"
#include "codegen/gpu/Passes.h"
#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
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
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "passes/graph/Passes.h"
#include "passes/layout/Passes.h"
#include "passes/plan/Passes.h"
#include "passes/quantize/Passes.h"

using namespace mlir;
using namespace smelt;

/// For options of passes that depend on a processor: the tests of code for AVX2 and AVX-512 need neither.
static void registerCpuPasses() {
  for (const char *name : {"x86-64-v3", "x86-64-v4", "alderlake", "aarch64", "neoverse-n1", "neoverse-v1"}) {
    kernel::Machine machine = cpu::findTarget(name)->machine;
    PassPipelineRegistration<>(
        ("emit-kernels-" + std::string(name)), "kernels → loops over vectors, for this target",
        [machine, name](OpPassManager &manager) { manager.addPass(cpu::createEmitKernelsPass(machine, name)); });
    PassPipelineRegistration<>(
        ("cpu-pipeline-" + std::string(name)), "kernels → the LLVM dialect, for this target",
        [machine, name](OpPassManager &manager) { cpu::buildCpuPipeline(manager, machine, name); });
  }
  kernel::Machine dots = cpu::withDots(*cpu::findTarget("znver4")).machine;
  PassPipelineRegistration<>(
      "emit-kernels-znver4", "the same with this target's dot instructions",
      [dots](OpPassManager &manager) { manager.addPass(cpu::createEmitKernelsPass(dots, "znver4")); });
  registerPass([] { return cpu::createExpandMathPass(); });
}

/// The same for kinds of devices.
static void registerDevicePasses() {
  for (const auto &[name, profile] :
       {std::pair("vulkan", "vulkan"), std::pair("vulkan-all", "vulkan:subgroup=32,shared=32768,int64,f16,int8,dot"),
        std::pair("lavapipe", "vulkan:lavapipe"), std::pair("cuda", "cuda"), std::pair("cuda-sm_75", "cuda:sm_75")}) {
    smelt::gpu::Profile device = **smelt::gpu::findProfile(profile);
    PassPipelineRegistration<>(
        ("emit-device-kernels-" + std::string(name)), "kernels → the work of one invocation, for this profile",
        [device](OpPassManager &manager) { manager.addPass(smelt::gpu::createEmitDeviceKernelsPass(device)); });
    PassPipelineRegistration<>(
        ("check-capabilities-" + std::string(name)), "fail where a kernel needs what this profile lacks",
        [device](OpPassManager &manager) { manager.addPass(smelt::gpu::createCheckCapabilitiesPass(device)); });
    PassPipelineRegistration<>(
        ("use-words-" + std::string(name)), "integers that this profile lacks → words of 32 bits",
        [device](OpPassManager &manager) { manager.addPass(smelt::gpu::createUseWordsPass(device)); });
    PassPipelineRegistration<>(("device-pipeline-" + std::string(name)),
                               "kernels → shaders, or kernels of CUDA, for this profile",
                               [device](OpPassManager &manager) { smelt::gpu::buildDevicePipeline(manager, device); });
  }
  smelt::gpu::Profile tf32 = **smelt::gpu::findProfile("cuda");
  tf32.multipliesTf32 = true;
  PassPipelineRegistration<>(
      "emit-device-kernels-cuda-tf32", "the same with products in tf32",
      [tf32](OpPassManager &manager) { manager.addPass(smelt::gpu::createEmitDeviceKernelsPass(tf32)); });
  registerPass([] { return smelt::gpu::createMarkAlignedPass(); });
  smelt::gpu::Profile cuda = **smelt::gpu::findProfile("cuda");
  PassPipelineRegistration<>("convert-to-nvvm-cuda", "the work of one invocation → a kernel of CUDA",
                             [cuda](OpPassManager &manager) {
                               manager.addPass(createSCFToControlFlowPass());
                               manager.addPass(smelt::gpu::createConvertToNvvmPass(cuda));
                             });
}

int main(int argc, char **argv) {
  DialectRegistry registry;
  registry.insert<arith::ArithDialect, func::FuncDialect, graph::GraphDialect, kernel::KernelDialect, LLVM::LLVMDialect,
                  math::MathDialect, memref::MemRefDialect, nvgpu::NVGPUDialect, NVVM::NVVMDialect, scf::SCFDialect,
                  spirv::SPIRVDialect, vector::VectorDialect>();
  registerCanonicalizerPass();
  registerCSEPass();
  graph::registerGraphPasses();
  layout::registerLayoutPasses();
  quantize::registerQuantizePasses();
  plan::registerPlanPasses();
  registerCpuPasses();
  registerDevicePasses();
  return asMainReturnCode(MlirOptMain(argc, argv, "Smelt's passes\n", registry));
}
