// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Windows.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult PoolOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getInput());
  Extents input = extentsOf(type);
  if (input.size() < 3)
    return emitOptionalError(location, "the input [", joined(input), "] needs batch, channels and spatial dims");
  Extents spatial = spatialDims(input, adaptor.getLayout());
  Checks checks{location};
  FailureOr<Window> window = inferWindow(
      checks, spatial,
      {adaptor.getWindow(), adaptor.getStrides(), adaptor.getDilations(), adaptor.getLow(), adaptor.getHigh()},
      /*mayBeNone=*/true);
  if (failed(window) || failed(checks.attribute("declared_high", adaptor.getDeclaredHigh(), spatial.size(), 0)))
    return failure();
  return checks.result(
      shapeOf(adaptor.getLayout(), input[0], outputsOf(*window), channelsOf(input, adaptor.getLayout())),
      type.getElementType(), types);
}

LogicalResult PoolOp::verify() {
  Type element = getType().getElementType();
  Domain domain = getKind() == PoolKind::Max ? Domain::Numbers : Domain::Floats;
  if (!isIn(domain, computeType(element)))
    return emitOpError() << stringifyPoolKind(getKind()) << " is not defined on elements of type " << element;
  if (getP() < 1)
    return emitOpError("needs a p of 1 or more, not ") << getP();
  return success();
}

namespace {
/// One window on numbers.
template <typename T> struct HostPool {
  PoolKind kind;
  int64_t p;
  T value = 0;
  int64_t taps = 0; // that divide an average

  HostPool(PoolKind kind, int64_t p) : kind(kind), p(p) {
    if (kind == PoolKind::Max)
      value =
          std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
  }
  void add(T element) {
    if (kind == PoolKind::Max)
      value = formula::larger(value, element);
    else
      value += kind == PoolKind::Lp ? std::pow(std::fabs(element), p) : element;
  }
  T result() const {
    if (kind == PoolKind::Lp)
      return std::pow(value, 1.0 / p);
    return kind == PoolKind::Average ? T(double(value) / double(taps)) : value;
  }
};
} // namespace

LogicalResult PoolOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  ArrayRef<int64_t> from = operands[0].shape(), to = results[0].shape();
  Window window = windowOf(toExtents(from), toExtents(to), getLayout(),
                           {getWindow(), getStrides(), getDilations(), getLow(), getHigh()});
  size_t firstSpatial = getLayout() == Layout::ChannelsFirst ? 2 : 1;
  SmallVector<int64_t> strides = rowMajorStrides(from);
  return onNumbers(results[0].elementType(), [&](auto zero) {
    using T = decltype(zero);
    std::vector<T> input = elementsOf<T>(operands[0]), output(results[0].size());
    SmallVector<int64_t> at(to.size(), 0), tap(window.size(), 0);
    for (T &element : output) {
      HostPool<T> pool(getKind(), getP());
      do {
        int64_t offset = 0;
        bool inside = true, counts = true;
        for (size_t dim = 0; dim < to.size(); ++dim) {
          int64_t position = at[dim];
          if (size_t spatial = dim - firstSpatial; spatial < window.size()) {
            position = window[spatial].position(at[dim], tap[spatial]);
            inside &= window[spatial].isInside(position);
            counts &= position < window[spatial].input.number() + getDeclaredHigh()[spatial];
          }
          offset += position * strides[dim];
        }
        if (inside)
          pool.add(input[offset]);
        pool.taps += inside || (getCountPadding() && counts);
      } while (advance(tap, getWindow()));
      element = pool.result();
      advance(at, to);
    }
    setElements<T>(results[0], output);
  });
}

namespace {
class PoolEmitter : public WindowEmitter {
public:
  PoolEmitter(PoolOp op, TileAccess &access, const Window &window)
      : WindowEmitter(access, window, op.getLayout(), op.getType()), op_(op) {}

private:
  LogicalResult emitGroup(const WindowGroup &group) override {
    bool readable = true;
    SmallVector<Value> sums(group.vectors, repeat(b_, initial(), group.lanes).value());
    sums = forTaps(group, sums, [&](ArrayRef<Value> tap, ValueRange carried) {
      SmallVector<Value> next(carried);
      for (unsigned vector = 0; vector < group.vectors; ++vector) {
        Value x = access_.fetch(op_.getInput(), inputAt(group, tap, vector), group.lanes);
        readable &= static_cast<bool>(x);
        if (x)
          next[vector] = add(expression(next[vector]), expression(x)).value();
      }
      return next;
    });
    std::optional<Expr> divisor = readable ? divisorOf(group) : std::nullopt;
    for (unsigned vector = 0; readable && vector < group.vectors; ++vector) {
      Expr result = finish(expression(sums[vector]), divisor);
      readable = succeeded(access_.store(0, result.value(), resultAt(group, vector)));
    }
    return success(readable);
  }

  TypedAttr initial() {
    Type compute = computeType(result_.getElementType());
    return op_.getKind() == PoolKind::Max ? leastOf(compute, isUnsignedElement(result_.getElementType()))
                                          : numberOf(compute, 0);
  }

  Expr add(Expr sum, Expr x) {
    switch (op_.getKind()) {
    case PoolKind::Max:
      return largest(sum, x);
    case PoolKind::Average:
      return sum + x;
    case PoolKind::Lp:
      return op_.getP() == 2 ? fma(x, x, sum) : sum + power(abs(x), op_.getP());
    }
    return sum;
  }

  /// By squaring: x^(2n) = (x²)^n
  static Expr power(Expr x, uint64_t exponent) {
    if (exponent == 1)
      return x;
    Expr half = power(x * x, exponent / 2);
    return exponent % 2 ? half * x : half;
  }

  Expr finish(Expr sum, std::optional<Expr> divisor) {
    if (op_.getKind() == PoolKind::Average)
      return sum / repeat(*divisor, sum);
    if (op_.getKind() == PoolKind::Max || op_.getP() == 1)
      return sum;
    return op_.getP() == 2 ? sqrt(sum) : pow(sum, sum.real(1.0 / static_cast<double>(op_.getP())));
  }

  /// How many elements an average counts, as a scalar.
  std::optional<Expr> divisorOf(const WindowGroup &group) {
    if (op_.getKind() != PoolKind::Average)
      return std::nullopt;
    Type compute = computeType(result_.getElementType());
    int64_t known = 1;
    std::optional<Expr> count;
    for (auto [spatial, dim] : llvm::enumerate(window_)) {
      Taps taps = group.taps[spatial];
      if (op_.getCountPadding() && !taps.isWhole) {
        Value index = spatial + 1 == window_.size() ? group.column : tileIndex(spatial);
        WindowDim padded = dim; // counted from where the padding begins
        padded.low = 0;
        taps = tapsWithin(access_, padded, dim.input + dim.low + op_.getDeclaredHigh()[spatial], index);
      }
      if (taps.isWhole) {
        known *= dim.window;
        continue;
      }
      Value some = arith::IndexCastOp::create(b_, b_.getI64Type(), arith::SubIOp::create(b_, taps.end, taps.first));
      Expr factor = Expr(b_, some).to<arith::SIToFPOp>(compute);
      count = count ? *count * factor : factor;
    }
    Expr constant = repeat(b_, numberOf(compute, known), 1);
    return count ? *count * constant : constant;
  }

  Expr expression(Value value) { return {b_, value, isUnsignedElement(result_.getElementType())}; }

  PoolOp op_;
};
} // namespace

unsigned PoolOp::tiledDims() { return WindowEmitter::tiledDims(getLayout(), getType().getRank()); }

LogicalResult PoolOp::emitTile(TileAccess &access) {
  Window window = windowOf(extentsOf(getInput()), extentsOf(getType()), getLayout(),
                           {getWindow(), getStrides(), getDilations(), getLow(), getHigh()});
  return PoolEmitter(*this, access, window).emit(/*groups=*/1);
}

} // namespace smelt::graph
