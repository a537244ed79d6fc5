// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Tensors that are made of numbers.

#include "frontends/pt2/Ops/Operands.h"
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

static Type defaultType(NodeReader &node) { return node.builder().builder().getF32Type(); }

static Value filled(NodeReader &node, ArrayRef<Extent> shape, Type type, const Number &number) {
  return node.builder().broadcast(scalarOf(node.builder(), number, type), shape);
}

static Number constantNumber(double value) { return {Number::Kind::Float, value, std::nullopt, nullptr}; }

static Number fillValue(NodeReader &node) {
  std::optional<Number> value = node.scalar("fill_value");
  if (!value)
    malformed("lacks its argument 'fill_value'");
  return *value;
}

/// What a number is without a dtype.
static Type typeOfNumber(NodeReader &node, const Number &number) { return promotedType({}, number, node.context()); }

static Value full(NodeReader &node) {
  Number value = fillValue(node);
  return filled(node, node.extents("size"), node.optionalType("dtype").value_or(typeOfNumber(node, value)), value);
}

template <int number> static Value constantOf(NodeReader &node) {
  return filled(node, node.extents("size"), node.optionalType("dtype").value_or(defaultType(node)),
                constantNumber(number));
}

/// The shape and type of another tensor.
static Value filledLike(NodeReader &node, const Number &value) {
  Value like = node.tensor("self");
  return filled(node, extentsOf(like), node.optionalType("dtype").value_or(elementOf(like)), value);
}
static Value fullLike(NodeReader &node) { return filledLike(node, fillValue(node)); }
template <int number> static Value constantLike(NodeReader &node) { return filledLike(node, constantNumber(number)); }

/// The type of another tensor.
static Value newFilled(NodeReader &node, const Number &value) {
  Value like = node.tensor("self");
  return filled(node, node.extents("size"), node.optionalType("dtype").value_or(elementOf(like)), value);
}
static Value newFull(NodeReader &node) { return newFilled(node, fillValue(node)); }
template <int number> static Value newConstant(NodeReader &node) { return newFilled(node, constantNumber(number)); }

static Value emptyStrided(NodeReader &node) {
  node.ignore("stride");
  return constantOf<0>(node);
}

static Value fill(NodeReader &node) {
  Value x = node.tensor("self");
  return node.builder().broadcast(operandAs(node, "value", elementOf(x)), extentsOf(x));
}

static Value zero(NodeReader &node) {
  Value x = node.tensor("self");
  return filled(node, extentsOf(x), elementOf(x), constantNumber(0));
}

/// The first dims of a tensor are those of another, whose elements it becomes.
static Value copy(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self"), from = node.tensor("src");
  return b.broadcast(b.alignedTo(b.cast(from, elementOf(x)), extentsOf(x)), extentsOf(x));
}

static Value scalarTensor(NodeReader &node) {
  std::optional<Number> value = node.scalar("s");
  if (!value)
    malformed("lacks its argument 's'");
  return scalarOf(node.builder(), *value, node.optionalType("dtype").value_or(defaultType(node)));
}

// Numbers in a row.

/// start, start + step, … below end
static Value arangeOf(NodeReader &node, const Number &start, const Number &end, const Number &step) {
  GraphBuilder &b = node.builder();
  Type type = node.optionalType("dtype").value_or(promotedType({}, {start, end, step}, node.context()));
  for (const Number *number : {&start, &end, &step})
    if (number->tensor)
      unsupported("counts between numbers that the run finds");
  const bool isWhole = start.size && end.size && step.size;
  Extent count = 0;
  if (isWhole) {
    if (!step.size->isNumber() || step.size->number() == 0)
      unsupported("counts by a step of " + step.size->str());
    int64_t by = step.size->number();
    const Extent difference = by > 0 ? *end.size - *start.size : *start.size - *end.size;
    const Extent steps = difference.ceilDiv(std::abs(by));
    count = steps.isNumber() || b.ranges().isAtLeast(steps, 0) ? b.ranges().max(steps, 0)
                                                               : b.named(steps, GraphBuilder::Sign::NotNegative);
  } else {
    double number = std::ceil((end.value - start.value) / step.value);
    if (!(number < graph::kMostExtent))
      malformed("counts to too many numbers");
    count = static_cast<int64_t>(std::max(number, 0.0));
  }
  Type wide = isWhole ? Type(b.builder().getI64Type()) : type.isF64() ? type : Type(b.builder().getF32Type());
  Value first = scalarOf(b, start, wide), by = scalarOf(b, step, wide);
  return b.cast(b.makeAs<graph::IotaOp>(checkedType(Extents{count}, wide), first, by, int64_t(0)), type);
}

static Number integerNumber(int64_t value) {
  return {Number::Kind::Integer, static_cast<double>(value), Extent(value), nullptr};
}

static Number numberNamed(NodeReader &node, StringRef name, int64_t fallback) {
  std::optional<Number> given = node.hasArgument(name) ? node.scalar(name) : std::nullopt;
  return given ? *given : integerNumber(fallback);
}

static Value arange(NodeReader &node) {
  return arangeOf(node, numberNamed(node, "start", 0), numberNamed(node, "end", 0), numberNamed(node, "step", 1));
}

static Value linspace(NodeReader &node) {
  GraphBuilder &b = node.builder();
  double start = node.number("start"), end = node.number("end");
  int64_t steps = node.integer("steps");
  Type type = node.optionalType("dtype").value_or(defaultType(node));
  constexpr int64_t kMostSteps = 1 << 20;
  if (steps < 0 || steps > kMostSteps)
    unsupported("makes " + Twine(steps) + " numbers");
  graph::HostTensor numbers = graph::HostTensor::zeros(checkedType({steps}, type));
  double step = steps > 1 ? (end - start) / static_cast<double>(steps - 1) : 0;
  for (int64_t at = 0; at < steps; ++at) { // from both ends, as PyTorch does
    double value =
        at < steps / 2 ? start + step * static_cast<double>(at) : end - step * static_cast<double>(steps - 1 - at);
    numbers.set(at, graph::Scalar::ofFloat(steps == 1 ? start : value));
  }
  return b.constant(numbers);
}

// baseˢ for s from start to end
static Value logSpace(NodeReader &node) {
  GraphBuilder &b = node.builder();
  const double base = node.number("base");
  Value powers = b.cast(linspace(node), b.builder().getF64Type());
  Value numbers = b.make<graph::PowOp>(b.broadcast(b.scalarLike(powers, base), extentsOf(powers)), powers);
  return b.cast(numbers, node.optionalType("dtype").value_or(defaultType(node)));
}

// Windows, from 0 to 1 of a period, which is one place less where the window is no period.

static Value windowOf(NodeReader &node, llvm::function_ref<double(double part)> valueAt) {
  GraphBuilder &b = node.builder();
  constexpr int64_t kMost = 1 << 20;
  const int64_t length = node.integer("window_length");
  const bool isPeriod = !node.hasArgument("periodic") || node.flag("periodic");
  if (length < 0 || length > kMost)
    unsupported("makes a window of " + Twine(length) + " elements");
  b.countComputed(length * 8);
  graph::HostTensor numbers =
      graph::HostTensor::zeros(checkedType({length}, node.optionalType("dtype").value_or(defaultType(node))));
  const auto period = static_cast<double>(isPeriod ? length : length - 1);
  for (int64_t at = 0; at < length; ++at)
    numbers.set(at, graph::Scalar::ofFloat(length == 1 ? 1 : valueAt(static_cast<double>(at) / period)));
  return b.constant(numbers);
}

/// a - b cos + c cos of twice the angle
static Value cosineWindow(NodeReader &node, double a, double b, double c) {
  constexpr double kTwoPi = 6.28318530717958647693;
  return windowOf(node, [&](double part) { return a - b * std::cos(kTwoPi * part) + c * std::cos(2 * kTwoPi * part); });
}
static Value blackmanWindow(NodeReader &node) { return cosineWindow(node, 0.42, 0.5, 0.08); }
static Value hannWindow(NodeReader &node) { return cosineWindow(node, 0.5, 0.5, 0); }
static Value hammingWindow(NodeReader &node) { return cosineWindow(node, 0.54, 0.46, 0); }

static Value bartlettWindow(NodeReader &node) {
  return windowOf(node, [](double part) { return 1 - std::abs(2 * part - 1); });
}

/// Modified Bessel function of order 0: Σ (x / 2)^2k / k!²
static double besselOf(double x) {
  constexpr int kMostTerms = 1000;
  double sum = 1, term = 1;
  for (int k = 1; k < kMostTerms && term > sum * 1e-17; ++k) {
    term *= x * x / (4.0 * k * k);
    sum += term;
  }
  return sum;
}

static Value kaiserWindow(NodeReader &node) {
  const double beta = node.hasArgument("beta") ? node.number("beta") : 12, most = besselOf(beta);
  if (!std::isfinite(most))
    unsupported("makes a window of beta " + Twine(std::to_string(beta)));
  return windowOf(node, [&](double part) {
    return besselOf(beta * std::sqrt(std::max(0.0, 1 - (2 * part - 1) * (2 * part - 1)))) / most;
  });
}

static Value emptyPermuted(NodeReader &node) {
  node.ignore("physical_layout");
  return constantOf<0>(node);
}

static Value eyeOf(NodeReader &node, const Extent &rows, const Extent &columns) {
  GraphBuilder &b = node.builder();
  Type type = node.optionalType("dtype").value_or(defaultType(node));
  return b.cast(b.isOnDiagonal(rows, columns), type);
}
static Value eye(NodeReader &node) { return eyeOf(node, node.extent("n"), node.extent("n")); }
static Value eyeWide(NodeReader &node) { return eyeOf(node, node.extent("n"), node.extent("m")); }

static constexpr Operator kOperators[] = {
    {"aten.arange.default", arange},
    {"aten.arange.start", arange},
    {"aten.arange.start_step", arange},
    {"aten.bartlett_window.default", bartlettWindow},
    {"aten.bartlett_window.periodic", bartlettWindow},
    {"aten.blackman_window.default", blackmanWindow},
    {"aten.blackman_window.periodic", blackmanWindow},
    {"aten.copy.default", copy},
    {"aten.empty.memory_format", constantOf<0>},
    {"aten.empty_like.default", constantLike<0>},
    {"aten.empty_permuted.default", emptyPermuted},
    {"aten.empty_strided.default", emptyStrided},
    {"aten.eye.default", eye},
    {"aten.eye.m", eyeWide},
    {"aten.fill.Scalar", fill},
    {"aten.fill.Tensor", fill},
    {"aten.full.default", full},
    {"aten.full_like.default", fullLike},
    {"aten.hamming_window.default", hammingWindow},
    {"aten.hamming_window.periodic", hammingWindow},
    {"aten.hann_window.default", hannWindow},
    {"aten.hann_window.periodic", hannWindow},
    {"aten.kaiser_window.beta", kaiserWindow},
    {"aten.kaiser_window.default", kaiserWindow},
    {"aten.kaiser_window.periodic", kaiserWindow},
    {"aten.linspace.default", linspace},
    {"aten.logspace.default", logSpace},
    {"aten.new_empty.default", newConstant<0>},
    {"aten.new_full.default", newFull},
    {"aten.new_ones.default", newConstant<1>},
    {"aten.new_zeros.default", newConstant<0>},
    {"aten.ones.default", constantOf<1>},
    {"aten.ones_like.default", constantLike<1>},
    {"aten.scalar_tensor.default", scalarTensor},
    {"aten.zero.default", zero},
    {"aten.zeros.default", constantOf<0>},
    {"aten.zeros_like.default", constantLike<0>},
};

ArrayRef<Operator> creationOperators() { return kOperators; }

} // namespace smelt::frontend::pt2
