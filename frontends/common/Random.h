// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random numbers. Element i is a function of i and the seed alone (graph.philox), so that a model gives the same
// results each time.

#ifndef SMELT_FRONTENDS_COMMON_RANDOM_H
#define SMELT_FRONTENDS_COMMON_RANDOM_H

#include "frontends/common/GraphBuilder.h"

namespace smelt::frontend {

/// 64 random bits an element, ui64 [count].
mlir::Value randomBits(GraphBuilder &builder, const graph::Extent &count, uint64_t seed);

/// `count` of the bits, from bit `first` on, as a number in [0, 1) of `type`.
mlir::Value fraction(GraphBuilder &builder, mlir::Value bits, unsigned first, unsigned count, mlir::Type type);

/// Numbers of mean 0 and variance 1, f32 [count]: √(-2 ln u) cos(2π v), u in (0, 1], v in [0, 1) (Box and Muller, "A
/// note on the generation of random normal deviates", 1958).
mlir::Value normalNumbers(GraphBuilder &builder, const graph::Extent &count, uint64_t seed);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_RANDOM_H
