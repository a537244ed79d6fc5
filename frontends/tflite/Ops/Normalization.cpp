// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/tflite/Operators.h"
#include "frontends/tflite/Ops/Activations.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

// SOFTMAX of the last dim
static Values softmax(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.real(0);
  const float beta = node.options<schema::SoftmaxOptions>().beta();
  if (rankOf(x) == 0)
    malformed("takes a scalar");
  if (beta != 1)
    x = b.make<graph::MulOp>(x, b.scalarLike(x, beta));
  return {b.make<graph::SoftmaxOp>(x, rankOf(x) - 1)};
}

static Values logSoftmax(OperatorReader &node) {
  Value x = node.real(0);
  if (rankOf(x) == 0)
    malformed("takes a scalar");
  return {node.builder().make<graph::SoftmaxOp>(x, rankOf(x) - 1, /*log=*/true)};
}

// L2_NORMALIZATION: x / max(√Σx², 10⁻⁶) along the last dim
static Values l2Normalization(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.real(0);
  if (rankOf(x) == 0)
    malformed("takes a scalar");
  Value sum = b.make<graph::ReduceOp>(x, graph::ReduceKind::SumSquare, ArrayRef<int64_t>{rankOf(x) - 1});
  Value length = b.make<graph::MaxOp>(b.make<graph::SqrtOp>(sum), b.scalarLike(x, 1e-6));
  return {activated(node, b.make<graph::DivOp>(x, length),
                    node.options<schema::L2NormOptions>().fused_activation_function())};
}

// LOCAL_RESPONSE_NORMALIZATION: x / (bias + alpha · Σ of squares of neighbour channels)^beta
static Values localResponseNormalization(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  const auto &options = node.options<schema::LocalResponseNormalizationOptions>();
  Value x = node.real(0);
  const int64_t last = rankOf(x) - 1;
  if (last != 3 || options.radius() < 0 || options.radius() > (1 << 20))
    malformed("needs an input of four dims and a radius, not " + inWords(extentsOf(x)) + " and " +
              Twine(options.radius()));
  const int64_t size = 2 * int64_t(options.radius()) + 1;
  // graph.lrn divides alpha by the size.
  Value result =
      b.make<graph::LrnOp>(b.moveDim(x, last, 1), size, APFloat(double(options.alpha()) * static_cast<double>(size)),
                           APFloat(double(options.beta())), APFloat(double(options.bias())));
  return {b.moveDim(result, 1, last)};
}

static constexpr Operator kOperators[] = {
    {"L2_NORMALIZATION", l2Normalization},
    {"LOCAL_RESPONSE_NORMALIZATION", localResponseNormalization},
    {"LOG_SOFTMAX", logSoftmax},
    {"SOFTMAX", softmax},
};

ArrayRef<Operator> normalizationOperators() { return kOperators; }

} // namespace smelt::frontend::tflite
