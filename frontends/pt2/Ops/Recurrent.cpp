// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// LSTM, GRU and RNN: of each layer, the products of all steps' inputs with their weights are one matmul; the steps are
// graph.recurrent.

#include "frontends/pt2/Ops/Recurrent.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

using graph::CellKind, graph::RecurrentDirection;

namespace {
/// A kind of layer: where each of graph.recurrent's gates stands among PyTorch's, and what they apply.
struct Cell {
  CellKind kind;
  SmallVector<int64_t> gates;
  SmallVector<StringRef> activations;
};

class RecurrentBuilder {
public:
  RecurrentBuilder(NodeReader &node, Cell cell) : node_(node), b_(node.builder()), cell_(std::move(cell)) {}

  Values build();

private:
  /// The weights and biases of one layer in one direction.
  struct Weights {
    Value input, recurrence, inputBias, recurrentBias; // biases are null where there are none
  };

  void readOperands();
  Weights weightsOf(int64_t layer, int64_t direction) const;
  Value ordered(Value rows) const;
  Value panels(Value recurrence) const;
  Value projected(Value x, const Weights &weights, Value &candidateBias) const;
  Values layer(Value x, int64_t number) const;
  Value stateOf(Value states, int64_t layer) const;

  NodeReader &node_;
  GraphBuilder &b_;
  Cell cell_;
  Value x_;               // [t, b, n]
  SmallVector<Value> hx_; // the states before the first step, [layers · d, b, h] each
  Values parameters_;
  int64_t layers_ = 1, directions_ = 1, size_ = 0;
  bool hasBiases_ = false, batchFirst_ = false;
};
} // namespace

void RecurrentBuilder::readOperands() {
  node_.ignore("dropout"); // between layers, in training
  if (node_.flag("train"))
    unsupported("trains; export the module after module.eval()");
  x_ = node_.tensor("input");
  hx_ = cell_.kind == CellKind::Lstm ? node_.tensors("hx") : Values{node_.tensor("hx")};
  parameters_ = node_.tensors("params");
  hasBiases_ = node_.flag("has_biases");
  layers_ = node_.integer("num_layers");
  directions_ = node_.flag("bidirectional") ? 2 : 1;
  batchFirst_ = node_.flag("batch_first");
  const size_t states = cell_.kind == CellKind::Lstm ? 2 : 1, each = hasBiases_ ? 4 : 2;
  constexpr int64_t kMostLayers = 256;
  if (rankOf(x_) != 3 || hx_.size() != states || layers_ < 1 || layers_ > kMostLayers)
    malformed("needs an input of three dims and " + Twine(states) + " states");
  if (parameters_.size() != each * layers_ * directions_)
    unsupported("has " + Twine(parameters_.size()) + " weights, which its layers do not have");
  if (batchFirst_)
    x_ = b_.transpose(x_, {1, 0, 2});
  size_ = rankOf(parameters_[1]) == 2 ? fixedDim(parameters_[1], 1) : 0;
  int64_t most = graph::TileAccess::kMostScratchBytes / (elementOf(x_).isF64() ? 8 : 4);
  if (size_ < 1 || size_ > most)
    unsupported("a state of " + Twine(size_) + " elements is not supported; Smelt takes 1 to " + Twine(most));
  for (Value &state : hx_)
    state = b_.expect(state, {layers_ * directions_, extentsOf(x_)[1], size_}, "a state");
}

RecurrentBuilder::Weights RecurrentBuilder::weightsOf(int64_t layer, int64_t direction) const {
  const int64_t each = hasBiases_ ? 4 : 2, first = (layer * directions_ + direction) * each;
  const int64_t rows = checkedMul(static_cast<int64_t>(cell_.gates.size()), size_);
  Weights weights{parameters_[first], parameters_[first + 1], nullptr, nullptr};
  if (rankOf(weights.input) != 2)
    malformed("has weights of dims " + inWords(extentsOf(weights.input)));
  weights.input = ordered(b_.expect(weights.input, {rows, extentsOf(weights.input)[1]}, "weights"));
  weights.recurrence = ordered(b_.expect(weights.recurrence, {rows, size_}, "weights of the state"));
  if (hasBiases_) {
    weights.inputBias = ordered(b_.expect(parameters_[first + 2], Extents{rows}, "a bias"));
    weights.recurrentBias = ordered(b_.expect(parameters_[first + 3], Extents{rows}, "a bias"));
  }
  return weights;
}

/// Rows [gates · h, ..] in the order of graph.recurrent's gates.
Value RecurrentBuilder::ordered(Value rows) const {
  Values parts;
  for (int64_t gate : cell_.gates)
    parts.push_back(b_.sliceDim(rows, 0, gate * size_, size_));
  return b_.concat(parts, 0);
}

/// R [d, gates · h, h] as [d, panels, h, gates, width].
Value RecurrentBuilder::panels(Value recurrence) const {
  constexpr int64_t kWidth = 16; // the longest vector's lanes: shorter ones divide it
  const auto gates = static_cast<int64_t>(cell_.gates.size());
  int64_t width = std::min<int64_t>(kWidth, llvm::bit_ceil(static_cast<uint64_t>(size_)));
  int64_t count = (size_ + width - 1) / width;
  Value rows = b_.reshape(recurrence, {directions_, gates, size_, size_});
  if (int64_t missing = count * width - size_)
    rows = b_.padDim(rows, 2, 0, missing, b_.scalarLike(rows, 0));
  return b_.transpose(b_.reshape(rows, {directions_, gates, count, width, size_}), {0, 2, 4, 1, 3});
}

/// X · Wᵀ and the biases, [t, b, 1, gates, h]. A GRU keeps the state's bias of its candidate apart.
Value RecurrentBuilder::projected(Value x, const Weights &weights, Value &candidateBias) const {
  const auto gates = static_cast<int64_t>(cell_.gates.size());
  Value product = b_.matMul(x, b_.transpose(weights.input, {1, 0}));
  if (hasBiases_ && cell_.kind == CellKind::Gru) {
    candidateBias = b_.sliceDim(weights.recurrentBias, 0, 2 * size_, size_);
    Value others = b_.padDim(b_.sliceDim(weights.recurrentBias, 0, 0, 2 * size_), 0, 0, size_, b_.scalarLike(x, 0));
    product = b_.make<graph::AddOp>(product, b_.make<graph::AddOp>(weights.inputBias, others));
  } else if (hasBiases_) {
    product = b_.make<graph::AddOp>(product, b_.make<graph::AddOp>(weights.inputBias, weights.recurrentBias));
  }
  return b_.reshape(product, {extentsOf(x)[0], extentsOf(x)[1], 1, gates, size_});
}

Value RecurrentBuilder::stateOf(Value states, int64_t layer) const {
  return b_.sliceDim(states, 0, layer * directions_, directions_);
}

/// The sequence [t, b, d · h] that a layer makes, and its last states [d, b, h].
Values RecurrentBuilder::layer(Value x, int64_t number) const {
  Values inputs, recurrences, candidates;
  for (int64_t direction = 0; direction < directions_; ++direction) {
    Weights weights = weightsOf(number, direction);
    Value candidateBias;
    inputs.push_back(projected(x, weights, candidateBias));
    Extents shape = extentsOf(weights.recurrence);
    shape.insert(shape.begin(), 1);
    recurrences.push_back(b_.reshape(weights.recurrence, shape));
    if (candidateBias)
      candidates.push_back(b_.reshape(candidateBias, {1, size_}));
  }
  const bool isLstm = cell_.kind == CellKind::Lstm;
  Value cell = isLstm ? stateOf(hx_[1], number) : Value();
  Value candidateBias = candidates.empty() ? Value() : b_.concat(candidates, 0);
  SmallVector<Type> types(isLstm ? 3 : 2, x.getType()); // inferred
  SmallVector<double> none(cell_.activations.size(), 0);
  auto direction = directions_ == 2 ? RecurrentDirection::Bidirectional : RecurrentDirection::Forward;
  Values results = b_.makeMany<graph::RecurrentOp>(
      types, b_.concat(inputs, 2), panels(b_.concat(recurrences, 0)), stateOf(hx_[0], number), cell, Value(),
      candidateBias, Value(), cell_.kind, direction, b_.builder().getStrArrayAttr(cell_.activations), none, none,
      llvm::APFloat(0.0), /*input_forget=*/false, /*linear_before_reset=*/cell_.kind == CellKind::Gru);
  results[0] =
      b_.reshape(b_.transpose(results[0], {2, 1, 0, 3}), {extentsOf(x)[0], extentsOf(x)[1], directions_ * size_});
  return results;
}

Values RecurrentBuilder::build() {
  readOperands();
  Value x = x_;
  SmallVector<Values> states(hx_.size()); // of each, those of all layers
  for (int64_t number = 0; number < layers_; ++number) {
    Values made = layer(x, number);
    x = made[0];
    for (auto [state, last] : llvm::zip_equal(states, llvm::drop_begin(made)))
      state.push_back(last);
  }
  Values results{batchFirst_ ? b_.transpose(x, {1, 0, 2}) : x};
  for (const Values &state : states)
    results.push_back(b_.concat(state, 0));
  return results;
}

// PyTorch's gates are i, f, g, o and r, z, n; graph.recurrent's i, o, f, c and z, r, h.
/// Whether the two states of an LSTM have different widths.
static bool isProjected(NodeReader &node) {
  Values states = node.tensors("hx");
  return states.size() == 2 && rankOf(states[0]) == 3 && rankOf(states[1]) == 3 &&
         extentsOf(states[0])[2] != extentsOf(states[1])[2];
}

static Values lstm(NodeReader &node) {
  if (isProjected(node))
    return projectedLstm(node);
  return RecurrentBuilder(node, {CellKind::Lstm, {0, 3, 1, 2}, {"sigmoid", "tanh", "tanh"}}).build();
}
static Values gru(NodeReader &node) {
  return RecurrentBuilder(node, {CellKind::Gru, {1, 0, 2}, {"sigmoid", "tanh"}}).build();
}
static Values rnnTanh(NodeReader &node) { return RecurrentBuilder(node, {CellKind::Rnn, {0}, {"tanh"}}).build(); }
static Values rnnRelu(NodeReader &node) { return RecurrentBuilder(node, {CellKind::Rnn, {0}, {"relu"}}).build(); }

static constexpr Operator kOperators[] = {
    {"aten.gru.input", gru},
    {"aten.lstm.input", lstm},
    {"aten.rnn_relu.input", rnnRelu},
    {"aten.rnn_tanh.input", rnnTanh},
};

ArrayRef<Operator> recurrentOperators() { return kOperators; }

} // namespace smelt::frontend::pt2
