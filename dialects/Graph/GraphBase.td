// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_GRAPH_BASE
#define SMELT_GRAPH_BASE

include "mlir/IR/OpBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/Graph/GraphInterfaces.td"

def Graph_Dialect : Dialect {
  let name = "graph";
  let cppNamespace = "::smelt::graph";
  let summary = "What a model computes: pure operations on ranked tensors, independent of any target.";
  let description = [{
    Element types: f32 f16 bf16 f64, i8 i16 i32 i64 (signed), ui8 ui16 ui32 ui64, i1 (bool). Axes are non-negative. Elementwise operands
    broadcast as in NumPy. Every op carries the source node's name as its location.
  }];
  let hasConstantMaterializer = 1;
}

def Graph_Tensor : RankedTensorOf<[AnyType]>;
def Graph_FloatTensor : RankedTensorOf<[F32, F16, BF16, F64]>;
def Graph_BoolTensor : RankedTensorOf<[I1]>;

class Graph_Op<string mnemonic, list<Trait> traits = []>
    : Op<Graph_Dialect, mnemonic, !listconcat([Pure, DeclareOpInterfaceMethods<Graph_EvaluateInterface>], traits)> {
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

// The result's shape and type follow from the operands and attributes: builders need no result type.
class Graph_InferredOp<string mnemonic, list<Trait> traits = []>
    : Graph_Op<mnemonic, !listconcat([InferTypeOpAdaptor], traits)>;

// One scalar function of the operands' elements at the same (broadcast) position.
class Graph_ElementwiseOp<string mnemonic, list<Trait> traits = []>
    : Op<Graph_Dialect, mnemonic, !listconcat([Pure, InferTypeOpAdaptor, DeclareOpInterfaceMethods<Graph_ScalarInterface>], traits)> {
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let results = (outs Graph_Tensor:$result);
}

class Graph_UnaryOp<string mnemonic, list<Trait> traits = []> : Graph_ElementwiseOp<mnemonic, traits> {
  let arguments = (ins Graph_Tensor:$input);
}
class Graph_BinaryOp<string mnemonic, list<Trait> traits = []> : Graph_ElementwiseOp<mnemonic, traits> {
  let arguments = (ins Graph_Tensor:$lhs, Graph_Tensor:$rhs);
}
// Same operand types as a binary op, i1 result.
class Graph_CompareOp<string mnemonic> : Graph_BinaryOp<mnemonic>;

#endif // SMELT_GRAPH_BASE
