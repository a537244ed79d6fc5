// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_GPU_FLATCONTRACTION_H
#define SMELT_CODEGEN_GPU_FLATCONTRACTION_H

#include "codegen/gpu/Counting.h"
#include "codegen/gpu/Emitters.h"

namespace smelt::gpu {

constexpr int64_t kGroupThreads = 128; // of a group that works on one tile

/// A product or convolution as a matrix product for each batch and group: points by channels, over a k that is
/// [tap, channel of the input]. What emitters for groups with shared memory have in common.
class FlatContraction : protected Counting {
protected:
  FlatContraction(Body &body, kernel::ContractOp root, mlir::func::FuncOp function);

  /// Plain panels, of as many channels as vectors have. Only the run may know how many points and channels there are.
  bool isShaped();
  /// The same, of elements that are computed with in f32.
  bool isPlain();
  int64_t typicalChannels() const { return kernel::typicalLength(channels_); }
  /// `value` where the condition holds, else zeros.
  mlir::Value orZero(mlir::Value condition, mlir::Value value);
  mlir::Value zero() { return mlir::arith::ConstantOp::create(b_, b_.getZeroAttr(type_)); }

  /// An array of f32 in the group's memory.
  mlir::Value makeShared(llvm::StringRef name, int64_t elements);
  /// One of bytes, to look at as arrays.
  mlir::Value makeSharedBytes(llvm::StringRef name, int64_t bytes);
  mlir::Value loadShared(mlir::Value buffer, mlir::Value place);
  void storeShared(mlir::Value vector, mlir::Value buffer, mlir::Value place);

  /// Where the input has element `k` of a point's row, and the panels row `k` from a column on; if `mayEnd`, the last
  /// row where `k` is beyond.
  llvm::SmallVector<graph::LaneIndex> inputIndex(mlir::Value point, mlir::Value k);
  llvm::SmallVector<graph::LaneIndex> panelIndex(mlir::Value panel, mlir::Value k, mlir::Value column, bool mayEnd);
  /// Elements k, …, k + 3 of a point's row, zeros where `k` or they are beyond the last if `mayEnd`. Null where what is
  /// fused to the input cannot be read.
  mlir::Value readInput(mlir::Value point, mlir::Value k, bool mayEnd);
  mlir::Value readElements(mlir::Value point, mlir::Value k, bool mayEnd);
  llvm::LogicalResult storePoint(mlir::Value point, mlir::Value inGroup, mlir::Value sum, int64_t channels);

  kernel::ContractOp root_;
  mlir::func::FuncOp function_;
  graph::Extents shape_, packed_; // the result's, and the panels'
  graph::Extents batchDims_, pointDims_;
  mlir::VectorType type_;
  int64_t groups_, depth_, width_, k_;
  graph::Extent channels_, panels_, points_ = 1, batches_ = 1;
  /// What points_ is taken for where a choice needs a number: images and sequences have typical sizes, and are alone.
  int64_t typicalPoints_ = 1;
  // Of the tile at hand.
  mlir::Value group_;
  llvm::SmallVector<mlir::Value> batch_;
};

} // namespace smelt::gpu

#endif // SMELT_CODEGEN_GPU_FLATCONTRACTION_H
