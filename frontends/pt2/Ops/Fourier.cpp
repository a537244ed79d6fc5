// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Transforms into frequencies and back: torch.fft, and those of windows of sounds, torch.stft and torch.istft.

#include "frontends/pt2/Ops/Math.h"
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

/// Floats of what may be integers.
static ComplexValue floats(GraphBuilder &b, ComplexValue x) {
  if (!isa<FloatType>(elementOf(x.real)))
    x.real = b.cast(x.real, b.builder().getF32Type());
  return x;
}

// Norms: what results are multiplied by.

enum class Norm { None, Root, Full };

static double factorOf(Norm norm, double count) {
  return norm == Norm::None ? 1 : norm == Norm::Root ? 1 / std::sqrt(count) : 1 / count;
}

/// "backward", "ortho", "forward": which of both ways is scaled.
static Norm normOf(NodeReader &node, bool inverse) {
  const std::string norm = node.optionalText("norm").value_or("backward");
  if (norm == "ortho")
    return Norm::Root;
  if (norm != "backward" && norm != "forward")
    malformed("has the norm '" + printable(norm) + "', which is none of backward, ortho and forward");
  return (norm == "forward") != inverse ? Norm::Full : Norm::None;
}

/// The same as at::native::fft_norm_mode numbers it.
static Norm normNumber(NodeReader &node) {
  const int64_t norm = node.integer("normalization");
  if (norm < 0 || norm > 2)
    malformed("has a normalization of " + Twine(norm));
  return static_cast<Norm>(norm);
}

// torch.fft.

/// Dims, and how many values are transformed along each: -1 for as many as there are.
struct Plan {
  Integers dims, lengths;

  double count(ArrayRef<int64_t> used) const {
    double count = 1;
    for (int64_t length : used)
      count *= static_cast<double>(length);
    return count;
  }
};

static Plan planOfOne(NodeReader &node, Value x) {
  return {{node.axis("dim", x)}, {node.optionalInteger("n").value_or(-1)}};
}

/// `s` and `dim`, of which either may be left out: all dims, or the last ones.
static Plan planOfMany(NodeReader &node, Value x, bool isPlane) {
  std::optional<Integers> lengths = node.optionalIntegers("s"), dims = node.optionalIntegers("dim");
  const int64_t rank = rankOf(x);
  if (!dims) {
    const int64_t count = isPlane ? 2 : lengths ? static_cast<int64_t>(lengths->size()) : rank;
    if (count > rank)
      malformed("transforms " + Twine(count) + " dims of " + Twine(rank));
    dims = llvm::to_vector(llvm::seq<int64_t>(rank - count, rank));
  }
  Plan plan;
  for (int64_t dim : *dims)
    plan.dims.push_back(normalAxis(dim, rank));
  normalAxes(plan.dims, rank); // none twice
  plan.lengths = lengths.value_or(Integers(plan.dims.size(), -1));
  if (plan.lengths.size() != plan.dims.size() || plan.dims.empty())
    malformed("has " + Twine(plan.lengths.size()) + " lengths for " + Twine(plan.dims.size()) + " dims");
  return plan;
}

static void checkLength(int64_t length) {
  if (length < 1)
    malformed("transforms " + Twine(length) + " values");
}

/// The dims of a plan, with zeros behind them where their lengths are more, and cut off where they are less.
static ComplexValue resized(GraphBuilder &b, ComplexValue x, Plan &plan) {
  for (auto [dim, length] : llvm::zip_equal(plan.dims, plan.lengths)) {
    if (length == -1)
      length = fixedDim(x.real, dim);
    checkLength(length);
    x.real = resizedDim(b, x.real, dim, length);
    if (!x.isReal())
      x.imaginary = resizedDim(b, x.imaginary, dim, length);
  }
  return x;
}

/// Numbers to numbers, along all dims.
static ComplexValue transform(GraphBuilder &b, ComplexValue x, Plan plan, bool inverse, Norm norm) {
  x = resized(b, floats(b, x), plan);
  for (int64_t dim : llvm::reverse(plan.dims))
    x = fourier(b, x, dim, inverse);
  x.imaginary = x.imaginaryOrZeros(b);
  return scaled(b, x, factorOf(norm, plan.count(plan.lengths)));
}

/// Reals to one side of a spectrum along the last of the dims; what the inverse makes of them is its conjugate there.
static ComplexValue fromReals(GraphBuilder &b, Value real, Plan plan, bool inverse, Norm norm) {
  ComplexValue x = resized(b, floats(b, {real, nullptr}), plan);
  x = fourier(b, x, plan.dims.back(), inverse, /*oneSided=*/true);
  for (int64_t dim : llvm::reverse(ArrayRef(plan.dims).drop_back()))
    x = fourier(b, x, dim, inverse);
  x.imaginary = x.imaginaryOrZeros(b);
  return scaled(b, x, factorOf(norm, plan.count(plan.lengths)));
}

static ComplexValue conjugate(GraphBuilder &b, const ComplexValue &x) {
  return {x.real, x.isReal() ? Value() : b.make<graph::NegOp>(x.imaginary)};
}

/// And back, or, of a signal whose other half is the conjugate of this one, there. The last length is that of the
/// reals: by default 2 (n - 1).
static Value toReals(GraphBuilder &b, ComplexValue x, Plan plan, bool inverse, Norm norm) {
  x = floats(b, x);
  int64_t &last = plan.lengths.back();
  const int64_t length = last == -1 ? 2 * (fixedDim(x.real, plan.dims.back()) - 1) : last;
  checkLength(length);
  last = length / 2 + 1;
  x = resized(b, x, plan);
  for (int64_t dim : ArrayRef(plan.dims).drop_back())
    x = fourier(b, x, dim, inverse);
  last = length;
  Value real = inverseReal(b, inverse ? x : conjugate(b, x), plan.dims.back(), length);
  return scaled(b, {real, nullptr}, factorOf(norm, plan.count(plan.lengths))).real;
}

enum class Dims { One, Plane, Any };

template <Dims dims> static Plan planOf(NodeReader &node, Value x) {
  return dims == Dims::One ? planOfOne(node, x) : planOfMany(node, x, dims == Dims::Plane);
}

template <Dims dims, bool inverse> static Things fft(NodeReader &node) {
  ComplexValue x = node.complex("self");
  return {Thing(transform(node.builder(), x, planOf<dims>(node, x.real), inverse, normOf(node, inverse)))};
}

/// rfft, and its inverse form, ihfft.
template <Dims dims, bool inverse> static Things ofReals(NodeReader &node) {
  Value x = node.tensor("self");
  return {Thing(fromReals(node.builder(), x, planOf<dims>(node, x), inverse, normOf(node, inverse)))};
}

/// irfft, and its form that is no inverse, hfft.
template <Dims dims, bool inverse> static Value asReals(NodeReader &node) {
  ComplexValue x = node.complex("self");
  return toReals(node.builder(), x, planOf<dims>(node, x.real), inverse, normOf(node, inverse));
}

// What core ATen has of them: dims from first to last, of which the last is the one that is halved.

static Plan planOfAll(NodeReader &node, Value x) {
  Plan plan;
  for (int64_t dim : node.integers("dim"))
    plan.dims.push_back(normalAxis(dim, rankOf(x)));
  normalAxes(plan.dims, rankOf(x));
  plan.lengths.assign(plan.dims.size(), -1);
  if (plan.dims.empty())
    malformed("transforms no dims");
  return plan;
}

static Things complexToComplex(NodeReader &node) {
  ComplexValue x = node.complex("self");
  return {Thing(transform(node.builder(), x, planOfAll(node, x.real), !node.flag("forward"), normNumber(node)))};
}

static Things realToComplex(NodeReader &node) {
  Value x = node.tensor("self");
  Plan plan = planOfAll(node, x);
  if (node.flag("onesided"))
    return {Thing(fromReals(node.builder(), x, plan, /*inverse=*/false, normNumber(node)))};
  return {Thing(transform(node.builder(), {x, nullptr}, plan, /*inverse=*/false, normNumber(node)))};
}

static Value complexToReal(NodeReader &node) {
  ComplexValue x = node.complex("self");
  Plan plan = planOfAll(node, x.real);
  plan.lengths.back() = node.integer("last_dim_size");
  checkLength(plan.lengths.back());
  return toReals(node.builder(), x, plan, /*inverse=*/true, normNumber(node));
}

/// Half of each dim, rounded down or up, goes from its beginning to its end.
template <bool inverse> static Value shift(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  Integers dims = node.optionalIntegers("dim").value_or(llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x))));
  for (int64_t dim : normalAxes(dims, rankOf(x))) {
    const Extent size = extentsOf(x)[dim];
    const Extent first = inverse ? size.floorDiv(2) : size - size.floorDiv(2); // that come behind the others
    x = b.concat({b.sliceDim(x, dim, first, size - first), b.sliceDim(x, dim, 0, first)}, dim);
  }
  return x;
}

/// 0, 1, …, -2, -1 (or 0, 1, …, n / 2) over n d.
template <bool isReal> static Value frequencies(NodeReader &node) {
  GraphBuilder &b = node.builder();
  const int64_t n = node.integer("n");
  const double unit = 1 / (static_cast<double>(n) * node.number("d"));
  Type type = node.optionalType("dtype").value_or(b.builder().getF32Type());
  if (n < 1)
    malformed("has frequencies of " + Twine(n) + " values");
  const RankedTensorType shape = checkedType({isReal ? n / 2 + 1 : n}, type);
  b.countComputed(checkedMul(shape.getNumElements(), 8));
  graph::HostTensor made = graph::HostTensor::zeros(shape);
  for (int64_t k = 0; k < made.size(); ++k)
    made.set(k, graph::Scalar::ofFloat(static_cast<double>(isReal || k < (n + 1) / 2 ? k : k - n) * unit));
  return b.constant(made);
}

// Windows of sounds.

namespace {
/// What stft and istft have in common.
struct Frames {
  int64_t length, step; // of a window's place, and from one to the next
  Value window;         // [length]; null where all is 1
  bool normalized;

  Frames(NodeReader &node, Type type);
};
} // namespace

Frames::Frames(NodeReader &node, Type type)
    : length(node.integer("n_fft")), step(node.optionalInteger("hop_length").value_or(length / 4)),
      window(node.optionalTensor("window")), normalized(node.flag("normalized")) {
  GraphBuilder &b = node.builder();
  const int64_t own = node.optionalInteger("win_length").value_or(length);
  if (length < 1 || step < 1 || own < 1 || own > length)
    malformed("has windows of " + Twine(own) + " values in " + Twine(length) + ", " + Twine(step) + " apart");
  if (!window && own < length)
    window = b.broadcast(b.scalar(type, 1.0), {Extent(own)});
  if (!window)
    return;
  window = b.expect(b.cast(window, type), {Extent(own)}, "a window");
  const int64_t before = (length - own) / 2;
  window = b.padDim(window, 0, before, length - own - before, b.scalar(type, 0.0));
}

/// [n, samples] → [n, frames, length]
static Value framed(GraphBuilder &b, Value x, const Frames &frames) {
  const Extent room = extentsOf(x)[1] - frames.length;
  if (room.isNumber() && room.number() < 0)
    malformed("has windows of " + Twine(frames.length) + " values of a signal of " + extentsOf(x)[1].str());
  Value places = b.make<graph::AddOp>(
      b.makeAs<graph::IotaOp>(checkedType(Extents{room.floorDiv(frames.step) + 1, 1}, b.builder().getI64Type()),
                              b.number(0), b.number(frames.step), int64_t(0)),
      b.countAlong({1, frames.length}, 1));
  return b.make<graph::GatherOp>(x, places, int64_t(1));
}

/// [n, frames, length] → [n, samples]: windows are cut into pieces of a step, and each piece put beside those of other
/// windows that it lies over.
static Value overlapped(GraphBuilder &b, Value x, const Frames &frames) {
  const int64_t pieces = llvm::divideCeil(frames.length, frames.step);
  Value zero = b.scalarLike(x, 0), sum;
  x = b.padDim(x, 2, 0, checkedMul(pieces, frames.step) - frames.length, zero);
  for (int64_t piece = 0; piece < pieces; ++piece) {
    Value part = b.sliceDim(x, 2, piece * frames.step, frames.step);
    part = b.padDim(part, 1, piece, pieces - 1 - piece, zero);
    sum = sum ? b.make<graph::AddOp>(sum, part) : part;
  }
  const Extents shape = extentsOf(sum);
  Value flat = b.reshape(sum, {shape[0], shape[1] * shape[2]});
  const Extent samples = (extentsOf(x)[1] - 1) * frames.step + frames.length;
  return b.sliceDim(flat, 1, 0, samples);
}

/// Half a window more at both ends, in a way of torch.nn.functional.pad.
static Value padded(GraphBuilder &b, Value x, int64_t count, llvm::StringRef mode) {
  if (mode == "constant")
    return b.padDim(x, 1, count, count, b.scalarLike(x, 0));
  if (mode != "reflect")
    unsupported("pads a signal in the mode '" + printable(mode) + "'; Smelt knows reflect and constant");
  const Extent size = extentsOf(x)[1];
  if (size.isNumber() && size.number() <= count)
    malformed("reflects " + Twine(count) + " values of a signal of " + size.str());
  return b.concat({b.reverseDim(x, 1, 1, count), x, b.reverseDim(x, 1, size - count - 1, count)}, 1);
}

/// stft: [n, samples] → [n, frequencies, frames]
template <bool mayBeCentered> static Things stft(NodeReader &node) {
  GraphBuilder &b = node.builder();
  ComplexValue x = floats(b, node.complex("self"));
  const Frames frames(node, elementOf(x.real));
  const bool isSingle = rankOf(x.real) == 1;
  const bool oneSided = node.has("onesided") ? node.flag("onesided") : x.isReal();
  if (rankOf(x.real) != 1 && rankOf(x.real) != 2)
    malformed("needs a signal of one or two dims, not " + inWords(extentsOf(x.real)));
  if (oneSided && !x.isReal())
    malformed("has one side of the spectrum of a complex signal");
  node.ignore("align_to_window");
  if (node.hasArgument("align_to_window") && node.has("align_to_window") && node.flag("align_to_window"))
    unsupported("aligns its frames to the window");
  const bool isCentered = mayBeCentered && node.flag("center");
  const std::string mode = mayBeCentered ? node.text("pad_mode") : "";
  auto prepare = [&](Value part) {
    if (isSingle)
      part = b.reshape(part, {Extent(1), extentsOf(part)[0]});
    part = framed(b, isCentered ? padded(b, part, frames.length / 2, mode) : part, frames);
    return frames.window ? b.make<graph::MulOp>(part, frames.window) : part;
  };
  ComplexValue windows{prepare(x.real), x.isReal() ? Value() : prepare(x.imaginary)};
  ComplexValue made = fourier(b, windows, 2, /*inverse=*/false, oneSided);
  if (frames.normalized)
    made = scaled(b, made, factorOf(Norm::Root, static_cast<double>(frames.length)));
  auto finish = [&](Value part) {
    part = b.transpose(part, {0, 2, 1});
    return isSingle ? b.dropDim(part, 0) : part;
  };
  made = {finish(made.real), finish(made.imaginaryOrZeros(b))};
  const std::optional<bool> isComplex = node.statesComplex();
  node.ignore("return_complex");
  if (isComplex.value_or(true))
    return {Thing(made)};
  return {Thing(made.together(b, rankOf(made.real)))};
}

/// istft: [n, frequencies, frames] → [n, samples]: windows of windows, added up, over the sum of the windows' squares.
static Value istft(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  ComplexValue x = node.complex("self");
  const Frames frames(node, elementOf(x.real));
  const bool isSingle = rankOf(x.real) == 2, isCentered = node.flag("center");
  if (rankOf(x.real) != 2 && rankOf(x.real) != 3)
    malformed("needs a spectrum of two or three dims, not " + inWords(extentsOf(x.real)));
  if (node.flag("return_complex"))
    unsupported("makes a complex signal");
  const int64_t side = frames.length / 2 + 1, given = fixedDim(x.real, rankOf(x.real) - 2);
  if (node.has("onesided") ? !node.flag("onesided") : given != side)
    unsupported("takes both sides of a spectrum");
  auto prepare = [&](Value part) {
    const Extents shape = extentsOf(part);
    return b.transpose(isSingle ? b.reshape(part, {Extent(1), shape[0], shape[1]}) : part, {0, 2, 1});
  };
  ComplexValue spectrum{prepare(x.real), x.isReal() ? Value() : prepare(x.imaginary)};
  Value windows = inverseReal(b, spectrum, 2, frames.length);
  windows = m.mul(windows, factorOf(frames.normalized ? Norm::Root : Norm::Full, static_cast<double>(frames.length)));
  Value squares = b.broadcast(b.scalarLike(windows, 1), {Extent(1), extentsOf(windows)[1], Extent(frames.length)});
  if (frames.window) {
    windows = m.mul(windows, frames.window);
    squares = m.mul(squares, m.mul(frames.window, frames.window));
  }
  Value sound = overlapped(b, windows, frames), weights = overlapped(b, squares, frames);
  const Extent first = isCentered ? frames.length / 2 : 0, all = extentsOf(sound)[1];
  std::optional<Extent> length = node.optionalExtent("length");
  const Extent there = length ? Extent::min(all - first, *length) : isCentered ? all - 2 * first : all;
  sound = m.div(b.sliceDim(sound, 1, first, there), b.sliceDim(weights, 1, first, there));
  if (length && there != *length)
    sound = b.padDim(sound, 1, 0, *length - there, b.scalarLike(sound, 0));
  return isSingle ? b.dropDim(sound, 0) : sound;
}

static constexpr Operator kOperators[] = {
    {"aten._fft_c2c.default", complexToComplex},
    {"aten._fft_c2r.default", complexToReal},
    {"aten._fft_r2c.default", realToComplex},
    {"aten.fft_fft.default", fft<Dims::One, false>},
    {"aten.fft_fft2.default", fft<Dims::Plane, false>},
    {"aten.fft_fftfreq.default", frequencies<false>},
    {"aten.fft_fftn.default", fft<Dims::Any, false>},
    {"aten.fft_hfft.default", asReals<Dims::One, false>},
    {"aten.fft_hfft2.default", asReals<Dims::Plane, false>},
    {"aten.fft_hfftn.default", asReals<Dims::Any, false>},
    {"aten.fft_ifft.default", fft<Dims::One, true>},
    {"aten.fft_ifft2.default", fft<Dims::Plane, true>},
    {"aten.fft_ifftn.default", fft<Dims::Any, true>},
    {"aten.fft_ihfft.default", ofReals<Dims::One, true>},
    {"aten.fft_ihfft2.default", ofReals<Dims::Plane, true>},
    {"aten.fft_ihfftn.default", ofReals<Dims::Any, true>},
    {"aten.fft_irfft.default", asReals<Dims::One, true>},
    {"aten.fft_irfft2.default", asReals<Dims::Plane, true>},
    {"aten.fft_irfftn.default", asReals<Dims::Any, true>},
    {"aten.fft_rfft.default", ofReals<Dims::One, false>},
    {"aten.fft_rfft2.default", ofReals<Dims::Plane, false>},
    {"aten.fft_rfftfreq.default", frequencies<true>},
    {"aten.fft_rfftn.default", ofReals<Dims::Any, false>},
    {"aten.istft.default", istft},
    {"aten.stft.center", stft<true>},
    {"aten.stft.default", stft<false>},
};

ArrayRef<Operator> spectralOperators() { return kOperators; }

/// What of them moves numbers alone.
static constexpr Operator kShifts[] = {
    {"aten.fft_fftshift.default", shift<false>},
    {"aten.fft_ifftshift.default", shift<true>},
};

ArrayRef<Operator> shiftOperators() { return kShifts; }

} // namespace smelt::frontend::pt2
