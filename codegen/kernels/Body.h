// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_KERNELS_BODY_H
#define SMELT_CODEGEN_KERNELS_BODY_H

#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "dialects/Kernel/Machine.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

namespace smelt::codegen {

/// The type of an element in memory: integers signless, bf16 as one, bool and those of StoredTypes.h as one
/// byte.
mlir::Type storageType(mlir::Type elementType);

/// A kernel's body as a function of indices: the value of any of its tensors at a point, and the stores there. Buffers
/// are one-dimensional memrefs of storage types; strides come from the kernel's arguments.
class Body {
public:
  Body(kernel::FuncOp kernel, mlir::func::FuncOp function, mlir::ImplicitLocOpBuilder &builder,
       const kernel::Machine &machine);

  /// The value of `tensor` at `index`, compute type, for `lanes`. Null when that many lanes can't be had.
  mlir::Value read(mlir::Value tensor, llvm::ArrayRef<graph::LaneIndex> index, unsigned lanes);
  /// From here on `tensor` has this value at the point being emitted; forgets what was read at the last point.
  void startPoint();
  void define(mlir::Value tensor, mlir::Value value);
  /// Emits all stores whose value depends on `root` (all stores when null) at `index`.
  llvm::LogicalResult store(mlir::Value root, llvm::ArrayRef<graph::LaneIndex> index, unsigned lanes);
  /// The same for `vector` as the value of `root`, lane 0 at channel `first`, the last coordinate; `outer` are the
  /// others. Only the first `channels` lanes are stored: what is cut by the end of the channels, in parts of a power of
  /// two.
  llvm::LogicalResult storeChannels(mlir::Value root, mlir::Value vector, llvm::ArrayRef<graph::LaneIndex> outer,
                                    mlir::Value first, int64_t channels);
  /// What lies in memory as one element of a tensor that is stored as it is.
  mlir::Value reload(mlir::Value tensor, llvm::ArrayRef<graph::LaneIndex> index);
  /// A hint that elements of what is read beside the operands of `root`, and of what is written, will be wanted soon:
  /// those on the line of the cache at `index`.
  void prefetch(mlir::Operation *root, llvm::ArrayRef<graph::LaneIndex> index);
  llvm::LogicalResult write(kernel::StoreOp store, llvm::ArrayRef<graph::LaneIndex> index, unsigned lanes);
  /// Writes the elements of 8 bits along `dim`, four at most and side by side in memory, for lanes that are four bytes
  /// apart. Of fewer than four, the bytes after them are read and written back: those up to the next lane must exist.
  llvm::LogicalResult writeInterleaved(kernel::StoreOp store, size_t dim, llvm::ArrayRef<graph::LaneIndex> index,
                                       unsigned lanes);

  kernel::FuncOp kernel() { return kernel_; }
  mlir::ImplicitLocOpBuilder &builder() { return builder_; }
  /// The buffer a loaded tensor lies in, and its strides in elements.
  mlir::Value bufferOf(mlir::Value kernelArgument) const { return buffers_.lookup(kernelArgument); }
  static graph::Extents stridesOf(mlir::Value kernelArgument);

  /// What an extent is when the kernel runs.
  graph::Count count(const graph::Extent &extent);
  mlir::Value value(const graph::Extent &extent);
  /// The extent that a value is, if it is one that value() has computed, or a constant.
  std::optional<graph::Extent> extentOf(mlir::Value value) const;

  mlir::Value constant(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value scale(mlir::Value index, const graph::Extent &factor);
  mlir::Value subtract(mlir::Value a, mlir::Value b);
  /// A stack buffer of the compute type, made once at the function's start: of a few KB at most.
  mlir::Value stackBuffer(int64_t elements, mlir::Type type);
  /// The kernel's blocks (Scratch.h), where the plan has reserved memory for them, else on the stack.
  llvm::SmallVector<mlir::Value> scratch();
  /// Memory type → compute type and back, scalars or vectors.
  mlir::Value toCompute(mlir::Value stored, mlir::Type elementType);
  mlir::Value toStorage(mlir::Value computed, mlir::Type elementType);

private:
  struct Read {
    mlir::Value tensor;
    llvm::SmallVector<graph::LaneIndex> index;
    unsigned lanes;
    mlir::Value value;
  };

  mlir::Value emit(mlir::Value tensor, llvm::ArrayRef<graph::LaneIndex> index, unsigned lanes);
  mlir::Value loadStored(mlir::Value argument, llvm::ArrayRef<graph::LaneIndex> index, unsigned lanes);
  mlir::Value readForRounding(graph::CastOp cast, llvm::ArrayRef<graph::LaneIndex> index, unsigned lanes);
  mlir::Value stored(mlir::Value tensor, llvm::ArrayRef<graph::LaneIndex> index, unsigned lanes);
  mlir::Value emitElementwise(mlir::Operation *op, llvm::ArrayRef<graph::LaneIndex> index, unsigned lanes);
  std::pair<mlir::Value, graph::Extent> linear(mlir::Value argument, llvm::ArrayRef<graph::LaneIndex> index);
  mlir::Value valueOf(graph::Atom atom);
  bool isVisible(mlir::Value value);
  bool dependsOn(mlir::Value value, mlir::Value root);

  kernel::FuncOp kernel_;
  mlir::func::FuncOp function_;
  mlir::ImplicitLocOpBuilder &builder_;
  const kernel::Machine machine_;
  bool roundsToBF16_; // by an instruction, to which the smallest numbers (denormal ones) are zero
  llvm::DenseMap<mlir::Value, mlir::Value> buffers_;
  llvm::DenseMap<mlir::Value, mlir::Value> defined_;
  llvm::SmallVector<Read> reads_;
  llvm::DenseMap<int64_t, mlir::Value> constants_;
  llvm::StringMap<mlir::Value> sizes_;                         // by the kernel's symbols
  std::vector<std::pair<graph::Extent, mlir::Value>> extents_; // computed at the function's start
};

} // namespace smelt::codegen

#endif // SMELT_CODEGEN_KERNELS_BODY_H
