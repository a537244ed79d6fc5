// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LSTM, GRU and RNN: what they are, and the reference. Their loops are in RecurrentLoops.cpp.

#include "dialects/Graph/Ops/RecurrentCell.h"

using namespace mlir;

namespace smelt::graph {

namespace recurrent {

constexpr std::pair<llvm::StringLiteral, Activation> kActivations[] = {
    {"affine", Activation::Affine},
    {"elu", Activation::Elu},
    {"hardsigmoid", Activation::HardSigmoid},
    {"leakyrelu", Activation::LeakyRelu},
    {"relu", Activation::Relu},
    {"scaledtanh", Activation::ScaledTanh},
    {"sigmoid", Activation::Sigmoid},
    {"softplus", Activation::Softplus},
    {"softsign", Activation::Softsign},
    {"tanh", Activation::Tanh},
    {"thresholdedrelu", Activation::ThresholdedRelu},
};

std::optional<Activation> activationOf(StringRef name) {
  for (const auto &[spelling, activation] : kActivations)
    if (spelling == name)
      return activation;
  return std::nullopt;
}

CellShape shapeOf(CellKind kind) {
  constexpr CellShape kLstm = {4, 3}, kGru = {3, 2}, kRnn = {1, 1};
  return kind == CellKind::Lstm ? kLstm : kind == CellKind::Gru ? kGru : kRnn;
}

Cell::Cell(RecurrentOp op)
    : alphas_(op.getAlphas()), betas_(op.getBetas()), clip_(op.getClip().convertToDouble()),
      inputForget_(op.getInputForget()) {
  for (auto name : op.getActivations().getAsRange<StringAttr>())
    activations_.push_back(*activationOf(name.getValue()));
}

} // namespace recurrent

using namespace recurrent;

/// In words, unless `value` is absent or a tensor of this shape and element type.
static LogicalResult checkShape(std::optional<Location> location, StringRef name, Value value, ArrayRef<Extent> shape,
                                Type element) {
  if (!value || typeOf(value) == tensorOf(shape, element))
    return success();
  return emitOptionalError(location, name, " is of type ", typeOf(value), ", not ", tensorOf(shape, element));
}

LogicalResult RecurrentOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  RankedTensorType projected = typeOf(adaptor.getProjected()), recurrence = typeOf(adaptor.getRecurrence());
  if (projected.getRank() != 5 || recurrence.getRank() != 5)
    return emitOptionalError(location, "needs projected inputs [t, b, d, g, h] and a recurrence [d, p, h, g, w], not ",
                             projected, " and ", recurrence);
  Type element = projected.getElementType();
  Checks checks{location};
  if (failed(checks.element(element, Domain::Floats)))
    return failure();
  Extents shape = extentsOf(projected);
  if (!shape[2].isNumber() || !shape[3].isNumber() || !shape[4].isNumber() || !recurrence.hasStaticShape())
    return emitOptionalError(location, "has weights whose dims are not known");
  Extent steps = shape[0], batch = shape[1];
  int64_t directions = shape[2].number(), gates = shape[3].number(), size = shape[4].number();
  int64_t width = std::max<int64_t>(recurrence.getShape().back(), 1), panels = (size + width - 1) / width;
  bool isLstm = adaptor.getKind() == CellKind::Lstm;
  if (directions != (adaptor.getDirection() == RecurrentDirection::Bidirectional ? 2 : 1) ||
      gates != recurrent::shapeOf(adaptor.getKind()).gates || size < 1)
    return emitOptionalError(location, "has projected inputs of dims [", joined(shape),
                             "], which do not fit its kind and direction");
  if (isLstm != static_cast<bool>(adaptor.getCell()))
    return emitOptionalError(location, "an lstm, and nothing else, has a cell state");
  Extents state{directions, batch, size};
  if (failed(checkShape(location, "recurrence", adaptor.getRecurrence(), {directions, panels, size, gates, width},
                        element)) ||
      failed(checkShape(location, "hidden", adaptor.getHidden(), state, element)) ||
      failed(checkShape(location, "cell", adaptor.getCell(), state, element)) ||
      failed(checkShape(location, "peepholes", adaptor.getPeepholes(), {directions, 3, size}, element)) ||
      failed(checkShape(location, "candidate_bias", adaptor.getCandidateBias(), {directions, size}, element)) ||
      failed(checkShape(location, "lengths", adaptor.getLengths(), {batch}, IntegerType::get(context, 32))) ||
      failed(checks.result(Extents{directions, batch, steps, size}, element, types)) ||
      failed(checks.result(state, element, types)))
    return failure();
  return isLstm ? checks.result(state, element, types) : success();
}

LogicalResult RecurrentOp::verify() {
  size_t count = recurrent::shapeOf(getKind()).activations;
  if (getActivations().size() != count || getAlphas().size() != count || getBetas().size() != count)
    return emitOpError("needs ") << count << " activations, each with its alpha and beta";
  for (auto name : getActivations().getAsRange<StringAttr>())
    if (!activationOf(name.getValue()))
      return emitOpError("knows no activation '") << name.getValue() << "'";
  if (getPeepholes() && getKind() != CellKind::Lstm)
    return emitOpError("only an lstm has peepholes");
  if (getCandidateBias() && (getKind() != CellKind::Gru || !getLinearBeforeReset()))
    return emitOpError("only a gru with linear_before_reset has a candidate_bias");
  return success();
}

// The reference.

namespace {
/// The steps of one example in one direction.
class Sequence {
public:
  Sequence(RecurrentOp op, ArrayRef<HostTensor> operands, int64_t direction, int64_t batch)
      : op_(op), cell_(op), shape_(typeOf(op.getProjected()).getShape()), projected_(operands[0]),
        recurrence_(operands[1]), direction_(direction), batch_(batch), size_(shape_[4]) {
    auto optional = [&](unsigned index) -> std::optional<HostTensor> {
      auto [first, count] = op.getODSOperandIndexAndLength(index);
      return count == 0 ? std::nullopt : std::optional(operands[first]);
    };
    hidden_ = row(operands[2], stateRow() * size_);
    if (auto cell = optional(3))
      state_ = row(*cell, stateRow() * size_);
    if (auto peepholes = optional(4))
      for (int64_t gate = 0; gate < 3; ++gate)
        peepholes_.push_back(row(*peepholes, (direction * 3 + gate) * size_));
    if (auto bias = optional(5))
      candidateBias_ = row(*bias, direction * size_);
    auto lengths = optional(6);
    length_ = lengths ? std::clamp<int64_t>(lengths->get(batch).asSigned(), 0, shape_[0]) : shape_[0];
  }

  void run(MutableArrayRef<HostTensor> results) {
    bool isReverse = direction_ == 1 || op_.getDirection() == RecurrentDirection::Reverse;
    for (int64_t step = 0; step < length_; ++step) {
      time_ = isReverse ? length_ - 1 - step : step;
      advance();
      store(results[0], (stateRow() * shape_[0] + time_) * size_, hidden_);
    }
    store(results[1], stateRow() * size_, hidden_);
    if (op_.getKind() == CellKind::Lstm)
      store(results[2], stateRow() * size_, state_);
  }

private:
  using Row = std::vector<double>;

  int64_t stateRow() const { return direction_ * shape_[1] + batch_; }
  Row row(const HostTensor &tensor, int64_t first) const {
    Row values(size_);
    for (int64_t i = 0; i < size_; ++i)
      values[i] = tensor.get(first + i).asFloat();
    return values;
  }
  static void store(const HostTensor &tensor, int64_t first, ArrayRef<double> values) {
    for (auto [i, value] : llvm::enumerate(values))
      tensor.set(first + static_cast<int64_t>(i), Scalar::ofFloat(value));
  }

  double projected(int64_t gate, int64_t element) const {
    int64_t place = ((time_ * shape_[1] + batch_) * shape_[2] + direction_) * shape_[3] + gate;
    return projected_.get(place * size_ + element).asFloat();
  }
  double product(ArrayRef<double> state, int64_t gate, int64_t element) const {
    ArrayRef<int64_t> shape = recurrence_.shape();
    int64_t width = shape[4], first = (direction_ * shape[1] + element / width) * shape[2];
    double sum = 0;
    for (int64_t k = 0; k < size_; ++k)
      sum += state[k] * recurrence_.get(((first + k) * shape[3] + gate) * width + element % width).asFloat();
    return sum;
  }
  double gate(int64_t gate, int64_t element) const {
    return projected(gate, element) + product(hidden_, gate, element);
  }

  void advance() {
    Row next(size_), reset(hidden_);
    bool isGru = op_.getKind() == CellKind::Gru;
    if (isGru)
      for (int64_t i = 0; i < size_; ++i)
        reset[i] = cell_.apply(0, gate(1, i));
    Row resetHidden(reset);
    for (int64_t i = 0; i < size_; ++i)
      resetHidden[i] *= hidden_[i];
    for (int64_t i = 0; i < size_; ++i)
      next[i] = isGru                             ? gru(i, reset[i], resetHidden)
                : op_.getKind() == CellKind::Lstm ? lstm(i)
                                                  : cell_.apply(0, gate(0, i));
    hidden_ = next;
  }
  double gru(int64_t i, double reset, ArrayRef<double> resetHidden) {
    double bias = candidateBias_.empty() ? 0 : candidateBias_[i];
    double inner = op_.getLinearBeforeReset() ? reset * (product(hidden_, 2, i) + bias) : product(resetHidden, 2, i);
    return cell_.gru(cell_.apply(0, gate(0, i)), cell_.apply(1, projected(2, i) + inner), hidden_[i]);
  }
  double lstm(int64_t i) {
    double gates[4] = {gate(0, i), gate(1, i), gate(2, i), gate(3, i)};
    SmallVector<double, 3> peepholes;
    for (const Row &peephole : peepholes_)
      peepholes.push_back(peephole[i]);
    auto [hidden, state] = cell_.lstm<double>(gates, state_[i], peepholes);
    state_[i] = state;
    return hidden;
  }

  RecurrentOp op_;
  Cell cell_;
  ArrayRef<int64_t> shape_; // [t, b, d, g, h]
  HostTensor projected_, recurrence_;
  int64_t direction_, batch_, size_, length_ = 0, time_ = 0;
  Row hidden_, state_, candidateBias_;
  SmallVector<Row, 3> peepholes_;
};
} // namespace

LogicalResult RecurrentOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  ArrayRef<int64_t> shape = typeOf(getProjected()).getShape();
  for (int64_t direction = 0; direction < shape[2]; ++direction)
    for (int64_t batch = 0; batch < shape[1]; ++batch)
      Sequence(*this, operands, direction, batch).run(results);
  return success();
}

} // namespace smelt::graph
