// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_GPU_GROUPMEMORY_H
#define SMELT_CODEGEN_GPU_GROUPMEMORY_H

#include "codegen/gpu/Emitters.h"

namespace smelt::gpu {

constexpr int64_t kWarpThreads = 32; // of CUDA, which hand one another registers
constexpr int64_t kGroupSpace = 3;   // of memrefs that a workgroup shares

/// What the threads of a workgroup hand one another. All of a group's threads must come by each of its waits together,
/// and all of a warp's by what is merged within it.
class GroupMemory {
public:
  /// `thread` is the number within its group of the thread that asks.
  GroupMemory(Body &body, mlir::func::FuncOp function, const Profile &profile, mlir::Value thread)
      : body_(body), b_(body.builder()), function_(function), profile_(profile), thread_(thread) {}

  /// An array that all threads of the group see.
  mlir::Value array(int64_t elements, mlir::Type element);
  mlir::Value load(mlir::Value array, mlir::Value place, mlir::Type type);
  void store(mlir::Value value, mlir::Value array, mlir::Value place);
  /// What any thread of the group has stored before, all can load afterwards.
  void wait();

  /// What the members of a team hold, as one value that all of them get: merged in the order of the members, in pairs
  /// within warps. `team.member` is thread_ / team.stride % team.size, and sizes and strides are powers of two.
  mlir::Value merge(const graph::Team &team, mlir::Value partial, graph::TileAccess::MergeValues merge);

private:
  mlir::Value mergeInWarp(mlir::Value partial, int64_t size, int64_t stride, graph::TileAccess::MergeValues merge);
  mlir::Value exchange(mlir::Value value, int64_t lanes);
  mlir::Value mergeInMemory(const graph::Team &team, mlir::Value partial, graph::TileAccess::MergeValues merge);
  mlir::Value mergeSlots(mlir::Value slots, mlir::Value first, int64_t count, int64_t stride, mlir::Type type,
                         graph::TileAccess::MergeValues merge);
  mlir::Value part(mlir::Value number, int64_t extent);
  mlir::Value over(mlir::Value number, int64_t extent);

  Body &body_;
  mlir::ImplicitLocOpBuilder &b_;
  mlir::func::FuncOp function_;
  const Profile &profile_;
  mlir::Value thread_;
  llvm::DenseMap<mlir::Type, mlir::Value> slots_; // for merging, by the type of what is merged
};

} // namespace smelt::gpu

#endif // SMELT_CODEGEN_GPU_GROUPMEMORY_H
