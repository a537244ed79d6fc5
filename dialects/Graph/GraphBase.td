// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_GRAPH_BASE
#define SMELT_GRAPH_BASE

include "mlir/IR/OpBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/Graph/ExtentsAttr.td"
include "dialects/Graph/GraphInterfaces.td"

def Graph_Dialect : Dialect {
  let name = "graph";
  let cppNamespace = "::smelt::graph";
  let summary = "What a model computes: pure operations on ranked tensors, independent of any target.";
  let description = [{
    Element types: f32 f16 bf16 f64, i8 i16 i32 i64 (signed), ui8 ui16 ui32 ui64, i1 (bool); and those of StoredTypes.h, which are moved
    and cast alone. Axes are non-negative. Elementwise operands broadcast as in NumPy. Every op carries the source node's name as its location.
  }];
  let hasConstantMaterializer = 1;
  let extraClassDeclaration = [{
    ::mlir::Attribute parseAttribute(::mlir::DialectAsmParser &parser, ::mlir::Type type) const override;
    void printAttribute(::mlir::Attribute attribute, ::mlir::DialectAsmPrinter &printer) const override;
    void addExtentAttributes();
  }];
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
//
// A `formula` is C++ over `parameters`, one an operand: the reference, where they are numbers, and what targets emit, where they are Exprs
// (see Ops/Formulas.h). `domain` is what it is defined on: Numbers, Integers or Floats.
// An op without one has its two methods in Ops/.
class Graph_ElementwiseOp<string mnemonic, list<Trait> traits = []>
    : Op<Graph_Dialect, mnemonic, !listconcat([Pure, InferTypeOpAdaptor, DeclareOpInterfaceMethods<Graph_ScalarInterface>], traits)> {
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let results = (outs Graph_Tensor:$result);
  string alike = "adaptor.getOperands()";
  string takesStoredTypes = "false"; // those of StoredTypes.h
  string resultElement = "nullptr";
  string parameters = "";
  string formula = "";
  string domain = "Numbers";
  let extraClassDefinition = [{
    ::llvm::LogicalResult $cppClass::inferReturnTypes(::mlir::MLIRContext *context, std::optional<::mlir::Location> location,
                                                      Adaptor adaptor, ::llvm::SmallVectorImpl<::mlir::Type> &types) {
      return inferElementwise(location, adaptor.getOperands(), }] # alike # ", " # resultElement # ", " # takesStoredTypes # [{, types);
    }
  }] # !if(!empty(formula), "", [{
    ::llvm::FailureOr<Scalar> $cppClass::evaluateScalar(::llvm::ArrayRef<Scalar> operands) {
      using namespace formula;
      return evaluateFormula<Domain::}] # domain # ">(operands, [&](" # parameters # ") { return " # formula # [{; });
    }
    ::mlir::Value $cppClass::emitScalar(::mlir::OpBuilder &builder, ::mlir::ValueRange operands) {
      using namespace formula;
      return emitFormula(*this, builder, operands, Domain::}] # domain # ", [&](" # parameters # ") { return " # formula # [{; });
    }
  }]);
}

class Graph_UnaryOp<string mnemonic, string function = "", list<Trait> traits = []> : Graph_ElementwiseOp<mnemonic, traits> {
  let arguments = (ins Graph_Tensor:$input);
  let parameters = "auto x";
  let formula = function;
}
class Graph_BinaryOp<string mnemonic, string function = "", list<Trait> traits = []> : Graph_ElementwiseOp<mnemonic, traits> {
  let arguments = (ins Graph_Tensor:$lhs, Graph_Tensor:$rhs);
  let parameters = "auto a, auto b";
  let formula = function;
}
// Functions of any float.
class Graph_FloatFunction<string mnemonic, string function> : Graph_UnaryOp<mnemonic, function> { let domain = "Floats"; }

class Graph_BitsOp<string mnemonic, string function> : Graph_BinaryOp<mnemonic, function, [Commutative]> { let domain = "Integers"; }
// Same operand types as a binary op, i1 result.
class Graph_CompareOp<string mnemonic, string function> : Graph_BinaryOp<mnemonic, function> {
  let resultElement = "::mlir::IntegerType::get(context, 1)";
}

#endif // SMELT_GRAPH_BASE
