// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Graph.h"

using namespace mlir;

namespace smelt::graph {

static LogicalResult verifySymbols(Operation *op, ArrayAttr symbols, size_t count) {
  if (symbols.size() != count)
    return op->emitOpError("has ") << symbols.size() << " symbols for " << count << " numbers";
  for (Attribute symbol : symbols)
    if (!isFoundAtRunTime(cast<StringAttr>(symbol).getValue()))
      return op->emitOpError("defines ") << symbol << ", which is no symbol of a number found at run time";
  return success();
}

LogicalResult BindSizesOp::verify() {
  RankedTensorType type = typeOf(getValues());
  if (type.getRank() != 1 || !type.hasStaticShape() || !type.getElementType().isSignlessInteger(64) ||
      getMost().size() != static_cast<size_t>(type.getDimSize(0)))
    return emitOpError("takes a list of i64 and a bound for each, not ") << type;
  return verifySymbols(*this, getSymbols(), getMost().size());
}

/// How many {} a message has; nothing where a brace is neither of one nor doubled.
static std::optional<size_t> placesIn(StringRef message) {
  size_t places = 0;
  while (!message.empty()) {
    if (!StringRef("{}").contains(message.front()))
      message = message.drop_front();
    else if (message.consume_front("{}"))
      ++places;
    else if (!message.consume_front("{{") && !message.consume_front("}}"))
      return std::nullopt;
  }
  return places;
}

LogicalResult CheckSizesOp::verify() {
  if (placesIn(getMessage()) != getValues().size())
    return emitOpError("has ") << getValues().size() << " values for the message '" << getMessage() << "'";
  return success();
}

LogicalResult DefineSizesOp::verify() { return verifySymbols(*this, getSymbols(), getExtents().size()); }

} // namespace smelt::graph
