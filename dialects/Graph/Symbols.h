// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which ops define the symbols of extents, and which mention them. Uses of symbols are no uses of values.

#ifndef SMELT_DIALECTS_GRAPH_SYMBOLS_H
#define SMELT_DIALECTS_GRAPH_SYMBOLS_H

#include "dialects/Graph/Extent.h"

namespace smelt::graph {

/// The symbols that an op defines.
llvm::SmallVector<llvm::StringRef> symbolsDefinedBy(mlir::Operation *op);
/// All extents that an op's result types and attributes mention, those of ops inside included.
Extents extentsMentionedBy(mlir::Operation *op);

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_SYMBOLS_H
