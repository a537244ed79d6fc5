// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_DIALECTS_KERNEL_KERNEL_H
#define SMELT_DIALECTS_KERNEL_KERNEL_H

#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Buffers.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/Kernel/KernelDialect.h.inc"

#define GET_OP_CLASSES
#include "dialects/Kernel/KernelOps.h.inc"

namespace smelt::kernel {
/// How many codes of four bits kernel.contract has in a word.
inline constexpr int64_t kCodesPerWord = 8;
} // namespace smelt::kernel

#endif // SMELT_DIALECTS_KERNEL_KERNEL_H
