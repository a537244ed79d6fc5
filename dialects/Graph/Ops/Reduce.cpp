// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Structured.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult ReduceOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getInput());
  SmallVector<int64_t> shape(type.getShape());
  for (auto [number, axis] : llvm::enumerate(adaptor.getAxes())) {
    if (failed(Checks{location}.axis(axis, type)))
      return failure();
    if (number > 0 && adaptor.getAxes()[number - 1] >= axis)
      return emitOptionalError(location, "axes are not sorted, or name ", axis, " twice");
    shape[axis] = 1;
  }
  types.push_back(type.clone(shape));
  return success();
}

static Domain domainOf(ReduceKind kind) {
  return kind == ReduceKind::LogSum || kind == ReduceKind::LogSumExp ? Domain::Floats : Domain::Numbers;
}

LogicalResult ReduceOp::verify() {
  Type element = getType().getElementType();
  bool chooses = getKind() == ReduceKind::Max || getKind() == ReduceKind::Min;
  // Narrow integers would overflow at once.
  bool narrow = element.isInteger() && element.getIntOrFloatBitWidth() < 32 && !chooses;
  if (narrow || !isIn(domainOf(getKind()), computeType(element)))
    return emitOpError() << stringifyReduceKind(getKind()) << " is not defined on elements of type " << element;
  return success();
}

namespace {
/// A reduction on numbers: result[r] = finish(… combine(combine(initial, x), y) …).
template <typename T> struct HostReduction {
  ReduceKind kind;
  int64_t count;

  T initial() const {
    using Limits = std::numeric_limits<T>;
    switch (kind) {
    case ReduceKind::Max:
    case ReduceKind::LogSumExp:
      return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
    case ReduceKind::Min:
      return Limits::has_infinity ? Limits::infinity() : Limits::max();
    case ReduceKind::Prod:
      return 1;
    default:
      return 0;
    }
  }
  T combine(T sum, T x) const {
    switch (kind) {
    case ReduceKind::Max:
      return formula::larger(sum, x);
    case ReduceKind::Min:
      return formula::smaller(sum, x);
    case ReduceKind::Prod:
      return formula::product(sum, x);
    case ReduceKind::SumSquare:
    case ReduceKind::L2:
      return formula::sum(sum, formula::product(x, x));
    case ReduceKind::L1:
      return formula::sum(sum, formula::absolute(x));
    case ReduceKind::LogSumExp: // log(e^a + e^b)
      if (sum == x)
        return sum + T(M_LN2);
      return formula::larger(sum, x) + T(std::log1p(std::exp(-std::fabs(double(sum) - double(x)))));
    default:
      return formula::sum(sum, x);
    }
  }
  T finish(T sum) const {
    switch (kind) {
    case ReduceKind::Mean:
      return count == 0 && !std::is_floating_point_v<T> ? T(0) : sum / T(count);
    case ReduceKind::L2:
      return std::sqrt(sum);
    case ReduceKind::LogSum:
      return std::log(sum);
    default:
      return sum;
    }
  }
};
} // namespace

LogicalResult ReduceOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  const HostTensor &input = operands[0], &result = results[0];
  SmallVector<int64_t> strides = rowMajorStrides(result.shape());
  for (int64_t axis : getAxes())
    strides[axis] = 0;
  int64_t count = result.size() ? input.size() / result.size() : 0;
  return onNumbers(result.elementType(), [&](auto zero) {
    using T = decltype(zero);
    HostReduction<T> reduction{getKind(), count};
    std::vector<T> elements = elementsOf<T>(input), sums(result.size(), reduction.initial());
    SmallVector<int64_t> at(input.rank(), 0);
    for (T element : elements) {
      int64_t offset = 0;
      for (auto [index, stride] : llvm::zip_equal(at, strides))
        offset += index * stride;
      sums[offset] = reduction.combine(sums[offset], element);
      advance(at, input.shape());
    }
    if constexpr (!std::is_floating_point_v<T>) { // wraps at its width before it is divided
      setElements<T>(result, sums);
      sums = elementsOf<T>(result);
    }
    for (T &sum : sums)
      sum = reduction.finish(sum);
    setElements<T>(result, sums);
  });
}

unsigned ReduceOp::tiledDims() { return 0; }
LogicalResult ReduceOp::emitTile(TileAccess &access) { return failure(); }

} // namespace smelt::graph
