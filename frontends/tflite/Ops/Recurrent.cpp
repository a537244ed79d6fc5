// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Recurrent operators. Their states are variables, which stay from run to run as they do in LiteRT. A step is ops, and
// several of them are a loop: cells may be clipped, normalised and projected, of which graph.recurrent knows nothing.
// Integers are computed as what they stand for; states that are integers are rounded to such after each step.

#include "frontends/common/Loops.h"
#include "frontends/tflite/Importer.h"
#include "frontends/tflite/Ops/Activations.h"
#include "frontends/tflite/Ops/Quantization.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

using graph::Extent, graph::Extents;

/// A float input, or integers that stand for floats.
static Value floats(OperatorReader &node, unsigned index) {
  Value value = node.real(index);
  if (!elementOf(value).isF32())
    malformed("takes " + inWords(elementOf(value)) + " as input " + Twine(index) + ", where floats should be");
  return value;
}
static Value optionalFloats(OperatorReader &node, unsigned index) {
  return node.hasInput(index) ? floats(node, index) : (node.skip(index), Value());
}

/// The same of a bias, which may be whole numbers of the steps that products of input 0 by weights have.
static Value biasOf(OperatorReader &node, unsigned index, unsigned weights) {
  if (!node.hasInput(index) || !elementOf(node.input(index)).isInteger(32) || node.quantisation(index))
    return optionalFloats(node, index);
  std::optional<Quantisation> x = node.quantisation(0), w = node.quantisation(weights);
  if (!x || !w || x->isPerAxis() || w->isPerAxis())
    malformed("has a bias of integers, and products of no scale");
  return dequantised(node.importer(), node.input(index), {{x->scale() * w->scale()}, {0}});
}

/// How the tensor of a state is quantised; nothing where it holds floats.
static std::optional<Quantisation> roundingOf(OperatorReader &node, unsigned index) {
  return isa<IntegerType>(elementOf(node.input(index))) ? node.quantisation(index) : std::nullopt;
}

/// A state as its tensor holds it, and what that stands for.
static Value held(OperatorReader &node, unsigned index, Value state) {
  std::optional<Quantisation> how = roundingOf(node, index);
  return how ? quantised(node.builder(), state, *how, elementOf(node.input(index))) : state;
}
static Value rounded(OperatorReader &node, unsigned index, Value state) {
  std::optional<Quantisation> how = roundingOf(node, index);
  return how ? dequantised(node.importer(), held(node, index, state), *how) : state;
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

/// From (x, state) to (result, state).
using Step = llvm::function_ref<std::pair<Value, Values>(Value, ArrayRef<Value>)>;

/// Steps [t, b, n], the last one first where it goes backwards; the results, [t, b, o], and the last state.
static std::pair<Value, Values> overSteps(GraphBuilder &b, Value x, Values state, Step step, bool isBackward) {
  const Extents shape = extentsOf(x);
  const Extent steps = shape[0];
  auto at = [&](const Extent &round) {
    return b.reshape(b.sliceDim(x, 0, isBackward ? steps - 1 - round : round, 1), {shape[1], shape[2]});
  };
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
  return {isBackward ? b.reverse(results, int64_t(0)) : results, made};
}

namespace {
/// What options say of a cell.
struct LstmLimits {
  int8_t activation;
  double cell, projection;
};

/// The cell of the LSTM operators, with their inputs from `first` on in common.
class LstmCell {
public:
  LstmCell(OperatorReader &node, unsigned first, bool hasNorms, LstmLimits limits);
  /// (h, c) of a step.
  std::pair<Value, Values> step(Value x, ArrayRef<Value> state) const;

private:
  enum Gate : unsigned { In, Forget, Cell, Out };
  Value gate(Gate gate, Value x, Value hidden, Value cell) const;
  Value activated(Value x) const { return tflite::activated(b_, x, limits_.activation); }

  GraphBuilder &b_;
  LstmLimits limits_;
  Value weights_[4], recurrence_[4], peepholes_[4], bias_[4], norms_[4], projection_, projectionBias_;
};
} // namespace

LstmCell::LstmCell(OperatorReader &node, unsigned first, bool hasNorms, LstmLimits limits)
    : b_(node.builder()), limits_(limits) {
  for (unsigned gate = 0; gate < 4; ++gate) {
    const bool mayLack = gate == In; // then it is 1 - forget
    const unsigned weights = first + gate, recurrence = weights + 4, bias = weights + 11, norm = weights + 19;
    weights_[gate] = mayLack ? optionalFloats(node, weights) : floats(node, weights);
    recurrence_[gate] = mayLack ? optionalFloats(node, recurrence) : floats(node, recurrence);
    if (!mayLack && !node.hasInput(bias))
      malformed("lacks its input " + Twine(bias));
    bias_[gate] = biasOf(node, bias, weights);
    norms_[gate] = hasNorms ? optionalFloats(node, norm) : Value();
  }
  peepholes_[In] = optionalFloats(node, first + 8);
  peepholes_[Forget] = optionalFloats(node, first + 9);
  peepholes_[Out] = optionalFloats(node, first + 10);
  projection_ = optionalFloats(node, first + 15);
  projectionBias_ = optionalFloats(node, first + 16);
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
  cell = limited(b_, cell, limits_.cell);
  Value out = b_.make<graph::SigmoidOp>(gate(Out, x, hidden, cell));
  Value result = b_.make<graph::MulOp>(out, activated(cell));
  if (projection_) {
    result = product(b_, result, projection_);
    if (projectionBias_)
      result = b_.make<graph::AddOp>(result, projectionBias_);
    result = limited(b_, result, limits_.projection);
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
  last = held(node, index, node.builder().expect(last, extentsOf(node.input(index)), "a state"));
  node.importer().assignStateful(node.frame(), node.inputTensor(index), last);
}

/// Of [t, b, n], or [b, t, n], or one step [b, n].
static Value sequenceOf(OperatorReader &node, bool timeMajor, ArrayRef<unsigned> states, Step step,
                        bool isBackward = false) {
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
  auto roundedStep = [&](Value x, ArrayRef<Value> before) {
    auto [result, after] = step(x, before);
    for (auto [index, value] : llvm::zip_equal(states, after))
      value = rounded(node, index, value);
    return std::pair<Value, Values>{result, after};
  };
  auto [results, last] = overSteps(b, x, initial, roundedStep, isBackward);
  for (auto [index, value] : llvm::zip_equal(states, last))
    keep(node, index, value);
  if (isStep)
    return b.reshape(results, {extentsOf(results)[1], extentsOf(results)[2]});
  return isSwapped ? b.transpose(results, {1, 0, 2}) : results;
}

/// Results of both directions, side by side where they are one.
static Values both(OperatorReader &node, Value forward, Value backward, bool areMerged) {
  if (!areMerged)
    return {forward, backward};
  return {node.builder().concat({forward, backward}, rankOf(forward) - 1)};
}

static void refuseSecondInput(OperatorReader &node, unsigned first, unsigned end) {
  for (unsigned index = first; index < end; ++index) {
    if (node.hasInput(index))
      unsupported("has a second input; convert the model with one input for both directions");
    node.skip(index);
  }
}

static Values unidirectionalSequenceLstm(OperatorReader &node) {
  const auto &options = node.options<schema::UnidirectionalSequenceLSTMOptions>();
  if (options.diagonal_recurrent_tensors())
    unsupported("has diagonal recurrent weights");
  LstmCell cell(node, 1, /*hasNorms=*/true,
                {options.fused_activation_function(), options.cell_clip(), options.proj_clip()});
  return {sequenceOf(node, options.time_major(), {18, 19},
                     [&](Value x, ArrayRef<Value> state) { return cell.step(x, state); })};
}

static Values bidirectionalSequenceLstm(OperatorReader &node) {
  const auto &options = node.options<schema::BidirectionalSequenceLSTMOptions>();
  refuseSecondInput(node, 39, 48);
  const LstmLimits limits{options.fused_activation_function(), options.cell_clip(), options.proj_clip()};
  auto direction = [&](unsigned first, ArrayRef<unsigned> states, bool isBackward) {
    LstmCell cell(node, first, /*hasNorms=*/false, limits);
    auto step = [&](Value x, ArrayRef<Value> state) { return cell.step(x, state); };
    return sequenceOf(node, options.time_major(), states, step, isBackward);
  };
  Value forward = direction(1, {35, 36}, false);
  return both(node, forward, direction(18, {37, 38}, true), options.merge_outputs());
}

/// The basic kernel of LSTM, whose states are inputs and results, and whose gates are parts of one product:
///   [i, g, f, o] = [x, h] · Wᵀ + b,   c' = σ(i) · tanh(g) + σ(f) · c,   h' = σ(o) · tanh(c')
static Values basicLstm(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = floats(node, 0), h = floats(node, 1), weights = floats(node, 2), c = floats(node, 4);
  Value bias = biasOf(node, 3, 2);
  if (!bias || rankOf(x) != 2 || rankOf(h) != 2 || rankOf(c) != 2)
    malformed("takes a bias, and an input and states of two dims");
  Value both = b.concat({x, h}, 1), gates = b.make<graph::AddOp>(product(b, both, weights), bias);
  const Extent cells = extentsOf(c)[1];
  if (extentsOf(gates)[1] != cells * 4)
    malformed("has weights of dims " + inWords(extentsOf(weights)) + " for a state of " + inWords(extentsOf(c)));
  auto gate = [&](int64_t number) { return b.sliceDim(gates, 1, cells * number, cells); };
  auto sigmoid = [&](int64_t number) { return b.make<graph::SigmoidOp>(gate(number)); };
  Value added = b.make<graph::MulOp>(sigmoid(0), b.make<graph::TanhOp>(gate(1)));
  Value next = b.make<graph::AddOp>(added, b.make<graph::MulOp>(sigmoid(2), c));
  return {b.make<graph::MulOp>(sigmoid(3), b.make<graph::TanhOp>(next)), next, both, gates};
}

// LSTM: one step of it
static Values lstm(OperatorReader &node) {
  const auto &options = node.options<schema::LSTMOptions>();
  constexpr int8_t kFull = 0, kBasic = 1;
  if (options.kernel_type() == kBasic)
    return basicLstm(node);
  if (options.kernel_type() != kFull)
    malformed("is of kernel " + Twine(static_cast<int>(options.kernel_type())) + ", of which there is none");
  LstmCell cell(node, 1, /*hasNorms=*/true,
                {options.fused_activation_function(), options.cell_clip(), options.proj_clip()});
  return {sequenceOf(node, true, {18, 19}, [&](Value x, ArrayRef<Value> state) { return cell.step(x, state); })};
}

/// h = activation(x · Wᵀ + h · Rᵀ + b), of four inputs from `first` on
static Value rnnOf(OperatorReader &node, unsigned first, bool timeMajor, int8_t activation, bool isBackward = false) {
  GraphBuilder &b = node.builder();
  Value weights = floats(node, first), recurrence = floats(node, first + 1), bias = biasOf(node, first + 2, first);
  if (!bias)
    malformed("lacks its input " + Twine(first + 2));
  auto step = [&](Value x, ArrayRef<Value> state) -> std::pair<Value, Values> {
    Value sum = b.make<graph::AddOp>(product(b, x, weights), product(b, state.front(), recurrence));
    Value next = activated(b, b.make<graph::AddOp>(sum, bias), activation);
    return {next, {next}};
  };
  return sequenceOf(node, timeMajor, {first + 3}, step, isBackward);
}

static Values rnn(OperatorReader &node) {
  return {rnnOf(node, 1, true, node.options<schema::RNNOptions>().fused_activation_function())};
}
static Values unidirectionalSequenceRnn(OperatorReader &node) {
  const auto &options = node.options<schema::SequenceRNNOptions>();
  return {rnnOf(node, 1, options.time_major(), options.fused_activation_function())};
}
static Values bidirectionalSequenceRnn(OperatorReader &node) {
  const auto &options = node.options<schema::BidirectionalSequenceRNNOptions>();
  refuseSecondInput(node, 9, 12);
  const int8_t activation = options.fused_activation_function();
  Value forward = rnnOf(node, 1, options.time_major(), activation);
  return both(node, forward, rnnOf(node, 5, options.time_major(), activation, true), options.merge_outputs());
}

// SVDF: features of an input, remembered for as many runs as the memory is long, and weighted by how old they are
static Values svdf(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  const auto &options = node.options<schema::SVDFOptions>();
  Value x = floats(node, 0), features = floats(node, 1), times = floats(node, 2), bias = biasOf(node, 3, 2);
  if (rankOf(x) != 2 || rankOf(times) != 2 || options.rank() < 1)
    malformed("needs an input and weights of two dims, and a rank");
  const int64_t filters = fixedDim(times, 0), memory = fixedDim(times, 1), units = filters / options.rank();
  if (filters % options.rank() != 0 || memory < 1)
    malformed("has " + Twine(filters) + " filters of rank " + Twine(options.rank()) + " with a memory of " +
              Twine(memory));
  Value state = stateOf(node, 4);
  const Extent batch = extentsOf(state)[0];
  state = b.reshape(b.expect(state, {batch, filters * memory}, "a state"), {batch, filters, memory});
  Value added = rounded(node, 4, b.expect(product(b, x, features), {batch, filters}, "features"));
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
    {"BIDIRECTIONAL_SEQUENCE_LSTM", bidirectionalSequenceLstm},
    {"BIDIRECTIONAL_SEQUENCE_RNN", bidirectionalSequenceRnn},
    {"LSTM", lstm},
    {"RNN", rnn},
    {"SVDF", svdf},
    {"UNIDIRECTIONAL_SEQUENCE_LSTM", unidirectionalSequenceLstm},
    {"UNIDIRECTIONAL_SEQUENCE_RNN", unidirectionalSequenceRnn},
};

ArrayRef<Operator> recurrentOperators() { return kOperators; }

} // namespace smelt::frontend::tflite
