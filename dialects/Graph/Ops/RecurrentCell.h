// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One step of LSTM, GRU and RNN on one element of the state, as formulas: on double, which is the reference, and on
// Expr, which is what targets emit.

#ifndef SMELT_DIALECTS_GRAPH_OPS_RECURRENTCELL_H
#define SMELT_DIALECTS_GRAPH_OPS_RECURRENTCELL_H

#include "dialects/Graph/Ops/Structured.h"

namespace smelt::graph::recurrent {

enum class Activation {
  Affine,
  Elu,
  HardSigmoid,
  LeakyRelu,
  Relu,
  ScaledTanh,
  Sigmoid,
  Softplus,
  Softsign,
  Tanh,
  ThresholdedRelu
};

/// The activation of a name as the op has it, in lower case.
std::optional<Activation> activationOf(llvm::StringRef name);

/// Gates, activations and values per element of the state.
struct CellShape {
  int64_t gates;
  size_t activations;
};
CellShape shapeOf(CellKind kind);

// On f64 targets have but e^x and ln x.
inline double tangent(double x) { return std::tanh(x); }
inline Expr tangent(Expr x) { return x.width() == 64 ? formula::sigmoid(x + x) * 2.0 - 1.0 : tanh(x); }
inline double exponentialLess1(double x) { return std::expm1(x); }
inline Expr exponentialLess1(Expr x) { return x.width() == 64 ? exp(x) - 1.0 : expm1(x); }
inline double logarithmOf1Plus(double x) { return std::log1p(x); }
inline Expr logarithmOf1Plus(Expr x) { return x.width() == 64 ? log(x + 1.0) : log1p(x); }

template <typename X> X activate(Activation activation, double alpha, double beta, X x) {
  using namespace formula;
  switch (activation) {
  case Activation::Affine:
    return x * alpha + beta;
  case Activation::Elu:
    return select(x > 0.0, x, exponentialLess1(x) * alpha);
  case Activation::HardSigmoid:
    return clamp(x * alpha + beta, 0.0, 1.0);
  case Activation::LeakyRelu:
    return select(x < 0.0, x * alpha, x);
  case Activation::Relu:
    return relu(x);
  case Activation::ScaledTanh:
    return tangent(x * beta) * alpha;
  case Activation::Sigmoid:
    return sigmoid(x);
  case Activation::Softplus:
    return logarithmOf1Plus(exp(-abs(x))) + relu(x);
  case Activation::Softsign:
    return x / (1.0 + abs(x));
  case Activation::Tanh:
    return tangent(x);
  case Activation::ThresholdedRelu:
    return select(x > alpha, x, 0.0);
  }
  llvm_unreachable("every activation is listed");
}

/// What the attributes of an op that is known to be right say of its steps.
class Cell {
public:
  explicit Cell(RecurrentOp op);

  /// Activation number `index`, after the clip.
  template <typename X> X apply(size_t index, X x) const {
    using namespace formula;
    X limited = clip_ > 0 ? clamp(x, -clip_, clip_) : x;
    return activate(activations_[index], alphas_[index], betas_[index], limited);
  }

  template <typename X> struct LongShort {
    X hidden, cell;
  };
  /// gates: i, o, f, c; peepholes, where there are any: i, o, f.
  template <typename X> LongShort<X> lstm(llvm::ArrayRef<X> gates, X cell, llvm::ArrayRef<X> peepholes) const {
    auto gate = [&](size_t index, X state) {
      return peepholes.empty() ? gates[index] : gates[index] + peepholes[index] * state;
    };
    X input = apply(0, gate(0, cell));
    X forget = inputForget_ ? 1.0 - input : apply(0, gate(2, cell));
    X next = forget * cell + input * apply(1, gates[3]);
    X output = apply(0, gate(1, next));
    return {output * activate(activations_[2], alphas_[2], betas_[2], next), next};
  }
  /// (1 - z) · candidate + z · hidden
  template <typename X> X gru(X update, X candidate, X hidden) const {
    return (1.0 - update) * candidate + update * hidden;
  }

private:
  llvm::SmallVector<Activation> activations_;
  llvm::ArrayRef<double> alphas_, betas_;
  double clip_;
  bool inputForget_;
};

} // namespace smelt::graph::recurrent

#endif // SMELT_DIALECTS_GRAPH_OPS_RECURRENTCELL_H
