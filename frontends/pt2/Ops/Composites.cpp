// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What torch computes of other operators, and programs that are not decomposed keep whole.

#include "frontends/pt2/Ops/Norms.h"
#include "frontends/pt2/Ops/Operands.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

using graph::ReduceKind;

static Value sumOver(GraphBuilder &b, Value x, int64_t axis) {
  return b.dropDim(b.make<graph::ReduceOp>(x, ReduceKind::Sum, axis), axis);
}
static Value where(GraphBuilder &b, Value condition, Value yes, Value no) {
  return b.make<graph::SelectOp>(condition, yes, no);
}
static Value isNan(GraphBuilder &b, Value x) { return b.make<graph::IsNanOp>(x); }

// Of two tensors.

/// min and max, of which one that is no number is left out.
template <typename Op> static Value ignoringNan(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Operands given = readOperands(node);
  matchDims(b, given.lhs, given.rhs);
  Value result = b.make<Op>(given.lhs, given.rhs);
  if (!isa<FloatType>(given.type))
    return result;
  return where(b, isNan(b, given.lhs), given.rhs, where(b, isNan(b, given.rhs), given.lhs, result));
}

// √(a² + b²), in f64 lest a square is too large; beside an infinity NaN does not count
static Value hypotenuse(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Operands given = readFloats(node);
  auto square = [&](Value x) {
    x = b.cast(x, b.builder().getF64Type());
    return b.make<graph::MulOp>(x, x);
  };
  Value sum = combine<graph::AddOp>(b, square(given.lhs), square(given.rhs));
  Value result = b.cast(b.make<graph::SqrtOp>(sum), given.type);
  auto isInfinite = [&](Value x) { return b.make<graph::IsInfOp>(x, true, true); };
  Value isEndless = combine<graph::OrOp>(b, isInfinite(given.lhs), isInfinite(given.rhs));
  return where(b, isEndless, b.scalarLike(result, HUGE_VAL), result);
}

// log(eᵃ + eᵇ) = m + log(1 + e^(-|a - b|)), m being the larger one; where both are one infinity, that
static Value logAddExp(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Operands given = readFloats(node);
  matchDims(b, given.lhs, given.rhs);
  Value most = b.make<graph::MaxOp>(given.lhs, given.rhs);
  Value apart = b.make<graph::NegOp>(b.make<graph::AbsOp>(b.make<graph::SubOp>(given.lhs, given.rhs)));
  Value sum = b.make<graph::AddOp>(most, b.make<graph::SoftplusOp>(apart));
  return where(b, b.make<graph::IsInfOp>(most, true, true), most, sum);
}

// x log(y), 0 where x is
static Value xLogY(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Operands given = readFloats(node);
  matchDims(b, given.lhs, given.rhs);
  Value product = b.make<graph::MulOp>(given.lhs, b.make<graph::LogOp>(given.rhs));
  Value zero = b.scalarLike(product, 0);
  Value isZero = b.make<graph::EqualOp>(given.lhs, zero);
  return where(b, isNan(b, given.rhs), product, where(b, isZero, zero, product));
}

// a · b / (|a| |b|), neither length below eps
static Value cosineSimilarity(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Operands given = readFloats(node, "x1", "x2");
  matchDims(b, given.lhs, given.rhs);
  const double eps = node.number("eps");
  Value product = b.make<graph::MulOp>(given.lhs, given.rhs);
  const int64_t axis = node.axis("dim", product);
  if (rankOf(given.lhs) != rankOf(product) || rankOf(given.rhs) != rankOf(product))
    unsupported("compares tensors of unlike numbers of dims");
  auto unit = [&](Value x) {
    Value length = b.make<graph::ReduceOp>(x, ReduceKind::L2, axis);
    return b.make<graph::DivOp>(x, b.make<graph::MaxOp>(length, b.scalarLike(length, eps)));
  };
  return sumOver(b, b.make<graph::MulOp>(unit(given.lhs), unit(given.rhs)), axis);
}

static Value pairwiseDistance(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Operands given = readFloats(node, "x1", "x2");
  const double p = node.number("p");
  Value apart = combine<graph::SubOp>(b, given.lhs, given.rhs);
  apart = b.make<graph::AddOp>(apart, b.scalarLike(apart, node.number("eps")));
  if (rankOf(apart) == 0)
    malformed("has operands without dims");
  return normOver(b, apart, p, rankOf(apart) - 1, node.flag("keepdim"));
}

/// [… m, c], [… n, c] → [… m, n]
static Value distancesOf(GraphBuilder &b, Value lhs, Value rhs, double p) {
  Extents left = extentsOf(lhs), right = extentsOf(rhs);
  left.insert(left.end() - 1, Extent(1));
  right.insert(right.end() - 2, Extent(1));
  Value apart = combine<graph::SubOp>(b, b.reshape(lhs, left), b.reshape(rhs, right));
  return normOver(b, apart, p, rankOf(apart) - 1, /*keep=*/false);
}

static Value distances(NodeReader &node) {
  node.ignore("compute_mode");
  Operands given = readFloats(node, "x1", "x2");
  if (rankOf(given.lhs) < 2 || rankOf(given.lhs) != rankOf(given.rhs))
    unsupported("compares rows of unlike numbers of dims");
  return distancesOf(node.builder(), given.lhs, given.rhs, node.number("p"));
}

/// Of each two rows: [n, c] → [n (n - 1) / 2]
static Value distancesOfPairs(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  if (rankOf(x) != 2)
    malformed("compares rows of " + Twine(rankOf(x)) + " dims");
  const int64_t rows = fixedDim(x, 0);
  b.countComputed(checkedMul(checkedMul(rows, rows), 4));
  Integers places;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t other = row + 1; other < rows; ++other)
      places.push_back(row * rows + other);
  Value all = b.reshape(distancesOf(b, x, x, node.number("p")), Extents{rows * rows});
  return b.make<graph::GatherOp>(all, b.integers(places), int64_t(0));
}

/// Elements 1, 2, 0 of a dim of three, or 2, 0, 1.
static Value turned(GraphBuilder &b, Value x, int64_t axis, int64_t by) {
  return b.concat({b.sliceDim(x, axis, by, 3 - by), b.sliceDim(x, axis, 0, by)}, axis);
}
static Value cross(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Operands given = readOperands(node);
  matchDims(b, given.lhs, given.rhs);
  int64_t axis = 0;
  if (node.has("dim"))
    axis = node.axis("dim", given.lhs);
  else // the first of three elements
    while (axis + 1 < rankOf(given.lhs) && extentsOf(given.lhs)[axis] != Extent(3))
      ++axis;
  if (rankOf(given.lhs) != rankOf(given.rhs) || rankOf(given.lhs) == 0 || fixedDim(given.lhs, axis) != 3 ||
      fixedDim(given.rhs, axis) != 3)
    malformed("needs vectors of three elements");
  Value plus = b.make<graph::MulOp>(turned(b, given.lhs, axis, 1), turned(b, given.rhs, axis, 2));
  Value minus = b.make<graph::MulOp>(turned(b, given.lhs, axis, 2), turned(b, given.rhs, axis, 1));
  return b.make<graph::SubOp>(plus, minus);
}

static Value vecdot(NodeReader &node) {
  Operands given = readOperands(node, "x", "y");
  Value products = combine<graph::MulOp>(node.builder(), given.lhs, given.rhs);
  return sumOver(node.builder(), products, node.axis("dim", products));
}

// Σ over the last dim of both
static Value inner(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Operands given = readOperands(node);
  if (rankOf(given.lhs) == 0 || rankOf(given.rhs) == 0)
    return b.make<graph::MulOp>(given.lhs, given.rhs);
  Extents shape(ArrayRef(extentsOf(given.lhs)).drop_back()), rest(ArrayRef(extentsOf(given.rhs)).drop_back());
  shape.append(rest.begin(), rest.end());
  Value rows = b.reshape(given.rhs, Extents{elementsOf(rest), extentsOf(given.rhs).back()});
  Value left = b.reshape(given.lhs,
                         Extents{elementsOf(ArrayRef(extentsOf(given.lhs)).drop_back()), extentsOf(given.lhs).back()});
  return b.reshape(b.matMul(left, b.transpose(rows, {1, 0})), shape);
}

/// The dims of `axes` flattened at one end, the others at the other.
static Value gathered(GraphBuilder &b, Value x, ArrayRef<int64_t> axes, bool atEnd, Extents &others) {
  SmallVector<int64_t> rest;
  for (int64_t dim = 0; dim < rankOf(x); ++dim)
    if (!llvm::is_contained(axes, dim))
      rest.push_back(dim);
  Extents summed;
  for (int64_t dim : axes)
    summed.push_back(extentsOf(x)[dim]);
  Extents kept;
  for (int64_t dim : rest)
    kept.push_back(extentsOf(x)[dim]);
  SmallVector<int64_t> order(atEnd ? rest : SmallVector<int64_t>(axes));
  llvm::append_range(order, atEnd ? SmallVector<int64_t>(axes) : rest);
  others.append(kept.begin(), kept.end());
  Extents shape{elementsOf(atEnd ? kept : summed), elementsOf(atEnd ? summed : kept)};
  return b.reshape(b.transpose(x, order), shape);
}
static Value tensorDot(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Operands given = readOperands(node);
  Integers left = node.integers("dims_self"), right = node.integers("dims_other");
  normalAxes(left, rankOf(given.lhs));
  normalAxes(right, rankOf(given.rhs));
  if (left.size() != right.size())
    malformed("sums over " + Twine(left.size()) + " and " + Twine(right.size()) + " dims");
  for (int64_t &dim : left)
    dim = normalAxis(dim, rankOf(given.lhs));
  for (int64_t &dim : right)
    dim = normalAxis(dim, rankOf(given.rhs));
  Extents shape;
  Value rows = gathered(b, given.lhs, left, true, shape), columns = gathered(b, given.rhs, right, false, shape);
  return b.reshape(b.matMul(rows, columns), shape);
}

// beta · self + alpha · Σ of the products of a batch
static Value addBmm(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self"), left = node.tensor("batch1"), right = node.tensor("batch2");
  if (rankOf(left) != 3 || rankOf(right) != 3)
    malformed("multiplies batches of " + Twine(rankOf(left)) + " and " + Twine(rankOf(right)) + " dims");
  Value sum = sumOver(b, b.matMul(left, right), 0);
  auto times = [&](Value value, double factor) {
    return factor == 1 ? value : b.make<graph::MulOp>(value, b.scalarLike(value, factor));
  };
  const double alpha = node.number("alpha"), beta = node.number("beta");
  sum = times(sum, alpha);
  return beta == 0 ? sum : combine<graph::AddOp>(b, times(x, beta), sum);
}

// Of one tensor.

static Values leastAndMost(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  const bool isWhole = !node.has("dim"), keep = node.flag("keepdim");
  auto axes = isWhole ? llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x))) : SmallVector<int64_t>{node.axis("dim", x)};
  Values results;
  for (ReduceKind kind : {ReduceKind::Min, ReduceKind::Max}) {
    Value found = rankOf(x) == 0 ? x : b.make<graph::ReduceOp>(x, kind, axes);
    if (isWhole && !keep)
      found = b.reshape(found, Extents());
    results.push_back(isWhole || keep || rankOf(x) == 0 ? found : b.dropDim(found, axes.front()));
  }
  return results;
}

static Value differences(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  const int64_t axis = node.axis("dim", x), times = node.integer("n");
  constexpr int64_t kMostTimes = 64;
  if (rankOf(x) == 0 || times < 0 || times > kMostTimes)
    unsupported("takes differences " + Twine(times) + " times");
  Values parts{x};
  if (Value before = node.optionalTensor("prepend"))
    parts.insert(parts.begin(), before);
  if (Value after = node.optionalTensor("append"))
    parts.push_back(after);
  x = parts.size() == 1 ? x : b.concat(parts, axis);
  for (int64_t time = 0; time < times; ++time) {
    const Extent rest = extentsOf(x)[axis] - 1;
    Value next = b.sliceDim(x, axis, 1, rest), own = b.sliceDim(x, axis, 0, rest);
    x = elementOf(x).isInteger(1) ? b.make<graph::XorOp>(next, own) : b.make<graph::SubOp>(next, own);
  }
  return x;
}

static Value trace(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  if (rankOf(x) != 2)
    malformed("takes the trace of " + Twine(rankOf(x)) + " dims");
  if (!isa<FloatType>(elementOf(x)))
    x = b.cast(x, b.builder().getI64Type());
  Value kept = where(b, b.isOnDiagonal(extentsOf(x)[0], extentsOf(x)[1]), x, b.scalarLike(x, 0));
  return b.reshape(b.make<graph::ReduceOp>(kept, ReduceKind::Sum, SmallVector<int64_t>{0, 1}), Extents());
}

/// [… n] → [… m, m], the elements on a diagonal.
static Value onDiagonal(GraphBuilder &b, Value x, int64_t offset) {
  const int64_t axis = rankOf(x) - 1, away = std::abs(offset);
  const Extent size = extentsOf(x)[axis] + Extent(away);
  if (away > 0)
    x = b.padDim(x, axis, offset < 0 ? away : 0, offset < 0 ? 0 : away, b.scalarLike(x, 0));
  Extents shape = extentsOf(x);
  shape.push_back(1);
  return where(b, b.isOnDiagonal(size, size, offset), b.reshape(x, shape), b.scalarLike(x, 0));
}
static Value diagonalEmbedded(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  constexpr int64_t kMostOffset = 1 << 20;
  const int64_t rank = rankOf(x) + 1, offset = node.integer("offset");
  const int64_t first = normalAxis(node.integer("dim1"), rank), second = normalAxis(node.integer("dim2"), rank);
  if (rankOf(x) == 0 || first == second || std::abs(offset) > kMostOffset)
    malformed("makes no diagonal");
  Value made = onDiagonal(b, x, first < second ? offset : -offset);
  made = b.moveDim(made, rank - 2, std::min(first, second));
  return b.moveDim(made, rank - 1, std::max(first, second));
}
static Value diagonalMatrix(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  constexpr int64_t kMostOffset = 1 << 20;
  const int64_t offset = node.integer("diagonal");
  if (rankOf(x) != 1 || std::abs(offset) > kMostOffset)
    unsupported("is of " + Twine(rankOf(x)) + " dims; torch.diagonal reads one");
  return onDiagonal(b, x, offset);
}

/// All elements on a diagonal.
static Value diagonalOfAll(NodeReader &node) {
  GraphBuilder &b = node.builder();
  constexpr int64_t kMostOffset = 1 << 20;
  const int64_t offset = node.integer("offset");
  if (std::abs(offset) > kMostOffset)
    malformed("makes no diagonal");
  return onDiagonal(b, b.flat(node.tensor("self")), offset);
}

/// Matrices on a diagonal, zeros beside them.
static Value blockDiagonal(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Values blocks = node.tensors("tensors");
  Type type = promotedType(blocks, {}, node.context());
  Extent columns = 0, before = 0;
  for (Value &block : blocks) {
    if (rankOf(block) > 2)
      malformed("puts " + Twine(rankOf(block)) + " dims on a diagonal");
    Extents shape = extentsOf(block);
    shape.insert(shape.begin(), 2 - shape.size(), Extent(1));
    block = b.cast(b.reshape(block, shape), type);
    columns += extentsOf(block)[1];
  }
  Values rows;
  for (Value block : blocks) {
    const Extent width = extentsOf(block)[1];
    rows.push_back(b.padDim(block, 1, before, columns - before - width, b.scalarLike(block, 0)));
    before += width;
  }
  return b.concat(rows, 0);
}

// [… a c, b d]: each element of one times the other
static Value kronecker(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Operands given = readOperands(node);
  Extents left, right, shape;
  const int64_t rank = std::max(rankOf(given.lhs), rankOf(given.rhs));
  for (int64_t dim = -rank; dim < 0; ++dim) {
    auto extent = [&](Value x) { return rankOf(x) + dim < 0 ? Extent(1) : extentsOf(x)[rankOf(x) + dim]; };
    left.append({extent(given.lhs), Extent(1)});
    right.append({Extent(1), extent(given.rhs)});
    shape.push_back(extent(given.lhs) * extent(given.rhs));
  }
  return b.reshape(b.make<graph::MulOp>(b.reshape(given.lhs, left), b.reshape(given.rhs, right)), shape);
}

/// Areas below lines from element to element.
template <bool isRunning> static Value areas(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value y = node.tensor("y");
  if (!isa<FloatType>(elementOf(y)))
    y = b.cast(y, b.builder().getF32Type());
  if (rankOf(y) == 0)
    malformed("has no dim to sum along");
  const int64_t axis = node.axis("dim", y);
  const Extent rest = extentsOf(y)[axis] - 1;
  Value sum = b.make<graph::AddOp>(b.sliceDim(y, axis, 0, rest), b.sliceDim(y, axis, 1, rest));
  Value step;
  if (node.hasArgument("dx")) {
    step = b.scalarLike(y, node.number("dx"));
  } else {
    Value x = b.cast(node.tensor("x"), elementOf(y));
    const int64_t own = rankOf(x) == 1 ? 0 : axis;
    if (rankOf(x) != 1 && rankOf(x) != rankOf(y))
      unsupported("has places of " + Twine(rankOf(x)) + " dims");
    step = b.make<graph::SubOp>(b.sliceDim(x, own, 1, rest), b.sliceDim(x, own, 0, rest));
    Extents shape(rankOf(y), Extent(1));
    shape[axis] = rest;
    step = rankOf(x) == 1 ? b.reshape(step, shape) : step;
  }
  Value parts = b.make<graph::MulOp>(b.make<graph::MulOp>(sum, b.scalarLike(y, 0.5)), step);
  if (isRunning)
    return b.make<graph::CumulativeOp>(parts, axis, /*exclusive=*/false, /*reverse=*/false, /*product=*/false);
  return sumOver(b, parts, axis);
}

/// Rows and columns of a triangle of a matrix.
template <bool isLower> static Value triangle(NodeReader &node) {
  GraphBuilder &b = node.builder();
  const int64_t rows = node.integer("row"), columns = node.integer("col"), offset = node.integer("offset");
  constexpr int64_t kMostElements = 1 << 22;
  if (rows < 0 || columns < 0 || checkedMul(rows, columns) > kMostElements)
    unsupported("makes indices of " + Twine(rows) + " x " + Twine(columns) + " elements");
  SmallVector<int64_t> numbers, second;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      if (isLower ? column - row <= offset : column - row >= offset) {
        numbers.push_back(row);
        second.push_back(column);
      }
  const auto count = static_cast<int64_t>(numbers.size());
  llvm::append_range(numbers, second);
  return b.cast(b.reshape(b.integers(numbers), Extents{2, count}),
                node.optionalType("dtype").value_or(b.builder().getI64Type()));
}

/// How many boundaries lie before each number; before NaN, which torch sorts to the end, all do.
static Value buckets(NodeReader &node, StringRef boundaries) {
  GraphBuilder &b = node.builder();
  Operands given = readOperands(node, "self", boundaries);
  const bool isShared = rankOf(given.rhs) == 1; // else each row of the numbers has boundaries of its own
  if (rankOf(given.rhs) < 1 || (!isShared && rankOf(given.rhs) != rankOf(given.lhs)))
    malformed("has boundaries of " + Twine(rankOf(given.rhs)) + " dims for " + Twine(rankOf(given.lhs)));
  if (Value order = node.hasArgument("sorter") ? node.optionalTensor("sorter") : Value())
    given.rhs = b.make<graph::GatherElementsOp>(given.rhs, order, rankOf(given.rhs) - 1);
  bool isRight = node.flag("right");
  if (node.hasArgument("side"))
    if (std::optional<std::string> side = node.optionalText("side"))
      isRight = *side == "right";
  Extents shape = extentsOf(given.lhs);
  shape.push_back(1);
  Value x = b.reshape(given.lhs, shape);
  if (!isShared) {
    Extents rows = extentsOf(given.rhs);
    rows.insert(rows.end() - 1, Extent(1));
    given.rhs = b.reshape(given.rhs, rows);
  }
  Value isBefore = isRight ? b.make<graph::LessEqualOp>(given.rhs, x) : b.make<graph::LessOp>(given.rhs, x);
  if (isa<FloatType>(given.type))
    isBefore = combine<graph::OrOp>(b, isBefore, isNan(b, x));
  Type type = node.flag("out_int32") ? b.builder().getI32Type() : b.builder().getI64Type();
  return sumOver(b, b.cast(isBefore, type), rankOf(x) - 1);
}
static Value bucketize(NodeReader &node) { return buckets(node, "boundaries"); }
static Value searchSorted(NodeReader &node) { return buckets(node, "sorted_sequence"); }

/// Whether an element is one of others.
static Value isIn(NodeReader &node) {
  GraphBuilder &b = node.builder();
  node.ignore("assume_unique");
  auto form = [&](StringRef tensor, StringRef number) { return node.hasArgument(tensor) ? tensor : number; };
  Operands given = readOperands(node, form("elements", "element"), form("test_elements", "test_element"));
  Extents shape = extentsOf(given.lhs);
  shape.push_back(1);
  Value isEqual = b.make<graph::EqualOp>(b.reshape(given.lhs, shape), b.flat(given.rhs));
  const auto axis = static_cast<int64_t>(shape.size()) - 1;
  Value found = b.dropDim(b.make<graph::ReduceOp>(isEqual, ReduceKind::Max, axis), axis);
  return node.flag("invert") ? b.make<graph::NotOp>(found) : found;
}

static constexpr Operator kOperators[] = {
    {"aten._cdist_forward.default", distances},
    {"aten._pdist_forward.default", distancesOfPairs},
    {"aten.addbmm.default", addBmm},
    {"aten.aminmax.default", leastAndMost},
    {"aten.block_diag.default", blockDiagonal},
    {"aten.bucketize.Scalar", bucketize},
    {"aten.bucketize.Tensor", bucketize},
    {"aten.cdist.default", distances},
    {"aten.cosine_similarity.default", cosineSimilarity},
    {"aten.cross.default", cross},
    {"aten.cumulative_trapezoid.dx", areas<true>},
    {"aten.cumulative_trapezoid.x", areas<true>},
    {"aten.diag.default", diagonalMatrix},
    {"aten.diag_embed.default", diagonalEmbedded},
    {"aten.diagflat.default", diagonalOfAll},
    {"aten.diff.default", differences},
    {"aten.fmax.default", ignoringNan<graph::MaxOp>},
    {"aten.fmin.default", ignoringNan<graph::MinOp>},
    {"aten.hypot.default", hypotenuse},
    {"aten.inner.default", inner},
    {"aten.isin.Scalar_Tensor", isIn},
    {"aten.isin.Tensor_Scalar", isIn},
    {"aten.isin.Tensor_Tensor", isIn},
    {"aten.kron.default", kronecker},
    {"aten.linalg_cross.default", cross},
    {"aten.linalg_vecdot.default", vecdot},
    {"aten.logaddexp.default", logAddExp},
    {"aten.pairwise_distance.default", pairwiseDistance},
    {"aten.pdist.default", distancesOfPairs},
    {"aten.searchsorted.Scalar", searchSorted},
    {"aten.searchsorted.Tensor", searchSorted},
    {"aten.tensordot.default", tensorDot},
    {"aten.trace.default", trace},
    {"aten.trapezoid.dx", areas<false>},
    {"aten.trapezoid.x", areas<false>},
    {"aten.tril_indices.default", triangle<true>},
    {"aten.triu_indices.default", triangle<false>},
    {"aten.xlogy.Tensor", xLogY},
};

ArrayRef<Operator> compositeOperators() { return kOperators; }

} // namespace smelt::frontend::pt2
