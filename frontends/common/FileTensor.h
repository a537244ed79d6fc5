// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors that a model file holds.

#ifndef SMELT_FRONTENDS_COMMON_FILETENSOR_H
#define SMELT_FRONTENDS_COMMON_FILETENSOR_H

#include "dialects/Graph/HostTensor.h"
#include <memory>

namespace smelt::frontend {

/// A tensor of the file: row-major as in graph::HostTensor, and in the mapped file wherever it lies there aligned.
struct FileTensor {
  mlir::RankedTensorType type;
  llvm::ArrayRef<char> bytes;
  std::shared_ptr<const void> owner; // of the bytes

  graph::HostTensor view() const { return graph::HostTensor::viewOf(type, bytes); }
  /// As a constant's value: a blob called `name` that holds the owner, or dense where it is small.
  mlir::ElementsAttr toAttribute(llvm::StringRef name) const;
};

/// A blob's name: printable, short, the same for the same file.
std::string blobName(llvm::StringRef name);

/// How many bytes a tensor takes in a file.
uint64_t rawBytes(mlir::RankedTensorType type);

/// Bytes of the file, rawBytes of them, as a tensor; a copy where they are not aligned, hold bools other than 0 and 1,
/// or elements of less than a byte. `owner` keeps them.
FileTensor tensorFromBytes(mlir::RankedTensorType type, llvm::ArrayRef<char> bytes, std::shared_ptr<const void> owner);
/// Elements of less than a byte that lie packed.
FileTensor tensorFromPacked(mlir::RankedTensorType type, llvm::ArrayRef<char> packed);
/// Zeros of a type, and where to write others.
std::pair<FileTensor, llvm::MutableArrayRef<char>> zeroTensor(mlir::RankedTensorType type);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_FILETENSOR_H
