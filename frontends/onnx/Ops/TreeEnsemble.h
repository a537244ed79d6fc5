// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decision trees as graph ops: all examples go down all trees at once, a level a round, by gathers from tables.

#ifndef SMELT_FRONTENDS_ONNX_OPS_TREEENSEMBLE_H
#define SMELT_FRONTENDS_ONNX_OPS_TREEENSEMBLE_H

#include "frontends/onnx/NodeReader.h"

namespace smelt::frontend::onnx {

struct TreeNode {
  enum class Test { AtMost, Below, AtLeast, Above, Equal, Unequal, Leaf };

  Test test = Test::Leaf;
  int64_t feature = 0;
  double threshold = 0;
  bool nanHolds = false; // whether what is no number goes where the test holds
  int64_t whenTrue = 0, whenFalse = 0;
};

/// Trees that share one list of nodes, in any order.
struct TreeEnsemble {
  enum class Aggregate { Average, Sum, Min, Max };
  struct Weight {
    int64_t node, target;
    double weight;
  };

  std::vector<TreeNode> nodes;
  std::vector<int64_t> roots;
  std::vector<Weight> weights; // those of nodes that are no leaves count for nothing
  int64_t targets = 1;
};

/// What the leaves that the rows of x [n, features] end in say together: [n, targets], of x's element type. Refuses
/// nodes that are not there, features that x has not, and what is no tree.
Value evaluateTrees(GraphBuilder &builder, const TreeEnsemble &ensemble, Value x, TreeEnsemble::Aggregate aggregate);

} // namespace smelt::frontend::onnx

#endif // SMELT_FRONTENDS_ONNX_OPS_TREEENSEMBLE_H
