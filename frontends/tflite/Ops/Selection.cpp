// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators whose result has as many elements as the run finds.

#include "frontends/common/Selection.h"
#include "frontends/tflite/Operators.h"

using namespace mlir;

namespace smelt::frontend::tflite {

// WHERE: the coordinates of the elements that are not 0, a row for each
static Values where(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value condition = node.input(0);
  if (rankOf(condition) == 0)
    malformed("needs a condition of one dim or more");
  return {b.transpose(b.concat(coordinatesOfSet(b, condition), 0), {1, 0})};
}

// UNIQUE: the elements of a list, each once, in the order in which they come, and which of them each is
static Values unique(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.moved(0);
  if (rankOf(x) != 1)
    malformed("needs a list, not a tensor of dims " + inWords(extentsOf(x)));
  Distinct distinct(b, b.reshape(x, {extentsOf(x)[0], 1}));
  distinct.sortByPlace();
  return {b.make<graph::GatherOp>(x, distinct.first, int64_t(0)), b.cast(distinct.which, node.outputType(1))};
}

static constexpr Operator kOperators[] = {
    {"UNIQUE", unique},
    {"WHERE", where},
};

ArrayRef<Operator> selectionOperators() { return kOperators; }

} // namespace smelt::frontend::tflite
