// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators of com.microsoft on images and matrices.

#include "frontends/common/Loops.h"
#include "frontends/onnx/Operators.h"

using namespace mlir;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents, graph::Scalar;

// CropAndResize: parts of images, their corners on those of the result

namespace {
/// Where the results of one dim are sampled, of an image's extent: [rois, extent].
struct Samples {
  Value places; // floats from 0 to extent - 1, clamped
  Value inside; // whether they were that before
};
} // namespace

/// Places begin (extent - 1) + i (end - begin) (extent - 1) / (size - 1); the middle where size is 1.
static Samples samplesOf(GraphBuilder &b, Value begin, Value end, const Extent &extent, int64_t size) {
  Type element = elementOf(begin);
  auto number = [&](const Extent &value) { return b.cast(b.number(value), element); };
  auto times = [&](Value x, Value y) { return b.make<graph::MulOp>(x, y); };
  Value last = number(extent - 1), steps, places;
  if (size > 1) {
    steps = b.makeAs<graph::IotaOp>(checkedType({1, size}, element), b.scalar(element, 0.0), b.scalar(element, 1.0),
                                    int64_t(1));
    Value step = b.make<graph::DivOp>(times(b.make<graph::SubOp>(end, begin), last), number(size - 1));
    places = b.make<graph::AddOp>(times(begin, last), times(steps, step));
  } else {
    places = times(times(b.make<graph::AddOp>(begin, end), b.scalar(element, 0.5)), last);
  }
  Value zero = b.scalar(element, 0.0);
  Value inside =
      b.make<graph::AndOp>(b.make<graph::GreaterEqualOp>(places, zero), b.make<graph::LessEqualOp>(places, last));
  return {b.make<graph::ClampOp>(places, zero, last), inside};
}

static Values cropAndResize(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Floats), rois = node.input(1, Floats), batches = node.input(2, SignedIntegers);
  const Integers size = node.integersInput(3);
  const bool isNearest = node.choice<bool>("mode", "bilinear", {{"bilinear", false}, {"nearest", true}});
  Type i64 = b.builder().getI64Type(), element = elementOf(x);
  if (rankOf(x) != 4 || rankOf(rois) != 2 || extentsOf(rois)[1] != Extent(4) || size.size() != 2 || size[0] < 1 ||
      size[1] < 1)
    malformed("needs an image [n, c, h, w], regions [r, 4] and two extents of the result");
  const Extent count = extentsOf(rois)[0];
  batches = b.expect(b.cast(batches, i64), {count}, "batches");
  auto corner = [&](int64_t index) { return b.sliceDim(rois, 1, index, 1); };
  const Samples rows = samplesOf(b, corner(0), corner(2), extentsOf(x)[2], size[0]),
                columns = samplesOf(b, corner(1), corner(3), extentsOf(x)[3], size[1]);
  Value last = b.moveDim(x, 1, 3); // [n, h, w, c]
  const Extents grid{count, size[0], size[1]};
  auto along = [&](Value value, bool isRow) { // [r, extent] → [r, h, w, 1]
    return b.reshape(value, isRow ? Extents{count, size[0], 1, 1} : Extents{count, 1, size[1], 1});
  };
  auto at = [&](Value y, Value x) { // the elements of places [r, h] and [r, w]
    auto spread = [&](Value value) {
      Extents shape = grid;
      shape.push_back(1);
      return b.broadcast(value, shape);
    };
    Value places = b.concat({spread(b.reshape(batches, {count, 1, 1, 1})), spread(along(b.cast(y, i64), true)),
                             spread(along(b.cast(x, i64), false))},
                            3);
    return b.make<graph::GatherNdOp>(last, places, int64_t(0));
  };
  auto mix = [&](Value first, Value second, Value share) { // first + share (second - first)
    return b.make<graph::AddOp>(first, b.make<graph::MulOp>(b.make<graph::SubOp>(second, first), share));
  };
  Value result;
  if (isNearest) {
    auto nearest = [&](Value places) {
      return b.make<graph::FloorOp>(b.make<graph::AddOp>(places, b.scalar(element, 0.5)));
    };
    result = at(nearest(rows.places), nearest(columns.places));
  } else {
    Value top = b.make<graph::FloorOp>(rows.places), left = b.make<graph::FloorOp>(columns.places);
    Value bottom = b.make<graph::CeilOp>(rows.places), right = b.make<graph::CeilOp>(columns.places);
    Value down = along(b.make<graph::SubOp>(rows.places, top), true);
    Value across = along(b.make<graph::SubOp>(columns.places, left), false);
    result = mix(mix(at(top, left), at(top, right), across), mix(at(bottom, left), at(bottom, right), across), down);
  }
  Value isInside = b.make<graph::AndOp>(along(rows.inside, true), along(columns.inside, false));
  result = b.make<graph::SelectOp>(isInside, result, b.scalar(element, node.number("extrapolation_value", 0)));
  return {b.moveDim(result, 3, 1)};
}

// Inverse: elimination of [X, 1] to [1, X⁻¹], with row pivots. Round k makes column k that of the unit matrix.
static Values inverse(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value given = node.input(0, Floats), x = elementOf(given).isF64() ? given : b.cast(given, b.builder().getF32Type());
  const Extents shape = extentsOf(x);
  if (rankOf(x) < 2 || shape[rankOf(x) - 1] != shape[rankOf(x) - 2])
    malformed("needs square matrices, not " + inWords(shape));
  const Extent size = shape.back(), count = graph::productOf(ArrayRef(shape).drop_back(2));
  Type element = elementOf(x);
  Value rows = b.countAlong({1, size, 1}, 1);
  Value unit = b.cast(b.make<graph::EqualOp>(rows, b.countAlong({1, 1, size}, 2)), element);
  Value both = b.concat({b.reshape(x, {count, size, size}), b.broadcast(unit, {count, size, size})}, 2);
  Value done = LoopBuilder(b, {both}, size, 1).build([&](const Extent &round, ArrayRef<Value> state) {
    Value matrix = state.front(), current = b.number(round);
    Value column = b.make<graph::AbsOp>(b.sliceDim(matrix, 2, round, 1));
    column = b.make<graph::SelectOp>(b.make<graph::LessOp>(rows, current), b.scalar(element, -1.0), column);
    Value pivot = b.make<graph::ArgReduceOp>(column, int64_t(1), /*minimum=*/false, /*last=*/false); // [n, 1, 1]
    Value wide = b.broadcast(pivot, {count, 1, size * 2});
    Value best = b.make<graph::GatherElementsOp>(matrix, wide, int64_t(1)), there = b.sliceDim(matrix, 1, round, 1);
    Value swapped = b.make<graph::SelectOp>(b.make<graph::EqualOp>(rows, pivot), there, matrix);
    Value divided = b.make<graph::DivOp>(best, b.sliceDim(best, 2, round, 1));
    Value less = b.make<graph::MulOp>(b.sliceDim(swapped, 2, round, 1), divided);
    Value isCurrent = b.make<graph::EqualOp>(rows, current);
    Value next = b.make<graph::SelectOp>(isCurrent, divided, b.make<graph::SubOp>(swapped, less));
    return LoopBuilder::Round{nullptr, {next}, {}};
  })[0];
  return {b.cast(b.reshape(b.sliceDim(done, 2, size, size), shape), elementOf(given))};
}

static constexpr Operator kOperators[] = {
    {"CropAndResize", 1, cropAndResize, "com.microsoft"},
    {"Inverse", 1, inverse, "com.microsoft"},
};

ArrayRef<Operator> contribSpatialOperators() { return kOperators; }

} // namespace smelt::frontend::onnx
