// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that move, select or make data.

#ifndef SMELT_GRAPH_DATA_OPS
#define SMELT_GRAPH_DATA_OPS

include "dialects/Graph/GraphBase.td"

class Graph_IndexedOp<string mnemonic, list<Trait> traits = []>
    : Graph_Op<mnemonic, !listconcat([DeclareOpInterfaceMethods<Graph_IndexedInterface>], traits)> {
  let results = (outs Graph_Tensor:$result);
}

def Graph_ConstantOp : Op<Graph_Dialect, "constant", [Pure, ConstantLike, InferTypeOpAdaptor]> {
  let summary = "a constant tensor; large ones are resource blobs mapped from the model's file";
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Graph_Tensor:$result);
  let hasFolder = 1;
  let assemblyFormat = "attr-dict $value";
}

def Graph_SizesOp : Graph_IndexedOp<"sizes"> {
  let summary = "integers that are extents, in the row-major order of the result: what ONNX Shape yields";
  let arguments = (ins Graph_Extents:$extents);
  let hasVerifier = 1;
}
// Numbers that the model finds when it runs, see Extent.h.
class Graph_SizesDefinition<string mnemonic> : Op<Graph_Dialect, mnemonic> {
  let hasVerifier = 1;
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}
def Graph_BindSizesOp : Graph_SizesDefinition<"bind_sizes"> {
  let summary = "from here on, symbols[i] stands for element i of a list of i64; it never exceeds most[i], where that is not INT64_MAX";
  let arguments = (ins Graph_Tensor:$values, StrArrayAttr:$symbols, Graph_Extents:$most);
}
def Graph_DefineSizesOp : Graph_SizesDefinition<"define_sizes"> {
  let summary = "from here on, symbols[i] stands for extents[i]; the run fails where an expression of them does";
  let arguments = (ins StrArrayAttr:$symbols, Graph_Extents:$extents);
}
def Graph_CheckSizesOp : Op<Graph_Dialect, "check_sizes"> {
  let summary = "the run fails where one of `extents` has no value (as what is too large never has), and says the message: each {} in it is one of `values`, {{ and }} are braces";
  let arguments = (ins Graph_Extents:$extents, StrAttr:$message, Graph_Extents:$values);
  let hasVerifier = 1;
  let assemblyFormat = "attr-dict";
}
def Graph_ReshapeOp : Graph_IndexedOp<"reshape"> {
  let summary = "the same elements in row-major order under the result's shape";
  let arguments = (ins Graph_Tensor:$input);
  let hasFolder = 1;
  let hasVerifier = 1;
}
def Graph_BitCastOp : Graph_Op<"bit_cast"> {
  let summary = "the same bytes as elements of another type, of as many bytes each";
  let arguments = (ins Graph_Tensor:$input);
  let results = (outs Graph_Tensor:$result);
  let hasVerifier = 1;
}
def Graph_TransposeOp : Graph_IndexedOp<"transpose", [InferTypeOpAdaptor]> {
  let summary = "result dim i is input dim permutation[i]";
  let arguments = (ins Graph_Tensor:$input, DenseI64ArrayAttr:$permutation);
  let hasFolder = 1;
  let hasVerifier = 1;
}
def Graph_BroadcastOp : Graph_IndexedOp<"broadcast"> {
  let summary = "NumPy broadcast to the result's shape, which is at least of the input's rank";
  let arguments = (ins Graph_Tensor:$input);
  let hasFolder = 1;
  let hasVerifier = 1;
}
def Graph_ConcatOp : Graph_IndexedOp<"concat", [InferTypeOpAdaptor]> {
  let summary = "operands side by side along `axis`";
  let arguments = (ins Variadic<Graph_Tensor>:$inputs, I64Attr:$axis);
  let hasFolder = 1;
}
def Graph_SliceOp : Graph_IndexedOp<"slice"> {
  let summary = "result[i] = input[starts + i · steps]; steps may be negative; the extents are the result's";
  let arguments = (ins Graph_Tensor:$input, Graph_Extents:$starts, Graph_Extents:$steps);
  let builders = [OpBuilder<
    (ins "::mlir::Type":$type, "::mlir::Value":$input, "::llvm::ArrayRef<int64_t>":$starts, "::llvm::ArrayRef<int64_t>":$steps),
    [{ build($_builder, $_state, type, input, toExtents(starts), toExtents(steps)); }]>];
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Graph_PadMode : I32EnumAttr<"PadMode", "what lies outside the input", [
    I32EnumAttrCase<"Constant", 0, "constant">, I32EnumAttrCase<"Edge", 1, "edge">,
    I32EnumAttrCase<"Reflect", 2, "reflect">, I32EnumAttrCase<"Wrap", 3, "wrap">]> { let cppNamespace = "::smelt::graph"; }
def Graph_PadOp : Graph_IndexedOp<"pad", [InferTypeOpAdaptor]> {
  let summary = "`low` elements before and `high` after each dim; negative ones crop. `value` is a scalar (rank 0), read in constant mode";
  let arguments = (ins Graph_Tensor:$input, Graph_Tensor:$value, Graph_Extents:$low, Graph_Extents:$high,
                       DefaultValuedAttr<Graph_PadMode, "PadMode::Constant">:$mode);
  let builders = [
    OpBuilder<(ins "::mlir::Type":$type, "::mlir::Value":$input, "::mlir::Value":$value, "::llvm::ArrayRef<int64_t>":$low,
                   "::llvm::ArrayRef<int64_t>":$high, CArg<"PadMode", "PadMode::Constant">:$mode),
      [{ build($_builder, $_state, type, input, value, toExtents(low), toExtents(high), mode); }]>,
    OpBuilder<(ins "::mlir::Value":$input, "::mlir::Value":$value, "::llvm::ArrayRef<int64_t>":$low, "::llvm::ArrayRef<int64_t>":$high,
                   CArg<"PadMode", "PadMode::Constant">:$mode),
      [{ build($_builder, $_state, input, value, toExtents(low), toExtents(high), mode); }]>];
  let hasFolder = 1;
}
def Graph_GatherOp : Graph_IndexedOp<"gather", [InferTypeOpAdaptor]> {
  let summary = "NumPy take along `axis`: result shape is data[:axis] + indices + data[axis+1:]; negative indices count from the end";
  let arguments = (ins Graph_Tensor:$data, Graph_Tensor:$indices, I64Attr:$axis);
}
def Graph_GatherElementsOp : Graph_IndexedOp<"gather_elements", [InferTypeOpAdaptor]> {
  let summary = "result[..i..] = data[..indices[..i..]..] along `axis`";
  let arguments = (ins Graph_Tensor:$data, Graph_Tensor:$indices, I64Attr:$axis);
}
def Graph_GatherNdOp : Graph_IndexedOp<"gather_nd", [InferTypeOpAdaptor]> {
  let summary = "ONNX GatherND: result[b.., t.., s..] = data[b.., indices[b.., t.., :].., s..]";
  let arguments = (ins Graph_Tensor:$data, Graph_Tensor:$indices, I64Attr:$batch_dims);
}
def Graph_IotaOp : Graph_IndexedOp<"iota"> {
  let summary = "start + step · i along `axis`; start and step are scalars (rank 0) of the result's type";
  let arguments = (ins Graph_Tensor:$start, Graph_Tensor:$step, I64Attr:$axis);
  let hasVerifier = 1;
}
def Graph_OneHotOp : Graph_IndexedOp<"one_hot"> {
  let summary = "`on` where the index along `axis` equals indices (integers; negative ones wrap), else `off`; on and off are scalars";
  let arguments = (ins Graph_Tensor:$indices, Graph_Tensor:$on, Graph_Tensor:$off, I64Attr:$axis);
  let hasVerifier = 1;
}
def Graph_TriluOp : Graph_IndexedOp<"trilu", [InferTypeOpAdaptor]> {
  let summary = "upper or lower triangle of the last two dims, zero elsewhere; `k` is a scalar i64";
  let arguments = (ins Graph_Tensor:$input, Graph_Tensor:$k, BoolAttr:$upper);
}
def Graph_ReverseSequenceOp : Graph_IndexedOp<"reverse_sequence", [InferTypeOpAdaptor]> {
  let summary = "ONNX ReverseSequence: the first lengths[b] elements along `time_axis` in reverse order, the others as they are";
  let arguments = (ins Graph_Tensor:$input, Graph_Tensor:$lengths, I64Attr:$batch_axis, I64Attr:$time_axis);
}

def Graph_ResizeMode : I32EnumAttr<"ResizeMode", "interpolation", [
    I32EnumAttrCase<"Nearest", 0, "nearest">, I32EnumAttrCase<"Linear", 1, "linear">, I32EnumAttrCase<"Cubic", 2, "cubic">]> {
  let cppNamespace = "::smelt::graph"; }
def Graph_ResizeCoordinates : I32EnumAttr<"ResizeCoordinates", "ONNX coordinate_transformation_mode", [
    I32EnumAttrCase<"HalfPixel", 0, "half_pixel">, I32EnumAttrCase<"HalfPixelSymmetric", 1, "half_pixel_symmetric">,
    I32EnumAttrCase<"PytorchHalfPixel", 2, "pytorch_half_pixel">, I32EnumAttrCase<"AlignCorners", 3, "align_corners">,
    I32EnumAttrCase<"Asymmetric", 4, "asymmetric">]> { let cppNamespace = "::smelt::graph"; }
def Graph_NearestMode : I32EnumAttr<"NearestMode", "ONNX nearest_mode", [
    I32EnumAttrCase<"RoundPreferFloor", 0, "round_prefer_floor">, I32EnumAttrCase<"RoundPreferCeil", 1, "round_prefer_ceil">,
    I32EnumAttrCase<"Floor", 2, "floor">, I32EnumAttrCase<"Ceil", 3, "ceil">]> { let cppNamespace = "::smelt::graph"; }
def Graph_ResizeOp : Graph_IndexedOp<"resize"> {
  let summary = "ONNX Resize without roi and antialiasing; `scales` has one value a dim, 0 where it is the result's extent by the input's";
  let arguments = (ins Graph_Tensor:$input, DenseF64ArrayAttr:$scales, Graph_ResizeMode:$mode, Graph_ResizeCoordinates:$coordinates,
                       Graph_NearestMode:$nearest, F64Attr:$cubic_a, BoolAttr:$exclude_outside);
  let hasFolder = 1;
  let hasVerifier = 1;
}
def Graph_GridSampleOp : Graph_IndexedOp<"grid_sample", [InferTypeOpAdaptor]> {
  let summary = "ONNX GridSample of [n, c, s...] at grid [n, o..., dims of s]; padding_mode is zeros, border or reflection";
  let arguments = (ins Graph_Tensor:$input, Graph_Tensor:$grid, Graph_ResizeMode:$mode, StrAttr:$padding_mode, BoolAttr:$align_corners);
}
def Graph_PackPanelsOp : Graph_IndexedOp<"pack_panels"> {
  let summary = "the right-hand side of a contraction, [b…, k, n], as panels [b…, ceil(n / width), k, width], zero where n ends";
  let arguments = (ins Graph_Tensor:$input, I64Attr:$width);
  let hasVerifier = 1;
}

// Weights in few bits.
def Graph_DequantizeBlocksOp : Graph_IndexedOp<"dequantize_blocks", [InferTypeOpAdaptor]> {
  let summary = "(codes - zero_points / fraction) · scales, in f32; `block` neighbours along `axis` share a scale and a zero point";
  let description = [{
    codes are integers of up to 8 bits; scales f32, f16 or bf16, and zero points those or integers of up to 8 bits, 0 where there are none. Both have
    the shape of codes, but for ceil(extent / block) along `axis`.
  }];
  let arguments = (ins Graph_Tensor:$codes, Graph_Tensor:$scales, Optional<Graph_Tensor>:$zero_points, I64Attr:$axis, I64Attr:$block,
                       DefaultValuedAttr<I64Attr, "1">:$fraction);
  let hasVerifier = 1;
}

// Elements of less than a byte at the borders of a model, see StoredTypes.h.
def Graph_UnpackOp : Graph_IndexedOp<"unpack"> {
  let summary = "elements of 4 or 2 bits from the bytes (ui8, rank 1) that they lie packed in";
  let arguments = (ins Graph_Tensor:$packed);
  let hasVerifier = 1;
}
def Graph_PackOp : Graph_IndexedOp<"pack", [InferTypeOpAdaptor]> {
  let summary = "elements of 4 or 2 bits (rank 1) packed in bytes (ui8), whole ones";
  let arguments = (ins Graph_Tensor:$input);
}

def Graph_ScatterReduction : I32EnumAttr<"ScatterReduction", "how updates meet the data", [
    I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"Add", 1, "add">, I32EnumAttrCase<"Mul", 2, "mul">,
    I32EnumAttrCase<"Max", 3, "max">, I32EnumAttrCase<"Min", 4, "min">]> { let cppNamespace = "::smelt::graph"; }
class Graph_LoopOp<string mnemonic, list<Trait> traits = []>
    : Graph_Op<mnemonic, !listconcat([InferTypeOpAdaptor, DeclareOpInterfaceMethods<Graph_LoopInterface>], traits)> {
  let results = (outs Graph_Tensor:$result);
}
def Graph_ScatterElementsOp : Graph_LoopOp<"scatter_elements"> {
  let summary = "ONNX ScatterElements: result[..indices[i]..] meets updates[i] along `axis`; an index outside goes to the nearest inside";
  let arguments = (ins Graph_Tensor:$data, Graph_Tensor:$indices, Graph_Tensor:$updates, I64Attr:$axis, Graph_ScatterReduction:$reduction);
}
def Graph_ScatterNdOp : Graph_LoopOp<"scatter_nd"> {
  let summary = "ONNX ScatterND: result[indices[t, :].., s..] meets updates[t, s..]; an index outside goes to the nearest inside";
  let arguments = (ins Graph_Tensor:$data, Graph_Tensor:$indices, Graph_Tensor:$updates, Graph_ScatterReduction:$reduction);
}

#endif // SMELT_GRAPH_DATA_OPS
