// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One function for each kind of kernel. Each emits the work of tiles [first, last) at the builder's place and returns
// how many tiles there are; it fails where the kernel's element types or indices are not supported.

#ifndef SMELT_CODEGEN_CPU_EMITTERS_H
#define SMELT_CODEGEN_CPU_EMITTERS_H

#include "codegen/kernels/Body.h"
#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Ops/Expression.h"
#include "dialects/Kernel/Scratch.h"

namespace smelt::cpu {

using codegen::Body, codegen::storageType;

struct TileRange {
  mlir::Value first; // of type index
  mlir::Value last;
};

llvm::FailureOr<graph::Extent> emitContraction(Body &body, kernel::ContractOp root, TileRange range,
                                               const kernel::Machine &machine);
llvm::FailureOr<graph::Extent> emitAttention(Body &body, const kernel::AttentionOps &ops, TileRange range,
                                             const kernel::Machine &machine);
llvm::FailureOr<graph::Extent> emitWinograd(Body &body, kernel::WinogradOp root, TileRange range,
                                            const kernel::Machine &machine);
/// Whether emitDepthwise takes this convolution.
bool isDepthwise(graph::ConvOp conv);
llvm::FailureOr<graph::Extent> emitDepthwise(Body &body, graph::ConvOp root, TileRange range,
                                             const kernel::Machine &machine);
llvm::FailureOr<graph::Extent> emitLoops(Body &body, graph::LoopInterface root, TileRange range,
                                         const kernel::Machine &machine);
llvm::FailureOr<graph::Extent> emitPointwise(Body &body, TileRange range, const kernel::Machine &machine);

/// One tile, which is all of the work.
graph::Extent emitCustom(Body &body, graph::CustomOp root);

/// Emits a loop over the tiles whose body gets one index for each of `extents`, the last changing fastest. Returns the
/// number of tiles.
graph::Extent forTiles(Body &body, TileRange range, llvm::ArrayRef<graph::Extent> extents,
                       llvm::function_ref<void(mlir::ValueRange)> tile);

/// x · y + sum, of vectors; floating-point ones rounded once.
mlir::Value multiplyAdd(mlir::ImplicitLocOpBuilder &b, mlir::Value x, mlir::Value y, mlir::Value sum);

/// As many steps along K as a register has lanes, for machines that multiply by a lane: of `points`, each has a
/// register of its elements along K, and panel(i) are the n vectors of step i.
///   sums[p · n + v] + Σ_i points[p][i] · panel(i)[v]
llvm::SmallVector<mlir::Value> multiplyByLanes(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<mlir::Value> points,
                                               llvm::function_ref<llvm::SmallVector<mlir::Value>(int64_t)> panel,
                                               mlir::ValueRange sums);

/// e^x as exact as its rounding to bf16 needs, for x that is not above 0.
graph::Expr roundedPower(graph::Expr x, const kernel::Machine &machine);

/// Lanes of a vector register for the widest compute type in the kernel.
unsigned lanesOf(Body &body, const kernel::Machine &machine);

} // namespace smelt::cpu

#endif // SMELT_CODEGEN_CPU_EMITTERS_H
