// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_PASSES_QUANTIZE_ROUNDING_H
#define SMELT_PASSES_QUANTIZE_ROUNDING_H

#include "dialects/Graph/Graph.h"

namespace smelt::quantize {

/// Whether an op rounds f32 to a narrower float or to integers by a scale, element by element and in order: of x <= y
/// the roundings are so as well.
inline bool isRounding(mlir::Operation *op) {
  if (llvm::isa<graph::QuantizeOp>(op))
    return true;
  auto cast = llvm::dyn_cast<graph::CastOp>(op);
  return cast && graph::typeOf(cast.getInput()).getElementType().isF32() &&
         (cast.getTo().isBF16() || cast.getTo().isF16());
}

/// What a rounded value is in f32.
inline mlir::Value widened(mlir::OpBuilder &builder, mlir::Operation *rounding) {
  mlir::Value rounded = rounding->getResult(0);
  auto quantize = llvm::dyn_cast<graph::QuantizeOp>(rounding);
  if (!quantize)
    return graph::CastOp::create(builder, rounding->getLoc(), rounded, builder.getF32Type());
  auto scale = static_cast<float>(1 / quantize.getFactor().convertToDouble());
  return graph::DequantizeOp::create(builder, rounding->getLoc(), rounded, builder.getF64FloatAttr(scale),
                                     quantize.getZeroPointAttr());
}

} // namespace smelt::quantize

#endif // SMELT_PASSES_QUANTIZE_ROUNDING_H
