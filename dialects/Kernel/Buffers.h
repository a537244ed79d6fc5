// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The type of a kernel's buffers: memrefs whose extents and strides may be symbolic.

#ifndef SMELT_DIALECTS_KERNEL_BUFFERS_H
#define SMELT_DIALECTS_KERNEL_BUFFERS_H

#include "dialects/Graph/Extent.h"
#include "mlir/IR/BuiltinAttributeInterfaces.h"
#include "mlir/IR/BuiltinTypes.h"
#include <optional>

namespace smelt::kernel {

namespace detail {
struct LayoutStorage;
} // namespace detail

/// #kernel.layout<"batch, 384", "384, 1">: the extents, and the strides in elements, of a buffer that has symbolic
/// ones.
class LayoutAttr : public mlir::Attribute::AttrBase<LayoutAttr, mlir::Attribute, detail::LayoutStorage,
                                                    mlir::MemRefLayoutAttrInterface::Trait> {
public:
  static constexpr mlir::StringLiteral name = "kernel.layout";

  using Base::Base;
  static LayoutAttr get(mlir::MLIRContext *context, llvm::ArrayRef<graph::Extent> extents,
                        llvm::ArrayRef<graph::Extent> strides);

  llvm::ArrayRef<graph::Extent> extents() const;
  llvm::ArrayRef<graph::Extent> strides() const;

  // MemRefLayoutAttrInterface; the strides are not its affine map's, which can't say them.
  mlir::AffineMap getAffineMap() const;
  bool isIdentity() const { return false; }
  llvm::LogicalResult getStridesAndOffset(llvm::ArrayRef<int64_t> shape, llvm::SmallVectorImpl<int64_t> &strides,
                                          int64_t &offset) const;
};

/// memref<2x3xf32, strided<[3, 1]>>, with a LayoutAttr where an extent or a stride is symbolic.
mlir::MemRefType bufferType(llvm::ArrayRef<graph::Extent> extents, llvm::ArrayRef<graph::Extent> strides,
                            mlir::Type element);
graph::Extents extentsOf(mlir::MemRefType buffer);
graph::Extents stridesOf(mlir::MemRefType buffer);
/// As many elements as lie between the first and the last one that strides reach; nothing where the run says, or where
/// 64 bits do not count them.
std::optional<int64_t> spanOf(mlir::MemRefType buffer);

} // namespace smelt::kernel

#endif // SMELT_DIALECTS_KERNEL_BUFFERS_H
