// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What each op says about the order of its operands' and result's dims. Fixed ops have one order for each: that of the
// model, or channels last where kernels exist for it alone. Flexible ops compute the same elements in any order that
// they accept, all operands following the result.

#ifndef SMELT_PASSES_LAYOUT_BEHAVIOUR_H
#define SMELT_PASSES_LAYOUT_BEHAVIOUR_H

#include "mlir/IR/Operation.h"
#include "passes/layout/Orders.h"

namespace smelt::layout {

bool isFlexible(mlir::Operation *op);

/// The orders of a fixed op, or of a flexible one left as it is.
Order nativeResultOrder(mlir::OpResult result);
Order nativeOperandOrder(mlir::OpOperand &operand);

/// For a flexible op: the order in which an operand must be stored for the result to be stored in `order`; nothing
/// where the op can't be computed so.
std::optional<Order> operandOrder(mlir::OpOperand &operand, OrderRef order);
/// The other way about.
std::optional<Order> resultOrder(mlir::OpOperand &operand, OrderRef order);
/// Whether all operands have an order for the result's.
bool accepts(mlir::Operation *op, OrderRef order);

/// For an op that joins all dims of its operand but the first, which only matrix products with constant weights read:
/// any order with the first dim first will do, for their rows can be moved instead.
bool isFlatten(mlir::Operation *op);
bool acceptsFlattened(mlir::OpOperand &operand, OrderRef order);

/// For a convolution that looks at one place at a time: images stored in any order with the batch first and the
/// channels last have the result in the same order.
bool isPointwise(mlir::Operation *op);
bool acceptsPointwise(mlir::OpOperand &operand, OrderRef order);

/// Makes attributes and the result's type those of a result stored in `order`, where `order` is the native one for
/// fixed ops. Operands are the caller's.
void setOrder(mlir::Operation *op, OrderRef order);

} // namespace smelt::layout

#endif // SMELT_PASSES_LAYOUT_BEHAVIOUR_H
