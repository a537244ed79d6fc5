// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Indexing.h"
#include "dialects/Graph/Ops/Lanes.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult MaxRoiPoolOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                             SmallVectorImpl<Type> &types) {
  RankedTensorType input = typeOf(adaptor.getInput()), rois = typeOf(adaptor.getRois());
  if (input.getRank() != 4 || rois.getRank() != 2 || rois.getDimSize(1) != 5 ||
      rois.getElementType() != input.getElementType())
    return emitOptionalError(location, "needs an input [n, c, h, w] and rois [r, 5] of its type, not ", input, " and ",
                             rois);
  Checks checks{location};
  auto height = static_cast<int64_t>(adaptor.getHeight()), width = static_cast<int64_t>(adaptor.getWidth());
  if (failed(checks.element(input.getElementType(), Domain::Floats)))
    return failure();
  if (height < 1 || width < 1)
    return emitOptionalError(location, "has ", height, " times ", width, " bins");
  Extents from = extentsOf(input), shape{extentsOf(rois)[0], from[1], height, width};
  if (failed(checkNotEmpty(location, from[0], shape)))
    return failure();
  return checks.result(shape, input.getElementType(), types);
}

// One side of a bin, on double and on Expr: elements [first, end), as numbers from 0 to `extent`.

namespace {
template <typename X> struct Span {
  X first, end;
};
} // namespace

static double real(double, double value) { return value; }
static Expr real(Expr like, double value) { return like.real(value); }

/// To nearest, ties away from zero.
template <typename X> static X rounded(X x) {
  using std::floor, graph::floor;
  return formula::select(x < 0.0, 0.0 - floor(0.5 - x), floor(x + 0.5));
}
template <> Expr rounded(Expr x) { return select(x < 0.0, 0.0 - floor(0.5 - x), floor(x + 0.5)); }

/// Of NaN, 0.
template <typename X> static X within(X x, X most) {
  using formula::select, graph::select;
  return select(x > 0.0, select(x < most, x, most), real(x, 0));
}

template <typename X> static Span<X> spanOf(X from, X to, X bin, double scale, int64_t bins, X extent) {
  using formula::ceil, formula::floor, formula::select, graph::ceil, graph::floor, graph::select;
  X start = rounded(from * scale), size = rounded(to * scale) - start + 1.0;
  X each = select(size > 1.0, size, real(size, 1)) / static_cast<double>(bins);
  return {within(floor(bin * each) + start, extent), within(ceil((bin + 1.0) * each) + start, extent)};
}

LogicalResult MaxRoiPoolOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  ArrayRef<int64_t> input = operands[0].shape(), shape = results[0].shape();
  std::vector<double> x = elementsOf<double>(operands[0]), rois = elementsOf<double>(operands[1]);
  double scale = getSpatialScale().convertToDouble();
  SmallVector<int64_t> at(4, 0);
  for (int64_t position = 0; position < results[0].size(); ++position, advance(at, shape)) {
    const double *roi = &rois[at[0] * 5];
    auto batch = static_cast<int64_t>(within(roi[0], double(input[0] - 1)));
    Span<double> rows = spanOf(roi[2], roi[4], double(at[2]), scale, shape[2], double(input[2]));
    Span<double> columns = spanOf(roi[1], roi[3], double(at[3]), scale, shape[3], double(input[3]));
    bool isEmpty = rows.first >= rows.end || columns.first >= columns.end;
    double most = isEmpty ? 0 : -std::numeric_limits<double>::infinity();
    for (auto row = static_cast<int64_t>(rows.first); row < static_cast<int64_t>(rows.end); ++row)
      for (auto column = static_cast<int64_t>(columns.first); column < static_cast<int64_t>(columns.end); ++column) {
        int64_t line = ((batch * input[1] + at[1]) * input[2] + row) * input[3];
        most = formula::larger(most, x[line + column]);
      }
    results[0].set(position, Scalar::ofFloat(most));
  }
  return success();
}

// Emission: a tile is one channel of one roi.

static Value toIndex(Expr number) {
  ImplicitLocOpBuilder &b = number.builder();
  return arith::IndexCastOp::create(b, b.getIndexType(), arith::FPToSIOp::create(b, b.getI64Type(), number.value()));
}

unsigned MaxRoiPoolOp::tiledDims() { return 2; }

LogicalResult MaxRoiPoolOp::emitTile(TileAccess &access) {
  ImplicitLocOpBuilder &b = access.builder();
  Extents input = extentsOf(getInput());
  Type compute = computeType(getType().getElementType());
  Value roi = access.tile()[0], channel = access.tile()[1];
  double scale = getSpatialScale().convertToDouble();
  SmallVector<Expr, 5> corners;
  for (int64_t number = 0; number < 5; ++number) {
    Value corner = access.fetch(getRois(), {{roi, 0}, {access.indexConstant(number), 0}}, 1);
    if (!corner)
      return failure();
    corners.emplace_back(b, corner);
  }
  auto extent = [&](const Extent &extent) { return numberOf(access.count(extent), corners[0]); };
  Value batch = toIndex(within(corners[0], extent(input[0] - 1)));
  auto toReal = [&](Value index) {
    return Expr(b, arith::IndexCastOp::create(b, b.getI64Type(), index)).to<arith::SIToFPOp>(compute);
  };
  auto height = static_cast<int64_t>(getHeight()), width = static_cast<int64_t>(getWidth());
  bool done = true;
  nest(access, {height, width}, {}, [&](ArrayRef<Value> bin, ValueRange) -> SmallVector<Value> {
    Span<Expr> rows = spanOf(corners[2], corners[4], toReal(bin[0]), scale, height, extent(input[2]));
    Span<Expr> columns = spanOf(corners[1], corners[3], toReal(bin[1]), scale, width, extent(input[3]));
    Expr isEmpty = (rows.first >= rows.end) | (columns.first >= columns.end);
    Value least = repeat(b, leastOf(compute, false), 1).value();
    Value first = toIndex(columns.first), end = toIndex(columns.end);
    Expr most(b, forRange(b, toIndex(rows.first), toIndex(rows.end), 1, least, [&](Value row, ValueRange outer) {
                return forRange(b, first, end, 1, outer, [&](Value column, ValueRange inner) {
                  Value x = access.fetch(getInput(), {{batch, 0}, {channel, 0}, {row, 0}, {column, 0}}, 1);
                  done &= static_cast<bool>(x);
                  return SmallVector<Value>{x ? maximum({b, inner[0]}, {b, x}).value() : inner[0]};
                });
              })[0]);
    Expr result = select(isEmpty, 0.0, most);
    done &= succeeded(access.store(0, result.value(), {{roi, 0}, {channel, 0}, {bin[0], 0}, {bin[1], 0}}));
    return {};
  });
  return success(done);
}

} // namespace smelt::graph
