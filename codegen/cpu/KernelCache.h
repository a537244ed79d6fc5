// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_CPU_KERNELCACHE_H
#define SMELT_CODEGEN_CPU_KERNELCACHE_H

#include "codegen/artifact/ContentCache.h"
#include "codegen/cpu/CompileKernels.h"
#include "dialects/Kernel/Kernel.h"

namespace smelt::cpu {

/// The name that every kernel is compiled under, so that its code does not depend on what a model calls it. No C
/// function has such a name.
constexpr llvm::StringLiteral kKernelSymbol = "smelt.kernel";

/// All that a kernel's code depends on: what it computes (its text, without its name and where it comes from), the
/// processor, and this build of the compiler. The kernel is named kKernelSymbol.
artifact::ContentCache::Key keyOf(kernel::FuncOp kernel, const Target &target, llvm::StringRef buildIdentity);

/// A kernel's code and tiles as the bytes of an entry, and back; nothing where they are no such.
std::string toEntry(const KernelObject &object);
std::optional<KernelObject> fromEntry(llvm::StringRef bytes, const Target &target, mlir::MLIRContext *context);

} // namespace smelt::cpu

#endif // SMELT_CODEGEN_CPU_KERNELCACHE_H
