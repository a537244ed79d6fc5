// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Determinants, inverses and factors of matrices of a few rows: an op or a few for each row, all matrices of a batch at
// once.

#include "frontends/pt2/Ops/Math.h"
#include "frontends/pt2/Ops/Norms.h"
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

using graph::ReduceKind;

constexpr int64_t kMostRows = 64; // what is emitted grows with them

/// The rows of a square matrix in the last two dims, of which there are few enough.
static int64_t orderOf(Value matrix) {
  const int64_t rank = rankOf(matrix);
  if (rank < 2 || !isa<FloatType>(elementOf(matrix)))
    malformed("needs square matrices of floats");
  const int64_t rows = fixedDim(matrix, rank - 1);
  if (fixedDim(matrix, rank - 2) != rows)
    malformed("needs square matrices, not " + inWords(extentsOf(matrix)));
  if (rows > kMostRows)
    unsupported("is of matrices of " + Twine(rows) + " rows; Smelt takes " + Twine(kMostRows));
  return rows;
}

/// Column numbers, or row numbers, that broadcast over matrices.
static Value numbersAlong(GraphBuilder &b, Value matrix, int64_t fromEnd) {
  Extents shape(rankOf(matrix), Extent(1));
  const int64_t dim = rankOf(matrix) - fromEnd;
  shape[dim] = extentsOf(matrix)[dim];
  return b.countAlong(shape, dim);
}

static Value rowAt(GraphBuilder &b, Value matrix, int64_t row) {
  return b.sliceDim(matrix, rankOf(matrix) - 2, row, 1);
}
static Value columnAt(GraphBuilder &b, Value matrix, int64_t column) {
  return b.sliceDim(matrix, rankOf(matrix) - 1, column, 1);
}

/// A⁻¹ · B by elimination with row pivots (Gauss and Jordan), B beside A.
static Value solved(GraphBuilder &b, Value a, Value right) {
  Math m(b);
  const int64_t rows = orderOf(a), rowDim = rankOf(a) - 2;
  Extents shape = extentsOf(right);
  for (int64_t dim = 0; dim < rowDim; ++dim) // one for all matrices
    shape[dim] = extentsOf(a)[dim];
  Value both = b.concat({a, b.broadcast(right, shape)}, rowDim + 1), numbers = numbersAlong(b, a, 2);
  for (int64_t row = 0; row < rows; ++row) {
    Value column = m.abs(columnAt(b, both, row));
    column = m.where(m.less(numbers, static_cast<double>(row)), -1, column); // rows that are done
    Value place = b.make<graph::ArgReduceOp>(column, rowDim, /*minimum=*/false, /*last=*/false);
    Extents wide = extentsOf(both);
    wide[rowDim] = 1;
    Value pivot = b.make<graph::GatherElementsOp>(both, b.broadcast(place, wide), rowDim), own = rowAt(b, both, row);
    both = m.where(m.equal(numbers, place), own, both);
    pivot = m.div(pivot, columnAt(b, pivot, row));
    Value others = m.sub(both, m.mul(columnAt(b, both, row), pivot));
    both = m.where(m.equal(numbers, static_cast<double>(row)), pivot, others);
  }
  return b.sliceDim(both, rowDim + 1, rows, extentsOf(right).back());
}

static Value identityLike(GraphBuilder &b, Value matrix) {
  const Extent rows = extentsOf(matrix).back();
  Extents shape(rankOf(matrix), Extent(1));
  shape[shape.size() - 2] = shape[shape.size() - 1] = rows;
  return b.reshape(b.cast(b.isOnDiagonal(rows, rows), elementOf(matrix)), shape);
}

static Value inverted(GraphBuilder &b, Value matrix) { return solved(b, matrix, identityLike(b, matrix)); }
static Value inverse(NodeReader &node) {
  return inverted(node.builder(), node.tensor(node.hasArgument("A") ? "A" : "self"));
}

/// i32 zeros, one for each matrix: nothing went wrong.
static Value noErrors(GraphBuilder &b, Value matrix) {
  return b.broadcast(b.scalar(b.builder().getI32Type(), 0.0), ArrayRef(extentsOf(matrix)).drop_back(2));
}
static Values inverseAndErrors(NodeReader &node) {
  node.ignore("check_errors");
  return {inverse(node), noErrors(node.builder(), node.tensor("A"))};
}

static Value transposed(GraphBuilder &b, Value matrix) {
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(matrix)));
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return b.transpose(matrix, order);
}

/// A X = B, or X A = B; B may be a vector for each matrix.
static Value solve(NodeReader &node) {
  GraphBuilder &b = node.builder();
  node.ignore("check_errors");
  Operands given = readOperands(node, "A", "B");
  Value a = given.lhs, right = given.rhs;
  const bool isVector = rankOf(right) == 1 || (rankOf(right) == rankOf(a) - 1 && rankOf(a) > 2);
  const bool isLeft = node.flag("left");
  if (isVector)
    right = Math(b).withDim(right, rankOf(right));
  if (rankOf(right) != rankOf(a))
    unsupported("solves for " + Twine(rankOf(right)) + " dims by matrices of " + Twine(rankOf(a)));
  Value result = isLeft ? solved(b, a, right) : transposed(b, solved(b, transposed(b, a), transposed(b, right)));
  return isVector ? b.dropDim(result, rankOf(result) - 1) : result;
}
static Values solveOnly(NodeReader &node) { return {solve(node)}; }

/// Substitution: row by row from the first, or the last.
static Value triangular(GraphBuilder &b, Value a, Value right, bool isUpper, bool isUnit) {
  Math m(b);
  const int64_t rows = orderOf(a), rowDim = rankOf(a) - 2;
  Values solution(rows);
  for (int64_t step = 0; step < rows; ++step) {
    const int64_t row = isUpper ? rows - 1 - step : step;
    Value rest = rowAt(b, right, row), own = rowAt(b, a, row);
    if (step > 0) {
      const int64_t first = isUpper ? row + 1 : 0;
      Value known = b.concat(ArrayRef(solution).slice(first, step), rowDim);
      rest = m.sub(rest, b.matMul(b.sliceDim(own, rowDim + 1, first, step), known));
    }
    solution[row] = isUnit ? rest : m.div(rest, columnAt(b, own, row));
  }
  return b.concat(solution, rowDim);
}
static Value solveTriangular(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Operands given = readOperands(node, "self", "B");
  if (rankOf(given.lhs) != rankOf(given.rhs))
    unsupported("solves for " + Twine(rankOf(given.rhs)) + " dims by matrices of " + Twine(rankOf(given.lhs)));
  const bool isUpper = node.flag("upper"), isUnit = node.flag("unitriangular");
  if (node.flag("left"))
    return triangular(b, given.lhs, given.rhs, isUpper, isUnit);
  return transposed(b, triangular(b, transposed(b, given.lhs), transposed(b, given.rhs), !isUpper, isUnit));
}
/// The solution, and the matrix itself.
static Values triangularSolve(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Operands given = readOperands(node, "self", "A");
  if (rankOf(given.lhs) != rankOf(given.rhs))
    unsupported("solves for " + Twine(rankOf(given.lhs)) + " dims by matrices of " + Twine(rankOf(given.rhs)));
  const bool turns = node.flag("transpose"), isUpper = node.flag("upper");
  Value a = turns ? transposed(b, given.rhs) : given.rhs;
  return {triangular(b, a, given.lhs, isUpper != turns, node.flag("unitriangular")), given.rhs};
}

/// The solution by a matrix's factor L · Lᵀ, or Uᵀ · U.
static Value choleskySolve(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Operands given = readOperands(node, "self", "input2");
  if (rankOf(given.lhs) != rankOf(given.rhs))
    unsupported("solves for " + Twine(rankOf(given.lhs)) + " dims by matrices of " + Twine(rankOf(given.rhs)));
  Value lower = node.flag("upper") ? transposed(b, given.rhs) : given.rhs;
  Value half = triangular(b, lower, given.lhs, /*isUpper=*/false, /*isUnit=*/false);
  return triangular(b, transposed(b, lower), half, /*isUpper=*/true, /*isUnit=*/false);
}

/// L of A = L · Lᵀ, column by column; NaN where A is not positive definite.
static Value choleskyOf(NodeReader &node, Value a) {
  GraphBuilder &b = node.builder();
  Math m(b);
  const int64_t rows = orderOf(a);
  const bool isUpper = node.flag("upper");
  Value rest = isUpper ? transposed(b, a) : a, numbers = numbersAlong(b, a, 2);
  Values columns;
  for (int64_t row = 0; row < rows; ++row) {
    Value column = columnAt(b, rest, row), pivot = m.sqrt(rowAt(b, column, row));
    column = m.where(m.less(numbers, static_cast<double>(row)), 0, m.div(column, pivot));
    columns.push_back(column);
    if (row + 1 < rows)
      rest = m.sub(rest, m.mul(column, transposed(b, column)));
  }
  Value lower = b.concat(columns, rankOf(a) - 1);
  return isUpper ? transposed(b, lower) : lower;
}
static Value cholesky(NodeReader &node) { return choleskyOf(node, node.tensor("self")); }
static Values choleskyAndErrors(NodeReader &node) {
  node.ignore("check_errors");
  Value a = node.tensor("self");
  return {choleskyOf(node, a), noErrors(node.builder(), a)};
}

static Value determinantOf(NodeReader &node) {
  Value a = node.tensor(node.hasArgument("A") ? "A" : "self");
  if (rankOf(a) < 2)
    malformed("needs square matrices");
  return node.builder().make<graph::DetOp>(a);
}
static Value determinant(NodeReader &node) { return determinantOf(node); }
static Values determinantOnly(NodeReader &node) { return {determinantOf(node)}; }

/// The sign of the determinant, and log |det|, in f64: a product of many numbers.
static Values signAndLogarithm(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Value a = node.tensor(node.hasArgument("A") ? "A" : "self");
  if (rankOf(a) < 2)
    malformed("needs square matrices");
  Value det = b.make<graph::DetOp>(b.cast(a, b.builder().getF64Type()));
  return {b.cast(b.make<graph::SignOp>(det), elementOf(a)), b.cast(m.log(m.abs(det)), elementOf(a))};
}
static Value logarithmOfDeterminant(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value a = node.tensor("self");
  if (rankOf(a) < 2)
    malformed("needs square matrices");
  return b.cast(Math(b).log(b.make<graph::DetOp>(b.cast(a, b.builder().getF64Type()))), elementOf(a));
}

static Value power(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value a = node.tensor("self");
  int64_t left = node.integer("n");
  orderOf(a);
  constexpr int64_t kMostTimes = 1 << 20;
  if (std::abs(left) > kMostTimes)
    unsupported("is a power of " + Twine(left));
  Value factor = left < 0 ? inverted(b, a) : a, result;
  for (left = std::abs(left); left > 0; left /= 2) {
    if (left % 2 == 1)
      result = result ? b.matMul(result, factor) : factor;
    if (left > 1)
      factor = b.matMul(factor, factor);
  }
  return result ? result : b.broadcast(identityLike(b, a), extentsOf(a));
}

/// Q and R by Householder's reflections, whose signs are LAPACK's.
static Values orthogonalFactors(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Value rest = node.tensor("A");
  const std::string mode = node.text("mode");
  if (mode != "reduced" && mode != "complete" && mode != "r")
    malformed("has mode '" + printable(mode) + "'");
  if (rankOf(rest) < 2 || !isa<FloatType>(elementOf(rest)))
    malformed("needs matrices of floats");
  const int64_t rowDim = rankOf(rest) - 2, rows = fixedDim(rest, rowDim), columns = fixedDim(rest, rowDim + 1);
  const int64_t count = std::min(rows, columns), kept = mode == "complete" ? rows : count;
  if (std::max(rows, columns) > kMostRows)
    unsupported("is of matrices of " + Twine(std::max(rows, columns)) + " rows or columns; Smelt takes " +
                Twine(kMostRows));
  Value numbers = numbersAlong(b, rest, 2);
  SmallVector<std::pair<Value, Value>> reflections; // I - v · scaledᵀ
  auto reflected = [&](Value x, std::pair<Value, Value> by) {
    return m.sub(x, m.mul(by.second, b.matMul(transposed(b, by.first), x)));
  };
  for (int64_t step = 0; step < count; ++step) {
    const auto place = static_cast<double>(step);
    Value column = columnAt(b, rest, step), pivot = rowAt(b, column, step);
    Value below = m.where(m.lessEqual(numbers, place), 0, column);
    Value square = m.kept(ReduceKind::SumSquare, below, rowDim), isDone = m.equal(square, 0);
    Value length = m.sqrt(m.add(m.mul(pivot, pivot), square)), made = m.where(m.less(pivot, 0), length, m.neg(length));
    Value factor = m.where(isDone, 0, m.div(m.sub(made, pivot), made));
    Value vector = m.div(below, m.where(isDone, 1, m.sub(pivot, made)));
    vector = m.where(m.equal(numbers, place), 1, vector);
    reflections.emplace_back(vector, m.mul(vector, factor));
    rest = reflected(rest, reflections.back());
  }
  Value isBelow = m.less(numbersAlong(b, rest, 1), numbers);
  Value upper = b.sliceDim(m.where(isBelow, 0, rest), rowDim, 0, kept);
  if (mode == "r")
    return {b.broadcast(m.number(rest, 0), Extents{0}), upper};
  Extents shape = extentsOf(rest);
  shape.back() = kept;
  Value orthogonal = b.broadcast(b.cast(b.isOnDiagonal(rows, kept), elementOf(rest)), shape);
  for (const auto &reflection : llvm::reverse(reflections))
    orthogonal = reflected(orthogonal, reflection);
  return {orthogonal, upper};
}

/// e^A: a polynomial of A / 2ˢ, of a norm of 1 at most, squared s times.
static Value exponential(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Value a = node.tensor("self");
  orderOf(a);
  constexpr int kMostSquares = 16;
  const int terms = elementOf(a).isF64() ? 18 : 12;
  Value norm = m.kept(ReduceKind::Max, m.kept(ReduceKind::L1, a, rankOf(a) - 2), rankOf(a) - 1);
  auto isLarge = [&](int square) { return m.less(m.number(norm, std::ldexp(1.0, square)), norm); };
  for (int square = 0; square < kMostSquares; ++square)
    a = m.where(isLarge(square), m.mul(a, 0.5), a);
  Value identity = identityLike(b, a), result = m.add(identity, m.div(a, terms));
  for (int term = terms - 1; term > 0; --term)
    result = m.add(identity, m.div(b.matMul(a, result), term));
  for (int square = 0; square < kMostSquares; ++square)
    result = m.where(isLarge(square), b.matMul(result, result), result);
  return result;
}

static Value productOfMany(NodeReader &node, StringRef name) {
  Values factors = node.tensors(name);
  Value result = factors.front();
  for (Value factor : llvm::drop_begin(factors))
    result = node.builder().matMul(result, factor);
  return result;
}
static Value multiDot(NodeReader &node) { return productOfMany(node, "tensors"); }
static Value chainMatmul(NodeReader &node) { return productOfMany(node, "matrices"); }

/// Frobenius' norm, or the largest or smallest sum of a column or row.
Value matrixNorm(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Math m(b);
  Value x = normed(node);
  x = b.cast(x, node.optionalType("dtype").value_or(elementOf(x)));
  const bool keep = node.flag("keepdim"), isText = node.operatorName().contains("str");
  Integers dims = node.optionalIntegers("dim").value_or(Integers{-2, -1});
  if (dims.size() != 2 || rankOf(x) < 2)
    malformed("needs two dims");
  const int64_t row = normalAxis(dims[0], rankOf(x)), column = normalAxis(dims[1], rankOf(x));
  if (row == column)
    malformed("needs two dims");
  Value result;
  if (isText && node.text("ord") != "fro")
    unsupported("is a norm of the kind '" + printable(node.text("ord")) + "'");
  if (isText) {
    result = b.make<graph::ReduceOp>(x, ReduceKind::L2, normalAxes(dims, rankOf(x)));
  } else {
    const double order = node.number("ord"); // of sums: 1 of columns, ∞ of rows
    if (std::abs(order) != 1 && !std::isinf(order))
      unsupported("is a norm of order " + Twine(std::to_string(order)));
    const bool isOfColumns = std::abs(order) == 1;
    Value sums = m.kept(ReduceKind::L1, x, isOfColumns ? row : column);
    result = m.kept(order > 0 ? ReduceKind::Max : ReduceKind::Min, sums, isOfColumns ? column : row);
  }
  if (keep)
    return result;
  return b.dropDim(b.dropDim(result, std::max(row, column)), std::min(row, column));
}

/// A vector's norm over the dims that are given, or all; of two dims and an order, a matrix's.
Value anyNorm(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = normed(node);
  Integers dims = node.optionalIntegers("dim").value_or(llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x))));
  if (node.has("ord") && dims.size() == 2 && (node.has("dim") || rankOf(x) == 2))
    return matrixNorm(node);
  x = b.cast(x, node.optionalType("dtype").value_or(elementOf(x)));
  const double order = node.optionalNumber("ord").value_or(2);
  Integers axes = normalAxes(dims, rankOf(x));
  if (!std::isinf(order) && order != 1 && order != 2)
    unsupported("is a norm of order " + Twine(std::to_string(order)));
  if (axes.empty())
    return b.make<graph::AbsOp>(x);
  Value result = std::isinf(order) ? b.make<graph::ReduceOp>(b.make<graph::AbsOp>(x),
                                                             order > 0 ? ReduceKind::Max : ReduceKind::Min, axes)
                                   : b.make<graph::ReduceOp>(x, order == 1 ? ReduceKind::L1 : ReduceKind::L2, axes);
  if (node.flag("keepdim"))
    return result;
  for (int64_t axis : llvm::reverse(axes))
    result = b.dropDim(result, axis);
  return result;
}

static constexpr Operator kOperators[] = {
    {"aten._linalg_det.default", determinantOnly},
    {"aten._linalg_slogdet.default", signAndLogarithm},
    {"aten._linalg_solve_ex.default", solveOnly},
    {"aten.chain_matmul.default", chainMatmul},
    {"aten.cholesky_solve.default", choleskySolve},
    {"aten.det.default", determinant},
    {"aten.inverse.default", inverse},
    {"aten.linalg_cholesky.default", cholesky},
    {"aten.linalg_cholesky_ex.default", choleskyAndErrors},
    {"aten.linalg_det.default", determinant},
    {"aten.linalg_inv.default", inverse},
    {"aten.linalg_inv_ex.default", inverseAndErrors},
    {"aten.linalg_matrix_exp.default", exponential},
    {"aten.linalg_matrix_norm.default", matrixNorm},
    {"aten.linalg_matrix_norm.str_ord", matrixNorm},
    {"aten.linalg_matrix_power.default", power},
    {"aten.linalg_multi_dot.default", multiDot},
    {"aten.linalg_norm.default", anyNorm},
    {"aten.linalg_norm.ord_str", matrixNorm},
    {"aten.linalg_qr.default", orthogonalFactors},
    {"aten.linalg_slogdet.default", signAndLogarithm},
    {"aten.linalg_solve.default", solve},
    {"aten.linalg_solve_triangular.default", solveTriangular},
    {"aten.logdet.default", logarithmOfDeterminant},
    {"aten.slogdet.default", signAndLogarithm},
    {"aten.triangular_solve.default", triangularSolve},
};

ArrayRef<Operator> linalgOperators() { return kOperators; }

} // namespace smelt::frontend::pt2
