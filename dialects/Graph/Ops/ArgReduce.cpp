// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Structured.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult ArgReduceOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getInput());
  Checks checks{location};
  auto axis = static_cast<int64_t>(adaptor.getAxis());
  if (failed(checks.axis(axis, type)) || failed(checks.element(type.getElementType(), Domain::Numbers)))
    return failure();
  if (type.getDimSize(axis) == 0)
    return emitOptionalError(location, "axis ", axis, " of ", inWords(type.getShape()),
                             " has no elements to choose from");
  SmallVector<int64_t> shape(type.getShape());
  shape[axis] = 1;
  types.push_back(RankedTensorType::get(shape, IntegerType::get(context, 64)));
  return success();
}

/// Whether x takes the place of what was best so far. NaN is beyond all numbers, as in NumPy.
template <typename T> static bool isBetter(T x, T best, bool minimum, bool last) {
  if (x != x)
    return last || best == best;
  if (x == best)
    return last;
  return minimum ? x < best : x > best;
}

LogicalResult ArgReduceOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  Lines lines(operands[0].shape(), getAxis());
  return onNumbers(operands[0].elementType(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<T> elements = elementsOf<T>(operands[0]);
    MutableArrayRef<int64_t> result = results[0].asMutable<int64_t>();
    for (int64_t outer = 0; outer < lines.outer; ++outer)
      for (int64_t inner = 0; inner < lines.inner; ++inner) {
        int64_t best = 0;
        for (int64_t i = 1; i < lines.extent; ++i)
          if (isBetter(elements[lines.at(outer, i, inner)], elements[lines.at(outer, best, inner)], getMinimum(),
                       getLast()))
            best = i;
        result[outer * lines.inner + inner] = best;
      }
  });
}

unsigned ArgReduceOp::tiledDims() { return 0; }
LogicalResult ArgReduceOp::emitTile(TileAccess &access) { return failure(); }

} // namespace smelt::graph
