// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One step of an LSTM, a GRU or an RNN, of elementwise ops.

#include "frontends/pt2/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

namespace {
/// x · Wᵀ + b of the input and of the state, [b, gates · h] each.
struct Projections {
  Value input, state;
};
} // namespace

static Value projected(NodeReader &node, Value x, StringRef weight, StringRef bias) {
  GraphBuilder &b = node.builder();
  Value filter = node.tensor(weight), added = node.optionalTensor(bias);
  if (rankOf(x) != 2 || rankOf(filter) != 2)
    malformed("needs rows and weights of two dims");
  Value product = b.matMul(x, b.transpose(filter, {1, 0}));
  return added ? b.make<graph::AddOp>(product, added) : product;
}

static Projections projections(NodeReader &node, Value state) {
  return {projected(node, node.tensor("input"), "w_ih", "b_ih"), projected(node, state, "w_hh", "b_hh")};
}

static Value gateOf(GraphBuilder &b, Value gates, int64_t number, int64_t count) {
  const int64_t size = fixedDim(gates, 1);
  if (size % count != 0)
    malformed("has weights of " + Twine(size) + " rows for " + Twine(count) + " gates");
  return b.sliceDim(gates, 1, number * (size / count), size / count);
}

// c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c')
static Values lstmCell(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Values states = node.tensors("hx");
  if (states.size() != 2)
    malformed("has " + Twine(states.size()) + " states");
  Projections made = projections(node, states[0]);
  Value sum = b.make<graph::AddOp>(made.input, made.state);
  auto sigmoid = [&](int64_t number) { return b.make<graph::SigmoidOp>(gateOf(b, sum, number, 4)); };
  Value kept = b.make<graph::MulOp>(sigmoid(1), states[1]);
  Value added = b.make<graph::MulOp>(sigmoid(0), b.make<graph::TanhOp>(gateOf(b, sum, 2, 4)));
  Value cell = b.make<graph::AddOp>(kept, added);
  return {b.make<graph::MulOp>(sigmoid(3), b.make<graph::TanhOp>(cell)), cell};
}

// n = tanh(xₙ + σ(r) hₙ), h' = n + σ(z) (h - n)
static Value gruCell(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value state = node.tensor("hx");
  Projections made = projections(node, state);
  auto sigmoid = [&](int64_t number) {
    return b.make<graph::SigmoidOp>(
        b.make<graph::AddOp>(gateOf(b, made.input, number, 3), gateOf(b, made.state, number, 3)));
  };
  Value gated = b.make<graph::MulOp>(sigmoid(0), gateOf(b, made.state, 2, 3));
  Value candidate = b.make<graph::TanhOp>(b.make<graph::AddOp>(gateOf(b, made.input, 2, 3), gated));
  Value step = b.make<graph::MulOp>(sigmoid(1), b.make<graph::SubOp>(state, candidate));
  return b.make<graph::AddOp>(candidate, step);
}

template <typename Activation> static Value rnnCell(NodeReader &node) {
  Projections made = projections(node, node.tensor("hx"));
  return node.builder().make<Activation>(node.builder().make<graph::AddOp>(made.input, made.state));
}

static constexpr Operator kOperators[] = {
    {"aten.gru_cell.default", gruCell},
    {"aten.lstm_cell.default", lstmCell},
    {"aten.rnn_relu_cell.default", rnnCell<graph::ReluOp>},
    {"aten.rnn_tanh_cell.default", rnnCell<graph::TanhOp>},
};

ArrayRef<Operator> cellOperators() { return kOperators; }

} // namespace smelt::frontend::pt2
