// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What patterns over the graph dialect ask of values, and the little ops they build.

#ifndef SMELT_PASSES_GRAPH_MATCH_H
#define SMELT_PASSES_GRAPH_MATCH_H

#include "dialects/Graph/Graph.h"
#include "mlir/IR/PatternMatch.h"

namespace smelt::graph {

/// The extents of a value whose dims are all numbers, as a constant's are; for others ask extentsOf.
inline llvm::ArrayRef<int64_t> shapeOf(mlir::Value value) { return typeOf(value).getShape(); }
inline mlir::Type elementTypeOf(mlir::Value value) { return typeOf(value).getElementType(); }
inline bool isFloat(mlir::Value value) { return llvm::isa<mlir::FloatType>(elementTypeOf(value)); }

inline bool isConstant(mlir::Value value) { return static_cast<bool>(value.getDefiningOp<ConstantOp>()); }

/// The number that every element of a constant is; nothing where they differ or the value is computed.
std::optional<Scalar> splatOf(mlir::Value value);
/// A constant whose every element is this number; near() allows for the digits that exporters write.
bool isNumber(mlir::Value value, double number);
bool isNear(mlir::Value value, double number);

/// Made from constants alone, by few ops: fold-constants will make it one.
bool isKnown(mlir::Value value);

/// Such a value with the same elements along `dim` of a tensor of `rank`, broadcast along all other dims: the extent
/// along `dim` (1 for a single number); nothing for others.
std::optional<int64_t> knownAlong(mlir::Value value, int64_t rank, int64_t dim);

/// For operands in either order: the operand of `op` that is made by an op of this type, and the other one.
template <typename OpTy> struct Either {
  OpTy op;
  mlir::Value other;
  explicit operator bool() const { return static_cast<bool>(op); }
};
template <typename OpTy> Either<OpTy> eitherOf(mlir::Operation *binary) {
  for (unsigned side : {0u, 1u})
    if (auto made = binary->getOperand(side).getDefiningOp<OpTy>())
      return {made, binary->getOperand(1 - side)};
  return {};
}

/// The operand of a binary op beside a splat constant near `number`; null where there is none.
mlir::Value besideNumber(mlir::Operation *binary, double number);

/// Applies patterns from the top down; where some still fit after many rounds, the graph is right all the same. `fold`:
/// ops' own folders run as well.
void applyTopDown(mlir::Operation *root, const mlir::FrozenRewritePatternSet &patterns, bool fold);

/// Whether `value` is known to broadcast to this shape, whatever its symbols are.
bool broadcastsTo(mlir::Value value, llvm::ArrayRef<Extent> shape);

/// Makes `op`'s uses use `value`, broadcast to the result's shape; fails where it is not known to.
llvm::LogicalResult replaceBroadcast(mlir::PatternRewriter &rewriter, mlir::Operation *op, mlir::Value value);

} // namespace smelt::graph

#endif // SMELT_PASSES_GRAPH_MATCH_H
