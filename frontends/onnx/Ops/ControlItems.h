// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Branches and loops whose values need not be tensors.

#ifndef SMELT_FRONTENDS_ONNX_OPS_CONTROLITEMS_H
#define SMELT_FRONTENDS_ONNX_OPS_CONTROLITEMS_H

#include "frontends/onnx/NodeReader.h"

namespace smelt::frontend::onnx {

/// Whether a graph has an output that is no tensor, as far as its type or its node say so.
bool makesItems(const GraphProto &graph);

/// What one of two branches makes, of which `condition`, 1 or 0, chooses the first or the second.
Items itemBranches(NodeReader &node, const graph::Extent &condition, const GraphProto &first, const GraphProto &second);

/// A body's results in a round: whether another one follows, the state, and what it adds to the other results.
struct ItemRound {
  Value goesOn;
  Items state;
  Values added;
};
using ItemBody = llvm::function_ref<ItemRound(const graph::Extent &round, llvm::ArrayRef<Item> state)>;

/// The last state, and what all rounds added. See LoopBuilder for `rounds` and `condition`; where both are known and
/// some of the state is no tensor, there is no loop but each round by itself.
Items itemLoop(NodeReader &node, llvm::ArrayRef<Item> initial, const std::optional<graph::Extent> &rounds,
               const graph::Extent &condition, ItemBody body);

} // namespace smelt::frontend::onnx

#endif // SMELT_FRONTENDS_ONNX_OPS_CONTROLITEMS_H
