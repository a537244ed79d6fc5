// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM's passes over what emitters made.

#ifndef SMELT_CODEGEN_KERNELS_OPTIMISE_H
#define SMELT_CODEGEN_KERNELS_OPTIMISE_H

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace smelt::codegen {

/// -O2 without vectorisers: vectors are decided by the emitters. `unrolls`: loops may be unrolled.
void optimise(llvm::Module &module, llvm::TargetMachine &machine, bool unrolls);

} // namespace smelt::codegen

#endif // SMELT_CODEGEN_KERNELS_OPTIMISE_H
