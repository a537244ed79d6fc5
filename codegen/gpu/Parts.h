// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements of 8 and 16 bits in shaders, which compute with words: i8 and i16 as i32 whose other bits are zeros, f16 and
// bf16 as the same number in f32.

#ifndef SMELT_CODEGEN_GPU_PARTS_H
#define SMELT_CODEGEN_GPU_PARTS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace smelt::gpu {

/// Whether an element is such.
bool isPart(mlir::Type element);
/// What shaders know it as in memory, where the device has such elements there.
mlir::Type storedPart(mlir::Type element);
/// The word that it is computed with as.
mlir::Type wordOfPart(mlir::Type element);

/// The lowest bits of a word → the word to compute with, and back; the other bits are zeros.
mlir::Value fromBits(mlir::OpBuilder &b, mlir::Location loc, mlir::Value bits, mlir::Type element);
mlir::Value toBits(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, mlir::Type element);
/// What a buffer of such elements has, or a vector of it → words, and back.
mlir::Value fromStored(mlir::OpBuilder &b, mlir::Location loc, mlir::Value stored, mlir::Type element);
mlir::Value toStored(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, mlir::Type element);

} // namespace smelt::gpu

#endif // SMELT_CODEGEN_GPU_PARTS_H
