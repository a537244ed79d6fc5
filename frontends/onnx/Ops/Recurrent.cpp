// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LSTM, GRU and RNN: the products of all steps' inputs with their weights are one matmul; the steps are
// graph.recurrent.

#include "frontends/onnx/Operators.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::CellKind, graph::Extent, graph::Extents, graph::RecurrentDirection;

namespace {

/// An activation and what it takes: nothing where it has no such parameter.
struct ActivationRow {
  llvm::StringLiteral name;
  std::optional<double> alpha, beta; // where the node gives none
};
constexpr ActivationRow kActivations[] = {
    {"affine", 1.0, 0.0},
    {"elu", 1.0, std::nullopt},
    {"hardsigmoid", 0.2, 0.5},
    {"leakyrelu", 0.01, std::nullopt},
    {"relu", std::nullopt, std::nullopt},
    {"scaledtanh", 1.0, 1.0},
    {"sigmoid", std::nullopt, std::nullopt},
    {"softplus", std::nullopt, std::nullopt},
    {"softsign", std::nullopt, std::nullopt},
    {"tanh", std::nullopt, std::nullopt},
    {"thresholdedrelu", 1.0, std::nullopt},
};

/// What one direction applies.
struct Activations {
  SmallVector<StringRef> names;
  SmallVector<double> alphas, betas;

  bool operator==(const Activations &other) const {
    return names == other.names && alphas == other.alphas && betas == other.betas;
  }
};

class RecurrentBuilder {
public:
  RecurrentBuilder(NodeReader &node, CellKind kind, bool hasIntegers = false)
      : node_(node), b_(node.builder()), kind_(kind), hasIntegers_(hasIntegers) {
    gates_ = kind == CellKind::Lstm ? 4 : kind == CellKind::Gru ? 3 : 1;
  }
  Values build();

private:
  void readOperands();
  void readActivations();
  Value readState(unsigned index);
  Value readWeights(unsigned index, unsigned scaleIndex);
  Value project();
  Value biasOf(int64_t first, int64_t gates);
  Value panels();
  Values emit(int64_t first, int64_t count, RecurrentDirection direction);

  NodeReader &node_;
  GraphBuilder &b_;
  CellKind kind_;
  bool hasIntegers_; // for weights
  int64_t gates_, directions_ = 1, size_ = 0;
  Extent steps_, batch_;
  RecurrentDirection direction_ = RecurrentDirection::Forward;
  bool batchFirst_ = false, linearBeforeReset_ = false;
  Value x_, weights_, recurrence_, bias_, lengths_, hidden_, cell_, peepholes_, projected_;
  SmallVector<Activations> activations_; // one a direction
};

} // namespace

/// A state before the first step, [d, b, h]; zeros where the node gives none, and, as in ONNX Runtime, for a sequence
/// of no steps: its last state is 0.
Value RecurrentBuilder::readState(unsigned index) {
  Value state = node_.optionalInput(index, Floats);
  if (!state)
    return b_.broadcast(b_.scalarLike(x_, 0), {directions_, batch_, size_});
  if (rankOf(state) != 3)
    malformed("has an initial state of dims " + inWords(extentsOf(state)));
  state = batchFirst_ ? b_.transpose(state, {1, 0, 2}) : state;
  state = b_.expect(state, {directions_, batch_, size_}, "an initial state");
  if (!lengths_)
    return state;
  Value isEmpty = b_.make<graph::EqualOp>(lengths_, b_.scalarLike(lengths_, 0));
  return b_.make<graph::SelectOp>(b_.reshape(isEmpty, Extents{1, batch_, 1}), b_.scalarLike(state, 0), state);
}

/// [d, gates · h, n]. Weights of integers are [d, n, gates · h], with a scale and a zero point each direction or
/// column.
Value RecurrentBuilder::readWeights(unsigned index, unsigned scaleIndex) {
  if (!hasIntegers_)
    return node_.input(index, Floats);
  Value weights = node_.input(index, AnyInteger), scale = node_.input(scaleIndex, Floats);
  Value zeroPoint = node_.optionalInput(scaleIndex + 1, AnyInteger);
  if (rankOf(weights) != 3)
    malformed("has weights of dims " + inWords(shapeOf(weights)));
  auto aligned = [&](Value value) {
    int64_t directions = shapeOf(weights)[0], columns = shapeOf(weights)[2];
    if (shapeOf(value) == ArrayRef<int64_t>(directions))
      return b_.reshape(value, {directions, 1, 1});
    if (shapeOf(value) != ArrayRef<int64_t>({directions, columns}))
      malformed("has scales or zero points of dims " + inWords(shapeOf(value)));
    return b_.reshape(value, {directions, 1, columns});
  };
  Value numbers = b_.cast(weights, elementOf(scale));
  if (zeroPoint)
    numbers = b_.make<graph::SubOp>(numbers, b_.cast(aligned(zeroPoint), elementOf(scale)));
  return b_.transpose(b_.make<graph::MulOp>(numbers, aligned(scale)), {0, 2, 1});
}

void RecurrentBuilder::readOperands() {
  if (node_.opset() < 7)
    node_.ignore("output_sequence"); // who reads the first output asks for it
  x_ = node_.input(0, Floats);
  weights_ = readWeights(1, 8);
  recurrence_ = readWeights(2, 10);
  bias_ = node_.optionalInput(3, Floats);
  lengths_ = node_.optionalInput(4, SignedIntegers);
  direction_ = node_.choice<RecurrentDirection>("direction", "forward",
                                                {{"forward", RecurrentDirection::Forward},
                                                 {"reverse", RecurrentDirection::Reverse},
                                                 {"bidirectional", RecurrentDirection::Bidirectional}});
  directions_ = direction_ == RecurrentDirection::Bidirectional ? 2 : 1;
  batchFirst_ = node_.opset() >= 14 && node_.flag("layout", false);
  linearBeforeReset_ = kind_ == CellKind::Gru && node_.flag("linear_before_reset", false);
  if (rankOf(x_) != 3 || rankOf(weights_) != 3 || rankOf(recurrence_) != 3)
    malformed("needs an input, weights and a recurrence of three dims each");
  if (batchFirst_)
    x_ = b_.transpose(x_, {1, 0, 2});
  steps_ = extentsOf(x_)[0];
  batch_ = extentsOf(x_)[1];
  x_ = b_.withDim(x_, 2, shapeOf(weights_)[2]);
  size_ = shapeOf(recurrence_)[2];
  if (node_.integer("hidden_size", size_) != size_ || size_ < 1)
    malformed("has a hidden_size of " + Twine(node_.integer("hidden_size", size_)) + " and a recurrence of dims " +
              inWords(shapeOf(recurrence_)));
  int64_t most = graph::TileAccess::kMostScratchBytes / (elementOf(x_).isF64() ? 8 : 4);
  if (size_ > most)
    unsupported("a state of " + Twine(size_) + " elements is too large; Smelt takes " + Twine(most));
  int64_t rows = checkedMul(gates_, size_);
  if (shapeOf(weights_) != ArrayRef<int64_t>({directions_, rows, fixedDim(x_, 2)}) ||
      shapeOf(recurrence_) != ArrayRef<int64_t>({directions_, rows, size_}) ||
      (bias_ && shapeOf(bias_) != ArrayRef<int64_t>({directions_, checkedMul(2, rows)})))
    malformed("has weights " + inWords(shapeOf(weights_)) + " and a recurrence " + inWords(shapeOf(recurrence_)) +
              " or a bias that do not fit its input " + inWords(extentsOf(x_)));
  if (lengths_)
    lengths_ = b_.expect(lengths_, batch_, "lengths");
  hidden_ = readState(5);
  if (kind_ != CellKind::Lstm)
    return;
  cell_ = readState(6);
  peepholes_ = node_.optionalInput(7, Floats);
  if (peepholes_)
    peepholes_ = b_.reshape(peepholes_, {directions_, 3, size_});
}

/// Names and parameters of all directions in one list each; parameters only of those that take them.
void RecurrentBuilder::readActivations() {
  constexpr StringRef kDefaults[] = {"Sigmoid", "Tanh", "Tanh"};
  ArrayRef<StringRef> defaults = kind_ == CellKind::Rnn
                                     ? ArrayRef(kDefaults).slice(1, 1)
                                     : ArrayRef(kDefaults).take_front(kind_ == CellKind::Gru ? 2 : 3);
  SmallVector<std::string> names = node_.texts("activations").value_or(SmallVector<std::string>());
  if (names.empty())
    for (int64_t direction = 0; direction < directions_; ++direction)
      names.append(defaults.begin(), defaults.end());
  SmallVector<double> alphas = node_.numbers("activation_alpha").value_or(SmallVector<double>());
  SmallVector<double> betas = node_.numbers("activation_beta").value_or(SmallVector<double>());
  if (names.size() != defaults.size() * directions_)
    malformed("has " + Twine(names.size()) + " activations for " + Twine(directions_) + " directions");
  ArrayRef<double> restOfAlphas = alphas, restOfBetas = betas;
  auto next = [](std::optional<double> fallback, ArrayRef<double> &given) {
    if (!fallback || given.empty())
      return fallback.value_or(0);
    double value = given.front();
    given = given.drop_front();
    return value;
  };
  activations_.resize(directions_);
  for (auto [number, name] : llvm::enumerate(names)) {
    std::string lower = StringRef(name).lower();
    const auto *row = llvm::find_if(kActivations, [&](const ActivationRow &row) { return row.name == lower; });
    if (row == std::end(kActivations))
      malformed("has an activation '" + printable(name) + "'");
    Activations &own = activations_[number / defaults.size()];
    own.names.push_back(row->name);
    own.alphas.push_back(next(row->alpha, restOfAlphas));
    own.betas.push_back(next(row->beta, restOfBetas));
  }
}

/// Both biases of gates [first, first + gates), [d, gates · h].
Value RecurrentBuilder::biasOf(int64_t first, int64_t gates) {
  Value input = b_.sliceDim(bias_, 1, first * size_, gates * size_);
  Value recurrent = b_.sliceDim(bias_, 1, (gates_ + first) * size_, gates * size_);
  return b_.make<graph::AddOp>(input, recurrent);
}

/// X · Wᵀ and the biases, [t, b, d, gates, h].
Value RecurrentBuilder::project() {
  int64_t columns = checkedMul(checkedMul(directions_, gates_), size_);
  Value weights = b_.transpose(b_.reshape(weights_, {columns, shapeOf(weights_)[2]}), {1, 0});
  Value product = b_.matMul(x_, weights);
  if (bias_) {
    Value bias =
        linearBeforeReset_
            ? b_.make<graph::ConcatOp>(Values{biasOf(0, 2), b_.sliceDim(bias_, 1, 2 * size_, size_)}, int64_t(1))
            : biasOf(0, gates_);
    product = b_.make<graph::AddOp>(product, b_.reshape(bias, {columns}));
  }
  return b_.reshape(product, {steps_, batch_, directions_, gates_, size_});
}

/// R [d, gates · h, h] as [d, panels, h, gates, width].
Value RecurrentBuilder::panels() {
  constexpr int64_t kWidth = 16; // the longest vector's lanes: shorter ones divide it
  int64_t width = std::min<int64_t>(kWidth, llvm::bit_ceil(static_cast<uint64_t>(size_)));
  int64_t count = (size_ + width - 1) / width;
  Value rows = b_.reshape(recurrence_, {directions_, gates_, size_, size_});
  if (int64_t missing = count * width - size_)
    rows = b_.make<graph::PadOp>(rows, b_.scalarLike(rows, 0), ArrayRef<int64_t>{0, 0, 0, 0},
                                 ArrayRef<int64_t>{0, 0, missing, 0});
  rows = b_.reshape(rows, {directions_, gates_, count, width, size_});
  return b_.transpose(rows, {0, 2, 4, 1, 3});
}

/// The op of `count` directions from `first` on.
Values RecurrentBuilder::emit(int64_t first, int64_t count, RecurrentDirection direction) {
  auto part = [&](Value value, int64_t dim) { return value ? b_.sliceDim(value, dim, first, count) : nullptr; };
  Value candidateBias;
  if (linearBeforeReset_ && bias_)
    candidateBias = part(b_.sliceDim(bias_, 1, 5 * size_, size_), 0);
  const Activations &activations = activations_[first];
  // An op of several results has no placeholders for their types: they are inferred.
  Type any = x_.getType();
  SmallVector<Type> types(kind_ == CellKind::Lstm ? 3 : 2, any);
  OpBuilder &builder = b_.builder();
  llvm::APFloat clip(node_.number("clip", 0));
  bool inputForget = kind_ == CellKind::Lstm && node_.flag("input_forget", false);
  return b_.makeMany<graph::RecurrentOp>(types, part(projected_, 2), part(recurrence_, 0), part(hidden_, 0),
                                         part(cell_, 0), part(peepholes_, 0), candidateBias, lengths_, kind_, direction,
                                         builder.getStrArrayAttr(activations.names), activations.alphas,
                                         activations.betas, clip, inputForget, linearBeforeReset_);
}

Values RecurrentBuilder::build() {
  readOperands();
  readActivations();
  projected_ = project();
  recurrence_ = panels();
  if (lengths_)
    lengths_ = b_.cast(lengths_, b_.builder().getI32Type());
  Values results;
  if (directions_ == 1 || activations_[0] == activations_[1]) {
    results = emit(0, directions_, direction_);
  } else {
    Values forward = emit(0, 1, RecurrentDirection::Forward), reverse = emit(1, 1, RecurrentDirection::Reverse);
    for (auto [one, other] : llvm::zip_equal(forward, reverse))
      results.push_back(b_.make<graph::ConcatOp>(Values{one, other}, int64_t(0)));
  }
  results[0] = b_.transpose(results[0], batchFirst_ ? ArrayRef<int64_t>{1, 2, 0, 3} : ArrayRef<int64_t>{2, 0, 1, 3});
  for (Value &state : llvm::drop_begin(results))
    state = batchFirst_ ? b_.transpose(state, {1, 0, 2}) : state;
  return results;
}

template <CellKind kind> static Values recurrent(NodeReader &node) { return RecurrentBuilder(node, kind).build(); }

// DynamicQuantizeLSTM: weights are integers; what they are multiplied with is not quantised, unlike in ONNX Runtime.
static Values dynamicQuantizeLstm(NodeReader &node) {
  return RecurrentBuilder(node, CellKind::Lstm, /*hasIntegers=*/true).build();
}

static constexpr Operator kOperators[] = {
    {"DynamicQuantizeLSTM", 1, dynamicQuantizeLstm, "com.microsoft", 0,
     "weights alone are quantised; ONNX Runtime rounds the input and the state of each step to 8 bits as well."},
    {"GRU", 3, recurrent<CellKind::Gru>},
    {"LSTM", 1, recurrent<CellKind::Lstm>},
    {"RNN", 1, recurrent<CellKind::Rnn>},
};

ArrayRef<Operator> recurrentOperators() { return kOperators; }

} // namespace smelt::frontend::onnx
