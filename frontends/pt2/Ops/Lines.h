// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_OPS_LINES_H
#define SMELT_FRONTENDS_PT2_OPS_LINES_H

#include "frontends/pt2/NodeReader.h"

namespace smelt::frontend::pt2 {

inline Value scalarOf(GraphBuilder &builder, Value line) { return line ? builder.reshape(line, Extents()) : line; }
inline Values scalarOf(GraphBuilder &builder, Values lines) {
  for (Value &line : lines)
    line = scalarOf(builder, line);
  return lines;
}

/// An operator along a dim that takes a scalar, `self`, for a line of one, as PyTorch's do.
template <auto import> auto alongLine(NodeReader &node) {
  if (rankOf(node.tensor("self")) > 0)
    return import(node);
  node.takeScalarsAsLines();
  return scalarOf(node.builder(), import(node));
}

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_OPS_LINES_H
