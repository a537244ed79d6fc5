// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_COMMON_SYMBOLICFOLDING_H
#define SMELT_FRONTENDS_COMMON_SYMBOLICFOLDING_H

#include "dialects/Graph/Graph.h"

namespace smelt::frontend {

/// What an op on small integer tensors computes where some of them hold symbolic extents (graph.sizes): a Gather from a
/// Shape, the Concat of several, a product. Row-major; nothing where an operand is not known, or the op is none that
/// extents go through. `known` tells what operands hold.
using KnownExtents = llvm::function_ref<std::optional<graph::Extents>(mlir::Value)>;
std::optional<graph::Extents> symbolicResult(mlir::Operation *op, KnownExtents known);

/// Whether a tensor may hold sizes: it is one of a few integers.
bool isSmallInteger(mlir::Value value);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_SYMBOLICFOLDING_H
