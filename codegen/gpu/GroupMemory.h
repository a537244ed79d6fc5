// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_GPU_GROUPMEMORY_H
#define SMELT_CODEGEN_GPU_GROUPMEMORY_H

#include "codegen/gpu/Counting.h"
#include "codegen/gpu/Emitters.h"

namespace smelt::gpu {

constexpr int64_t kGroupSpace = 3; // of memrefs that a workgroup shares

/// An array that all threads of a workgroup see: a global beside the function. `alignment` is in bytes.
mlir::Value makeGroupArray(mlir::ImplicitLocOpBuilder &builder, mlir::func::FuncOp function, llvm::StringRef name,
                           int64_t elements, mlir::Type element, int64_t alignment);
/// A part of such an array of bytes, from byte `offset` on, as elements of that type.
mlir::Value viewGroupArray(mlir::ImplicitLocOpBuilder &builder, mlir::Value bytes, mlir::Value offset, int64_t elements,
                           mlir::Type element);
/// An element of such an array, or a vector, which is aligned where it has as many elements as devices read at once.
mlir::Value loadGroupArray(mlir::ImplicitLocOpBuilder &builder, mlir::Value array, mlir::Value place, mlir::Type type);
void storeGroupArray(mlir::ImplicitLocOpBuilder &builder, mlir::Value value, mlir::Value array, mlir::Value place);

/// What the threads of a workgroup hand one another. All of a group's threads must come by each of its waits together,
/// and all of a warp's by what is merged within it, where nothing waits: other warps may have left before.
class GroupMemory : Counting {
public:
  /// `thread` is the number within its group of the thread that asks.
  GroupMemory(Body &body, mlir::func::FuncOp function, const Profile &profile, mlir::Value thread)
      : Counting(body), function_(function), profile_(profile), thread_(thread) {}

  /// An array that all threads of the group see.
  mlir::Value array(int64_t elements, mlir::Type element);
  mlir::Value load(mlir::Value array, mlir::Value place, mlir::Type type) {
    return loadGroupArray(b_, array, place, type);
  }
  void store(mlir::Value value, mlir::Value array, mlir::Value place) { storeGroupArray(b_, value, array, place); }
  /// What any thread of the group has stored before, all can load afterwards.
  void wait();

  /// What the members of a team hold, as one value that all of them get: merged in the order of the members, in pairs
  /// within warps. `team.member` is thread_ / team.stride % team.size, and sizes and strides are powers of two.
  mlir::Value merge(const graph::Team &team, mlir::Value partial, graph::TileAccess::MergeValues merge);

private:
  mlir::Value mergeInWarp(mlir::Value partial, int64_t size, int64_t stride, graph::TileAccess::MergeValues merge);
  mlir::Value shuffle(mlir::Value word, int64_t lanes);
  mlir::Value exchangeOne(mlir::Value value, int64_t lanes);
  mlir::Value exchange(mlir::Value value, int64_t lanes);
  mlir::Value mergeInMemory(const graph::Team &team, mlir::Value partial, graph::TileAccess::MergeValues merge);
  mlir::Value mergeSlots(mlir::Value slots, mlir::Value first, int64_t count, int64_t stride, mlir::Type type,
                         graph::TileAccess::MergeValues merge);

  mlir::func::FuncOp function_;
  const Profile &profile_;
  mlir::Value thread_;
  llvm::DenseMap<mlir::Type, mlir::Value> slots_; // for merging, by the type of what is merged
};

} // namespace smelt::gpu

#endif // SMELT_CODEGEN_GPU_GROUPMEMORY_H
