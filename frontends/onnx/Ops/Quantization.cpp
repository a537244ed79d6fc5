// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Linear quantisation, and products of quantised tensors, on plain integers and floats.

#include "frontends/onnx/Ops/Quantization.h"
#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Ops/Windows.h"
#include "frontends/onnx/Tensors.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents, graph::ReduceKind;

static Type f32(NodeReader &node) { return node.builder().builder().getF32Type(); }
static Type i32(NodeReader &node) { return node.builder().builder().getI32Type(); }

Value spread(NodeReader &node, Value parameter, Value x, int64_t axis, int64_t block) {
  GraphBuilder &b = node.builder();
  if (isSingle(parameter) && block == 0)
    return b.reshape(parameter, {});
  axis = normalAxis(axis, rankOf(x));
  const Extent extent = extentsOf(x)[axis];
  if (block == 0) {
    Extents aligned(rankOf(x), 1);
    aligned[axis] = extent;
    return b.reshape(
        b.expect(parameter, extent,
                 "one scale and zero point for each of " + extent.str() + " places along axis " + std::to_string(axis)),
        aligned);
  }
  if (block < 1)
    malformed("has blocks of " + Twine(block));
  Extents shape = extentsOf(x);
  shape[axis] = extent.ceilDiv(block);
  parameter = b.expect(parameter, shape, "scales and zero points of blocks");
  Extents split(shape), repeated, joined(shape);
  split.insert(split.begin() + axis + 1, 1);
  repeated = split;
  repeated[axis + 1] = block;
  joined[axis] = shape[axis] * block;
  Value blocks = b.reshape(b.broadcast(b.reshape(parameter, split), repeated), joined);
  return b.sliceDim(blocks, axis, 0, extent);
}

static constexpr unsigned kQuantised = AnyInteger | SmallIntegers | Float8s | SmallFloats;

/// The type that QuantizeLinear yields: that of its zero point, or what it says, or ui8.
static Type quantisedType(NodeReader &node, Value zeroPoint) {
  GraphBuilder &b = node.builder();
  int64_t stated = node.integer("output_dtype", 0);
  Type type = stated == 0 ? nullptr : elementTypeOf(stated, b.builder().getContext(), "its result");
  if (type && zeroPoint && elementOf(zeroPoint) != type)
    malformed("output_dtype is not the type of its zero point");
  return zeroPoint ? elementOf(zeroPoint) : type ? type : Type(b.builder().getIntegerType(8, /*isSigned=*/false));
}

static bool isFloat(Type type) { return isa<FloatType>(type) && !graph::isStoredFloat(type); }

/// The type in which QuantizeLinear divides: the one it says, that of its scale, or of its input where that is none of
/// wide floats.
static Type divisionType(NodeReader &node, Value x, Value scale) {
  int64_t stated = node.integer("precision", 0);
  if (stated != 0)
    return elementTypeOf(stated, f32(node).getContext(), "its precision");
  for (Value value : {scale, x})
    if (isFloat(elementOf(value)))
      return elementOf(value);
  return f32(node);
}

// QuantizeLinear: saturate(round(x / scale) + zero point)                       ONNX QuantizeLinear, versions 10–28
static Values quantizeLinear(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Numbers), scale = node.input(1, Floats | SignedIntegers | Scales);
  Value zeroPoint = node.optionalInput(2, kQuantised);
  int64_t axis = node.integer("axis", 1), block = node.integer("block_size", 0);
  bool saturates = node.flag("saturate", true);
  Type to = quantisedType(node, zeroPoint), type = divisionType(node, x, scale);
  scale = spread(node, b.cast(scale, type), x, axis, block);
  zeroPoint = zeroPoint ? spread(node, zeroPoint, x, axis, block) : nullptr;
  if (!graph::isStoredFloat(to)) {
    Value quotient = b.make<graph::DivOp>(b.cast(x, type), scale);
    return {saturate(node.builder(), b.make<graph::RoundOp>(quotient), zeroPoint, to)};
  }
  // Rounded to the type of the division, and then to the result's.
  auto wide = [&](Value value) { return type.isF64() ? value : b.cast(value, f32(node)); };
  Value quotient = b.cast(b.make<graph::DivOp>(wide(b.cast(x, type)), wide(scale)), type);
  if (zeroPoint && to.getIntOrFloatBitWidth() < 8) // of floats of 8 bits it is 0, and would lose the sign of -0
    quotient = b.make<graph::AddOp>(wide(quotient), wide(b.cast(zeroPoint, type)));
  return {b.make<graph::CastOp>(quotient, to, saturates)};
}

// DequantizeLinear: (x - zero point) · scale                                   ONNX DequantizeLinear, versions 10–28
static Values dequantizeLinear(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, kQuantised), scale = node.input(1, Floats | Scales);
  Value zeroPoint = node.optionalInput(2, kQuantised);
  int64_t axis = node.integer("axis", 1), block = node.integer("block_size", 0);
  int64_t outputType = node.integer("output_dtype", 0);
  Type to = outputType == 0 ? elementOf(scale) : elementTypeOf(outputType, f32(node).getContext(), "its result");
  if (!isFloat(to) || (zeroPoint && elementOf(zeroPoint) != elementOf(x)))
    malformed("needs a zero point of its input's type, and a result of floats");
  if (block == 0 && to.isF32())
    if (std::optional<graph::HostTensor> constant = dequantisedConstant(x, scale, zeroPoint, axis))
      return {b.constant(*constant)};
  Type number = isa<IntegerType>(elementOf(x)) ? i32(node) : f32(node);
  Value centred = b.cast(x, number);
  if (zeroPoint)
    centred = b.make<graph::SubOp>(centred, spread(node, b.cast(zeroPoint, number), x, axis, block));
  scale = spread(node, b.cast(scale, f32(node)), x, axis, block);
  return {b.cast(b.make<graph::MulOp>(b.cast(centred, f32(node)), scale), to)};
}

Values quantisedByRange(NodeReader &node, Value x) {
  GraphBuilder &b = node.builder();
  Type ui8 = b.builder().getIntegerType(8, /*isSigned=*/false);
  auto axes = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  auto extreme = [&](ReduceKind kind) { return b.reshape(b.make<graph::ReduceOp>(x, kind, axes), {}); };
  Value zero = b.scalarLike(x, 0), full = b.scalarLike(x, 255);
  Value low = b.make<graph::MinOp>(extreme(ReduceKind::Min), zero);
  Value high = b.make<graph::MaxOp>(extreme(ReduceKind::Max), zero);
  Value scale = b.make<graph::DivOp>(b.make<graph::SubOp>(high, low), full);
  Value place = b.make<graph::ClampOp>(b.make<graph::NegOp>(b.make<graph::DivOp>(low, scale)), zero, full);
  Value zeroPoint = b.cast(b.make<graph::RoundOp>(place), ui8);
  Value rounded = b.make<graph::RoundOp>(b.make<graph::DivOp>(x, scale));
  return {saturate(node.builder(), rounded, zeroPoint, ui8), scale, zeroPoint};
}

// DynamicQuantizeLinear                                                     ONNX DynamicQuantizeLinear, version 11
static Values dynamicQuantizeLinear(NodeReader &node) { return quantisedByRange(node, node.input(0, Floats)); }

Value centred(NodeReader &node, unsigned index, unsigned zeroPointIndex, int64_t axisFromEnd, unsigned elements) {
  GraphBuilder &b = node.builder();
  Value x = node.input(index, elements), zeroPoint = node.optionalInput(zeroPointIndex, elements);
  Type number = graph::isStoredFloat(elementOf(x)) ? f32(node) : i32(node);
  Value wide = b.cast(x, number);
  if (!zeroPoint)
    return wide;
  zeroPoint = b.cast(zeroPoint, number);
  if (isSingle(zeroPoint))
    zeroPoint = b.reshape(zeroPoint, {});
  else if (rankOf(zeroPoint) == 1 && rankOf(x) >= axisFromEnd)
    zeroPoint = spread(node, zeroPoint, x, rankOf(x) - axisFromEnd, 0);
  Value result = b.make<graph::SubOp>(wide, b.alignedTo(zeroPoint, extentsOf(x)));
  if (extentsOf(result) != extentsOf(x))
    malformed("has zero points of dims " + inWords(extentsOf(zeroPoint)) + " for " + inWords(extentsOf(x)));
  return result;
}

static Values matMulInteger(NodeReader &node) {
  Value lhs = centred(node, 0, 2, 2), rhs = centred(node, 1, 3, 1);
  return {node.builder().matMul(lhs, rhs)};
}

/// saturate(round(product · scale) + zero point), where the scale is lhs · rhs / result.
static Value requantized(NodeReader &node, Value product, Value lhsScale, Value rhsScale, unsigned scaleIndex) {
  GraphBuilder &b = node.builder();
  auto scalar = [&](Value value) { return scalarOrList(b, value); };
  Value scale = b.cast(scalar(node.input(scaleIndex, Floats)), f32(node));
  Value zeroPoint = node.input(scaleIndex + 1, AnyInteger | Float8s);
  Value factor = b.make<graph::DivOp>(
      b.make<graph::MulOp>(b.cast(scalar(lhsScale), f32(node)), b.cast(scalar(rhsScale), f32(node))), scale);
  Value scaled = b.make<graph::MulOp>(b.cast(product, f32(node)), b.alignedTo(factor, extentsOf(product)));
  if (extentsOf(scaled) != extentsOf(product))
    malformed("has scales that do not fit its result");
  if (graph::isStoredFloat(elementOf(zeroPoint)))
    return b.cast(scaled, elementOf(zeroPoint));
  return saturate(node.builder(), b.make<graph::RoundOp>(scaled), scalar(zeroPoint), elementOf(zeroPoint));
}

/// A list of scales of the rows of the left operand as a column.
static Value asColumn(NodeReader &node, Value scale) {
  return rankOf(scale) == 1 && !isSingle(scale) ? node.builder().reshape(scale, {extentsOf(scale)[0], 1}) : scale;
}

static Values qLinearMatMul(NodeReader &node) {
  Value lhsScale = asColumn(node, node.input(1, Floats)), rhsScale = node.input(4, Floats);
  Value lhs = centred(node, 0, 2, 2, AnyInteger | Float8s), rhs = centred(node, 3, 5, 1, AnyInteger | Float8s);
  if (elementOf(lhs) != elementOf(rhs)) { // one is of floats
    lhs = node.builder().cast(lhs, f32(node));
    rhs = node.builder().cast(rhs, f32(node));
  }
  return {requantized(node, node.builder().matMul(lhs, rhs), lhsScale, rhsScale, 6)};
}

static Values convInteger(NodeReader &node) {
  Value filter = node.input(1, AnyInteger);
  return {convolve(node, centred(node, 0, 2, 1), centred(node, 1, 3, rankOf(filter)))};
}

/// Where `channelsLast`, the image and the result have their channels behind the spatial dims.
static Value quantisedConv(NodeReader &node, bool channelsLast) {
  GraphBuilder &b = node.builder();
  Value image = centred(node, 0, 2, 1), filter = node.input(3, AnyInteger), filterScale = node.input(4, Floats);
  const int64_t last = rankOf(image) - 1;
  channelsLast &= last > 1;
  Value product = convolve(node, channelsLast ? b.moveDim(image, last, 1) : image, centred(node, 3, 5, rankOf(filter)));
  Extents perChannel(rankOf(product) - 1, 1);
  perChannel.front() = extentsOf(product)[1];
  if (Value bias = node.optionalInput(8, AnyInteger))
    product = b.make<graph::AddOp>(product, b.reshape(bias, perChannel));
  if (rankOf(filterScale) == 1 && !isSingle(filterScale))
    filterScale = b.reshape(filterScale, perChannel);
  Value result = requantized(node, product, node.input(1, Floats), filterScale, 6);
  return channelsLast ? b.moveDim(result, 1, last) : result;
}

static Values qLinearConv(NodeReader &node) { return {quantisedConv(node, /*channelsLast=*/false)}; }
static Values qLinearConvOfLayout(NodeReader &node) { return {quantisedConv(node, node.flag("channels_last", false))}; }

static constexpr Operator kOperators[] = {
    {"ConvInteger", 10, convInteger},
    {"DequantizeLinear", 10, dequantizeLinear},
    {"DynamicQuantizeLinear", 11, dynamicQuantizeLinear, "", 0,
     "zeros alone have the scale 0 of the text's formula; the reference has 1/255, ONNX Runtime 1."},
    {"MatMulInteger", 10, matMulInteger},
    {"QLinearConv", 10, qLinearConv},
    {"QLinearMatMul", 10, qLinearMatMul},
    {"QuantizeLinear", 10, quantizeLinear},
    {"DequantizeLinear", 1, dequantizeLinear, "com.microsoft", 13},
    {"QLinearConv", 1, qLinearConvOfLayout, "com.microsoft"},
    {"QuantizeLinear", 1, quantizeLinear, "com.microsoft", 13},
};

ArrayRef<Operator> quantizationOperators() { return kOperators; }

} // namespace smelt::frontend::onnx
