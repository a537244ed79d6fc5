// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_GRAPH_INTERFACES
#define SMELT_GRAPH_INTERFACES

include "mlir/IR/OpBase.td"

def Graph_EvaluateInterface : OpInterface<"EvaluateInterface"> {
  let cppNamespace = "::smelt::graph";
  let description = [{
    The slow, plain evaluation of an op on host memory. It folds constants and is the oracle of every target's operator tests.
  }];
  let methods = [InterfaceMethod<
    [{ Computes `results`, which have the op's static result types and are zero-filled, from `operands`. Fails, without writing a
       diagnostic, when this op has no evaluation for these element types. }],
    "::llvm::LogicalResult", "evaluate",
    (ins "::llvm::ArrayRef<::smelt::graph::HostTensor>":$operands, "::llvm::MutableArrayRef<::smelt::graph::HostTensor>":$results)>];
}

def Graph_ScalarInterface : OpInterface<"ScalarInterface"> {
  let cppNamespace = "::smelt::graph";
  let description = [{ An op whose every result element is one scalar function of the operands' elements at the same broadcast position. }];
  let methods = [
    InterfaceMethod<[{ The function on one element each; fails for element types it is not defined on. }],
      "::llvm::FailureOr<::smelt::graph::Scalar>", "evaluateScalar", (ins "::llvm::ArrayRef<::smelt::graph::Scalar>":$operands)>,
    InterfaceMethod<[{ Emits the function in the arith and math dialects. `operands` are scalars or 1-D vectors of the compute type
       (see computeType) of each operand's element type; the result has the compute type of the result's. Null where the element type is
       not supported on a target. }],
      "::mlir::Value", "emitScalar", (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$operands)>];
}

def Graph_IndexedInterface : OpInterface<"IndexedInterface"> {
  let cppNamespace = "::smelt::graph";
  let description = [{
    An op each of whose result elements is read from operand elements at computed indices: transpose, slice, gather, pad, resize, …
    Such ops fuse into their consumers.
  }];
  let methods = [InterfaceMethod<
    [{ Emits the value of the result at `index`. `access.fetch(operand, index)` reads an operand. Null when an index that this op
       computes with is not uniform over the lanes; the caller then emits fewer lanes. }],
    "::mlir::Value", "emitElement", (ins "::smelt::graph::ElementAccess &":$access, "::llvm::ArrayRef<::smelt::graph::LaneIndex>":$index)>];
}

def Graph_LoopInterface : OpInterface<"LoopInterface"> {
  let cppNamespace = "::smelt::graph";
  let description = [{ An op that is the root of its kernel: it emits its own loops over tiles (reductions, pools, softmax, sorts, scans). }];
  let methods = [
    InterfaceMethod<[{ How many leading result dims (of result 0) are spread over tiles; the op computes one tile for each index of them. }],
      "unsigned", "tiledDims">,
    InterfaceMethod<[{ Emits the work of one tile. Fails when an element type is not supported. }],
      "::llvm::LogicalResult", "emitTile", (ins "::smelt::graph::TileAccess &":$access)>,
    InterfaceMethod<[{ Whether it reads what it wrote, as room to work in: all its results are then in memory as it wrote them, and nothing
       is fused to it. }],
      "bool", "readsResults", (ins), "", "return false;">];
}

#endif // SMELT_GRAPH_INTERFACES
