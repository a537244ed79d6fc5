// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_KERNEL_OPS
#define SMELT_KERNEL_OPS

include "dialects/Graph/ExtentsAttr.td"
include "dialects/Graph/GraphInterfaces.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Kernel_Dialect : Dialect {
  let name = "kernel";
  let cppNamespace = "::smelt::kernel";
  let summary = "How a model is computed: kernels, each one root with what was fused to it, and a plan of calls over one arena.";
  let extraClassDeclaration = [{
    ::mlir::Attribute parseAttribute(::mlir::DialectAsmParser &parser, ::mlir::Type type) const override;
    void printAttribute(::mlir::Attribute attribute, ::mlir::DialectAsmPrinter &printer) const override;
    void addLayoutAttribute();
  }];
}

class Kernel_Op<string mnemonic, list<Trait> traits = []> : Op<Kernel_Dialect, mnemonic, traits>;

def Kernel_ContractOp : Kernel_Op<"contract", [Pure]> {
  let summary = "a matrix product or unpadded convolution whose right-hand side is packed in panels";
  let description = [{
    input [b…, i…, groups · c], result [b…, o…, groups · n], one entry of `window`, `strides` and `dilations` for each dim of i and o;
    a matrix product has one such dim, with a window of 1. packed is [b…, groups, panels, K, width] with K = window · c in the order of the window's
    dims, then c, and panels = ceil(n / width); its batch dims b… are missing where all batches share it, and so is `groups` where it is 1.
    Where `together` is above 1, that many neighbours along c lie side by side for each column, with zeros where c ends:
    [b…, groups, panels, window · ceil(c / together), width · together].
    Where `block` is above 0, packed holds codes of a product's right-hand side, (code - zero point / fraction) · scale in f32, of which `block` neighbours
    along K share a scale and a zero point: `scales` are those, [panels, ceil(K / block), width], then the zero points where there are any. Codes
    are bytes, i8 or ui8, [panels, K, width], or lie in words, [panels, ceil(K / 8), width], eight neighbours in each, the first in the low bits: of four
    bits with a sign in i32, without one in ui32.
  }];
  let arguments = (ins AnyRankedTensor:$input, AnyRankedTensor:$packed, Variadic<AnyRankedTensor>:$scales, DenseI64ArrayAttr:$window,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations, I64Attr:$groups, DefaultValuedAttr<I64Attr, "1">:$together,
                       DefaultValuedAttr<I64Attr, "0">:$block, DefaultValuedAttr<I64Attr, "1">:$fraction);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::llvm::LogicalResult verifyCodes();
  }];
}

def Kernel_WinogradOp : Kernel_Op<"winograd", [Pure]> {
  let summary = "a convolution of stride 1 by Winograd's algorithm, over tiles of results";
  let description = [{
    `window` are the taps of one or two dims, `tile` the results m along each; F(m, taps) with p points is graph::winogradTile's. A tile's results
    lie `dilations` apart.
    input [b, x…, c], zero where padding is, x = ceil(h / (m · dilation)) · m · dilation + dilation · (taps - 1), or, where h is symbolic,
    the most that this may be; packed [panels, Π p, c, width], the panels of kernel.winograd_filter; result [b, h…, n] with panels = ceil(n / width).
  }];
  let arguments = (ins AnyRankedTensor:$input, AnyRankedTensor:$packed, DenseI64ArrayAttr:$window, DenseI64ArrayAttr:$tile,
                       DenseI64ArrayAttr:$dilations);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Kernel_WinogradFilterOp
    : Kernel_Op<"winograd_filter", [Pure, InferTypeOpAdaptor, DeclareOpInterfaceMethods<Graph_EvaluateInterface>]> {
  let summary = "a filter [k…, c, n] as one matrix [c, n] for each product of a Winograd tile (WinogradTile.h); constant filters only";
  let description = [{ `tile` are the tile's results along each dim of the window. }];
  let arguments = (ins AnyRankedTensor:$filter, DenseI64ArrayAttr:$tile);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

def Kernel_DispatchOp : Kernel_Op<"dispatch", [Pure, IsolatedFromAbove, SingleBlock]> {
  let summary = "one kernel to be: its body computes all results in one pass over memory";
  let arguments = (ins Variadic<AnyRankedTensor>:$inputs);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "`(` $inputs `)` attr-dict `:` functional-type($inputs, results) $body";
}
def Kernel_YieldOp : Kernel_Op<"yield", [Pure, Terminator, ParentOneOf<["DispatchOp"]>]> {
  let summary = "the results of a dispatch";
  let arguments = (ins Variadic<AnyRankedTensor>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

def Kernel_FuncOp : Kernel_Op<"func", [IsolatedFromAbove, Symbol, SingleBlock, NoTerminator]> {
  let summary = "one kernel; its block's arguments are buffers, and it computes tiles of its results";
  let description = [{
    After the buffers come the sizes that are known at run time only, of type index: `sizes` are the symbols that stand for them in extents and
    strides of the kernel. Where the plan reserves memory for its blocks, `scratch` says how many bytes.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, OptionalAttr<StrArrayAttr>:$sizes, OptionalAttr<I64Attr>:$scratch);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
}
def Kernel_LoadOp : Kernel_Op<"load", [MemoryEffects<[MemRead]>]> {
  let summary = "what a buffer holds when the kernel starts";
  let arguments = (ins AnyMemRef:$buffer);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$buffer attr-dict `:` type($buffer) `->` type($result)";
}
def Kernel_StoreOp : Kernel_Op<"store", [MemoryEffects<[MemWrite]>]> {
  let summary = "writes a result to its buffer, which overlaps no loaded one";
  let arguments = (ins AnyRankedTensor:$value, AnyMemRef:$buffer);
  let assemblyFormat = "$value `,` $buffer attr-dict `:` type($value) `,` type($buffer)";
}

def Kernel_PlanOp : Kernel_Op<"plan", [SingleBlock, NoTerminator]> {
  let summary = "the calls of one inference, in order, over an arena, the weights, the inputs and the outputs";
  let description = [{
    Where input types have symbolic dims, `symbols[i]` stands for `values[i]`, which symbols of the inputs and those before it make up. They name
    where buffers lie; the last one, arena_bytes, is the arena's size, and the attribute of that name is 0.
    Buffers whose size only the run tells lie in `blocks` pieces of memory that grow. outputs that are `held` lie there or in the arena, at
    held_offsets[i] from held_bases[i], number held_indices[i]; of the others, held_bases is -1.
    `states` are outputs that are inputs of the next run: {input, output} are their numbers among the types above, and calls count the others alone.
    They lie in two `blocks` that change places after a run, or in one; of `bytes` bytes each, at `places` of the `state_bytes` bytes that the arena
    has for all, or grown. `strides` of elements are there where they do not lie side by side.
  }];
  let arguments = (ins StrAttr:$model_name, I64Attr:$arena_bytes, I64Attr:$weights_bytes, ArrayAttr:$weights, DenseI64ArrayAttr:$weight_offsets,
                       StrArrayAttr:$input_names, TypeArrayAttr:$input_types, StrArrayAttr:$output_names, TypeArrayAttr:$output_types,
                       I64Attr:$live_bytes, OptionalAttr<StrArrayAttr>:$symbols, OptionalAttr<Graph_Extents>:$values,
                       DefaultValuedAttr<I64Attr, "0">:$blocks, OptionalAttr<DenseI32ArrayAttr>:$held_bases,
                       OptionalAttr<DenseI32ArrayAttr>:$held_indices, OptionalAttr<Graph_Extents>:$held_offsets,
                       OptionalAttr<ArrayAttr>:$states, DefaultValuedAttr<I64Attr, "0">:$state_bytes);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "attr-dict-with-keyword $body";
}
def Kernel_CallOp : Kernel_Op<"call"> {
  let summary = "one step: operand i lies `offsets[i]` bytes from bases[i] (a smelt_base), number indices[i] of the inputs or outputs; then come the kernel's sizes, and its scratch memory, one offset in the arena";
  let arguments = (ins FlatSymbolRefAttr:$callee, DenseI32ArrayAttr:$bases, DenseI32ArrayAttr:$indices, Graph_Extents:$offsets,
                       OptionalAttr<Graph_Extents>:$sizes, OptionalAttr<Graph_Extents>:$scratch);
  let assemblyFormat = "$callee attr-dict";
}

// What a run finds. Whatever of the steps that follow, in the same region, depends on new symbols is computed on the spot.
def Kernel_BindSizesOp : Kernel_Op<"bind_sizes"> {
  let summary = "symbols[i] stands for the i64 that lies offsets[i] bytes from bases[i], number indices[i], as in kernel.call";
  let arguments = (ins StrArrayAttr:$symbols, DenseI32ArrayAttr:$bases, DenseI32ArrayAttr:$indices, Graph_Extents:$offsets);
  let assemblyFormat = "attr-dict";
}
def Kernel_DefineSizesOp : Kernel_Op<"define_sizes"> {
  let summary = "symbols[i] stands for extents[i]; where they are variables, all get their new values at once";
  let arguments = (ins StrArrayAttr:$symbols, Graph_Extents:$extents);
  let assemblyFormat = "attr-dict";
}
def Kernel_VariablesOp : Kernel_Op<"variables"> {
  let summary = "symbols that several kernel.define_sizes give values";
  let arguments = (ins StrArrayAttr:$symbols);
  let assemblyFormat = "attr-dict";
}
def Kernel_CheckOp : Kernel_Op<"check"> {
  let summary = "the run fails where one of the expressions does; what it says then is as in graph.check_sizes";
  let arguments = (ins Graph_Extents:$extents, OptionalAttr<StrAttr>:$message, OptionalAttr<Graph_Extents>:$values);
  let assemblyFormat = "attr-dict";
}
def Kernel_GrowOp : Kernel_Op<"grow"> {
  let summary = "block number `block` has `bytes` bytes from here on, and keeps what it holds";
  let arguments = (ins I64Attr:$block, Graph_Extents:$bytes);
  let assemblyFormat = "attr-dict";
}
def Kernel_IfOp : Kernel_Op<"if", [NoTerminator]> {
  let summary = "the steps of one region or the other: of the first where `condition`, one extent, is not 0";
  let arguments = (ins Graph_Extents:$condition);
  let regions = (region MaxSizedRegion<1>:$first, MaxSizedRegion<1>:$second);
  let assemblyFormat = "attr-dict-with-keyword $first `else` $second";
}
def Kernel_LoopOp : Kernel_Op<"loop", [NoTerminator]> {
  let summary = "the steps of the region again and again while `condition`, one extent, is not 0 before them";
  let arguments = (ins Graph_Extents:$condition);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "attr-dict-with-keyword $body";
}

#endif // SMELT_KERNEL_OPS
