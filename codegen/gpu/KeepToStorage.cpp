// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// keep-to-storage: what computes with words and has narrower elements in memory alone needs no more of the device than
// that; and all shaders are of version 1.3, where dot products are an extension.

#include "codegen/gpu/Passes.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;

namespace smelt::gpu {

namespace {
struct KeepToStorage : PassWrapper<KeepToStorage, OperationPass<spirv::ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(KeepToStorage)
  StringRef getArgument() const override { return "keep-to-storage"; }
  StringRef getDescription() const override {
    return "no capabilities of 8 and 16 bits but storage, and extensions for versions";
  }

  void runOnOperation() override {
    std::optional<spirv::VerCapExtAttr> triple = getOperation().getVceTriple();
    if (!triple)
      return;
    auto isKept = [](spirv::Capability capability) {
      return capability != spirv::Capability::Float16 && capability != spirv::Capability::Int16 &&
             capability != spirv::Capability::Int8;
    };
    SmallVector<spirv::Capability> capabilities(llvm::make_filter_range(triple->getCapabilities(), isKept));
    SmallVector<spirv::Extension> extensions(triple->getExtensions());
    if (llvm::is_contained(capabilities, spirv::Capability::DotProduct) &&
        !llvm::is_contained(extensions, spirv::Extension::SPV_KHR_integer_dot_product))
      extensions.push_back(spirv::Extension::SPV_KHR_integer_dot_product);
    getOperation().setVceTripleAttr(
        spirv::VerCapExtAttr::get(spirv::Version::V_1_3, capabilities, extensions, &getContext()));
  }
};
} // namespace

std::unique_ptr<Pass> createKeepToStoragePass() { return std::make_unique<KeepToStorage>(); }

} // namespace smelt::gpu
