// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Axes, and what belongs to them, where the run tells them: numbers stay numbers, other axes become arithmetic on
// extents.

#ifndef SMELT_FRONTENDS_COMMON_AXES_H
#define SMELT_FRONTENDS_COMMON_AXES_H

#include "frontends/common/GraphBuilder.h"

namespace smelt::frontend {

/// For each of `rank` dims 1 where an axis names it, else 0. Axes lie in [-rank, rank), each once: what is known not to
/// is refused, and what the run finds not to fails there.
graph::Extents areNamed(GraphBuilder &builder, llvm::ArrayRef<graph::Extent> axes, int64_t rank);

/// For each dim what `values` says of the axis that names it, or `others` of the dim.
graph::Extents perDim(GraphBuilder &builder, llvm::ArrayRef<graph::Extent> axes, llvm::ArrayRef<graph::Extent> values,
                      llvm::ArrayRef<graph::Extent> others);

/// The same of lists of one length, which only the run knows. Axes are integers of 64 bits, and so are values.
graph::Extents perDim(GraphBuilder &builder, mlir::Value axes, mlir::Value values,
                      llvm::ArrayRef<graph::Extent> others);

/// The one number that a list of integers, or a column of them, is reduced to.
graph::Extent reducedSize(GraphBuilder &builder, mlir::Value list, graph::ReduceKind kind,
                          GraphBuilder::Sign sign = GraphBuilder::Sign::Any);

/// The extents of the dims, `count` of them, whose mark is 0.
graph::Extents unmarked(GraphBuilder &builder, llvm::ArrayRef<graph::Extent> shape, llvm::ArrayRef<graph::Extent> marks,
                        int64_t count);

/// Extents of 1 where a mark is 1, between them those of `shape` in their order.
graph::Extents withOnes(GraphBuilder &builder, llvm::ArrayRef<graph::Extent> shape,
                        llvm::ArrayRef<graph::Extent> marks);

/// 1 where an extent is negative, else 0.
graph::Extent isNegative(const graph::Extent &extent);

/// The value without some of its dims, each of one element.
mlir::Value withoutDims(GraphBuilder &builder, mlir::Value value, llvm::ArrayRef<int64_t> dims);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_AXES_H
