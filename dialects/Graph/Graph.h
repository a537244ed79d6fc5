// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_DIALECTS_GRAPH_GRAPH_H
#define SMELT_DIALECTS_GRAPH_GRAPH_H

#include "dialects/Graph/Emission.h"
#include "dialects/Graph/Extent.h"
#include "dialects/Graph/HostTensor.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/Graph/GraphDialect.h.inc"
#include "dialects/Graph/GraphEnums.h.inc"
#include "dialects/Graph/GraphInterfaces.h.inc"

#define GET_OP_CLASSES
#include "dialects/Graph/GraphOps.h.inc"

namespace smelt::graph {

/// NumPy broadcasting of two static shapes; fails when they don't fit.
llvm::FailureOr<llvm::SmallVector<int64_t>> broadcastShapes(llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b);

/// The same of any two.
llvm::FailureOr<Extents> broadcastExtents(llvm::ArrayRef<Extent> a, llvm::ArrayRef<Extent> b);

/// The tensor type of a value.
inline mlir::RankedTensorType typeOf(mlir::Value value) { return llvm::cast<mlir::RankedTensorType>(value.getType()); }

inline Extents extentsOf(mlir::Value value) { return extentsOf(typeOf(value)); }
/// Whether a tensor anywhere in `root` has a symbolic dim.
bool hasSymbolicDims(mlir::Operation *root);
/// Row-major strides, in elements.
Extents rowMajorStrides(llvm::ArrayRef<Extent> extents);

/// The value of a graph.constant; nothing when `value` is computed.
std::optional<HostTensor> constantOf(mlir::Value value);

/// A graph.constant of a tensor.
mlir::Value makeConstant(mlir::OpBuilder &builder, mlir::Location loc, const HostTensor &tensor);
/// A rank-0 constant of an element type.
mlir::Value makeScalar(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type elementType, Scalar value);
/// A rank-1 i64 constant.
mlir::Value makeIntegers(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<int64_t> values);

// Ops that are the identity where the type is right already.
mlir::Value reshapeTo(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, llvm::ArrayRef<Extent> shape);
mlir::Value broadcastTo(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, llvm::ArrayRef<Extent> shape);
template <typename Numbers, typename = std::enable_if_t<std::is_convertible_v<Numbers, llvm::ArrayRef<int64_t>>>>
mlir::Value reshapeTo(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, const Numbers &shape) {
  return reshapeTo(builder, loc, value, llvm::ArrayRef<Extent>(toExtents(shape)));
}
template <typename Numbers, typename = std::enable_if_t<std::is_convertible_v<Numbers, llvm::ArrayRef<int64_t>>>>
mlir::Value broadcastTo(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, const Numbers &shape) {
  return broadcastTo(builder, loc, value, llvm::ArrayRef<Extent>(toExtents(shape)));
}
mlir::Value transposeTo(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value,
                        llvm::ArrayRef<int64_t> permutation);

/// Evaluates any graph op, elementwise ones included, on host memory. Fails without a diagnostic when it has no
/// evaluation for its types.
llvm::FailureOr<llvm::SmallVector<HostTensor>> evaluateOp(mlir::Operation *op, llvm::ArrayRef<HostTensor> operands);

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_GRAPH_H
