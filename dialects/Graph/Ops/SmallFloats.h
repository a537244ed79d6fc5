// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Floats of 8, 6 and 4 bits, from and to wider ones: as ONNX Cast has it, on numbers and on Exprs.

#ifndef SMELT_DIALECTS_GRAPH_OPS_SMALLFLOATS_H
#define SMELT_DIALECTS_GRAPH_OPS_SMALLFLOATS_H

#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Ops/Expression.h"

namespace smelt::graph {

/// What a cast does where the result's type can't hold the number.
struct CastRules {
  bool saturate = true;                       // to the greatest number, instead of infinity or NaN
  ScaleRounding rounding = ScaleRounding::Up; // to the powers of two of f8E8M0FNU
};

/// The code of a number, rounded to f32 first, as ml_dtypes does. Floats with a mantissa round to nearest even. Those
/// of 6 and 4 bits have neither infinities nor NaN: they always saturate, and NaN goes to the zero of the opposite
/// sign, as in ml_dtypes. f8E8M0FNU has neither zero nor a sign, which is ignored: what is less than its least number
/// goes there, or without saturation to NaN; so does the specification's table, while its reference implementation
/// makes an infinity NaN always and zero never.
uint64_t encodeSmallFloat(double number, mlir::Type to, CastRules rules);
double decodeSmallFloat(uint64_t code, mlir::Type from);

/// The same of f32 or f64, to codes of i8 and from them to f32.
Expr encodeSmallFloat(Expr number, mlir::Type to, CastRules rules);
Expr decodeSmallFloat(Expr code, mlir::Type from);

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_OPS_SMALLFLOATS_H
