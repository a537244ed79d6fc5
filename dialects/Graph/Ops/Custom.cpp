// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Graph.h"
#include "dialects/Graph/StoredTypes.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace smelt::graph {

static bool isIdentifier(StringRef name) {
  return !name.empty() && !llvm::isDigit(name.front()) &&
         llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

LogicalResult CustomOp::verify() {
  if (!isIdentifier(getFunction()))
    return emitOpError("names a function that no C program can have");
  if (getNames().size() != getValues().size())
    return emitOpError("needs one name for each value");
  if (!llvm::all_of(getValues(),
                    [](Attribute value) { return isa<DenseI64ArrayAttr, DenseF64ArrayAttr, StringAttr>(value); }))
    return emitOpError("has a value that is no list of i64 or f64, nor a string");
  for (Type type : llvm::concat<const Type>(getOperandTypes(), getResultTypes()))
    if (isPackable(getElementTypeOrSelf(type)))
      return emitOpError("would hand elements to C of which a byte holds several");
  int64_t all = static_cast<int64_t>(getInputs().size() + getAbsent().size()), last = -1;
  for (int64_t place : getAbsent()) {
    if (place <= last || place >= all)
      return emitOpError("lacks inputs at places that are not in rising order, or are none");
    last = place;
  }
  return success();
}

} // namespace smelt::graph
