// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Masks.h"

using namespace mlir;

namespace smelt::frontend {

Value biasWhere(GraphBuilder &builder, Value allowed, Value like, double other) {
  return builder.make<graph::SelectOp>(allowed, builder.scalarLike(like, 0), builder.scalarLike(like, other));
}

Value withoutMaskedRows(GraphBuilder &builder, Value weights, Value bias, int64_t axis) {
  Value highest = builder.make<graph::ReduceOp>(bias, graph::ReduceKind::Max, axis);
  Value isMasked = builder.make<graph::EqualOp>(highest, builder.scalarLike(bias, -HUGE_VAL));
  std::optional<graph::HostTensor> known = graph::constantOf(isMasked);
  if (known && llvm::all_of(known->bytes(), [](char masked) { return masked == 0; }))
    return weights;
  return builder.make<graph::SelectOp>(isMasked, builder.scalarLike(weights, 0), weights);
}

} // namespace smelt::frontend
