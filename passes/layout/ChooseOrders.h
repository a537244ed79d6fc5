// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One decision for a whole block: in which order each flexible op computes its result, so that few bytes are moved.

#ifndef SMELT_PASSES_LAYOUT_CHOOSEORDERS_H
#define SMELT_PASSES_LAYOUT_CHOOSEORDERS_H

#include "mlir/IR/Block.h"
#include "passes/layout/Orders.h"
#include "llvm/ADT/DenseMap.h"

namespace smelt::layout {

/// By op; those not in it keep the model's order.
using Decision = llvm::DenseMap<mlir::Operation *, Order>;

Decision chooseOrders(mlir::Block &block);

} // namespace smelt::layout

#endif // SMELT_PASSES_LAYOUT_CHOOSEORDERS_H
