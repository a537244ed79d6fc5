// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/CompileKernels.h"
#include "codegen/cpu/Passes.h"
#include "codegen/gpu/Bindings.h"
#include "codegen/gpu/Emitters.h"
#include "codegen/gpu/Passes.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Dialect/SPIRV/Transforms/Passes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/SPIRV/Serialization.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace smelt::gpu {

void buildDevicePipeline(OpPassManager &manager, const Profile &profile) {
  manager.addPass(createEmitDeviceKernelsPass(profile));
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(cpu::createExpandMathPass(machineOf(profile)));
  manager.addPass(createLoopInvariantCodeMotionPass());
  manager.addPass(createCSEPass());
  manager.addPass(createMarkAlignedPass());
  manager.addPass(createCheckCapabilitiesPass(profile));
  manager.addPass(createConvertToSpirvPass(profile));
  OpPassManager &shaders = manager.nest<spirv::ModuleOp>();
  shaders.addPass(createCanonicalizerPass());
  shaders.addPass(createCSEPass());
  shaders.addPass(spirv::createSPIRVUpdateVCEPass());
}

/// Of each kernel's operands, whether all calls have it at a multiple of 16 bytes of its base.
static llvm::StringMap<SmallVector<bool>> alignedOperands(ModuleOp module) {
  constexpr int64_t kVectorBytes = kLanes * sizeof(float);
  llvm::StringMap<SmallVector<bool>> aligned;
  module.walk([&](kernel::CallOp call) {
    ArrayRef<graph::Extent> offsets = call.getOffsets();
    auto [known, isNew] = aligned.try_emplace(call.getCallee());
    if (isNew)
      known->second.assign(offsets.size(), true);
    for (auto [isAligned, offset] : llvm::zip_equal(known->second, offsets))
      isAligned &= offset.isNumber() && offset.number() % kVectorBytes == 0;
  });
  return aligned;
}

/// The shader of a module that has one kernel.
static std::optional<artifact::DeviceKernel> shaderOf(ModuleOp module) {
  auto shaders = module.getOps<spirv::ModuleOp>();
  if (shaders.empty())
    return std::nullopt;
  spirv::ModuleOp shader = *shaders.begin();
  SmallVector<uint32_t> words;
  spirv::SerializationOptions options;
  options.emitSymbolName = false;
  if (failed(spirv::serialize(shader, words, options)))
    return std::nullopt;
  artifact::DeviceKernel kernel;
  kernel.code.assign(words.begin(), words.end());
  kernel.invocations = shader->getAttrOfType<IntegerAttr>(kInvocations).getInt();
  ArrayRef<int64_t> bindings = shader->getAttrOfType<DenseI64ArrayAttr>(kBindings);
  for (; !bindings.empty(); bindings = bindings.drop_front(4))
    kernel.bindings.push_back({static_cast<uint32_t>(bindings[0]), static_cast<uint32_t>(bindings[1]),
                               static_cast<uint32_t>(bindings[2]), static_cast<uint64_t>(bindings[3])});
  return kernel;
}

DeviceKernels compileKernels(ModuleOp module, const Profile &profile) {
  DeviceKernels result;
  MLIRContext *context = module.getContext();
  llvm::StringMap<SmallVector<bool>> aligned = alignedOperands(module);
  PassManager passes(context);
  passes.enableVerifier(false); // costs as much as the passes; smelt-opt and the tests verify
  buildDevicePipeline(passes, profile);
  for (auto kernel : module.getOps<kernel::FuncOp>()) {
    std::string why;
    ScopedDiagnosticHandler handler(context, [&](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() == DiagnosticSeverity::Error && why.empty())
        why = diagnostic.str();
      return success();
    });
    OwningOpRef<ModuleOp> alone = ModuleOp::create(kernel.getLoc());
    kernel::FuncOp copy = kernel.clone();
    copy->setAttr(kAlignedOperands, DenseBoolArrayAttr::get(context, aligned[kernel.getSymName()]));
    alone->push_back(copy);
    std::optional<artifact::DeviceKernel> shader;
    if (succeeded(passes.run(*alone)))
      shader = shaderOf(*alone);
    if (!shader) {
      result.leftOut.push_back({kernel.getSymName().str(), why});
      continue;
    }
    shader->name = kernel.getSymName().str();
    result.kernels.push_back(std::move(*shader));
  }
  return result;
}

artifact::DeviceProgram programOf(DeviceKernels kernels, const Profile &profile) {
  artifact::DeviceProgram program;
  program.groupSize = profile.groupSize;
  program.groupsX = profile.groupsX;
  program.needsInt64 = profile.hasInt64;
  program.kernels = std::move(kernels.kernels);
  return program;
}

} // namespace smelt::gpu
