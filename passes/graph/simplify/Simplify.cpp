// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// simplify: canonical forms and algebra that is exact for every value: neutral elements, casts, views of views, slices
// of concatenations, and what nothing uses. The patterns are in the files beside this one, by family.

#include "passes/graph/simplify/Simplify.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/graph/Match.h"
#include "passes/graph/Passes.h"

using namespace mlir;
using namespace smelt;

namespace {
struct Simplify : PassWrapper<Simplify, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Simplify)
  StringRef getArgument() const override { return "simplify"; }
  StringRef getDescription() const override { return "bring the graph in its simplest form, exactly equal"; }

  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet all(context);
    graph::addArithmeticPatterns(all);
    graph::addConversionPatterns(all);
    graph::addViewPatterns(all);
    graph::addPiecePatterns(all);
    patterns = std::move(all);
    return success();
  }

  void runOnOperation() override { graph::applyTopDown(getOperation(), patterns, /*fold=*/true); }

  FrozenRewritePatternSet patterns;
};
} // namespace

std::unique_ptr<Pass> graph::createSimplifyPass() { return std::make_unique<Simplify>(); }
