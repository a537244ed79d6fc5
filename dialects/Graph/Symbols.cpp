// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Symbols.h"
#include "dialects/Graph/Graph.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace smelt::graph {

SmallVector<StringRef> symbolsDefinedBy(Operation *op) {
  ArrayAttr symbols = llvm::TypeSwitch<Operation *, ArrayAttr>(op)
                          .Case<BindSizesOp, DefineSizesOp, IfOp, WhileOp>([](auto op) { return op.getSymbols(); })
                          .Default(ArrayAttr());
  SmallVector<StringRef> names;
  if (symbols)
    for (Attribute symbol : symbols)
      names.push_back(cast<StringAttr>(symbol).getValue());
  return names;
}

Extents extentsMentionedBy(Operation *op) {
  Extents extents;
  op->walk([&](Operation *inner) {
    for (Type type : inner->getResultTypes())
      if (auto tensor = dyn_cast<RankedTensorType>(type); tensor && tensor.getEncoding())
        llvm::append_range(extents, extentsOf(tensor));
    for (NamedAttribute attribute : inner->getAttrs())
      if (auto list = dyn_cast<ExtentsAttr>(attribute.getValue()))
        llvm::append_range(extents, list.extents());
  });
  return extents;
}

} // namespace smelt::graph
