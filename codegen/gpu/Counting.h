// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_GPU_COUNTING_H
#define SMELT_CODEGEN_GPU_COUNTING_H

#include "codegen/kernels/Body.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace smelt::gpu {

/// Arithmetic on numbers of invocations, points and places, none of which is negative: a base of emitters.
class Counting {
protected:
  explicit Counting(codegen::Body &body) : body_(body), b_(body.builder()) {}

  mlir::Value part(mlir::Value number, int64_t extent) {
    return mlir::arith::RemUIOp::create(b_, number, body_.constant(extent));
  }
  mlir::Value over(mlir::Value number, int64_t extent) {
    return mlir::arith::DivUIOp::create(b_, number, body_.constant(extent));
  }
  mlir::Value atMost(mlir::Value index, const graph::Extent &most) {
    return mlir::arith::MinUIOp::create(b_, index, body_.value(most));
  }
  mlir::Value isBelow(mlir::Value index, const graph::Extent &end) {
    return mlir::arith::CmpIOp::create(b_, mlir::arith::CmpIPredicate::ult, index, body_.value(end));
  }

  codegen::Body &body_;
  mlir::ImplicitLocOpBuilder &b_;
};

} // namespace smelt::gpu

#endif // SMELT_CODEGEN_GPU_COUNTING_H
