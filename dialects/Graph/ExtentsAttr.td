// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_GRAPH_EXTENTS_ATTR
#define SMELT_GRAPH_EXTENTS_ATTR

include "mlir/IR/AttrTypeBase.td"

def Graph_Extents : Attr<CPred<"::llvm::isa<::smelt::graph::ExtentsAttr>($_self)">, "a list of extents"> {
  let storageType = "::smelt::graph::ExtentsAttr";
  let returnType = "::llvm::ArrayRef<::smelt::graph::Extent>";
  let convertFromStorage = "$_self.extents()";
  let constBuilderCall = "::smelt::graph::ExtentsAttr::get($_builder.getContext(), $0)";
}

#endif // SMELT_GRAPH_EXTENTS_ATTR
