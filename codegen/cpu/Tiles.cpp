// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/Emitters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace smelt::cpu {

graph::Extent forTiles(Body &body, TileRange range, ArrayRef<graph::Extent> extents,
                       llvm::function_ref<void(ValueRange)> tile) {
  ImplicitLocOpBuilder &b = body.builder();
  auto loop = scf::ForOp::create(b, range.first, range.last, body.constant(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> index(extents.size());
  Value rest = loop.getInductionVar();
  // The first dim with more than one index takes what is left: no remainder to compute.
  size_t outermost = 0;
  while (outermost < extents.size() && extents[outermost] == graph::Extent(1))
    index[outermost++] = body.constant(0);
  for (size_t dim = extents.size(); dim > outermost; --dim) {
    if (extents[dim - 1] == graph::Extent(1)) {
      index[dim - 1] = body.constant(0);
      continue;
    }
    if (dim - 1 == outermost) {
      index[dim - 1] = rest;
      break;
    }
    Value extent = body.value(extents[dim - 1]);
    index[dim - 1] = arith::RemUIOp::create(b, rest, extent);
    rest = arith::DivUIOp::create(b, rest, extent);
  }
  tile(index);
  return graph::productOf(extents);
}

unsigned lanesOf(Body &body, const kernel::Machine &machine) {
  unsigned bytes = 4;
  for (Operation &op : body.kernel().getBody().front())
    for (Value result : op.getResults())
      bytes = std::max(bytes, graph::elementBytes(graph::computeType(graph::typeOf(result).getElementType())));
  return machine.vectorBytes / bytes;
}

} // namespace smelt::cpu
