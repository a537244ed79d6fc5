// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Elements chosen and placed by indices.

#include "frontends/tflite/Operators.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

using graph::Extent, graph::Extents;

/// Indices of 64 bits, and of any type that counts.
static Value indices(OperatorReader &node, unsigned index) {
  Value value = node.input(index);
  if (!isa<IntegerType>(elementOf(value)) || elementOf(value).isInteger(1))
    malformed("has indices of " + inWords(elementOf(value)));
  return node.builder().cast(value, node.builder().builder().getI64Type());
}

// GATHER: along an axis, in `batch_dims` leading dims that both have
static Values gather(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  const auto &options = node.options<schema::GatherOptions>();
  Value data = node.moved(0), places = indices(node, 1);
  const int64_t axis = normalAxis(options.axis(), rankOf(data)), batch = options.batch_dims();
  if (batch == 0)
    return {b.make<graph::GatherOp>(data, places, axis)};
  if (batch < 0 || batch > axis || batch > rankOf(places))
    malformed("has " + Twine(batch) + " batch dims of " + inWords(extentsOf(places)));
  // Indexed dims come behind the batch ones, and go back before what stood between.
  Integers order = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(data)));
  order.erase(order.begin() + axis);
  order.insert(order.begin() + batch, axis);
  Extents column = extentsOf(places);
  column.push_back(1);
  Value found = b.make<graph::GatherNdOp>(b.transpose(data, order), b.reshape(places, column), batch);
  const int64_t indexed = rankOf(places) - batch, between = axis - batch;
  Integers back = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(found)));
  std::rotate(back.begin() + batch, back.begin() + batch + indexed, back.begin() + batch + indexed + between);
  return {b.transpose(found, back)};
}

static Values gatherNd(OperatorReader &node) {
  return {node.builder().make<graph::GatherNdOp>(node.moved(0), indices(node, 1), /*batch_dims=*/0)};
}

// EMBEDDING_LOOKUP: rows of a table, input 1
static Values embeddingLookup(OperatorReader &node) {
  Value table = node.moved(1);
  return {node.builder().make<graph::GatherOp>(table, indices(node, 0), /*axis=*/0)};
}

// SCATTER_ND: sums of updates in zeros
static Values scatterNd(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value places = indices(node, 0), updates = node.real(1);
  Extents shape = node.extentsInput(2, GraphBuilder::Sign::NotNegative);
  Value zeros = b.broadcast(b.scalar(elementOf(updates), graph::Scalar::ofSigned(0)), shape);
  return {b.make<graph::ScatterNdOp>(zeros, places, updates, graph::ScatterReduction::Add)};
}

// SPARSE_TO_DENSE: indices, dims, values or one, what is elsewhere
static Values sparseToDense(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value places = indices(node, 0), values = node.moved(2);
  const Extents shape = node.extentsInput(1, GraphBuilder::Sign::NotNegative);
  if (rankOf(places) == 0)
    places = b.reshape(places, {1, 1});
  if (rankOf(places) == 1)
    places = b.reshape(places, {extentsOf(places)[0], 1});
  values = b.broadcast(values, {extentsOf(places)[0]});
  Value elsewhere = b.broadcast(b.reshape(node.moved(3), ArrayRef<Extent>()), shape);
  return {b.make<graph::ScatterNdOp>(elsewhere, places, values, graph::ScatterReduction::None)};
}

/// Rows of input 0 that fall together, in as many segments as there are; `start` is what an empty one holds. Those of a
/// negative segment, which is how lists are padded, fall into one more, before the others, that is left out.
static Value segments(OperatorReader &node, const Extent &count, graph::ScatterReduction reduction,
                      graph::Scalar start) {
  GraphBuilder &b = node.builder();
  Value rows = node.real(0), places = indices(node, 1);
  if (rankOf(rows) < 1 || rankOf(places) != 1)
    malformed("needs rows and a list of segments, not " + inWords(extentsOf(rows)) + " and " +
              inWords(extentsOf(places)));
  Extents shape = extentsOf(rows);
  shape[0] = count + 1;
  Value empty = b.broadcast(b.scalar(elementOf(rows), start), shape);
  places = b.make<graph::MaxOp>(b.make<graph::AddOp>(places, b.number(1)), b.number(0));
  Value all = b.make<graph::ScatterNdOp>(empty, b.reshape(places, {extentsOf(places)[0], 1}), rows, reduction);
  return b.sliceDim(all, 0, 1, count);
}

// SEGMENT_SUM: as many segments as the last of their numbers says
static Values segmentSum(OperatorReader &node) {
  Integers numbers = node.integersInput(1);
  if (numbers.empty() || numbers.front() < 0 || !llvm::is_sorted(numbers))
    malformed("has segments " + inWords(ArrayRef(numbers).take_front(8)) + " that do not ascend from 0 on");
  return {segments(node, checkedAdd(numbers.back(), 1), graph::ScatterReduction::Add, graph::Scalar::ofSigned(0))};
}

/// The largest (or least) number of a type.
static graph::Scalar extreme(Type element, bool isLargest) {
  if (isa<FloatType>(element)) {
    const double most = std::numeric_limits<float>::max();
    return graph::Scalar::ofFloat(isLargest ? most : -most);
  }
  const unsigned width = element.getIntOrFloatBitWidth();
  return graph::Scalar::ofSigned(isLargest ? llvm::maxIntN(width) : llvm::minIntN(width));
}

template <graph::ScatterReduction reduction> static Values unsortedSegments(OperatorReader &node) {
  const Extents count = node.extentsInput(2, GraphBuilder::Sign::NotNegative);
  if (count.size() != 1)
    malformed("needs one number of segments");
  graph::Scalar start = graph::Scalar::ofSigned(reduction == graph::ScatterReduction::Mul ? 1 : 0);
  if (reduction == graph::ScatterReduction::Max || reduction == graph::ScatterReduction::Min)
    start = extreme(elementOf(node.real(0)), reduction == graph::ScatterReduction::Min);
  return {segments(node, count.front(), reduction, start)};
}

// ONE_HOT: indices, depth, on, off
static Values oneHot(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value places = indices(node, 0);
  const Extents depth = node.extentsInput(1, GraphBuilder::Sign::NotNegative);
  const int64_t axis = normalAxis(node.options<schema::OneHotOptions>().axis(), rankOf(places) + 1);
  if (depth.size() != 1)
    malformed("needs one depth");
  Value on = b.reshape(node.moved(2), ArrayRef<Extent>()), off = b.reshape(node.moved(3), ArrayRef<Extent>());
  Extents shape = extentsOf(places);
  shape.insert(shape.begin() + axis, depth.front());
  Value hot = b.makeAs<graph::OneHotOp>(checkedType(shape, elementOf(on)), places, on, off, axis);
  // A negative index is of no place, while graph.one_hot counts it from the end.
  Extents aligned = extentsOf(places);
  aligned.insert(aligned.begin() + axis, 1);
  Value isNone =
      b.make<graph::LessOp>(b.reshape(places, aligned), b.scalar(elementOf(places), graph::Scalar::ofSigned(0)));
  return {b.make<graph::SelectOp>(isNone, off, hot)};
}

// MATRIX_DIAG: the last dim as the diagonal of matrices
static Values matrixDiag(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.real(0);
  if (rankOf(x) < 1)
    malformed("needs a tensor of one dim or more");
  Extents column = extentsOf(x);
  const Extent size = column.back();
  column.push_back(1);
  Value zero = b.scalar(elementOf(x), graph::Scalar::ofSigned(0));
  return {b.make<graph::SelectOp>(b.isOnDiagonal(size, size), b.reshape(x, column), zero)};
}

// MATRIX_SET_DIAG: matrices with another diagonal
static Values matrixSetDiag(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.moved(0), diagonal = node.moved(1);
  if (rankOf(x) < 2 || rankOf(diagonal) != rankOf(x) - 1)
    malformed("sets " + inWords(extentsOf(diagonal)) + " as diagonals of " + inWords(extentsOf(x)));
  const Extent rows = extentsOf(x)[rankOf(x) - 2], columns = extentsOf(x).back();
  const Extent size = Extent::min(rows, columns);
  diagonal = b.padDim(b.withDim(diagonal, rankOf(diagonal) - 1, size), rankOf(diagonal) - 1, 0, rows - size,
                      b.scalar(elementOf(x), graph::Scalar::ofSigned(0)));
  Extents column = extentsOf(diagonal);
  column.push_back(1);
  return {b.make<graph::SelectOp>(b.isOnDiagonal(rows, columns), b.reshape(diagonal, column), x)};
}

// HASHTABLE_LOOKUP: for each key wanted, the row of its first place among the keys, or zeros, and whether it is there
static Values hashtableLookup(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value wanted = node.input(0), keys = node.input(1), rows = node.real(2);
  if (rankOf(wanted) != 1 || rankOf(keys) != 1 || rankOf(rows) < 1)
    malformed("needs lists of keys, and rows");
  Value same = b.make<graph::EqualOp>(b.reshape(wanted, {extentsOf(wanted)[0], 1}), keys);
  Value marks = b.cast(same, b.builder().getI32Type());
  Value hits =
      b.reshape(b.make<graph::ReduceOp>(marks, graph::ReduceKind::Max, ArrayRef<int64_t>{1}), extentsOf(wanted));
  Value at =
      b.reshape(b.make<graph::ArgReduceOp>(marks, int64_t(1), /*isMin=*/false, /*last=*/false), extentsOf(wanted));
  Value found = b.make<graph::GatherOp>(rows, at, int64_t(0));
  Extents column(rankOf(found), 1);
  column[0] = extentsOf(wanted)[0];
  Value isFound = b.cast(b.reshape(hits, column), b.builder().getI1Type());
  return {b.make<graph::SelectOp>(isFound, found, b.scalar(elementOf(rows), graph::Scalar::ofSigned(0))),
          b.cast(hits, node.outputType(1))};
}

static Values reverseSequence(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  const auto &options = node.options<schema::ReverseSequenceOptions>();
  Value x = node.moved(0), lengths = indices(node, 1);
  return {b.make<graph::ReverseSequenceOp>(x, lengths, normalAxis(options.batch_dim(), rankOf(x)),
                                           normalAxis(options.seq_dim(), rankOf(x)))};
}

// DYNAMIC_UPDATE_SLICE: a tensor with another in it, from the place on that input 2 says, moved so that it fits
static Values dynamicUpdateSlice(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.moved(0), update = node.moved(1);
  if (rankOf(update) != rankOf(x))
    malformed("puts " + inWords(extentsOf(update)) + " into " + inWords(extentsOf(x)));
  Value starts = indices(node, 2);
  if (extentsOf(starts) != Extents{rankOf(x)})
    malformed("needs " + Twine(rankOf(x)) + " places, not " + inWords(extentsOf(starts)));
  // The places of all elements of the update, along each dim that it does not fill.
  const Extents shape = extentsOf(update);
  Values places;
  for (int64_t dim = 0; dim < rankOf(x); ++dim) {
    const Extent room = extentsOf(x)[dim] - shape[dim];
    if (room.isNumber() && room.number() < 0)
      malformed("puts " + inWords(shape) + " into " + inWords(extentsOf(x)));
    Value first = b.reshape(b.sliceDim(starts, 0, dim, 1), ArrayRef<Extent>());
    first = b.make<graph::ClampOp>(first, b.number(0), b.number(room));
    Extents column = shape;
    column.push_back(1);
    places.push_back(b.reshape(b.make<graph::AddOp>(b.countAlong(shape, dim), first), column));
  }
  Value all = b.concat(places, rankOf(x));
  return {b.make<graph::ScatterNdOp>(x, all, update, graph::ScatterReduction::None)};
}

static constexpr Operator kOperators[] = {
    {"DYNAMIC_UPDATE_SLICE", dynamicUpdateSlice},
    {"EMBEDDING_LOOKUP", embeddingLookup},
    {"GATHER", gather},
    {"GATHER_ND", gatherNd},
    {"HASHTABLE_LOOKUP", hashtableLookup},
    {"MATRIX_DIAG", matrixDiag},
    {"MATRIX_SET_DIAG", matrixSetDiag},
    {"ONE_HOT", oneHot},
    {"REVERSE_SEQUENCE", reverseSequence},
    {"SCATTER_ND", scatterNd},
    {"SEGMENT_SUM", segmentSum},
    {"SPARSE_TO_DENSE", sparseToDense},
    {"UNSORTED_SEGMENT_MAX", unsortedSegments<graph::ScatterReduction::Max>},
    {"UNSORTED_SEGMENT_MIN", unsortedSegments<graph::ScatterReduction::Min>},
    {"UNSORTED_SEGMENT_PROD", unsortedSegments<graph::ScatterReduction::Mul>},
    {"UNSORTED_SEGMENT_SUM", unsortedSegments<graph::ScatterReduction::Add>},
};

ArrayRef<Operator> indexingOperators() { return kOperators; }

} // namespace smelt::frontend::tflite
