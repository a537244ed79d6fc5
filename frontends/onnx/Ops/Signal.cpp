// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Axes.h"
#include "frontends/common/Fourier.h"
#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Tensors.h"
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents, graph::HostTensor, graph::Scalar;

constexpr double kPi = 3.14159265358979323846;
constexpr int64_t kMostWindow = 1 << 20;

/// a0 - a1 cos(2πi/n) + a2 cos(4πi/n), n = size, or size - 1 where it is not periodic
struct CosineWindow {
  double a0, a1, a2;
};
constexpr CosineWindow kBlackman = {0.42, 0.5, 0.08};
constexpr CosineWindow kHamming = {25.0 / 46, 21.0 / 46, 0};
constexpr CosineWindow kHann = {0.5, 0.5, 0};

/// A window whose size only the run knows.
static Value windowByRun(GraphBuilder &b, const CosineWindow &window, const Extent &size, bool periodic, Type type) {
  Type f32 = b.builder().getF32Type();
  auto number = [&](double value) { return b.scalar(f32, value); };
  auto times = [&](Value x, double factor) { return b.make<graph::MulOp>(x, number(factor)); };
  Value period = b.cast(b.number(periodic ? size : size - 1), f32);
  Value places = b.makeAs<graph::IotaOp>(checkedType({size}, f32), number(0), number(1), 0);
  Value angle = times(b.make<graph::DivOp>(places, period), 2 * kPi);
  Value first = times(b.make<graph::CosOp>(angle), window.a1);
  Value second = times(b.make<graph::CosOp>(times(angle, 2)), window.a2);
  return b.cast(b.make<graph::AddOp>(b.make<graph::SubOp>(number(window.a0), first), second), type);
}

template <const CosineWindow &window> static Values cosineWindow(NodeReader &node) {
  Extents given = node.extentsInput(0, GraphBuilder::Sign::NotNegative);
  bool periodic = node.flag("periodic", true);
  Type type = elementTypeOf(node.integer("output_datatype", TensorProto::FLOAT), node.builder().builder().getContext(),
                            "its result");
  if (given.size() != 1 || (given[0].isNumber() && given[0].number() < 0))
    malformed("needs one size that is not negative");
  if (!given[0].isNumber())
    return {windowByRun(node.builder(), window, given[0], periodic, type)};
  Integers size{given[0].number()};
  if (size[0] > kMostWindow)
    unsupported("a window of " + Twine(size[0]) + " elements is too long");
  HostTensor result = HostTensor::zeros(checkedType(size, type));
  auto period = static_cast<double>(periodic ? size[0] : size[0] - 1); // 0/0 of one element that is not periodic is NaN
  for (int64_t i = 0; i < size[0]; ++i) {
    double angle = 2 * kPi * static_cast<double>(i) / period;
    result.set(i, Scalar::ofFloat(window.a0 - window.a1 * std::cos(angle) + window.a2 * std::cos(2 * angle)));
  }
  return {node.builder().constant(result)};
}

/// One number of an operand; nothing where it is absent.
static std::optional<int64_t> scalarInput(NodeReader &node, unsigned index) {
  std::optional<Integers> values = node.optionalIntegers(index);
  if (values && values->size() != 1)
    malformed("needs one number as its input " + Twine(index));
  return values ? std::optional(values->front()) : std::nullopt;
}

/// The same of an operand that the run may find.
static std::optional<Extent> scalarExtent(NodeReader &node, unsigned index) {
  std::optional<Extents> values = node.optionalExtents(index, GraphBuilder::Sign::NotNegative);
  if (values && values->size() != 1)
    malformed("needs one number as its input " + Twine(index));
  return values ? std::optional(values->front()) : std::nullopt;
}

static bool isNone(const Extent &extent) { return extent.isNumber() && extent.number() < 1; }

namespace {
/// What a DFT does along whichever axis.
struct Transform {
  std::optional<int64_t> length; // where it is stated
  bool inverse, oneSided;

  bool isIrfft() const { return inverse && oneSided; }
};
} // namespace

/// Real numbers, or complex ones, of a tensor whose last dim is their parts.
static ComplexValue numbersOf(GraphBuilder &b, Value x) {
  const int64_t last = rankOf(x) - 1;
  return fixedDim(x, last) == 2 ? complexFrom(b, x) : ComplexValue{b.dropDim(x, last), nullptr};
}

static Value transformAlong(GraphBuilder &b, Value x, int64_t axis, const Transform &how) {
  int64_t rank = rankOf(x), given = fixedDim(x, axis);
  int64_t length = how.length.value_or(how.isIrfft() ? checkedMul(2, given - 1) : given);
  if (length < 1)
    malformed("has a dft_length of " + Twine(length));
  const ComplexValue numbers = numbersOf(b, resizedDim(b, x, axis, how.isIrfft() ? length / 2 + 1 : length));
  const double scale = how.inverse ? 1 / static_cast<double>(length) : 1;
  if (how.isIrfft()) {
    Value made = scaled(b, {inverseReal(b, numbers, axis, length), nullptr}, scale).real;
    return b.stack({made}, rank - 1);
  }
  return scaled(b, fourier(b, numbers, axis, how.inverse, how.oneSided), scale).together(b, rank - 1);
}

/// Along an axis that only the run knows: along each that it may be, of which the run takes one.
static Value transformByRun(GraphBuilder &b, Value x, const Extent &axis, const Transform &how) {
  int64_t rank = rankOf(x);
  Extents marks = areNamed(b, axis, rank), largest(rank, 0), shape = extentsOf(x);
  SmallVector<std::pair<int64_t, Value>> each;
  for (int64_t dim = 0; dim + 1 < rank; ++dim) {
    // Of one value there is no inverse: what the run takes along such an axis is empty.
    bool isNothing = how.isIrfft() && !how.length && shape[dim] == Extent(1);
    if (isNothing) {
      shape[dim] = Extent::select(marks[dim], 0, shape[dim]);
      continue;
    }
    each.emplace_back(dim, transformAlong(b, x, dim, how));
    Extents here = extentsOf(each.back().second);
    for (auto [most, extent] : llvm::zip_equal(largest, here))
      most = Extent::max(most, extent);
    shape[dim] = Extent::select(marks[dim], here[dim], shape[dim]);
  }
  shape.back() = how.isIrfft() ? 1 : 2;
  Value chosen;
  for (auto &[dim, result] : each) {
    for (auto [at, most] : llvm::enumerate(largest))
      result = b.padDim(result, static_cast<int64_t>(at), 0, most - extentsOf(result)[at], b.scalarLike(x, 0));
    Value isIt = b.make<graph::EqualOp>(b.number(marks[dim]), b.number(1));
    chosen = chosen ? b.make<graph::SelectOp>(isIt, result, chosen) : result;
  }
  if (!chosen)
    malformed("cannot transform a tensor of dims " + inWords(shape));
  for (auto [dim, extent] : llvm::enumerate(shape))
    chosen = b.sliceDim(chosen, static_cast<int64_t>(dim), 0, b.named(extent, GraphBuilder::Sign::NotNegative));
  return chosen;
}

// DFT along an axis; the last dim holds real, or real and imaginary parts                     ONNX DFT, versions 17–20
static Values dft(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats);
  Transform how{scalarInput(node, 1), node.flag("inverse", false), node.flag("onesided", false)};
  int64_t rank = rankOf(x), parts = rank > 0 ? fixedDim(x, rank - 1) : 0;
  if (rank < 2 || (parts != 1 && parts != 2) || (how.oneSided && parts != (how.inverse ? 2 : 1)))
    malformed("cannot transform a tensor of dims " + inWords(extentsOf(x)));
  Extents axes{node.opset() < 20 ? node.integer("axis", 1) : -2};
  if (node.opset() >= 20)
    axes = node.optionalExtents(2).value_or(axes);
  if (axes.size() != 1)
    malformed("needs one axis");
  if (!axes[0].isNumber())
    return {transformByRun(b, x, axes[0], how)};
  int64_t axis = normalAxis(axes[0].number(), rank);
  if (axis == rank - 1)
    malformed("cannot transform a tensor of dims " + inWords(extentsOf(x)) + " along axis " + Twine(axis));
  return {transformAlong(b, x, axis, how)};
}

/// The transform of as many values as only the run knows, real and imaginary beside each other, into `count` of them:
/// [length · parts, count · 2].
static Value matrixByRun(GraphBuilder &b, Type element, const Extent &length, const Extent &count, int64_t parts) {
  Type f32 = b.builder().getF32Type();
  Value product = b.make<graph::MulOp>(b.countAlong({length, 1}, 0), b.countAlong({1, count}, 1));
  Value turns = b.make<graph::ModOp>(product, b.number(length), /*fmod=*/false);
  Value unit = b.make<graph::DivOp>(b.scalar(f32, 2 * kPi), b.cast(b.number(length), f32));
  Value angle = b.make<graph::MulOp>(b.cast(turns, f32), unit);
  auto column = [&](Value value) { return b.reshape(b.cast(value, element), {length, 1, count, 1}); };
  Value real = column(b.make<graph::CosOp>(angle)), sine = column(b.make<graph::SinOp>(angle));
  Value rows = b.make<graph::ConcatOp>(Values{real, b.make<graph::NegOp>(sine)}, int64_t(3));
  if (parts == 2)
    rows = b.make<graph::ConcatOp>(Values{rows, b.make<graph::ConcatOp>(Values{sine, real}, int64_t(3))}, int64_t(1));
  return b.reshape(rows, {length * parts, count * 2});
}

// STFT: the transforms of windows of a signal, frame_step apart                                 ONNX STFT, version 17
static Values stft(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value signal = node.input(0, Floats), window = node.optionalInput(2, Floats);
  const Extent step = scalarExtent(node, 1).value_or(0);
  std::optional<Extent> stated = scalarExtent(node, 3);
  bool oneSided = node.flag("onesided", true);
  if (rankOf(signal) == 2)
    signal = b.reshape(signal, {extentsOf(signal)[0], extentsOf(signal)[1], 1});
  if (rankOf(signal) != 3 || (fixedDim(signal, 2) != 1 && fixedDim(signal, 2) != 2) || isNone(step))
    malformed("needs a signal [batch, length, 1 or 2] and a positive frame_step");
  const Extent batch = extentsOf(signal)[0], samples = extentsOf(signal)[1];
  int64_t parts = fixedDim(signal, 2);
  Extent length = window && rankOf(window) == 1 ? extentsOf(window)[0] : stated.value_or(samples);
  if (window && stated)
    length = simplerOf(length, *stated);
  Extent rest = samples - length;
  if (isNone(length) || (rest.isNumber() && rest.number() < 0))
    malformed("has frames of " + length.str() + " values of a signal of " + samples.str());
  if (window)
    window = b.expect(window, length, "a window");
  const Extent frames = b.named(rest.floorDiv(step) + 1, GraphBuilder::Sign::NotNegative);
  const Extent count = oneSided ? length.floorDiv(2) + 1 : length;
  // places[frame, i] = frame · step + i
  Type i64 = b.builder().getI64Type(), element = elementOf(signal);
  auto number = [&](const Extent &value) { return b.number(value); };
  Value firsts = b.makeAs<graph::IotaOp>(checkedType({frames, 1}, i64), number(0), number(step), 0);
  Value offsets = b.countAlong({1, length}, 1);
  checkedType({batch, frames, length, parts}, element);
  Value framed = b.make<graph::GatherOp>(signal, b.make<graph::AddOp>(firsts, offsets), int64_t(1));
  if (window)
    framed = b.make<graph::MulOp>(framed, b.reshape(b.cast(window, element), {length, 1}));
  if (length.isNumber()) {
    ComplexValue made = fourier(b, numbersOf(b, framed), 2, /*inverse=*/false, oneSided && parts == 1);
    if (oneSided)
      made = {b.sliceDim(made.real, 2, 0, count), b.sliceDim(made.imaginaryOrZeros(b), 2, 0, count)};
    return {made.together(b, 3)};
  }
  Value rows = b.reshape(framed, {batch * frames, length * parts});
  Value result = b.make<graph::MatMulOp>(rows, matrixByRun(b, element, length, count, parts));
  return {b.reshape(result, {batch, frames, count, 2})};
}

// MelWeightMatrix: triangles over the bins of a spectrum, as its columns; filter i rises from bin i to bin i + 1 of
// those that are even on the mel scale, 2595 log10(1 + f / 700), and falls to bin i + 2
//                                                                            ONNX MelWeightMatrix, version 17
static Values melWeightMatrix(NodeReader &node) {
  constexpr double kBreak = 700, kScale = 1127.0104806680105; // 2595 / ln 10
  GraphBuilder &b = node.builder();
  Type f64 = b.builder().getF64Type();
  auto size = [&](unsigned index) {
    Extents given = node.extentsInput(index, GraphBuilder::Sign::NotNegative);
    if (given.size() != 1 || (given[0].isNumber() && given[0].number() < 1))
      malformed("needs positive numbers of filters and values, and a rate");
    return given[0];
  };
  const Extent filters = size(0), length = size(1), rate = size(2);
  Type type =
      elementTypeOf(node.integer("output_datatype", TensorProto::FLOAT), b.builder().getContext(), "its result");
  auto number = [&](double value) { return b.scalar(f64, value); };
  auto wide = [&](const Extent &extent) { return b.cast(b.number(extent), f64); };
  auto mel = [&](unsigned index) {
    Value frequency = node.input(index, Floats);
    if (!isSingle(frequency))
      malformed("needs one number as its input " + Twine(index));
    Value ratio = b.make<graph::DivOp>(b.cast(b.reshape(frequency, Extents()), f64), number(kBreak));
    return b.make<graph::MulOp>(b.make<graph::LogOp>(b.make<graph::AddOp>(ratio, number(1))), number(kScale));
  };
  Value low = mel(3), step = b.make<graph::DivOp>(b.make<graph::SubOp>(mel(4), low), wide(filters + 2));
  Value places = b.makeAs<graph::IotaOp>(checkedType({1, filters + 2}, f64), low, step, int64_t(1));
  Value power = b.make<graph::ExpOp>(b.make<graph::DivOp>(places, number(kScale)));
  Value frequency = b.make<graph::MulOp>(b.make<graph::SubOp>(power, number(1)), number(kBreak));
  Value scaled = b.make<graph::DivOp>(b.make<graph::MulOp>(frequency, wide(length + 1)), wide(rate));
  Value edges = b.make<graph::FloorOp>(scaled);
  auto edge = [&](int64_t first) { return b.sliceDim(edges, 1, first, filters); };
  Value begin = edge(0), peak = edge(1), end = edge(2);
  Value bins = b.makeAs<graph::IotaOp>(checkedType({length.floorDiv(2) + 1, 1}, f64), number(0), number(1), int64_t(0));
  // A slope of no width has no part but the peak.
  auto slope = [&](Value from) {
    Value width = b.make<graph::SubOp>(peak, from), isNone = b.make<graph::EqualOp>(width, number(0));
    Value part = b.make<graph::DivOp>(b.make<graph::SubOp>(bins, from), width);
    return b.make<graph::SelectOp>(isNone, number(0), part);
  };
  Value side = b.make<graph::SelectOp>(b.make<graph::LessOp>(bins, peak), slope(begin), slope(end));
  Value weights = b.make<graph::MaxOp>(side, number(0));
  return {b.cast(b.make<graph::SelectOp>(b.make<graph::EqualOp>(bins, peak), number(1), weights), type)};
}

static constexpr Operator kOperators[] = {
    {"BlackmanWindow", 17, cosineWindow<kBlackman>}, {"DFT", 17, dft},
    {"HammingWindow", 17, cosineWindow<kHamming>},   {"HannWindow", 17, cosineWindow<kHann>},
    {"MelWeightMatrix", 17, melWeightMatrix},        {"STFT", 17, stft},
};

ArrayRef<Operator> signalOperators() { return kOperators; }

} // namespace smelt::frontend::onnx
