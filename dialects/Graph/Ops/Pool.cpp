// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Structured.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult PoolOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getInput());
  ArrayRef<int64_t> input = type.getShape();
  if (input.size() < 3)
    return emitOptionalError(location, "the input ", inWords(input), " needs batch, channels and spatial dims");
  ArrayRef<int64_t> spatial = spatialDims(input, adaptor.getLayout());
  Checks checks{location};
  FailureOr<Window> window = inferWindow(
      checks, spatial,
      {adaptor.getWindow(), adaptor.getStrides(), adaptor.getDilations(), adaptor.getLow(), adaptor.getHigh()});
  if (failed(window) || failed(checks.attribute("declared_high", adaptor.getDeclaredHigh(), spatial.size(), 0)))
    return failure();
  SmallVector<int64_t> output = llvm::map_to_vector(*window, [](const WindowDim &dim) { return dim.output; });
  return checks.result(shapeOf(adaptor.getLayout(), input[0], output, channelsOf(input, adaptor.getLayout())),
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
      value = element > value ? element : value; // NaN does not count
    else
      value += kind == PoolKind::Lp ? std::pow(std::fabs(element), p) : element;
  }
  T result() const {
    if (kind == PoolKind::Lp)
      return std::pow(value, 1.0 / p);
    return kind == PoolKind::Average ? value / T(taps) : value;
  }
};
} // namespace

LogicalResult PoolOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  ArrayRef<int64_t> from = operands[0].shape(), to = results[0].shape();
  Window window = windowOf(spatialDims(from, getLayout()), spatialDims(to, getLayout()),
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
            counts &= position < window[spatial].input + getDeclaredHigh()[spatial];
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

unsigned PoolOp::tiledDims() { return 0; }
LogicalResult PoolOp::emitTile(TileAccess &access) { return failure(); }

} // namespace smelt::graph
