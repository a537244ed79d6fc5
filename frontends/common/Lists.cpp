// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Lists.h"
#include "frontends/common/Refusal.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend {

graph::HostTensor constantOperand(Value value, const Twine &what) {
  std::optional<graph::HostTensor> constant = graph::constantOf(value);
  if (!constant)
    unsupported(what + " must be constant");
  return *constant;
}

SmallVector<int64_t> integersOperand(Value value, const Twine &what) {
  constexpr int64_t kMostIntegers = 1 << 16; // of a shape, a list of axes, …
  graph::HostTensor constant = constantOperand(value, what);
  if (!isa<IntegerType>(constant.elementType()) || constant.size() > kMostIntegers)
    malformed(what + " is no list of integers");
  return constant.toIntegers();
}

graph::Extents extentsOperand(GraphBuilder &builder, Value value, GraphBuilder::Sign sign, const Twine &what) {
  constexpr int64_t kMostFound = 64;
  if (!isa<IntegerType>(elementOf(value)) || rankOf(value) > 1)
    malformed(what + " is no list of integers");
  if (std::optional<graph::Extents> extents = knownExtents(value))
    return *extents;
  if (graph::constantOf(value))
    return graph::toExtents(integersOperand(value, what));
  if (graph::elementCount(graph::typeOf(value).getShape()).value_or(INT64_MAX) > kMostFound)
    unsupported(what + " is a list of unknown or great length, which must be constant");
  return builder.sizesFrom(value, sign);
}

} // namespace smelt::frontend
