// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contractions, convolutions, pools, reductions and normalisations.

#ifndef SMELT_GRAPH_STRUCTURED_OPS
#define SMELT_GRAPH_STRUCTURED_OPS

include "dialects/Graph/DataOps.td"

def Graph_MatMulOp : Graph_Op<"matmul", [InferTypeOpAdaptor]> {
  let summary = "[b…, m, k] · [b…, k, n] → [b…, m, n]; batch dims broadcast as in NumPy; both operands have rank 2 or more. Where `wide`, "
                "the result has the type that sums are computed in, f32 of f16 and bf16, and one operand may be narrower than the other";
  let description = [{
    `wide` products of integers: lhs of i8, ui8 or i16, rhs of i8; sums are exact i32, which wrap. Zero points are not their business: whoever makes
    them adds Σ(a - za)(w - zw) - Σ a·w = K·za·zw - za·Σw - zw·Σa, and pads convolutions by a graph.pad with za.
  }];
  let arguments = (ins Graph_Tensor:$lhs, Graph_Tensor:$rhs, DefaultValuedAttr<BoolAttr, "false">:$wide);
  let results = (outs Graph_Tensor:$result);
  let hasVerifier = 1;
}

def Graph_Layout : I32EnumAttr<"Layout", "where the channels lie", [
    I32EnumAttrCase<"ChannelsFirst", 0, "channels_first">, I32EnumAttrCase<"ChannelsLast", 1, "channels_last">]> {
  let cppNamespace = "::smelt::graph"; }

def Graph_ConvOp : Graph_Op<"conv", [InferTypeOpAdaptor, DeclareOpInterfaceMethods<Graph_LoopInterface>]> {
  let summary = "cross-correlation over 1 or more spatial dims, zero padding `low` and `high` (one value a spatial dim), no bias";
  let description = [{
    channels_first: input [n, c, s…], filter [oc, c / groups, k…], result [n, oc, o…]. channels_last: input [n, s…, c], filter
    [k…, c / groups, oc], result [n, o…, oc]. `wide` is as in matmul.
  }];
  let arguments = (ins Graph_Tensor:$input, Graph_Tensor:$filter, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
                       DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high, I64Attr:$groups,
                       DefaultValuedAttr<Graph_Layout, "Layout::ChannelsFirst">:$layout, DefaultValuedAttr<BoolAttr, "false">:$wide);
  let results = (outs Graph_Tensor:$result);
  let hasVerifier = 1;
}
def Graph_ConvTransposeOp : Graph_Op<"conv_transpose", [InferTypeOpAdaptor, DeclareOpInterfaceMethods<Graph_LoopInterface>]> {
  let summary = "the gradient of conv by its input: out extent = (in - 1) · stride + dilation · (k - 1) + 1 - low - high + output_padding";
  let description = [{
    channels_first: input [n, c, s…], filter [c, oc / groups, k…]. channels_last: input [n, s…, c], filter [k…, c, oc / groups].
  }];
  let arguments = (ins Graph_Tensor:$input, Graph_Tensor:$filter, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
                       DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high, DenseI64ArrayAttr:$output_padding, I64Attr:$groups,
                       DefaultValuedAttr<Graph_Layout, "Layout::ChannelsFirst">:$layout);
  let results = (outs Graph_Tensor:$result);
}

def Graph_PoolKind : I32EnumAttr<"PoolKind", "what a window yields", [
    I32EnumAttrCase<"Max", 0, "max">, I32EnumAttrCase<"Average", 1, "average">, I32EnumAttrCase<"Lp", 2, "lp">]> {
  let cppNamespace = "::smelt::graph"; }
def Graph_PoolOp : Graph_LoopOp<"pool"> {
  let summary = "windows over the spatial dims; `high` already holds what ceil_mode adds. Elements outside the input do not count, save "
                "that average divides by the window's part inside input plus declared padding where `count_padding`";
  let arguments = (ins Graph_Tensor:$input, Graph_PoolKind:$kind, DenseI64ArrayAttr:$window, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high,
                       DenseI64ArrayAttr:$declared_high, BoolAttr:$count_padding, I64Attr:$p,
                       DefaultValuedAttr<Graph_Layout, "Layout::ChannelsFirst">:$layout);
  let hasVerifier = 1;
}

def Graph_ReduceKind : I32EnumAttr<"ReduceKind", "the reduction", [
    I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Mean", 1, "mean">, I32EnumAttrCase<"Max", 2, "max">, I32EnumAttrCase<"Min", 3, "min">,
    I32EnumAttrCase<"Prod", 4, "prod">, I32EnumAttrCase<"SumSquare", 5, "sum_square">, I32EnumAttrCase<"L1", 6, "l1">,
    I32EnumAttrCase<"L2", 7, "l2">, I32EnumAttrCase<"LogSum", 8, "log_sum">, I32EnumAttrCase<"LogSumExp", 9, "log_sum_exp">]> {
  let cppNamespace = "::smelt::graph"; }
def Graph_ReduceOp : Graph_LoopOp<"reduce"> {
  let summary = "reduction over `axes` (sorted, unique), which stay as dims of 1";
  let arguments = (ins Graph_Tensor:$input, Graph_ReduceKind:$kind, DenseI64ArrayAttr:$axes);
  let hasVerifier = 1;
}
def Graph_ArgReduceOp : Graph_LoopOp<"arg_reduce"> {
  let summary = "i64 index of the maximum (or minimum) along `axis`, which stays as a dim of 1; the first of equals, or the last where `last`";
  let arguments = (ins Graph_Tensor:$input, I64Attr:$axis, BoolAttr:$minimum, BoolAttr:$last);
}
def Graph_SoftmaxOp : Graph_LoopOp<"softmax"> {
  let summary = "e^(x - max) / sum along `axis`, or its logarithm where `log`";
  let arguments = (ins Graph_Tensor:$input, I64Attr:$axis, DefaultValuedAttr<BoolAttr, "false">:$log);
  let hasVerifier = 1;
}
def Graph_LayerNormOp : Graph_LoopOp<"layer_norm"> {
  let summary = "(x - mean) / sqrt(variance + epsilon) over the dims from `axis` on; where `rms`, x / sqrt(mean(x²) + epsilon). Scale and bias follow as mul and add";
  let arguments = (ins Graph_Tensor:$input, I64Attr:$axis, F64Attr:$epsilon, DefaultValuedAttr<BoolAttr, "false">:$rms);
  let hasVerifier = 1;
}
def Graph_CumulativeOp : Graph_LoopOp<"cumulative"> {
  let summary = "running sum (or product) along `axis`";
  let arguments = (ins Graph_Tensor:$input, I64Attr:$axis, BoolAttr:$exclusive, BoolAttr:$reverse, DefaultValuedAttr<BoolAttr, "false">:$product);
}
def Graph_LrnOp : Graph_LoopOp<"lrn"> {
  let summary = "ONNX LRN, channels_first";
  let arguments = (ins Graph_Tensor:$input, I64Attr:$size, F64Attr:$alpha, F64Attr:$beta, F64Attr:$bias);
}
def Graph_TopKOp : Graph_Op<"top_k", [DeclareOpInterfaceMethods<Graph_LoopInterface, ["readsResults"]>]> {
  let summary = "the first k along `axis` in descending order (ascending where `smallest`), lower index first among equals, and their i64 indices; k is the results' extent";
  let arguments = (ins Graph_Tensor:$input, I64Attr:$axis, BoolAttr:$smallest);
  let results = (outs Graph_Tensor:$values, Graph_Tensor:$indices);
  let hasVerifier = 1;
}
def Graph_ArgPoolOp : Graph_LoopOp<"arg_pool"> {
  let summary = "i64 place of each window's first maximum, or last NaN, in the flat input, channels_first; with `column_major`, the first spatial dim counts fastest";
  let arguments = (ins Graph_Tensor:$input, DenseI64ArrayAttr:$window, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
                       DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high, DefaultValuedAttr<BoolAttr, "false">:$column_major);
}
def Graph_RoiAlignOp : Graph_LoopOp<"roi_align"> {
  let summary = "ONNX RoiAlign of [n, c, h, w] at rois [r, 4] of the examples batches [r]: the mean, or `maximum`, of bilinear samples";
  let arguments = (ins Graph_Tensor:$input, Graph_Tensor:$rois, Graph_Tensor:$batches, I64Attr:$height, I64Attr:$width,
                       I64Attr:$sampling_ratio, F64Attr:$spatial_scale, BoolAttr:$half_pixel, BoolAttr:$maximum);
}
def Graph_NonMaxSuppressionOp
    : Graph_Op<"non_max_suppression", [DeclareOpInterfaceMethods<Graph_LoopInterface, ["readsResults"]>]> {
  let summary = "ONNX NonMaxSuppression: of each class of each example, the boxes chosen, by descending score, then -1";
  let description = [{
    boxes [n, s, 4], two corners each, or a center and extents where `center`; scores [n, c, s]; scalars: most (i64), iou_threshold, and, if a score
    must exceed one, score_threshold. Results: i64 [n, c, m], of which no more than m are chosen; i32 [n, c, s], room to work in.
  }];
  let arguments = (ins Graph_Tensor:$boxes, Graph_Tensor:$scores, Graph_Tensor:$most, Graph_Tensor:$iou_threshold,
                       Optional<Graph_Tensor>:$score_threshold, BoolAttr:$center);
  let results = (outs Graph_Tensor:$chosen, Graph_Tensor:$order);
  let hasVerifier = 1;
}
def Graph_MaxRoiPoolOp : Graph_LoopOp<"max_roi_pool"> {
  let summary = "ONNX MaxRoiPool of [n, c, h, w] at rois [r, 5], each an example and two corners: the largest element of each bin, 0 where it is empty";
  let arguments = (ins Graph_Tensor:$input, Graph_Tensor:$rois, I64Attr:$height, I64Attr:$width, F64Attr:$spatial_scale);
}
def Graph_DetOp : Graph_LoopOp<"det"> {
  let summary = "determinants of the square matrices in the last two dims, by elimination with row pivots";
  let arguments = (ins Graph_Tensor:$input);
}

#endif // SMELT_GRAPH_STRUCTURED_OPS
