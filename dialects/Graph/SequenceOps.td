// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that carry a state from step to step.

#ifndef SMELT_GRAPH_SEQUENCE_OPS
#define SMELT_GRAPH_SEQUENCE_OPS

include "dialects/Graph/GraphBase.td"

class Graph_StatefulOp<string mnemonic>
    : Graph_Op<mnemonic, [InferTypeOpAdaptor, AttrSizedOperandSegments, DeclareOpInterfaceMethods<Graph_LoopInterface>]>;

def Graph_CellKind : I32EnumAttr<"CellKind", "what a recurrent step computes", [
    I32EnumAttrCase<"Lstm", 0, "lstm">, I32EnumAttrCase<"Gru", 1, "gru">, I32EnumAttrCase<"Rnn", 2, "rnn">]> {
  let cppNamespace = "::smelt::graph"; }
def Graph_RecurrentDirection : I32EnumAttr<"RecurrentDirection", "the order of the steps", [
    I32EnumAttrCase<"Forward", 0, "forward">, I32EnumAttrCase<"Reverse", 1, "reverse">,
    I32EnumAttrCase<"Bidirectional", 2, "bidirectional">]> { let cppNamespace = "::smelt::graph"; }
def Graph_RecurrentOp : Graph_StatefulOp<"recurrent"> {
  let summary = "ONNX LSTM, GRU or RNN from the product of all steps' inputs with their weights on";
  let description = [{
    projected [t, b, d, g, h]: X · Wᵀ and the biases that are added to it; d directions, g gates (lstm: i, o, f, c; gru: z, r, h; rnn: one) of h elements.
    recurrence [d, panels, h, g, w]: Rᵀ, the h columns of each gate in panels of w, zero where h ends. hidden, cell [d, b, h]: the state before step 0;
    cell is there for lstm only. Optional: peepholes [d, 3, h] of i, o, f; candidate_bias [d, h], of gru with `linear_before_reset`; lengths [b], i32.
    Results: sequence [d, b, t, h], zero from lengths[b] on; the last hidden state and, for lstm, cell, [d, b, h].
    `activations` are named as in ONNX, in lower case; each has an alpha and a beta. `clip` limits what they are applied to; 0 means no limit.
  }];
  let arguments = (ins Graph_Tensor:$projected, Graph_Tensor:$recurrence, Graph_Tensor:$hidden, Optional<Graph_Tensor>:$cell,
                       Optional<Graph_Tensor>:$peepholes, Optional<Graph_Tensor>:$candidate_bias, Optional<Graph_Tensor>:$lengths,
                       Graph_CellKind:$kind, Graph_RecurrentDirection:$direction, StrArrayAttr:$activations,
                       DenseF64ArrayAttr:$alphas, DenseF64ArrayAttr:$betas, F64Attr:$clip, BoolAttr:$input_forget, BoolAttr:$linear_before_reset);
  let results = (outs Graph_Tensor:$sequence, Graph_Tensor:$last_hidden, Optional<Graph_Tensor>:$last_cell);
  let hasVerifier = 1;
}

def Graph_LinearAttentionOp : Graph_StatefulOp<"linear_attention"> {
  let summary = "ONNX LinearAttention: S = decay · S; v' = beta · (v - Sᵀk), or v without beta; S = S + k ⊗ v'; out = Sᵀq";
  let description = [{
    query [b, t, h, g, k]: g queries share a head of the keys [b, t, h, k] and values [b, t, h, v]. state S [b, h, k, v]. Optional: decay [b, t, h, k or 1];
    beta [b, t, h or 1]. Results: [b, h, t, g, v] and the last state. All of one float type.
  }];
  let arguments = (ins Graph_Tensor:$query, Graph_Tensor:$key, Graph_Tensor:$value, Graph_Tensor:$state, Optional<Graph_Tensor>:$decay,
                       Optional<Graph_Tensor>:$beta);
  let results = (outs Graph_Tensor:$result, Graph_Tensor:$last_state);
}

#endif // SMELT_GRAPH_SEQUENCE_OPS
