// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// coarsen-functions: what is rounded to 8 bits at once needs no more digits than those show.
//   quantize(gelu(x))       →   quantize(gelu(x) {graph.coarse})
//   quantize(gelu(x) · c)   →   quantize(gelu(x) {graph.coarse} · c)      c a constant: what evens out channels
// where the coarse formula is off by no more than a part of a step, so that it moves some results, and these by one.

#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Ops/RoundedFormulas.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "passes/quantize/Passes.h"
#include <cmath>

using namespace mlir;
using namespace smelt;

/// The largest magnitude of a constant's elements; nothing of other values.
static std::optional<double> largestOf(Value value) {
  std::optional<graph::HostTensor> constant = graph::constantOf(value);
  if (!constant || !constant->elementType().isF32())
    return std::nullopt;
  double largest = 0;
  for (float number : constant->as<float>())
    largest = std::max<double>(largest, std::abs(number));
  return largest;
}

/// In how many steps of 8 bits a value's only reader counts one unit of it; nothing where that rounds nothing.
static std::optional<double> stepsPerUnit(Value value) {
  if (!value.hasOneUse())
    return std::nullopt;
  Operation *reader = *value.user_begin();
  double factor = 1;
  if (auto product = dyn_cast<graph::MulOp>(reader)) {
    const bool isLeft = product.getLhs() == value;
    std::optional<double> largest = largestOf(isLeft ? product.getRhs() : product.getLhs());
    if (!largest || !product->hasOneUse() || graph::extentsOf(product.getResult()) != graph::extentsOf(value))
      return std::nullopt;
    factor = *largest;
    reader = *product->user_begin();
  }
  auto quantize = dyn_cast<graph::QuantizeOp>(reader);
  if (!quantize || quantize.getTo().getIntOrFloatBitWidth() != 8)
    return std::nullopt;
  return factor * std::abs(quantize.getFactor().convertToDouble());
}

namespace {
struct CoarsenFunctions : PassWrapper<CoarsenFunctions, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CoarsenFunctions)
  StringRef getArgument() const override { return "coarsen-functions"; }
  StringRef getDescription() const override {
    return "functions that are rounded to 8 bits → no more digits than those";
  }

  void runOnOperation() override {
    constexpr double kMostSteps = 0.25; // rounding is off by 0.5
    getOperation().walk([](graph::GeluOp gelu) {
      if (gelu.getTanhForm() || !graph::typeOf(gelu.getResult()).getElementType().isF32())
        return;
      std::optional<double> steps = stepsPerUnit(gelu.getResult());
      if (steps && *steps * graph::kRoundedGeluError <= kMostSteps)
        gelu->setAttr(graph::kCoarse, UnitAttr::get(gelu.getContext()));
    });
  }
};
} // namespace

std::unique_ptr<Pass> quantize::createCoarsenFunctionsPass() { return std::make_unique<CoarsenFunctions>(); }
