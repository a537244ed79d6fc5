// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One function for each kind of kernel. Each emits what one invocation does at the builder's place, and returns how
// many invocations there are; it fails where the kernel's element types or indices are not supported.

#ifndef SMELT_CODEGEN_GPU_EMITTERS_H
#define SMELT_CODEGEN_GPU_EMITTERS_H

#include "codegen/gpu/Profile.h"
#include "codegen/kernels/Body.h"
#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Scratch.h"

namespace smelt::gpu {

using codegen::Body;

constexpr int64_t kLanes = 4; // of a vector: what a device reads and writes at once

llvm::FailureOr<graph::Extent> emitContraction(Body &body, kernel::ContractOp root, mlir::func::FuncOp function,
                                               mlir::Value invocation, const Profile &profile);
/// The same by groups that share a tile; fails where few points or channels would leave most of one unused.
llvm::FailureOr<graph::Extent> emitTiledContraction(Body &body, kernel::ContractOp root, mlir::func::FuncOp function,
                                                    mlir::Value invocation, const Profile &profile);
/// The same by tensor cores, of f16 or bf16; fails likewise.
llvm::FailureOr<graph::Extent> emitMmaContraction(Body &body, kernel::ContractOp root, mlir::func::FuncOp function,
                                                  mlir::Value invocation, const Profile &profile);
/// The same by groups that split K; fails where there is too little of it, or much else to share.
llvm::FailureOr<graph::Extent> emitSplitContraction(Body &body, kernel::ContractOp root, mlir::func::FuncOp function,
                                                    mlir::Value invocation, const Profile &profile);
/// Attention by groups that share tiles of rows, keys and values, which are such as form-dispatches fuses for devices.
llvm::FailureOr<graph::Extent> emitTiledAttention(Body &body, const kernel::AttentionOps &ops,
                                                  mlir::func::FuncOp function, mlir::Value invocation,
                                                  const Profile &profile);
llvm::FailureOr<graph::Extent> emitDepthwise(Body &body, graph::ConvOp root, mlir::Value invocation,
                                             const Profile &profile);
llvm::FailureOr<graph::Extent> emitPointwise(Body &body, mlir::Value invocation);
/// The op's own loops, by an invocation for each tile, for each part of one, or by several for each row.
llvm::FailureOr<graph::Extent> emitLoops(Body &body, graph::LoopInterface root, mlir::func::FuncOp function,
                                         mlir::Value invocation, const Profile &profile);

/// An index for each of `extents`, of which there are `number`: the last changes fastest.
llvm::SmallVector<mlir::Value> indexOf(Body &body, mlir::Value number, llvm::ArrayRef<graph::Extent> extents);
inline llvm::SmallVector<mlir::Value> indexOf(Body &body, mlir::Value number, llvm::ArrayRef<int64_t> extents) {
  return indexOf(body, number, graph::toExtents(extents));
}

/// Elements that are computed with in f32, however they are stored.
bool isComputedInF32(mlir::RankedTensorType type);

/// Whether a tensor is what an operand of the function has in memory, and vectors of so many elements that begin at a
/// multiple of that are aligned there.
bool isAlignedInMemory(mlir::func::FuncOp function, mlir::Value tensor, int64_t lanes);

/// What products of two tensors' elements sum up in, which is what `result` is computed in: f32, or i32 of integers of
/// 8 and 16 bits. Null where devices multiply no such.
mlir::Type sumType(mlir::RankedTensorType left, mlir::RankedTensorType right, mlir::RankedTensorType result);
/// Elements that were read of `tensor`, or a vector of them, as numbers of that type.
mlir::Value toSum(Body &body, mlir::Value read, mlir::Value tensor, mlir::Type sum);
/// x · w + sum, where there is a sum.
mlir::Value multiplyAdd(Body &body, mlir::Value x, mlir::Value w, mlir::Value sum);

/// A loop over from, from + step, … below `to`, that carries `sums` from one step to the next, and has them in the end.
using LoopBody = llvm::function_ref<llvm::LogicalResult(mlir::Value index, llvm::SmallVector<mlir::Value> &sums)>;
llvm::LogicalResult loopWith(Body &body, mlir::Value from, mlir::Value to, int64_t step,
                             llvm::SmallVector<mlir::Value> &sums, LoopBody emit);
inline llvm::LogicalResult loopWith(Body &body, int64_t from, int64_t to, int64_t step,
                                    llvm::SmallVector<mlir::Value> &sums, LoopBody emit) {
  return loopWith(body, body.constant(from), body.constant(to), step, sums, emit);
}

/// The most of 1 … `most` that divides `extent`.
int64_t divisorOf(int64_t extent, int64_t most);

/// Spreads what a block does for `tile` over invocations, where its loops allow that. Returns how many there are for
/// each tile; all uses of `tile` become the tile of `invocation`.
graph::Extent distributeLoops(Body &body, mlir::Block &block, mlir::Value invocation, mlir::Value tile);

/// Whether the last of the parts of so many that a dim is taken in may be cut by its end.
bool mayBeCut(const graph::Extent &extent, int64_t part);

/// Emits elements first, …, first + 3 of a dim of `extent`: whole vectors, and what is cut by the dim's end one by one.
/// A body that fails for vectors is emitted again for single elements.
llvm::LogicalResult emitVector(Body &body, mlir::Value first, const graph::Extent &extent, graph::LanesBody emit);

/// Calls `store` with the number of a vector's channels that there are of `channels`, at the builder's place: all four,
/// and fewer under a condition. `first` is the vector's first channel, in parts of `part` channels, of which the last
/// may lie beyond the last channel.
llvm::LogicalResult storeChannels(Body &body, mlir::Value first, const graph::Extent &channels, int64_t part,
                                  llvm::function_ref<llvm::LogicalResult(int64_t)> store);

} // namespace smelt::gpu

#endif // SMELT_CODEGEN_GPU_EMITTERS_H
