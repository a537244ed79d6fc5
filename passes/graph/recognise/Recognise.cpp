// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// recognise: puts together what exporters took apart, so that one kernel computes it in one pass over memory: layer and
// root-mean-square normalisation, softmax, GELU, swish, hard swish, mish, embeddings. The patterns are in the files
// beside this one; they see the forms that simplify leaves (constants to the right, x - c as x + -c, x^2 as x · x).

#include "passes/graph/recognise/Recognise.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "passes/graph/Match.h"
#include "passes/graph/Passes.h"

using namespace mlir;
using namespace smelt;

namespace {
struct Recognise : PassWrapper<Recognise, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Recognise)
  StringRef getArgument() const override { return "recognise"; }
  StringRef getDescription() const override { return "find normalisations and activations that were taken apart"; }

  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet all(context);
    graph::addActivationPatterns(all);
    graph::addEmbeddingPatterns(all);
    graph::addGeluPatterns(all);
    graph::addNormalisationPatterns(all);
    patterns = std::move(all);
    return success();
  }

  void runOnOperation() override { graph::applyTopDown(getOperation(), patterns, /*fold=*/false); }

  FrozenRewritePatternSet patterns;
};
} // namespace

std::unique_ptr<Pass> graph::createRecognisePass() { return std::make_unique<Recognise>(); }
