// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_CPU_COMPILEKERNELS_H
#define SMELT_CODEGEN_CPU_COMPILEKERNELS_H

#include "codegen/cpu/Target.h"
#include "dialects/Graph/Extent.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <string>
#include <vector>

namespace mlir {
class PassManager;
} // namespace mlir

namespace smelt::artifact {
class ContentCache;
} // namespace smelt::artifact

namespace smelt::cpu {

/// One kernel as machine code.
struct KernelObject {
  std::string name;                 // a hidden function, as smelt_kernel
  graph::Extent tiles = 1;          // of the kernel's sizes
  llvm::SmallVector<char, 0> bytes; // a relocatable object
  bool isFromCache = false;

  llvm::StringRef contents() const { return {bytes.data(), bytes.size()}; }
};

struct CompileKernelsOptions {
  unsigned threads = 1;
  std::function<void(size_t done, size_t all)> progress; // called from any thread, one at a time; may be empty
  artifact::ContentCache *cache = nullptr;               // of kernels that were compiled before; may be null
  llvm::StringRef
      elsewhere; // the attribute of kernels that are computed elsewhere, and left out; empty: there are none
};

/// Compiles every kernel.func of a module by itself, in the module's order; the module stays as it is. Kernels do not
/// depend on one another, so the objects are the same however many threads make them, and whether they come from a
/// cache. What has no code for the target is reported as errors at its source node, all of it, and the result is empty
/// then.
llvm::Expected<std::vector<KernelObject>> compileKernels(mlir::ModuleOp module, const Target &target,
                                                         const CompileKernelsOptions &options);

} // namespace smelt::cpu

#endif // SMELT_CODEGEN_CPU_COMPILEKERNELS_H
