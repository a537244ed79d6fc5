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

// One scalar function of the operands' elements at the same (broadcast) position. The result's elements are those of the operands in
// `alike`, which have one type, unless `resultElement` gives another; both are C++ over `context` and `adaptor`.
class Graph_ElementwiseOp<string mnemonic, list<Trait> traits = []>
    : Op<Graph_Dialect, mnemonic, !listconcat([Pure, InferTypeOpAdaptor, DeclareOpInterfaceMethods<Graph_ScalarInterface>], traits)> {
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let results = (outs Graph_Tensor:$result);
  string alike = "adaptor.getOperands()";
  string resultElement = "nullptr";
  string scalarMethods = "";
  let extraClassDefinition = [{
    ::llvm::LogicalResult $cppClass::inferReturnTypes(::mlir::MLIRContext *context, std::optional<::mlir::Location> location,
                                                      Adaptor adaptor, ::llvm::SmallVectorImpl<::mlir::Type> &types) {
      return inferElementwise(location, adaptor.getOperands(), }] # alike # ", " # resultElement # [{, types);
    }
  }] # scalarMethods;
}

class Graph_UnaryOp<string mnemonic, list<Trait> traits = []> : Graph_ElementwiseOp<mnemonic, traits> {
  let arguments = (ins Graph_Tensor:$input);
}
// A function of floats by its formula, which is both the reference (x is a double) and what targets emit (x is an Expr). `Floats` is All
// where it is accurate on f64 too: transcendental functions are written for f32.
class Graph_FloatFunction<string mnemonic, string formula, string supported = "F32"> : Graph_UnaryOp<mnemonic> {
  let scalarMethods = [{
    ::llvm::FailureOr<Scalar> $cppClass::evaluateScalar(::llvm::ArrayRef<Scalar> operands) {
      using namespace formula;
      return evaluateFloat(operands, [&](auto x) { return }] # formula # [{; });
    }
    ::mlir::Value $cppClass::emitScalar(::mlir::OpBuilder &builder, ::mlir::ValueRange operands) {
      using namespace formula;
      return emitFloat(*this, builder, operands, Floats::}] # supported # [{, [&](auto x) { return }] # formula # [{; });
    }
  }];
}
class Graph_BinaryOp<string mnemonic, list<Trait> traits = []> : Graph_ElementwiseOp<mnemonic, traits> {
  let arguments = (ins Graph_Tensor:$lhs, Graph_Tensor:$rhs);
}
// Same operand types as a binary op, i1 result.
class Graph_CompareOp<string mnemonic> : Graph_BinaryOp<mnemonic> {
  let resultElement = "::mlir::IntegerType::get(context, 1)";
}

#endif // SMELT_GRAPH_BASE
