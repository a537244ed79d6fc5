// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels that work on blocks which a cache holds: how they are cut into these, and the memory that a thread needs for
// them. Plans reserve that memory and targets emit code for it, by the same functions.

#ifndef SMELT_DIALECTS_KERNEL_SCRATCH_H
#define SMELT_DIALECTS_KERNEL_SCRATCH_H

#include "dialects/Graph/Graph.h"
#include "dialects/Graph/WinogradTile.h"
#include "dialects/Kernel/Kernel.h"
#include "dialects/Kernel/Machine.h"

namespace smelt::kernel {

/// A dim of a convolution by Winograd's algorithm.
struct WinogradDim {
  graph::WinogradTile tile;
  int64_t dilation = 1;
  graph::Extent extent = 1; // of the result
  graph::Extent tiles = 1;
};

/// A convolution by Winograd's algorithm, cut into blocks of tiles.
struct WinogradLayout {
  graph::Extents shape; // of the result
  bool isImage = false; // else there is one dim, the columns
  WinogradDim rows, columns;
  int64_t products = 1; // of a tile
  int64_t channels = 1, panels = 1, width = 1;
  graph::Extent tiles; // in all
  WinogradBlock block;
  graph::Extent blocks;
  int64_t rowsPerStep = 1;                            // of the register tile
  int64_t rowStride = 1, inStride = 1, outStride = 1; // of a block's transformed inputs, and of its products
};
WinogradLayout winogradLayout(WinogradOp op, const Machine &machine);

/// The parts of a kernel of attention: softmax(f(q · keys)) · values.
struct AttentionOps {
  ContractOp scores;
  graph::SoftmaxOp softmax;
  ContractOp result;
};
std::optional<AttentionOps> findAttention(mlir::Block &kernel);

/// Attention, cut into blocks of keys for a few rows of q.
struct AttentionLayout {
  int64_t rows = 1; // of q at a time
  int64_t blockKeys = 1;
  int64_t lineStride = 1, valueStride = 1; // of scores, and of sums of values
};
AttentionLayout attentionLayout(const AttentionOps &ops, const Machine &machine);

/// A product by codes. One row of the input is multiplied by codes as they are decoded, and needs the sum of each of
/// its blocks; for more rows, a panel is decoded once.
struct CodesLayout {
  graph::Extent rows;
  bool mayBeOneRow = false, mayBeMore = false;
  int64_t sums = 0; // of blocks; 0 where zero points are 0
  int64_t panelElements = 0;
};
CodesLayout codesLayout(ContractOp op);

struct ScratchBlock {
  int64_t elements = 0;
  mlir::Type element;
};

/// The blocks that a thread has for a kernel, a dispatch's body or a function's.
llvm::SmallVector<ScratchBlock> scratchBlocks(mlir::Block &kernel, const Machine &machine);
/// Where each of them begins, in bytes, and behind the last one their end.
llvm::SmallVector<int64_t> scratchOffsets(llvm::ArrayRef<ScratchBlock> blocks);
/// Bytes that the plan reserves for them; 0 where there are so few that they may lie on the stack.
int64_t scratchBytes(mlir::Block &kernel, const Machine &machine);

} // namespace smelt::kernel

#endif // SMELT_DIALECTS_KERNEL_SCRATCH_H
