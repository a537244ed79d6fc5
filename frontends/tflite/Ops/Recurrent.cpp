// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Recurrent operators. Their states are variables, which stay from run to run as they do in LiteRT. A step is ops, and
// several of them are a loop: cells may be clipped, normalised and projected, of which graph.recurrent knows nothing.

#include "frontends/common/Loops.h"
#include "frontends/tflite/Importer.h"
#include "frontends/tflite/Ops/Activations.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

using graph::Extent, graph::Extents;

/// A float input, or integers that stand for floats; what is computed in integers alone is refused.
static Value floats(OperatorReader &node, unsigned index) {
  Value value = node.real(index);
  if (!elementOf(value).isF32())
    malformed("takes " + inWords(elementOf(value)) + " as input " + Twine(index) + ", where floats should be");
  return value;
}
static Value optionalFloats(OperatorReader &node, unsigned index) {
  return node.hasInput(index) ? floats(node, index) : (node.skip(index), Value());
}

static void refuseIntegers(OperatorReader &node) {
  if (!elementOf(node.input(0)).isF32())
    unsupported("keeps a state of integers; convert the model with float activations");
}

/// x · wᵀ
static Value product(GraphBuilder &b, Value x, Value weights) {
  if (rankOf(weights) != 2)
    malformed("needs weights of two dims, not " + inWords(extentsOf(weights)));
  return b.matMul(x, b.transpose(weights, {1, 0}));
}

static Value limited(GraphBuilder &b, Value x, double most) {
  return most > 0 ? b.make<graph::ClampOp>(x, b.scalarLike(x, -most), b.scalarLike(x, most)) : x;
}

/// Steps [t, b, n] through `step`, from (x, state) to (result, state); the results, [t, b, o], and the last state.
static std::pair<Value, Values> overSteps(GraphBuilder &b, Value x, Values state,
                                          llvm::function_ref<std::pair<Value, Values>(Value, ArrayRef<Value>)> step) {
  const Extents shape = extentsOf(x);
  const Extent steps = shape[0];
  auto at = [&](const Extent &round) { return b.reshape(b.sliceDim(x, 0, round, 1), {shape[1], shape[2]}); };
  if (steps == Extent(1)) {
    auto [result, last] = step(at(0), state);
    return {b.stack({result}, 0), last};
  }
  LoopBuilder loop(b, state, steps, 1);
  Values made = loop.build([&](const Extent &round, ArrayRef<Value> before) {
    auto [result, after] = step(at(round), before);
    return LoopBuilder::Round{nullptr, after, {result}};
  });
  Value results = made.back();
  made.pop_back();
  return {results, made};
}

namespace {
/// The cell of the LSTM operators, with their inputs from 1 on in common.
class LstmCell {
public:
  LstmCell(OperatorReader &node, int8_t activation, double cellClip, double projectionClip);
  /// (h, c) of a step.
  std::pair<Value, Values> step(Value x, ArrayRef<Value> state) const;

private:
  enum Gate : unsigned { In, Forget, Cell, Out };
  Value gate(Gate gate, Value x, Value hidden, Value cell) const;
  Value activated(Value x) const { return tflite::activated(b_, x, activation_); }

  GraphBuilder &b_;
  int8_t activation_;
  double cellClip_, projectionClip_;
  Value weights_[4], recurrence_[4], peepholes_[4], bias_[4], norms_[4], projection_, projectionBias_;
};
} // namespace

LstmCell::LstmCell(OperatorReader &node, int8_t activation, double cellClip, double projectionClip)
    : b_(node.builder()), activation_(activation), cellClip_(cellClip), projectionClip_(projectionClip) {
  for (unsigned gate = 0; gate < 4; ++gate) {
    const bool mayLack = gate == In; // then it is 1 - forget
    weights_[gate] = mayLack ? optionalFloats(node, 1 + gate) : floats(node, 1 + gate);
    recurrence_[gate] = mayLack ? optionalFloats(node, 5 + gate) : floats(node, 5 + gate);
    bias_[gate] = mayLack ? optionalFloats(node, 12 + gate) : floats(node, 12 + gate);
    norms_[gate] = optionalFloats(node, 20 + gate);
  }
  peepholes_[In] = optionalFloats(node, 9);
  peepholes_[Forget] = optionalFloats(node, 10);
  peepholes_[Out] = optionalFloats(node, 11);
  projection_ = optionalFloats(node, 16);
  projectionBias_ = optionalFloats(node, 17);
  if (static_cast<bool>(weights_[In]) != static_cast<bool>(recurrence_[In]))
    malformed("has weights of the input gate for one of its two inputs alone");
}

Value LstmCell::gate(Gate gate, Value x, Value hidden, Value cell) const {
  constexpr double kEpsilon = 1e-8;
  Value sum = b_.make<graph::AddOp>(product(b_, x, weights_[gate]), product(b_, hidden, recurrence_[gate]));
  if (peepholes_[gate])
    sum = b_.make<graph::AddOp>(sum, b_.make<graph::MulOp>(cell, peepholes_[gate]));
  if (norms_[gate])
    sum = b_.make<graph::MulOp>(b_.make<graph::LayerNormOp>(sum, rankOf(sum) - 1, APFloat(kEpsilon)), norms_[gate]);
  return bias_[gate] ? b_.make<graph::AddOp>(sum, bias_[gate]) : sum;
}

std::pair<Value, Values> LstmCell::step(Value x, ArrayRef<Value> state) const {
  Value hidden = state[0], cell = state[1];
  Value forget = b_.make<graph::SigmoidOp>(gate(Forget, x, hidden, cell));
  Value in = weights_[In] ? b_.make<graph::SigmoidOp>(gate(In, x, hidden, cell))
                          : b_.make<graph::SubOp>(b_.scalarLike(forget, 1), forget);
  Value candidate = activated(gate(Cell, x, hidden, cell));
  cell = b_.make<graph::AddOp>(b_.make<graph::MulOp>(forget, cell), b_.make<graph::MulOp>(in, candidate));
  cell = limited(b_, cell, cellClip_);
  Value out = b_.make<graph::SigmoidOp>(gate(Out, x, hidden, cell));
  Value result = b_.make<graph::MulOp>(out, activated(cell));
  if (projection_) {
    result = product(b_, result, projection_);
    if (projectionBias_)
      result = b_.make<graph::AddOp>(result, projectionBias_);
    result = limited(b_, result, projectionClip_);
  }
  return {result, {result, cell}};
}

/// A state that has to be what a step makes again.
static Value stateOf(OperatorReader &node, unsigned index) {
  Value state = floats(node, index);
  if (rankOf(state) != 2) // [batch, elements]
    malformed("keeps a state of dims " + inWords(extentsOf(state)));
  return state;
}

static void keep(OperatorReader &node, unsigned index, Value last) {
  if (!node.tensor(node.inputTensor(index)).is_variable())
    malformed("keeps its state in input " + Twine(index) + ", which is no variable");
  last = node.builder().expect(last, extentsOf(node.input(index)), "a state");
  node.importer().assignStateful(node.frame(), node.inputTensor(index), last);
}

/// Of [t, b, n], or [b, t, n], or one step [b, n].
static Values sequenceOf(OperatorReader &node, bool timeMajor, ArrayRef<unsigned> states,
                         llvm::function_ref<std::pair<Value, Values>(Value, ArrayRef<Value>)> step) {
  GraphBuilder &b = node.builder();
  Value x = floats(node, 0);
  const bool isStep = rankOf(x) == 2;
  if (isStep)
    x = b.stack({x}, 0);
  if (rankOf(x) != 3)
    malformed("needs an input of three dims, not " + inWords(extentsOf(x)));
  const bool isSwapped = !isStep && !timeMajor;
  if (isSwapped)
    x = b.transpose(x, {1, 0, 2});
  Values initial;
  for (unsigned index : states)
    initial.push_back(stateOf(node, index));
  auto [results, last] = overSteps(b, x, initial, step);
  for (auto [index, value] : llvm::zip_equal(states, last))
    keep(node, index, value);
  if (isStep)
    return {b.reshape(results, {extentsOf(results)[1], extentsOf(results)[2]})};
  return {isSwapped ? b.transpose(results, {1, 0, 2}) : results};
}

static Values unidirectionalSequenceLstm(OperatorReader &node) {
  refuseIntegers(node);
  const auto &options = node.options<schema::UnidirectionalSequenceLSTMOptions>();
  if (options.diagonal_recurrent_tensors())
    unsupported("has diagonal recurrent weights");
  LstmCell cell(node, options.fused_activation_function(), options.cell_clip(), options.proj_clip());
  return sequenceOf(node, options.time_major(), {18, 19},
                    [&](Value x, ArrayRef<Value> state) { return cell.step(x, state); });
}

// LSTM: one step of it
static Values lstm(OperatorReader &node) {
  refuseIntegers(node);
  const auto &options = node.options<schema::LSTMOptions>();
  if (options.kernel_type() != 0)
    unsupported("is of the basic kernel; convert the model with the full one");
  LstmCell cell(node, options.fused_activation_function(), options.cell_clip(), options.proj_clip());
  return sequenceOf(node, true, {18, 19}, [&](Value x, ArrayRef<Value> state) { return cell.step(x, state); });
}

/// h = activation(x · Wᵀ + h · Rᵀ + b)
static Values rnnOf(OperatorReader &node, bool timeMajor, int8_t activation) {
  refuseIntegers(node);
  GraphBuilder &b = node.builder();
  Value weights = floats(node, 1), recurrence = floats(node, 2), bias = floats(node, 3);
  return sequenceOf(node, timeMajor, {4}, [&](Value x, ArrayRef<Value> state) -> std::pair<Value, Values> {
    Value sum = b.make<graph::AddOp>(product(b, x, weights), product(b, state.front(), recurrence));
    Value next = activated(b, b.make<graph::AddOp>(sum, bias), activation);
    return {next, {next}};
  });
}

static Values rnn(OperatorReader &node) {
  return rnnOf(node, true, node.options<schema::RNNOptions>().fused_activation_function());
}
static Values unidirectionalSequenceRnn(OperatorReader &node) {
  const auto &options = node.options<schema::SequenceRNNOptions>();
  return rnnOf(node, options.time_major(), options.fused_activation_function());
}

// SVDF: features of an input, remembered for as many runs as the memory is long, and weighted by how old they are
static Values svdf(OperatorReader &node) {
  refuseIntegers(node);
  GraphBuilder &b = node.builder();
  const auto &options = node.options<schema::SVDFOptions>();
  Value x = floats(node, 0), features = floats(node, 1), times = floats(node, 2), bias = optionalFloats(node, 3);
  if (rankOf(x) != 2 || rankOf(times) != 2 || options.rank() < 1)
    malformed("needs an input and weights of two dims, and a rank");
  const int64_t filters = fixedDim(times, 0), memory = fixedDim(times, 1), units = filters / options.rank();
  if (filters % options.rank() != 0 || memory < 1)
    malformed("has " + Twine(filters) + " filters of rank " + Twine(options.rank()) + " with a memory of " +
              Twine(memory));
  Value state = stateOf(node, 4);
  const Extent batch = extentsOf(state)[0];
  state = b.reshape(b.expect(state, {batch, filters * memory}, "a state"), {batch, filters, memory});
  Value added = b.expect(product(b, x, features), {batch, filters}, "features");
  Value next = b.concat({b.sliceDim(state, 2, 1, memory - 1), b.reshape(added, {batch, filters, 1})}, 2);
  keep(node, 4, b.reshape(next, {batch, filters * memory}));
  Value weighted = b.reshape(b.make<graph::MulOp>(next, times), {batch, units, options.rank() * memory});
  Value sums = b.make<graph::ReduceOp>(weighted, graph::ReduceKind::Sum, ArrayRef<int64_t>{2});
  sums = b.reshape(sums, {batch, units});
  if (bias)
    sums = b.make<graph::AddOp>(sums, b.expect(bias, Extent(units), "a bias"));
  return {activated(node, sums, options.fused_activation_function())};
}

static constexpr Operator kOperators[] = {
    {"LSTM", lstm},
    {"RNN", rnn},
    {"SVDF", svdf},
    {"UNIDIRECTIONAL_SEQUENCE_LSTM", unidirectionalSequenceLstm},
    {"UNIDIRECTIONAL_SEQUENCE_RNN", unidirectionalSequenceRnn},
};

ArrayRef<Operator> recurrentOperators() { return kOperators; }

} // namespace smelt::frontend::tflite
