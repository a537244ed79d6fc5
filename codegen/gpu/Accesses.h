// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_GPU_ACCESSES_H
#define SMELT_CODEGEN_GPU_ACCESSES_H

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

namespace smelt::gpu {

/// The buffer that an op reads elements of; null for other ops.
inline mlir::Value loadedFrom(mlir::Operation *op) {
  if (auto load = mlir::dyn_cast<mlir::memref::LoadOp>(op))
    return load.getMemRef();
  auto load = mlir::dyn_cast<mlir::vector::LoadOp>(op);
  return load ? load.getBase() : mlir::Value();
}

/// The buffer that an op writes elements of; null for other ops.
inline mlir::Value storedTo(mlir::Operation *op) {
  if (auto store = mlir::dyn_cast<mlir::memref::StoreOp>(op))
    return store.getMemRef();
  auto store = mlir::dyn_cast<mlir::vector::StoreOp>(op);
  return store ? store.getBase() : mlir::Value();
}

/// Where in its buffer an op reads or writes elements; empty for other ops.
inline mlir::ValueRange placeOf(mlir::Operation *op) {
  return llvm::TypeSwitch<mlir::Operation *, mlir::ValueRange>(op)
      .Case<mlir::memref::LoadOp, mlir::vector::LoadOp, mlir::memref::StoreOp, mlir::vector::StoreOp>(
          [](auto access) { return access.getIndices(); })
      .Default([](auto) { return mlir::ValueRange(); });
}

} // namespace smelt::gpu

#endif // SMELT_CODEGEN_GPU_ACCESSES_H
