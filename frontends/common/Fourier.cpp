// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Fourier.h"
#include "frontends/common/MatchDims.h"
#include "frontends/common/Refusal.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <complex>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend {

using graph::Extent, graph::Extents;
using Values = SmallVector<Value>;

constexpr double kTwoPi = 6.283185307179586;
constexpr int64_t kLongest = 1 << 20;
constexpr int64_t kLongestAtOnce = 1 << 11; // below, what lies between two products by factors costs more than it saves

// Arithmetic.

template <typename Op> static Value combine(GraphBuilder &b, Value x, Value y) {
  matchDims(b, x, y);
  return b.make<Op>(x, y);
}
static Value times(GraphBuilder &b, Value x, Value y) { return combine<graph::MulOp>(b, x, y); }
static Value plus(GraphBuilder &b, Value x, Value y) { return combine<graph::AddOp>(b, x, y); }
static Value minus(GraphBuilder &b, Value x, Value y) { return combine<graph::SubOp>(b, x, y); }
static Value negated(GraphBuilder &b, Value x) { return b.make<graph::NegOp>(x); }

Value ComplexValue::imaginaryOrZeros(GraphBuilder &b) const {
  return imaginary ? imaginary : b.broadcast(b.scalarLike(real, 0), extentsOf(real));
}

Value ComplexValue::together(GraphBuilder &b, int64_t dim) const { return b.stack({real, imaginaryOrZeros(b)}, dim); }

ComplexValue complexFrom(GraphBuilder &b, Value parts) {
  const int64_t last = rankOf(parts) - 1;
  auto part = [&](int64_t at) { return b.dropDim(b.sliceDim(parts, last, at, 1), last); };
  return {part(0), part(1)};
}

Value magnitude(GraphBuilder &b, const ComplexValue &x) {
  if (x.isReal())
    return b.make<graph::AbsOp>(x.real);
  return b.make<graph::SqrtOp>(plus(b, times(b, x.real, x.real), times(b, x.imaginary, x.imaginary)));
}

// (a + i b) (c + i d) = (a c - b d) + i (a d + b c)
ComplexValue product(GraphBuilder &b, const ComplexValue &x, const ComplexValue &y) {
  if (x.isReal() && y.isReal())
    return {times(b, x.real, y.real), nullptr};
  if (x.isReal() || y.isReal()) {
    const ComplexValue &complex = x.isReal() ? y : x;
    Value factor = x.isReal() ? x.real : y.real;
    return {times(b, complex.real, factor), times(b, complex.imaginary, factor)};
  }
  return {minus(b, times(b, x.real, y.real), times(b, x.imaginary, y.imaginary)),
          plus(b, times(b, x.real, y.imaginary), times(b, x.imaginary, y.real))};
}

// x / y = x y* / |y|²
ComplexValue quotient(GraphBuilder &b, const ComplexValue &x, const ComplexValue &y) {
  auto by = [&](const ComplexValue &value, Value divisor) {
    return ComplexValue{combine<graph::DivOp>(b, value.real, divisor),
                        value.isReal() ? Value() : combine<graph::DivOp>(b, value.imaginary, divisor)};
  };
  if (y.isReal())
    return by(x, y.real);
  Value square = plus(b, times(b, y.real, y.real), times(b, y.imaginary, y.imaginary));
  return by(product(b, x, {y.real, negated(b, y.imaginary)}), square);
}

ComplexValue polar(GraphBuilder &b, Value length, Value angle) {
  return {times(b, length, b.make<graph::CosOp>(angle)), times(b, length, b.make<graph::SinOp>(angle))};
}

ComplexValue scaled(GraphBuilder &b, const ComplexValue &x, double factor) {
  if (factor == 1)
    return x;
  Value number = b.scalarLike(x.real, factor);
  return {times(b, x.real, number), x.isReal() ? Value() : times(b, x.imaginary, number)};
}

Value resizedDim(GraphBuilder &b, Value x, int64_t dim, int64_t extent) {
  const int64_t missing = extent - fixedDim(x, dim);
  return missing <= 0 ? b.sliceDim(x, dim, 0, extent) : b.padDim(x, dim, 0, missing, b.scalarLike(x, 0));
}

// Rows [r, length]. Cosines of n and length - n are alike, and sines opposite, along both dims of their matrices: sums
// and differences of what stands there, and one side of the results, are a quarter as much to multiply.

/// `function` (cos or sin) of 2π k n / length, n and k from `first` on: [count, count].
static Value waves(GraphBuilder &b, Type element, double (*function)(double), int64_t length, int64_t first,
                   int64_t count) {
  b.countComputed(checkedMul(count, count) * 8);
  graph::HostTensor made = graph::HostTensor::zeros(checkedType({count, count}, element));
  for (int64_t n = 0; n < count; ++n)
    for (int64_t k = 0; k < count; ++k) {
      const auto turn = static_cast<double>((first + n) * (first + k) % length);
      made.set(n * count + k, graph::Scalar::ofFloat(function(kTwoPi * turn / static_cast<double>(length))));
    }
  return b.constant(made);
}

namespace {
/// Rows of one length.
struct Rows {
  GraphBuilder &b;
  int64_t length;

  int64_t side() const { return length / 2 + 1; }    // of a spectrum of reals
  int64_t pairs() const { return (length - 1) / 2; } // of places n and length - n, n > 0
  bool isEven() const { return length % 2 == 0; }

  /// [r, length] → [r, side]: x[n] and x[length - n] summed where they are two.
  Value sums(Value x) const {
    if (pairs() == 0)
      return x;
    Value first = b.sliceDim(x, 1, 1, pairs()), second = b.reverseDim(x, 1, length - pairs(), pairs());
    Values parts = {b.sliceDim(x, 1, 0, 1), plus(b, first, second)};
    if (isEven())
      parts.push_back(b.sliceDim(x, 1, length / 2, 1));
    return b.concat(parts, 1);
  }
  /// [r, length] → [r, pairs]: x[n] - x[length - n].
  Value differences(Value x) const {
    return minus(b, b.sliceDim(x, 1, 1, pairs()), b.reverseDim(x, 1, length - pairs(), pairs()));
  }
  /// [r, side] → [r, side]: Σ x[n] cos(2π k n / length)
  Value byCosines(Value x) const { return b.matMul(x, waves(b, elementOf(x), std::cos, length, 0, side())); }
  /// [r, pairs] → [r, side]: the same of sines of n > 0, which are 0 at the ends.
  Value bySines(Value x) const {
    Value zero = b.scalarLike(x, 0);
    return b.padDim(b.matMul(x, waves(b, elementOf(x), std::sin, length, 1, pairs())), 1, 1, isEven() ? 1 : 0, zero);
  }
  /// [r, side] of what is at k and at length - k → [r, length].
  Value mirrored(Value at, Value opposite) const {
    return pairs() == 0 ? at : b.concat(Values{at, b.reverseDim(opposite, 1, 1, pairs())}, 1);
  }
};
} // namespace

/// Σ x[n] (cos ∓ i sin), one side of it or all.
static ComplexValue transformedAtOnce(const Rows &rows, const ComplexValue &x, bool inverse, bool oneSided) {
  GraphBuilder &b = rows.b;
  ComplexValue cosines{rows.byCosines(rows.sums(x.real)), nullptr}, sines; // sums of numbers times these
  if (!x.isReal())
    cosines.imaginary = rows.byCosines(rows.sums(x.imaginary));
  if (rows.pairs() == 0)
    return cosines; // sines are 0
  auto signedSines = [&](Value part) {
    Value sums = rows.bySines(rows.differences(part));
    return inverse ? sums : minus(b, b.scalarLike(sums, 0), sums); // of no -0 where sums are 0
  };
  sines.real = signedSines(x.real);
  if (x.isReal()) {
    if (oneSided)
      return {cosines.real, sines.real};
    return {rows.mirrored(cosines.real, cosines.real), rows.mirrored(sines.real, negated(b, sines.real))};
  }
  // (re + i im) (c + i s) = (re c - im s) + i (re s + im c); at length - k, s has the other sign.
  sines.imaginary = signedSines(x.imaginary);
  Value real = minus(b, cosines.real, sines.imaginary), imaginary = plus(b, sines.real, cosines.imaginary);
  if (oneSided)
    return {real, imaginary};
  return {rows.mirrored(real, plus(b, cosines.real, sines.imaginary)),
          rows.mirrored(imaginary, minus(b, cosines.imaginary, sines.real))};
}

/// The divisor of a length that is nearest to its root from below; 1 of a prime.
static int64_t factorOf(int64_t length) {
  auto factor = static_cast<int64_t>(std::sqrt(static_cast<double>(length)));
  while (length % factor != 0)
    --factor;
  return factor;
}

/// e^(∓2πi k n / length): [rows, columns]
static ComplexValue turns(GraphBuilder &b, Type element, int64_t length, int64_t rows, int64_t columns, bool inverse) {
  b.countComputed(checkedMul(rows, columns) * 16);
  graph::HostTensor real = graph::HostTensor::zeros(checkedType({rows, columns}, element)),
                    imaginary = graph::HostTensor::zeros(real.type());
  for (int64_t n = 0; n < rows; ++n)
    for (int64_t k = 0; k < columns; ++k) {
      const double angle = (inverse ? kTwoPi : -kTwoPi) * static_cast<double>(n * k % length);
      real.set(n * columns + k, graph::Scalar::ofFloat(std::cos(angle / static_cast<double>(length))));
      imaginary.set(n * columns + k, graph::Scalar::ofFloat(std::sin(angle / static_cast<double>(length))));
    }
  return {b.constant(real), b.constant(imaginary)};
}

static ComplexValue mapped(const ComplexValue &x, llvm::function_ref<Value(Value)> map) {
  return {map(x.real), x.isReal() ? Value() : map(x.imaginary)};
}

static ComplexValue transformedRows(GraphBuilder &b, const ComplexValue &x, bool inverse, bool oneSided);

using Numbers = std::vector<std::complex<double>>;

/// X[k] = Σ x[n] e^(-2πi k n / length) in place; the length is a power of two.
static void transform(Numbers &x) {
  const size_t length = x.size();
  for (size_t at = 1, mirrored = 0; at < length; ++at) {
    size_t bit = length / 2;
    for (; mirrored & bit; bit /= 2)
      mirrored ^= bit;
    mirrored |= bit;
    if (at < mirrored)
      std::swap(x[at], x[mirrored]);
  }
  for (size_t half = 1; half < length; half *= 2)
    for (size_t n = 0; n < half; ++n) {
      const auto turn = std::polar(1.0, -kTwoPi * static_cast<double>(n) / static_cast<double>(2 * half));
      for (size_t at = n; at < length; at += 2 * half) {
        const std::complex<double> other = turn * x[at + half];
        x[at + half] = x[at] - other;
        x[at] += other;
      }
    }
}

/// Numbers, whose computing was counted, as constants [1, count].
static ComplexValue constantsOf(GraphBuilder &b, Type element, ArrayRef<std::complex<double>> numbers) {
  const auto count = static_cast<int64_t>(numbers.size());
  graph::HostTensor real = graph::HostTensor::zeros(checkedType({1, count}, element)),
                    imaginary = graph::HostTensor::zeros(real.type());
  for (auto [at, number] : llvm::enumerate(numbers)) {
    real.set(static_cast<int64_t>(at), graph::Scalar::ofFloat(number.real()));
    imaginary.set(static_cast<int64_t>(at), graph::Scalar::ofFloat(number.imag()));
  }
  return {b.constant(real), b.constant(imaginary)};
}

/// [r, length] of numbers → [r, length], for a length that has no factors: as a convolution, of as many numbers as the
/// next power of two from 2 length - 1 on, whose transforms are Cooley and Tukey's. With w[n] = e^(-πi n² / length),
///   X[k] = w[k] Σ_n (x[n] w[n]) conj(w[k - n])
/// because 2 k n = k² + n² - (k - n)². (L. I. Bluestein, A linear filtering approach to the computation of discrete
/// Fourier transform, IEEE Transactions on Audio and Electroacoustics 18, 1970)
static ComplexValue transformedByConvolution(GraphBuilder &b, const ComplexValue &x, bool inverse) {
  const int64_t length = fixedDim(x.real, 1);
  const auto whole = static_cast<int64_t>(llvm::PowerOf2Ceil(static_cast<uint64_t>(2 * length - 1)));
  Type element = elementOf(x.real);
  b.countComputed((length + whole) *
                  static_cast<int64_t>(2 * sizeof(std::complex<double>))); // as numbers, as constants
  Numbers chirp(length), filter(whole);
  for (int64_t n = 0; n < length; ++n) {
    const double turn = kTwoPi * static_cast<double>(n * n % (2 * length)) / static_cast<double>(2 * length);
    chirp[n] = std::polar(1.0, inverse ? turn : -turn);
    filter[n] = filter[(whole - n) % whole] = std::conj(chirp[n]) / static_cast<double>(whole);
  }
  transform(filter);
  const ComplexValue turns = constantsOf(b, element, chirp);
  auto padded = [&](Value part) { return resizedDim(b, part, 1, whole); };
  ComplexValue inner = transformedRows(b, mapped(product(b, x, turns), padded), false, false);
  ComplexValue made = transformedRows(b, product(b, inner, constantsOf(b, element, filter)), true, false);
  return product(b, mapped(made, [&](Value part) { return resizedDim(b, part, 1, length); }), turns);
}

/// [r, length] of numbers → [r, length]; Cooley and Tukey's way where a length has factors, n = p · second + q and
/// k = u + first · v:
///   X[k] = Σ_q e^(-2πi q u / length) e^(-2πi q v / second) Σ_p x[n] e^(-2πi p u / first)
static ComplexValue transformedRows(GraphBuilder &b, const ComplexValue &x, bool inverse, bool oneSided) {
  const int64_t length = fixedDim(x.real, 1), first = factorOf(length), second = length / first;
  if (length <= kLongestAtOnce)
    return transformedAtOnce(Rows{b, length}, x, inverse, oneSided);
  auto oneSideOf = [&](Value all) { return oneSided ? b.sliceDim(all, 1, 0, length / 2 + 1) : all; };
  if (first == 1)
    return mapped(transformedByConvolution(b, x, inverse), oneSideOf);
  const Extent rows = extentsOf(x.real)[0];
  auto columns = [&](Value part) {
    return b.reshape(b.transpose(b.reshape(part, {rows, first, second}), {0, 2, 1}), {rows * second, first});
  };
  ComplexValue inner = transformedRows(b, mapped(x, columns), inverse, false);
  auto turned = [&](Value part) { return b.reshape(part, {rows, second, first}); };
  inner = product(b, mapped(inner, turned), turns(b, elementOf(x.real), length, second, first, inverse));
  auto across = [&](Value part) { return b.reshape(b.transpose(part, {0, 2, 1}), {rows * first, second}); };
  ComplexValue outer = transformedRows(b, mapped(inner, across), inverse, false);
  return mapped(outer, [&](Value part) {
    return oneSideOf(b.reshape(b.transpose(b.reshape(part, {rows, first, second}), {0, 2, 1}), {rows, length}));
  });
}

static void checkLength(int64_t length) {
  if (length < 1)
    malformed("transforms " + Twine(length) + " values");
  if (length > kLongest)
    unsupported("a transform of " + Twine(length) + " values is too long; Smelt takes " + Twine(kLongest));
}

/// Calls `compute` with rows of what lies along a dim, and makes of its rows what they were rows of.
static ComplexValue alongDim(GraphBuilder &b, const ComplexValue &x, int64_t dim,
                             llvm::function_ref<ComplexValue(const ComplexValue &)> compute) {
  const int64_t last = rankOf(x.real) - 1;
  ComplexValue moved = mapped(x, [&](Value part) { return b.moveDim(part, dim, last); });
  Extents shape = extentsOf(moved.real);
  const Extent rows = elementsOf(ArrayRef(shape).drop_back());
  ComplexValue made = compute(mapped(moved, [&](Value part) { return b.reshape(part, {rows, shape.back()}); }));
  shape.back() = extentsOf(made.real)[1];
  return mapped(made, [&](Value part) { return b.moveDim(b.reshape(part, shape), last, dim); });
}

ComplexValue fourier(GraphBuilder &b, const ComplexValue &x, int64_t dim, bool inverse, bool oneSided) {
  const int64_t length = fixedDim(x.real, dim);
  checkLength(length);
  return alongDim(b, x, dim, [&](const ComplexValue &rows) { return transformedRows(b, rows, inverse, oneSided); });
}

/// x[n] = Σ (w re cos - w im sin), w = 1 where k is its own mirror image and 2 elsewhere.
static Value realRowsAtOnce(const Rows &rows, const ComplexValue &spectrum) {
  GraphBuilder &b = rows.b;
  if (rows.pairs() == 0)
    return rows.byCosines(spectrum.real);
  auto twice = [&](Value part) { return plus(b, part, part); };
  Values ends = {b.sliceDim(spectrum.real, 1, 0, 1), twice(b.sliceDim(spectrum.real, 1, 1, rows.pairs()))};
  if (rows.isEven())
    ends.push_back(b.sliceDim(spectrum.real, 1, rows.length / 2, 1));
  Value cosines = rows.byCosines(b.concat(ends, 1));
  if (spectrum.isReal())
    return rows.mirrored(cosines, cosines);
  Value sines = rows.bySines(twice(b.sliceDim(spectrum.imaginary, 1, 1, rows.pairs())));
  return rows.mirrored(minus(b, cosines, sines), plus(b, cosines, sines));
}

Value inverseReal(GraphBuilder &b, const ComplexValue &spectrum, int64_t dim, int64_t length) {
  checkLength(length);
  const Rows rows{b, length};
  if (fixedDim(spectrum.real, dim) != rows.side())
    malformed("makes " + Twine(length) + " values of " + Twine(fixedDim(spectrum.real, dim)) + " frequencies");
  auto compute = [&](const ComplexValue &x) -> ComplexValue {
    if (length <= kLongestAtOnce)
      return {realRowsAtOnce(rows, x), nullptr};
    // The other side is the mirror image; what is imaginary in the end is 0. The ends have no imaginary part.
    Value real = rows.mirrored(x.real, x.real);
    if (x.isReal())
      return {transformedRows(b, {real, nullptr}, true, false).real, nullptr};
    Value inner = b.sliceDim(x.imaginary, 1, 1, rows.pairs());
    Value ended = b.padDim(inner, 1, 1, rows.isEven() ? 1 : 0, b.scalarLike(inner, 0));
    return {transformedRows(b, {real, rows.mirrored(ended, negated(b, ended))}, true, false).real, nullptr};
  };
  return alongDim(b, spectrum, dim, compute).real;
}

} // namespace smelt::frontend
