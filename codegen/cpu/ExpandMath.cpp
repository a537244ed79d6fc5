// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// expand-math: functions of the math dialect → arithmetic. What has an instruction (sqrt, fma, floor, …) stays; no call
// of libm remains.

#include "codegen/cpu/Passes.h"
#include "dialects/Graph/Ops/MathFunctions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace smelt::cpu {

namespace {
struct ExpandMath : PassWrapper<ExpandMath, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandMath)
  explicit ExpandMath(const kernel::Machine &machine) : roundsToBF16(machine.dots & kernel::kBf16Dots) {}
  StringRef getArgument() const override { return "expand-math"; }
  StringRef getDescription() const override { return "math functions → arithmetic"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, scf::SCFDialect, vector::VectorDialect>();
  }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    // The operators' own functions of f32. MLIR's take what those leave: functions that no operator emits.
    graph::populateMathFunctionPatterns(patterns);
    // These first: the approximations below stand on exp and log.
    math::populateExpansionPatterns(patterns,
                                    {"sinh", "cosh", "asinh", "acosh", "atanh", "tan", "powf", "fpowi", "exp2"});
    populateMathPolynomialApproximationPatterns(patterns, [](StringRef name) { return name != "math.cbrt"; });
    // bf16 without instructions for it would be calls of compiler-rt.
    if (!roundsToBF16)
      arith::populateExpandBFloat16Patterns(patterns);
    GreedyRewriteConfig config;
    config.enableFolding(true);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }

  bool roundsToBF16; // by an instruction
};
} // namespace

std::unique_ptr<Pass> createExpandMathPass(const kernel::Machine &machine) {
  return std::make_unique<ExpandMath>(machine);
}

} // namespace smelt::cpu
