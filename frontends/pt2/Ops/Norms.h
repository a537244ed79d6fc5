// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_OPS_NORMS_H
#define SMELT_FRONTENDS_PT2_OPS_NORMS_H

#include "frontends/pt2/Operators.h"

namespace smelt::frontend::pt2 {

/// (Σ |x|^order)^(1 / order) over axes; the largest or least |x| of an infinite order, how many are not 0 of order 0.
Value normOver(GraphBuilder &builder, Value x, double order, llvm::ArrayRef<int64_t> axes, bool keep);

/// What a norm is of: the operand, or the lengths of its complex numbers.
Value normed(NodeReader &node);
Value vectorNorm(NodeReader &node);
Value norm(NodeReader &node);
Value matrixNorm(NodeReader &node);
Value anyNorm(NodeReader &node);

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_OPS_NORMS_H
