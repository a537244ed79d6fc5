// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// e^x that is rounded to bf16 at once. AVX-512 splits y into an integer and a fraction, and scales by a power of two,
// in one instruction each; -infinity becomes 0 on the way.

#include "codegen/cpu/Emitters.h"
#include "dialects/Graph/Ops/RoundedFormulas.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using smelt::graph::Expr;

namespace smelt::cpu {

/// An instruction for all lanes, rounding as ever.
static Expr instruction(StringRef name, Expr x, Value operand) {
  ImplicitLocOpBuilder &b = x.builder();
  constexpr int32_t kCurrentDirection = 4;
  Value all = arith::ConstantOp::create(b, b.getI16IntegerAttr(-1));
  Value rounding = arith::ConstantOp::create(b, b.getI32IntegerAttr(kCurrentDirection));
  return {b, LLVM::CallIntrinsicOp::create(b, x.type(), b.getStringAttr(name),
                                           ValueRange{x.value(), operand, x.value(), all, rounding})
                 .getResult(0)};
}

// e^x = 2^n 2^f, 0 ≤ f < 1; p(f): least maximum of the relative error, 8e-5.
Expr roundedPower(Expr x, const kernel::Machine &machine) {
  constexpr int64_t kLanes = 16;
  auto vector = dyn_cast<VectorType>(x.type());
  if (!(machine.dots & kernel::DotAvx512Bf16) || !vector || vector.getNumElements() != kLanes)
    return graph::roundedExp(x);
  ImplicitLocOpBuilder &b = x.builder();
  constexpr double kLog2E = 0x1.71547652b82fep0;
  constexpr int32_t kFromFloor = 1;
  Expr y = x * kLog2E;
  Value fromFloor = arith::ConstantOp::create(b, b.getI32IntegerAttr(kFromFloor));
  Expr f = instruction("llvm.x86.avx512.mask.reduce.ps.512", y, fromFloor);
  Expr p = graph::polynomial(f, {0.999925237, 0.695833442, 0.226067214, 0.0780245811});
  return instruction("llvm.x86.avx512.mask.scalef.ps.512", p, y.value());
}

} // namespace smelt::cpu
