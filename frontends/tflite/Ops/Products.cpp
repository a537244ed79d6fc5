// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/tflite/Ops/Products.h"
#include "frontends/common/Linear.h"
#include "frontends/tflite/Ops/Activations.h"
#include "frontends/tflite/Ops/Quantization.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

static bool isByte(Type type) { return isa<IntegerType>(type) && type.getIntOrFloatBitWidth() == 8; }

std::optional<IntegerProduct> integerProduct(OperatorReader &node) {
  std::optional<Quantisation> input = node.quantisation(0), weights = node.quantisation(1),
                              result = node.outputQuantisation(0);
  if (!input || !weights || !result || input->isPerAxis() || result->isPerAxis() || !(result->scale() > 0))
    return std::nullopt;
  Type type = node.outputType(0);
  if (!isByte(elementOf(node.input(0))) || !isByte(elementOf(node.input(1))) || !isByte(type))
    return std::nullopt;
  // A bias of whole numbers of steps, as sums are.
  if (node.hasInput(2) && !elementOf(node.input(2)).isInteger(32))
    return std::nullopt;
  return IntegerProduct{*input, *weights, *result, type};
}

Value IntegerProduct::finish(OperatorReader &node, Value sums, int64_t channels, int8_t activation) const {
  GraphBuilder &b = node.builder();
  const graph::Extent count = extentsOf(sums)[channels];
  graph::Extents perChannel(rankOf(sums) - channels, 1);
  perChannel.front() = count;
  if (Value bias = node.optionalInput(2))
    sums = b.make<graph::AddOp>(sums, b.reshape(b.expect(bias, count, "a bias"), perChannel));
  SmallVector<float> factors;
  for (float scale : weights.scales)
    factors.push_back(input.scale() * scale / result.scale());
  if (factors.size() > 1 && count != graph::Extent(static_cast<int64_t>(factors.size())))
    malformed("has weights of " + Twine(factors.size()) + " scales for " + count.str() + " channels");
  Value factor = spreadScales(b, factors, 0, static_cast<int64_t>(perChannel.size()));
  Value steps = b.make<graph::MulOp>(b.cast(sums, b.builder().getF32Type()), factor);
  // An activation in steps: 6 is 6 / scale of them.
  auto limited = [&](double low, double high) {
    return b.make<graph::ClampOp>(steps, b.scalarLike(steps, low), b.scalarLike(steps, high));
  };
  const double step = result.scale();
  const double least = (type.isUnsignedInteger() ? 0 : -128) - static_cast<double>(result.zeroPoint());
  const double most = least + 255;
  switch (static_cast<Activation>(activation)) {
  case Activation::None:
    break;
  case Activation::Relu:
    if (least < 0)
      steps = b.make<graph::ReluOp>(steps);
    break;
  case Activation::Relu6:
    if (least < 0 || most > 6 / step)
      steps = limited(0, 6 / step);
    break;
  case Activation::ReluN1To1:
    steps = limited(-1 / step, 1 / step);
    break;
  default:
    unsupported("has the fused activation " + Twine(static_cast<int>(activation)) + " of integers");
  }
  Value zeroPoint = result.zeroPoint() == 0
                        ? Value()
                        : b.scalar(b.builder().getI32Type(), graph::Scalar::ofSigned(result.zeroPoint()));
  return saturate(b, b.make<graph::RoundOp>(steps), zeroPoint, type);
}

} // namespace smelt::frontend::tflite
