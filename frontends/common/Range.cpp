// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Range.h"
#include "frontends/common/Axes.h"
#include "frontends/common/Refusal.h"
#include <cmath>

using namespace mlir;

namespace smelt::frontend {

using graph::Extent, graph::Extents, graph::HostTensor, graph::Scalar;

static int64_t integerCount(int64_t start, int64_t limit, int64_t delta) {
  if (delta == 0)
    malformed("has a delta of 0");
  if (delta > 0 ? start >= limit : start <= limit)
    return 0;
  // The distance takes up to 64 bits without a sign, of which the count may take as many.
  uint64_t distance = delta > 0 ? uint64_t(limit) - uint64_t(start) : uint64_t(start) - uint64_t(limit);
  uint64_t stride = delta > 0 ? uint64_t(delta) : -uint64_t(delta);
  uint64_t count = (distance - 1) / stride + 1;
  return count > INT64_MAX ? INT64_MAX : static_cast<int64_t>(count);
}

static int64_t floatCount(double start, double limit, double delta) {
  double count = std::ceil((limit - start) / delta);
  if (!std::isfinite(count) || count >= 0x1p62)
    malformed("has no end");
  return count > 0 ? static_cast<int64_t>(count) : 0;
}

/// The extent that a scalar is, as an integer or as the float that it was cast to.
static std::optional<Extent> wholeNumber(Value value) {
  if (auto cast = value.getDefiningOp<graph::CastOp>())
    value = cast.getInput();
  std::optional<HostTensor> constant = graph::constantOf(value);
  if (constant && constant->size() == 1 && constant->get(0).isFloat()) {
    double number = constant->get(0).asFloat();
    bool isWhole = std::fabs(number) < 0x1p53 && std::floor(number) == number;
    return isWhole ? std::optional(Extent(static_cast<int64_t>(number))) : std::nullopt;
  }
  std::optional<Extents> known = knownExtents(value);
  return known && known->size() == 1 ? std::optional(known->front()) : std::nullopt;
}

/// How many numbers a range of integers has.
static Extent foundCount(GraphBuilder &b, ArrayRef<Value> bounds) {
  Extents numbers;
  for (Value bound : bounds)
    numbers.push_back(b.sizesFrom(bound).front());
  Extent way = numbers[1] - numbers[0], step = numbers[2];
  if (step == Extent(0))
    malformed("has a delta of 0");
  if (step == Extent(1))
    return Extent::max(way, 0);
  // Backwards, both have the other sign; the run fails where a step is 0.
  Extent direction = Extent(1) - b.named(isNegative(step)) * 2;
  return b.named(Extent::max(b.named(way * direction), 0).ceilDiv(b.named(step * direction)));
}

/// The same of floats, as ONNX Runtime has it: in f64.
static Extent foundFloatCount(GraphBuilder &b, ArrayRef<Value> bounds) {
  Type f64 = b.builder().getF64Type();
  SmallVector<Value> wide;
  for (Value bound : bounds)
    wide.push_back(b.cast(bound, f64));
  Value steps = b.make<graph::CeilOp>(b.make<graph::DivOp>(b.make<graph::SubOp>(wide[1], wide[0]), wide[2]));
  Value count = b.cast(b.make<graph::MaxOp>(steps, b.scalar(f64, 0.0)), b.builder().getI64Type());
  return b.sizesFrom(count, GraphBuilder::Sign::NotNegative).front();
}

/// How many numbers there are where not all bounds are constant.
static Extent foundCountOf(GraphBuilder &b, ArrayRef<Value> bounds) {
  std::optional<Extent> start = wholeNumber(bounds[0]), limit = wholeNumber(bounds[1]), step = wholeNumber(bounds[2]);
  if (start && limit && step && step->isNumber() && step->number() > 0)
    return Extent::max((*limit - *start).ceilDiv(*step), 0);
  return isa<IntegerType>(elementOf(bounds[0])) ? foundCount(b, bounds) : foundFloatCount(b, bounds);
}

Value range(GraphBuilder &b, Value start, Value limit, Value delta) {
  SmallVector<Value> bounds;
  SmallVector<Scalar> known;
  for (Value bound : {start, limit, delta}) {
    if (!isSingle(bound) || elementOf(bound) != elementOf(start))
      malformed("needs three scalars of one type");
    bounds.push_back(b.reshape(bound, Extents()));
    if (std::optional<HostTensor> constant = graph::constantOf(bound))
      known.push_back(constant->get(0));
  }
  Type element = elementOf(start);
  if (known.size() < bounds.size()) {
    const Extent count = foundCountOf(b, bounds);
    return b.makeAs<graph::IotaOp>(checkedType(ArrayRef<Extent>(count), element), bounds[0], bounds[2], 0);
  }
  const int64_t count = known[0].isFloat()
                            ? floatCount(known[0].asFloat(), known[1].asFloat(), known[2].asFloat())
                            : integerCount(known[0].asSigned(), known[1].asSigned(), known[2].asSigned());
  Value first = b.scalar(element, known[0]), step = b.scalar(element, known[2]);
  return b.makeAs<graph::IotaOp>(checkedType(count, element), first, step, 0);
}

} // namespace smelt::frontend
