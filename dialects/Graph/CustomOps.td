// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What code that is not Smelt's computes.

#ifndef SMELT_GRAPH_CUSTOM_OPS
#define SMELT_GRAPH_CUSTOM_OPS

include "dialects/Graph/GraphBase.td"

def Graph_CustomOp : Op<Graph_Dialect, "custom", [Pure]> {
  let summary = "the results of a C function, void function(const smelt_custom_call *)";
  let description = [{
    The function sees whole tensors, which lie dense, and attributes: lists of i64 or f64, or a string. Inputs at the places `absent`, in rising order,
    are optional ones that are not there; the others are the operands.
  }];
  let arguments = (ins Variadic<Graph_Tensor>:$inputs, StrAttr:$function, StrArrayAttr:$names, ArrayAttr:$values,
                       DenseI64ArrayAttr:$absent);
  let results = (outs Variadic<Graph_Tensor>:$results);
  let assemblyFormat = "`(` $inputs `)` attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif // SMELT_GRAPH_CUSTOM_OPS
