// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Axes.h"

using namespace mlir;
using smelt::graph::Extent;
using smelt::graph::Extents;

namespace smelt::frontend {

Extent isNegative(const Extent &extent) { return Extent(0) - Extent::max(-1, Extent::min(0, extent)); }

/// 1 where an axis is the dim, counted from either end.
static Extent names(const Extent &axis, int64_t dim, int64_t rank) {
  return Extent::isSame(axis, dim) + Extent::isSame(axis, dim - rank);
}

/// Known axes are checked.
static bool areKnown(ArrayRef<Extent> axes, int64_t rank) {
  std::optional<SmallVector<int64_t>> numbers = graph::asNumbers(axes);
  if (numbers)
    normalAxes(*numbers, rank);
  return numbers.has_value();
}

Extents areNamed(GraphBuilder &builder, ArrayRef<Extent> axes, int64_t rank) {
  Extents marks(rank, 0);
  bool isKnown = areKnown(axes, rank);
  for (auto [dim, mark] : llvm::enumerate(marks)) {
    for (const Extent &axis : axes)
      mark += names(axis, static_cast<int64_t>(dim), rank);
    mark = builder.named(mark, GraphBuilder::Sign::NotNegative);
  }
  if (isKnown || marks.empty())
    return marks;
  // As many as there are axes: none lies outside, or occurs twice.
  Extent all = 0;
  for (const Extent &mark : marks)
    all += Extent::min(mark, 1);
  Extent others = all - Extent::min(marks.back(), 1);
  marks.back() = builder.named(Extent::equal(marks.back(), Extent(static_cast<int64_t>(axes.size())) - others),
                               GraphBuilder::Sign::NotNegative);
  return marks;
}

Extents perDim(GraphBuilder &builder, ArrayRef<Extent> axes, ArrayRef<Extent> values, ArrayRef<Extent> others) {
  auto rank = static_cast<int64_t>(others.size());
  Extents marks = areNamed(builder, axes, rank), result;
  if (graph::asNumbers(axes)) {
    result = Extents(others);
    for (auto [axis, given] : llvm::zip_equal(axes, values))
      result[normalAxis(axis.number(), rank)] = given;
    return result;
  }
  for (auto [dim, other] : llvm::enumerate(others)) {
    Extent value = (Extent(1) - marks[dim]) * other;
    for (auto [axis, given] : llvm::zip_equal(axes, values))
      value += builder.named(names(axis, static_cast<int64_t>(dim), rank)) * given;
    result.push_back(builder.named(value));
  }
  return result;
}

Extent reducedSize(GraphBuilder &b, Value list, graph::ReduceKind kind, GraphBuilder::Sign sign) {
  return b.sizesFrom(b.reshape(b.make<graph::ReduceOp>(list, kind, ArrayRef<int64_t>{0}), Extents{}), sign).front();
}

Extents perDim(GraphBuilder &b, Value axes, Value values, ArrayRef<Extent> others) {
  const auto rank = static_cast<int64_t>(others.size());
  const Extent count = extentsOf(axes)[0];
  Type i64 = b.builder().getI64Type();
  auto sums = [&](Value value) { return b.make<graph::ReduceOp>(value, graph::ReduceKind::Sum, ArrayRef<int64_t>{1}); };
  auto dims = [&](int64_t first) { return b.countAlong({rank, 1}, 0, first); };
  if (rank == 0)
    return {};
  Value marks = b.cast(
      b.make<graph::OrOp>(b.make<graph::EqualOp>(axes, dims(0)), b.make<graph::EqualOp>(axes, dims(-rank))), i64);
  Value named = sums(marks); // [rank, 1]
  Value fallback = b.sizes(others, checkedType({rank, 1}, i64));
  Value kept = b.make<graph::MulOp>(b.make<graph::SubOp>(b.number(1), named), fallback);
  Value given = sums(b.make<graph::MulOp>(marks, values));
  Extents result = b.sizesFrom(b.reshape(b.make<graph::AddOp>(given, kept), Extents{rank}));
  // As many dims are named as there are axes, and none twice.
  const Extent all = b.named(Extent::equal(reducedSize(b, named, graph::ReduceKind::Sum), count)) - count;
  const Extent rest = Extent(1) - reducedSize(b, named, graph::ReduceKind::Max);
  result.front() = b.named(result.front() + all + b.named(rest, GraphBuilder::Sign::NotNegative) - rest);
  return result;
}

Extents unmarked(GraphBuilder &builder, ArrayRef<Extent> shape, ArrayRef<Extent> marks, int64_t count) {
  Extents result(count, 0);
  Extent before = 0; // unmarked dims
  for (auto [extent, mark] : llvm::zip_equal(shape, marks)) {
    Extent isKept = builder.named(Extent(1) - mark, GraphBuilder::Sign::NotNegative);
    for (auto [place, kept] : llvm::enumerate(result))
      kept += builder.named(isKept * Extent::isSame(before, static_cast<int64_t>(place))) * extent;
    before = builder.named(before + isKept);
  }
  for (Extent &extent : result)
    extent = builder.named(extent);
  return result;
}

Extents withOnes(GraphBuilder &builder, ArrayRef<Extent> shape, ArrayRef<Extent> marks) {
  Extents result;
  Extent before = 0; // unmarked dims
  for (const Extent &mark : marks) {
    Extent here = 0;
    for (auto [place, extent] : llvm::enumerate(shape))
      here += builder.named(Extent::isSame(before, static_cast<int64_t>(place))) * extent;
    Extent isKept = builder.named(Extent(1) - mark, GraphBuilder::Sign::NotNegative);
    result.push_back(builder.named(mark + isKept * builder.named(here)));
    before = builder.named(before + isKept);
  }
  return result;
}

Value withoutDims(GraphBuilder &builder, Value value, ArrayRef<int64_t> dims) {
  Extents shape;
  for (auto [dim, extent] : llvm::enumerate(extentsOf(value)))
    if (!llvm::is_contained(dims, static_cast<int64_t>(dim)))
      shape.push_back(extent);
  return builder.reshape(value, shape);
}

} // namespace smelt::frontend
