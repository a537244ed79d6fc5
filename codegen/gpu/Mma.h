// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One step of tensor cores, as PTX has it for a warp: fragments in registers, and how they come there.

#ifndef SMELT_CODEGEN_GPU_MMA_H
#define SMELT_CODEGEN_GPU_MMA_H

#include "codegen/kernels/Body.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/ArrayRef.h"

namespace smelt::gpu {

constexpr int64_t kMmaRows = 16, kMmaColumns = 8; // of a step's result
constexpr int64_t kMmaBytes = 32;                 // of a step's rows, along k

/// What is multiplied: f16, bf16, f32 (which is rounded to tf32), or integers of 8 bits with signs or without, of which
/// both sides may differ; sums are f32 or i32.
struct MmaTypes {
  mlir::Type left, right, sum;
  unsigned architecture;
};

/// Whether tensor cores multiply halves of this type: f16, and from sm_80 on bf16.
bool areHalvesOfCores(mlir::Type element, unsigned architecture);

/// sums += 16 rows · 8 columns: fragments of four words, of two, and of four sums. Before sm_80 there are smaller steps
/// only: halves along k, and of bytes both halves of the rows as well. No f32 there.
void multiplyByCores(mlir::ImplicitLocOpBuilder &b, const MmaTypes &types, llvm::ArrayRef<mlir::Value> left,
                     llvm::ArrayRef<mlir::Value> right, llvm::MutableArrayRef<mlir::Value> sums);

/// Fragments of four matrices of 8 x 8 halves in shared memory, of which lanes 8 i … 8 i + 7 say where the rows of
/// number i are: appended to `fragments`.
void loadMatrices(mlir::ImplicitLocOpBuilder &b, mlir::Value halves, mlir::Value place, bool isTransposed,
                  llvm::SmallVectorImpl<mlir::Value> &fragments);

/// Fragments of sums, so many side by side, as rows of an array in shared memory; `place` is that of this lane's first.
void storeFragments(codegen::Body &body, llvm::ArrayRef<mlir::Value> sums, int64_t columns, mlir::Value array,
                    mlir::Value place, int64_t stride);

} // namespace smelt::gpu

#endif // SMELT_CODEGEN_GPU_MMA_H
