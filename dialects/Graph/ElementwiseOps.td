// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_GRAPH_ELEMENTWISE_OPS
#define SMELT_GRAPH_ELEMENTWISE_OPS

include "dialects/Graph/GraphBase.td"

// Arithmetic, any number type.
def Graph_AbsOp : Graph_UnaryOp<"abs", "absolute(x)"> { let summary = "|x|"; }
def Graph_NegOp : Graph_UnaryOp<"neg", "negative(x)"> { let summary = "-x"; }
def Graph_SignOp : Graph_UnaryOp<"sign", "sign(x)"> { let summary = "-1, 0 or 1 (NaN stays NaN)"; }
def Graph_ReluOp : Graph_UnaryOp<"relu", "relu(x)"> { let summary = "max(x, 0)"; }
def Graph_BitwiseNotOp : Graph_UnaryOp<"bitwise_not", "~x"> { let summary = "~x, integers"; let domain = "Integers"; }
def Graph_NotOp : Graph_UnaryOp<"not", "!x"> { let summary = "!x, i1"; let domain = "Integers"; }

// Floats.
def Graph_SqrtOp : Graph_FloatFunction<"sqrt", "sqrt(x)"> { let summary = "square root"; }
def Graph_ReciprocalOp : Graph_FloatFunction<"reciprocal", "1.0 / x"> { let summary = "1 / x"; }
def Graph_ExpOp : Graph_FloatFunction<"exp", "exp(x)"> { let summary = "e^x"; }
def Graph_LogOp : Graph_FloatFunction<"log", "log(x)"> { let summary = "natural logarithm"; }
def Graph_ErfOp : Graph_FloatFunction<"erf", "erf(x)"> { let summary = "Gauss error function"; }
def Graph_SinOp : Graph_FloatFunction<"sin", "sin(x)"> { let summary = "sine"; }
def Graph_CosOp : Graph_FloatFunction<"cos", "cos(x)"> { let summary = "cosine"; }
def Graph_TanOp : Graph_FloatFunction<"tan", "tan(x)"> { let summary = "tangent"; }
def Graph_AsinOp : Graph_FloatFunction<"asin", "asin(x)"> { let summary = "inverse sine"; }
def Graph_AcosOp : Graph_FloatFunction<"acos", "acos(x)"> { let summary = "inverse cosine"; }
def Graph_AtanOp : Graph_FloatFunction<"atan", "atan(x)"> { let summary = "inverse tangent"; }
def Graph_SinhOp : Graph_FloatFunction<"sinh", "sinh(x)"> { let summary = "hyperbolic sine"; }
def Graph_CoshOp : Graph_FloatFunction<"cosh", "cosh(x)"> { let summary = "hyperbolic cosine"; }
def Graph_TanhOp : Graph_FloatFunction<"tanh", "tanh(x)"> { let summary = "hyperbolic tangent"; }
def Graph_AsinhOp : Graph_FloatFunction<"asinh", "asinh(x)"> { let summary = "inverse hyperbolic sine"; }
def Graph_AcoshOp : Graph_FloatFunction<"acosh", "acosh(x)"> { let summary = "inverse hyperbolic cosine"; }
def Graph_AtanhOp : Graph_FloatFunction<"atanh", "atanh(x)"> { let summary = "inverse hyperbolic tangent"; }
def Graph_CeilOp : Graph_FloatFunction<"ceil", "ceil(x)"> { let summary = "round towards +infinity"; }
def Graph_FloorOp : Graph_FloatFunction<"floor", "floor(x)"> { let summary = "round towards -infinity"; }
def Graph_RoundOp : Graph_FloatFunction<"round", "roundEven(x)"> { let summary = "round to nearest, ties to even"; }
def Graph_SigmoidOp : Graph_FloatFunction<"sigmoid", "sigmoid(x)"> { let summary = "1 / (1 + e^-x)"; }
def Graph_SoftplusOp : Graph_FloatFunction<"softplus", "softplus(x)"> { let summary = "log(1 + e^x)"; }
def Graph_SoftsignOp : Graph_FloatFunction<"softsign", "x / (1.0 + abs(x))"> { let summary = "x / (1 + |x|)"; }
def Graph_MishOp : Graph_FloatFunction<"mish", "mish(x)"> { let summary = "x · tanh(softplus(x))"; }
def Graph_HardSwishOp : Graph_FloatFunction<"hard_swish", "x * clamp(x * (1.0 / 6.0) + 0.5, 0.0, 1.0)"> { let summary = "x · max(0, min(1, x/6 + 1/2))"; }
def Graph_IsNanOp : Graph_FloatFunction<"is_nan", "x != x"> {
  let summary = "i1: x is NaN";
  let resultElement = "::mlir::IntegerType::get(context, 1)";
}
def Graph_IsInfOp : Graph_FloatFunction<"is_inf", "isInfinite(x, getPositive(), getNegative())"> {
  let summary = "i1: x is +infinity (when `positive`) or -infinity (when `negative`)";
  let arguments = (ins Graph_Tensor:$input, BoolAttr:$positive, BoolAttr:$negative);
  let resultElement = "::mlir::IntegerType::get(context, 1)";
}
def Graph_GeluOp : Graph_FloatFunction<"gelu", "getTanhForm() ? geluByTanh(x) : gelu(x)"> {
  let summary = "x · Φ(x), or its tanh form 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³)))";
  let arguments = (ins Graph_Tensor:$input, DefaultValuedAttr<BoolAttr, "false">:$tanh_form);
}
def Graph_SwishOp : Graph_FloatFunction<"swish", "x * sigmoid(x * number(getAlpha()))"> {
  let summary = "x · sigmoid(alpha x)";
  let arguments = (ins Graph_Tensor:$input, F64Attr:$alpha);
}
def Graph_HardSigmoidOp : Graph_FloatFunction<"hard_sigmoid", "clamp(x * number(getAlpha()) + number(getBeta()), 0.0, 1.0)"> {
  let summary = "max(0, min(1, alpha x + beta))";
  let arguments = (ins Graph_Tensor:$input, F64Attr:$alpha, F64Attr:$beta);
}
def Graph_EluOp : Graph_FloatFunction<"elu", "select(x > 0.0, x, expm1(x) * number(getAlpha()))"> {
  let summary = "x where x > 0, else alpha (e^x - 1)";
  let arguments = (ins Graph_Tensor:$input, F64Attr:$alpha);
}
def Graph_CeluOp : Graph_FloatFunction<"celu", "relu(x) - relu(expm1(x / number(getAlpha())) * -number(getAlpha()))"> {
  let summary = "max(0, x) + min(0, alpha (e^(x/alpha) - 1))";
  let arguments = (ins Graph_Tensor:$input, F64Attr:$alpha);
}
def Graph_SeluOp : Graph_FloatFunction<"selu", "select(x > 0.0, x, expm1(x) * number(getAlpha())) * number(getGamma())"> {
  let summary = "gamma · (x where x > 0, else alpha (e^x - 1))";
  let arguments = (ins Graph_Tensor:$input, F64Attr:$alpha, F64Attr:$gamma);
}
def Graph_LeakyReluOp : Graph_FloatFunction<"leaky_relu", "select(x < 0.0, x * number(getAlpha()), x)"> {
  let summary = "x where x >= 0, else alpha x";
  let arguments = (ins Graph_Tensor:$input, F64Attr:$alpha);
}
def Graph_ThresholdedReluOp : Graph_FloatFunction<"thresholded_relu", "select(x > number(getAlpha()), x, 0.0)"> {
  let summary = "x where x > alpha, else 0";
  let arguments = (ins Graph_Tensor:$input, F64Attr:$alpha);
}
def Graph_ShrinkOp : Graph_FloatFunction<"shrink", "select(x < -number(getLambda()), x + number(getBias()), select(x > number(getLambda()), x - number(getBias()), 0.0))"> {
  let summary = "x + bias where x < -lambda, x - bias where x > lambda, else 0";
  let arguments = (ins Graph_Tensor:$input, F64Attr:$bias, F64Attr:$lambda);
}
def Graph_ScaleRounding : I32EnumAttr<"ScaleRounding", "which power of two", [
    I32EnumAttrCase<"Up", 0, "up">, I32EnumAttrCase<"Down", 1, "down">, I32EnumAttrCase<"Nearest", 2, "nearest">]> {
  let cppNamespace = "::smelt::graph"; }
def Graph_CastOp : Graph_UnaryOp<"cast"> {
  let summary = "conversion of element type, as ONNX Cast defines it; `saturate` is of floats of 8 bits, `rounding` of f8E8M0FNU";
  let arguments = (ins Graph_Tensor:$input, TypeAttr:$to, DefaultValuedAttr<BoolAttr, "true">:$saturate,
                       DefaultValuedAttr<Graph_ScaleRounding, "ScaleRounding::Up">:$rounding);
  let resultElement = "adaptor.getTo()";
  let takesStoredTypes = "true";
}
def Graph_RoundToOp : Graph_ElementwiseOp<"round_to"> {
  let summary = "x rounded to nearest, ties to even, plus the zero point, of i8 or ui8, whose type's nearest number the result is; 0 for NaN";
  let arguments = (ins RankedTensorOf<[F32]>:$input, RankedTensorOf<[I8, UI8]>:$zero_point);
  let alike = "adaptor.getInput()";
  let resultElement = "typeOf(adaptor.getZeroPoint()).getElementType()";
}
// Linear quantisation with one scale for a tensor. `to` and the operand of dequantize have integers of 8 or 16 bits.
def Graph_QuantizeOp : Graph_UnaryOp<"quantize"> {
  let summary = "the nearest integer to x · factor, ties to even, plus zero_point, at most as large as `to` goes; NaN is its least number";
  let arguments = (ins Graph_Tensor:$input, F64Attr:$factor, I64Attr:$zero_point, TypeAttr:$to);
  let resultElement = "adaptor.getTo()";
  let hasVerifier = 1;
}
def Graph_DequantizeOp : Graph_UnaryOp<"dequantize"> {
  let summary = "(x - zero_point) · scale, in f32";
  let arguments = (ins Graph_Tensor:$input, F64Attr:$scale, I64Attr:$zero_point);
  let resultElement = "::mlir::Float32Type::get(context)";
  let hasVerifier = 1;
}
def Graph_PhiloxOp : Graph_UnaryOp<"philox", "philox(x, getSeed())"> {
  let summary = "64 random bits for each counter, ui64: words 0 and 1 of Philox 4x32-10 under the key `seed` (Salmon et al., 2011)";
  let arguments = (ins Graph_Tensor:$input, I64Attr:$seed);
  let domain = "Integers";
}

// Binary.
def Graph_AddOp : Graph_BinaryOp<"add", "sum(a, b)", [Commutative]> { let summary = "a + b; integers wrap"; }
def Graph_SubOp : Graph_BinaryOp<"sub", "difference(a, b)"> { let summary = "a - b"; }
def Graph_MulOp : Graph_BinaryOp<"mul", "product(a, b)", [Commutative]> { let summary = "a · b"; }
def Graph_DivOp : Graph_BinaryOp<"div", "quotient(a, b)"> { let summary = "a / b; integers truncate; x / 0 is 0 for integers"; }
def Graph_ModOp : Graph_BinaryOp<"mod"> {
  let summary = "remainder with the sign of b, or of a where `fmod`";
  let arguments = (ins Graph_Tensor:$lhs, Graph_Tensor:$rhs, BoolAttr:$fmod);
}
def Graph_PowOp : Graph_BinaryOp<"pow"> {
  let summary = "a^b; the result has a's type";
  let alike = "adaptor.getLhs()";
}
def Graph_MaxOp : Graph_BinaryOp<"max", "larger(a, b)", [Commutative]> { let summary = "maximum; NaN where either is"; }
def Graph_MinOp : Graph_BinaryOp<"min", "smaller(a, b)", [Commutative]> { let summary = "minimum; NaN where either is"; }
def Graph_AndOp : Graph_BitsOp<"and", "a & b"> { let summary = "bitwise and; logical on i1"; }
def Graph_OrOp : Graph_BitsOp<"or", "a | b"> { let summary = "bitwise or; logical on i1"; }
def Graph_XorOp : Graph_BitsOp<"xor", "a ^ b"> { let summary = "bitwise exclusive or; logical on i1"; }
def Graph_ShiftLeftOp : Graph_BinaryOp<"shift_left"> { let summary = "a << b; 0 where b, taken as unsigned, reaches the width"; }
def Graph_ShiftRightOp : Graph_BinaryOp<"shift_right"> { let summary = "a >> b; only copies of the sign where b, taken as unsigned, reaches the width"; }
def Graph_PReluOp : Graph_BinaryOp<"prelu", "leaky(a, b)"> { let summary = "a where a >= 0, else a · b"; }
def Graph_EqualOp : Graph_CompareOp<"equal", "a == b"> { let summary = "a == b"; }
def Graph_LessOp : Graph_CompareOp<"less", "a < b"> { let summary = "a < b"; }
def Graph_LessEqualOp : Graph_CompareOp<"less_equal", "a <= b"> { let summary = "a <= b"; }
def Graph_GreaterOp : Graph_CompareOp<"greater", "a > b"> { let summary = "a > b"; }
def Graph_GreaterEqualOp : Graph_CompareOp<"greater_equal", "a >= b"> { let summary = "a >= b"; }

// Ternary.
def Graph_SelectOp : Graph_ElementwiseOp<"select"> {
  let summary = "a where condition, else b";
  let arguments = (ins Graph_BoolTensor:$condition, Graph_Tensor:$lhs, Graph_Tensor:$rhs);
  let alike = "adaptor.getOperands().drop_front()";
  let takesStoredTypes = "true";
}
def Graph_ClampOp : Graph_ElementwiseOp<"clamp"> {
  let summary = "min(max(x, low), high); low and high are scalars (rank 0) of x's type";
  let arguments = (ins Graph_Tensor:$input, Graph_Tensor:$low, Graph_Tensor:$high);
  let parameters = "auto x, auto low, auto high";
  let formula = "bounded(x, low, high)";
}

#endif // SMELT_GRAPH_ELEMENTWISE_OPS
