// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Control flow. What runs in parts lies in functions of the module, one for each part; they see what is handed to them.

#ifndef SMELT_GRAPH_CONTROL_OPS
#define SMELT_GRAPH_CONTROL_OPS

include "dialects/Graph/GraphBase.td"

class Graph_ControlOp<string mnemonic> : Op<Graph_Dialect, mnemonic> {
  let hasVerifier = 1;
  let assemblyFormat = "`(` $inputs `)` attr-dict `:` functional-type(operands, results)";
}

def Graph_IfOp : Graph_ControlOp<"if"> {
  let summary = "the results of `first` where the condition, one extent, is not 0, else those of `second`; both take the inputs";
  let description = [{
    From here on symbols[i] stands for first_sizes[i] or second_sizes[i], which symbols of that function may make up: extents of results that
    the two make unlike. `uses` are extents of the symbols that the functions use besides those of their inputs.
  }];
  let arguments = (ins Variadic<Graph_Tensor>:$inputs, Graph_Extents:$condition, FlatSymbolRefAttr:$first, FlatSymbolRefAttr:$second,
                       StrArrayAttr:$symbols, Graph_Extents:$first_sizes, Graph_Extents:$second_sizes, Graph_Extents:$uses);
  let results = (outs Variadic<Graph_Tensor>:$results);
}

def Graph_WhileOp : Graph_ControlOp<"while"> {
  let summary = "`body` again and again while the condition, one extent, is not 0 before it";
  let description = [{
    The symbols stand for `initial` before the first round and for `next`, which symbols of the body may make up, after each; symbols[0] counts the
    rounds. The first `carried` inputs are the state: they are the first results of the body, which are its first inputs the round after, and in the
    end the first results. The body's other results are what the round adds to the other results, whose first extent is symbols[0]. `most` are
    bounds of the symbols, INT64_MAX where none is known; `uses` as in graph.if.
  }];
  let arguments = (ins Variadic<Graph_Tensor>:$inputs, I64Attr:$carried, Graph_Extents:$condition, FlatSymbolRefAttr:$body,
                       StrArrayAttr:$symbols, Graph_Extents:$initial, Graph_Extents:$next, Graph_Extents:$most, Graph_Extents:$uses);
  let results = (outs Variadic<Graph_Tensor>:$results);
}

#endif // SMELT_GRAPH_CONTROL_OPS
