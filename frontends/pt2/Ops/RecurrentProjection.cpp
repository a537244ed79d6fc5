// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LSTMs whose state is projected to fewer numbers, taken apart step by step.

#include "frontends/pt2/Ops/Math.h"
#include "frontends/pt2/Ops/Recurrent.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

namespace {
class ProjectedLstm {
public:
  explicit ProjectedLstm(NodeReader &node) : node_(node), m_(node.builder()), b_(node.builder()) {}

  Values build();

private:
  struct Weights {
    Value input, state, bias, projection; // the bias may be null
  };
  struct State {
    Value hidden, cell;
  };

  void readOperands();
  Weights weightsOf(int64_t number) const;
  State step(Value gates, const State &state, const Weights &weights) const;
  Value direction(Value x, int64_t number, State &state) const;
  Value turned(Value matrix) const { return b_.transpose(matrix, {1, 0}); }

  NodeReader &node_;
  Math m_;
  GraphBuilder &b_;
  Value x_; // [t, b, n]
  Values hx_, parameters_;
  int64_t layers_ = 1, directions_ = 1, steps_ = 0, size_ = 0;
  bool hasBiases_ = false, batchFirst_ = false;
};
} // namespace

void ProjectedLstm::readOperands() {
  constexpr int64_t kMostLayers = 64, kMostSteps = 512; // each is a dozen ops
  node_.ignore("dropout");
  if (node_.flag("train"))
    unsupported("trains; export the module after module.eval()");
  x_ = node_.tensor("input");
  hx_ = node_.tensors("hx");
  parameters_ = node_.tensors("params");
  hasBiases_ = node_.flag("has_biases");
  layers_ = node_.integer("num_layers");
  directions_ = node_.flag("bidirectional") ? 2 : 1;
  batchFirst_ = node_.flag("batch_first");
  if (layers_ < 1 || layers_ > kMostLayers || rankOf(x_) != 3 || hx_.size() != 2)
    malformed("needs an input of three dims and 2 states");
  if (static_cast<int64_t>(parameters_.size()) != (hasBiases_ ? 5 : 3) * layers_ * directions_)
    malformed("has " + Twine(parameters_.size()) + " weights for " + Twine(layers_) + " layers");
  if (batchFirst_)
    x_ = b_.transpose(x_, {1, 0, 2});
  steps_ = fixedDim(x_, 0);
  size_ = fixedDim(hx_[1], 2);
  if (steps_ < 1 || steps_ > kMostSteps)
    unsupported("has projections and " + Twine(steps_) + " steps; Smelt takes 1 to " + Twine(kMostSteps));
}

ProjectedLstm::Weights ProjectedLstm::weightsOf(int64_t number) const {
  const int64_t each = hasBiases_ ? 5 : 3, first = number * each, rows = checkedMul(4, size_);
  auto matrix = [&](int64_t place) {
    if (rankOf(parameters_[place]) != 2)
      malformed("has weights of " + Twine(rankOf(parameters_[place])) + " dims");
    return parameters_[place];
  };
  Weights weights{matrix(first), matrix(first + 1), nullptr, matrix(first + each - 1)};
  weights.input = b_.expect(weights.input, {rows, extentsOf(weights.input)[1]}, "weights");
  weights.state = b_.expect(weights.state, {rows, extentsOf(hx_[0])[2]}, "weights of the state");
  weights.projection = b_.expect(weights.projection, {extentsOf(hx_[0])[2], size_}, "a projection");
  if (hasBiases_)
    weights.bias = m_.add(b_.expect(parameters_[first + 2], Extents{rows}, "a bias"),
                          b_.expect(parameters_[first + 3], Extents{rows}, "a bias"));
  return weights;
}

// c' = σ(f) c + σ(i) tanh(g), h' = W (σ(o) tanh(c'))
ProjectedLstm::State ProjectedLstm::step(Value gates, const State &state, const Weights &weights) const {
  gates = m_.add(gates, b_.matMul(state.hidden, turned(weights.state)));
  auto gate = [&](int64_t number) { return b_.sliceDim(gates, 1, number * size_, size_); };
  auto sigmoid = [&](Value x) { return b_.make<graph::SigmoidOp>(x); };
  auto tanh = [&](Value x) { return b_.make<graph::TanhOp>(x); };
  Value cell = m_.add(m_.mul(sigmoid(gate(1)), state.cell), m_.mul(sigmoid(gate(0)), tanh(gate(2))));
  return {b_.matMul(m_.mul(sigmoid(gate(3)), tanh(cell)), turned(weights.projection)), cell};
}

/// All steps of one layer in one direction: [t, b, p].
Value ProjectedLstm::direction(Value x, int64_t number, State &state) const {
  const Weights weights = weightsOf(number);
  const bool isReverse = number % directions_ == 1;
  Value gates = b_.matMul(x, turned(weights.input));
  if (weights.bias)
    gates = m_.add(gates, weights.bias);
  Values made(steps_);
  for (int64_t count = 0; count < steps_; ++count) {
    const int64_t at = isReverse ? steps_ - 1 - count : count;
    state = step(b_.dropDim(b_.sliceDim(gates, 0, at, 1), 0), state, weights);
    made[at] = state.hidden;
  }
  return b_.stack(made, 0);
}

Values ProjectedLstm::build() {
  readOperands();
  Value x = x_;
  Values hidden, cells;
  for (int64_t layer = 0; layer < layers_; ++layer) {
    Values sides;
    for (int64_t side = 0; side < directions_; ++side) {
      const int64_t number = layer * directions_ + side;
      State state{b_.dropDim(b_.sliceDim(hx_[0], 0, number, 1), 0), b_.dropDim(b_.sliceDim(hx_[1], 0, number, 1), 0)};
      sides.push_back(direction(x, number, state));
      hidden.push_back(state.hidden);
      cells.push_back(state.cell);
    }
    x = b_.concat(sides, 2);
  }
  return {batchFirst_ ? b_.transpose(x, {1, 0, 2}) : x, b_.stack(hidden, 0), b_.stack(cells, 0)};
}

Values projectedLstm(NodeReader &node) { return ProjectedLstm(node).build(); }

} // namespace smelt::frontend::pt2
