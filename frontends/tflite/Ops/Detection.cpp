// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/tflite/Operators.h"
#include "frontends/tflite/Ops/DetectionPostProcess.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

using graph::Extent, graph::Extents;

static Value number(OperatorReader &node, unsigned index, Type type) {
  Value value = node.input(index);
  if (!isSingle(value))
    malformed("input " + Twine(index) + " holds one number, not " + inWords(extentsOf(value)));
  return node.builder().cast(node.builder().reshape(value, ArrayRef<Extent>()), type);
}

/// The boxes that are chosen, and how many there are: indices [most], zeros behind the last.
static Values chosen(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Type i64 = b.builder().getI64Type(), f32 = b.builder().getF32Type();
  Value boxes = node.real(0), scores = node.real(1);
  if (rankOf(boxes) != 2 || rankOf(scores) != 1)
    malformed("needs boxes of two dims and a list of scores, not " + inWords(extentsOf(boxes)) + " and " +
              inWords(extentsOf(scores)));
  const int64_t most = node.integerInput(2);
  const Extent count = extentsOf(scores)[0];
  if (most < 0)
    malformed("chooses " + Twine(most) + " boxes");
  RankedTensorType places = checkedType({1, 1, most}, i64);
  RankedTensorType room = checkedType(Extents{1, 1, count}, b.builder().getI32Type());
  Values results = b.makeMany<graph::NonMaxSuppressionOp>({places, room}, b.reshape(boxes, {1, count, 4}),
                                                          b.reshape(scores, {1, 1, count}), b.number(most),
                                                          number(node, 3, f32), number(node, 4, f32), /*center=*/false);
  Value found = b.reshape(results.front(), {most}), none = b.number(0);
  Value isChosen = b.make<graph::GreaterEqualOp>(found, none);
  Value number =
      b.make<graph::ReduceOp>(b.cast(isChosen, b.builder().getI32Type()), graph::ReduceKind::Sum, ArrayRef<int64_t>{0});
  return {b.make<graph::SelectOp>(isChosen, found, none), b.reshape(number, ArrayRef<Extent>()), isChosen};
}

static Values nonMaxSuppressionV4(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Values all = chosen(node);
  return {b.cast(all[0], node.outputType(0)), b.cast(all[1], node.outputType(1))};
}

// NON_MAX_SUPPRESSION_V5: with the scores of what is chosen
static Values nonMaxSuppressionV5(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  if (node.constantInput(5).get(0).asFloat() != 0)
    unsupported("lowers scores softly, by a sigma that is not 0");
  Values all = chosen(node);
  Value scores = b.make<graph::GatherOp>(node.real(1), all[0], /*axis=*/0);
  scores = b.make<graph::SelectOp>(all[2], scores, b.scalarLike(scores, 0));
  return {b.cast(all[0], node.outputType(0)), scores, b.cast(all[1], node.outputType(2))};
}

static constexpr Operator kOperators[] = {
    {"NON_MAX_SUPPRESSION_V4", nonMaxSuppressionV4},
    {"NON_MAX_SUPPRESSION_V5", nonMaxSuppressionV5},
    {"TFLite_Detection_PostProcess", detectionPostProcess, /*isCustom=*/true},
};

ArrayRef<Operator> detectionOperators() { return kOperators; }

} // namespace smelt::frontend::tflite
