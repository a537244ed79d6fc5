// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Sequences.h"
#include "frontends/common/Axes.h"
#include "frontends/common/Refusal.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend {

using graph::Extent;
using graph::Extents;
using Sign = GraphBuilder::Sign;

// Lists.

/// Every list is one of its own; many long ones take memory that no model has a use for.
static void checkCount(GraphBuilder &b, size_t count) {
  if (count > kMostInSequence)
    unsupported("a sequence of " + Twine(count) + " tensors; Smelt takes " + Twine(kMostInSequence));
  b.countComputed(static_cast<int64_t>(count * sizeof(Value)));
}

static void checkElement(const Sequence &sequence, Type elementType) {
  if (sequence.elementType && sequence.elementType != elementType)
    malformed("puts a tensor of " + inWords(elementType) + " into a sequence of " + inWords(sequence.elementType));
}

Sequence sequenceOf(GraphBuilder &b, ArrayRef<Value> elements, Type elementType) {
  checkCount(b, elements.size());
  Sequence sequence;
  sequence.elementType = elementType;
  for (Value element : elements) {
    checkElement(sequence, elementOf(element));
    sequence.elementType = elementOf(element);
  }
  sequence.elements.assign(elements.begin(), elements.end());
  return sequence;
}

Extent lengthOf(const Sequence &sequence) {
  return sequence.isTable() ? extentsOf(sequence.shapes)[0] : Extent(static_cast<int64_t>(sequence.elements.size()));
}

std::optional<int64_t> rowOf(const Sequence &sequence) {
  if (sequence.isTable())
    return extentsOf(sequence.shapes)[1].number();
  std::optional<int64_t> row;
  for (Value element : sequence.elements)
    row = std::max(row.value_or(0), rankOf(element));
  return row;
}

/// A position of `count`, from the front; `length` is what negative ones count from. The run finds those outside.
static Extent placeOf(GraphBuilder &b, const Extent &position, const Extent &length, const Extent &count) {
  if (position.isNumber() && length.isNumber()) {
    int64_t at = position.number() < 0 ? position.number() + length.number() : position.number();
    if (at < 0 || at >= count.number())
      malformed("position " + position.str() + " lies outside a sequence of " + length.str());
    return at;
  }
  Extent place = b.named(position + isNegative(position) * length, Sign::NotNegative);
  Extent behind = b.named(count - 1 - place, Sign::NotNegative);
  return count - 1 - behind;
}

// Tables.

static Value rowsOf(GraphBuilder &b, ArrayRef<Value> elements, int64_t rank) {
  Extents dims;
  for (Value element : elements) {
    Extents shape = extentsOf(element);
    shape.resize(rank, Extent(-1));
    llvm::append_range(dims, shape);
  }
  auto count = static_cast<int64_t>(elements.size());
  return b.sizes(dims, checkedType({count, rank}, b.builder().getI64Type()));
}

Sequence asTable(GraphBuilder &b, const Sequence &sequence, int64_t least) {
  const int64_t own = rowOf(sequence).value_or(0), rank = std::max(own, least);
  Sequence table = sequence;
  if (sequence.isTable()) {
    if (own == rank)
      return table;
    Value filling = b.scalar(b.builder().getI64Type(), graph::Scalar::ofSigned(-1));
    table.shapes = b.concat({table.shapes, b.broadcast(filling, Extents{lengthOf(sequence), rank - own})}, 1);
    table.hasRanks |= lengthOf(sequence) != Extent(0);
    return table;
  }
  if (!sequence.elementType)
    unsupported("has a sequence whose element type nothing tells");
  table.hasRanks = llvm::any_of(table.elements, [&](Value element) { return rankOf(element) != rank; });
  table.shapes = rowsOf(b, table.elements, rank);
  SmallVector<Value> parts;
  for (Value element : table.elements)
    parts.push_back(b.flat(element));
  if (parts.empty())
    parts.push_back(b.constant(graph::HostTensor::zeros(checkedType({0}, sequence.elementType))));
  table.data = b.concat(parts, 0);
  table.elements.clear();
  return table;
}

/// How many elements the tensors [first, first + count) have together.
static Extent volumeOf(GraphBuilder &b, const Sequence &table, const Extent &first, const Extent &count) {
  if (count == Extent(0) || rowOf(table) == 0)
    return count;
  if (first == Extent(0) && count == lengthOf(table))
    return extentsOf(table.data)[0];
  Value rows = b.sliceDim(table.shapes, 0, first, count);
  if (table.hasRanks)
    rows = b.make<graph::AbsOp>(rows);
  Value volumes = b.make<graph::ReduceOp>(rows, graph::ReduceKind::Prod, ArrayRef<int64_t>{1});
  return reducedSize(b, volumes, graph::ReduceKind::Sum, Sign::NotNegative);
}

/// The dims in a row.
static Extents dimsAt(GraphBuilder &b, const Sequence &table, const Extent &place) {
  const int64_t rank = *rowOf(table);
  if (rank == 0)
    return {};
  return b.sizesFrom(b.reshape(b.sliceDim(table.shapes, 0, place, 1), Extents{rank}), Sign::NotNegative);
}

static void checkRanks(const Sequence &table) {
  if (table.hasRanks)
    unsupported("has a sequence of tensors of unlike ranks here, where only the run tells which one it takes");
}

/// The tensor at a place, which begins `before` elements from the table's first.
static Value fromTable(GraphBuilder &b, const Sequence &table, const Extent &place, const Extent &before) {
  checkRanks(table);
  Extents dims = dimsAt(b, table, place);
  return b.reshape(b.sliceDim(table.data, 0, before, elementsOf(dims)), dims);
}

static Sequence asList(GraphBuilder &b, const Sequence &table) {
  const Extent length = lengthOf(table);
  if (!length.isNumber() || table.hasRanks)
    return table;
  SmallVector<Value> elements;
  Extent before = 0;
  checkCount(b, length.number());
  for (int64_t place = 0; place < length.number(); ++place) {
    elements.push_back(fromTable(b, table, place, before));
    before += elementsOf(extentsOf(elements.back()));
  }
  return sequenceOf(b, elements, table.elementType);
}

/// The tensors [first, first + count) of a table, `before` elements from its first.
static Sequence partOf(GraphBuilder &b, const Sequence &table, const Extent &first, const Extent &count,
                       const Extent &before) {
  Sequence part = table;
  part.shapes = b.sliceDim(table.shapes, 0, first, count);
  part.data = b.sliceDim(table.data, 0, before, volumeOf(b, table, first, count));
  return part;
}

static Sequence together(GraphBuilder &b, ArrayRef<Sequence> tables) {
  Sequence whole = tables.front();
  SmallVector<Value> data, shapes;
  for (const Sequence &table : tables) {
    data.push_back(table.data);
    shapes.push_back(table.shapes);
    whole.hasRanks |= table.hasRanks;
  }
  whole.data = b.concat(data, 0);
  whole.shapes = b.concat(shapes, 0);
  return whole;
}

// What can be done with them.

static bool areAlike(ArrayRef<Value> elements) {
  return llvm::all_of(elements, [&](Value element) { return element.getType() == elements.front().getType(); });
}

Value at(GraphBuilder &b, const Sequence &sequence, const Extent &position) {
  const Extent length = lengthOf(sequence), place = placeOf(b, position, length, length);
  if (!sequence.isTable() && place.isNumber())
    return sequence.elements[place.number()];
  if (sequence.isTable() || !areAlike(sequence.elements)) {
    Sequence table = asTable(b, sequence);
    return fromTable(b, table, place, volumeOf(b, table, 0, place));
  }
  Extents dims = extentsOf(sequence.elements.front());
  return b.reshape(b.sliceDim(joined(b, sequence, 0, /*isNewAxis=*/true), 0, place, 1), dims);
}

Sequence appended(GraphBuilder &b, const Sequence &sequence, Value element) {
  checkElement(sequence, elementOf(element));
  if (!sequence.isTable()) {
    SmallVector<Value> elements = sequence.elements;
    elements.push_back(element);
    return sequenceOf(b, elements);
  }
  const Sequence one = sequenceOf(b, element);
  const int64_t row = std::max(*rowOf(sequence), rankOf(element));
  return together(b, {asTable(b, sequence, row), asTable(b, one, row)});
}

Sequence inserted(GraphBuilder &b, const Sequence &sequence, const Extent &position, Value element) {
  checkElement(sequence, elementOf(element));
  const Extent length = lengthOf(sequence), place = placeOf(b, position, length, length + 1);
  if (!sequence.isTable() && place.isNumber()) {
    SmallVector<Value> elements = sequence.elements;
    elements.insert(elements.begin() + place.number(), element);
    return sequenceOf(b, elements);
  }
  const int64_t row = std::max(rowOf(sequence).value_or(0), rankOf(element));
  const Sequence one = asTable(b, sequenceOf(b, element), row);
  Sequence known = sequence;
  known.elementType = elementOf(element);
  const Sequence table = asTable(b, known, row);
  const Extent before = volumeOf(b, table, 0, place);
  return asList(b, together(b, {partOf(b, table, 0, place, 0), one, partOf(b, table, place, length - place, before)}));
}

Sequence erased(GraphBuilder &b, const Sequence &sequence, const Extent &position) {
  const Extent length = lengthOf(sequence), place = placeOf(b, position, length, length);
  if (!sequence.isTable() && place.isNumber()) {
    SmallVector<Value> elements = sequence.elements;
    elements.erase(elements.begin() + place.number());
    return sequenceOf(b, elements, sequence.elementType);
  }
  const Sequence table = asTable(b, sequence);
  const Extent behind = place + 1;
  return asList(b, together(b, {partOf(b, table, 0, place, 0),
                                partOf(b, table, behind, length - behind, volumeOf(b, table, 0, behind))}));
}

/// What all dims in each column of a table's rows are; the run fails where they are unlike, or there are none.
static Extents commonDims(GraphBuilder &b, const Sequence &table, std::optional<int64_t> butFor) {
  checkRanks(table);
  const int64_t rank = *rowOf(table);
  auto extremes = [&](graph::ReduceKind kind) {
    Value rows = b.make<graph::ReduceOp>(table.shapes, kind, ArrayRef<int64_t>{0});
    return b.sizesFrom(b.reshape(rows, Extents{rank}));
  };
  if (rank == 0)
    return {};
  Extents most = extremes(graph::ReduceKind::Max), least = extremes(graph::ReduceKind::Min);
  for (int64_t dim = 0; dim < rank; ++dim)
    if (dim != butFor)
      most[dim] = b.named(Extent::equal(most[dim], least[dim]), Sign::NotNegative);
  return most;
}

static Value rowSums(GraphBuilder &b, Value value) {
  return b.make<graph::ReduceOp>(value, graph::ReduceKind::Sum, ArrayRef<int64_t>{1});
}

/// Where the columns of `rows` rows lie, which are parts of these widths one after another, when the rows of each part
/// lie behind those of the part before it. For column c and the part p that it is in, the first that ends behind c:
///     place[r, c] = rows · begin(p) + r · width(p) + c - begin(p)
static Value placesInParts(GraphBuilder &b, Value widths, const Extent &rows, const Extent &columns) {
  const Extent parts = extentsOf(widths)[0];
  Type i64 = b.builder().getI64Type();
  Value ends = b.make<graph::CumulativeOp>(widths, int64_t(0), /*exclusive=*/false, /*reverse=*/false);
  Value column = b.countAlong({columns, 1}, 0);
  Value areBefore = b.cast(b.make<graph::LessEqualOp>(b.reshape(ends, Extents{1, parts}), column), i64);
  Value part = b.reshape(rowSums(b, areBefore), columns);
  Value begin = b.reshape(rowSums(b, b.make<graph::MulOp>(areBefore, widths)), columns);
  Value width = b.make<graph::GatherOp>(widths, part, int64_t(0));
  Value within = b.make<graph::SubOp>(b.reshape(column, columns), begin);
  Value first = b.make<graph::AddOp>(b.make<graph::MulOp>(begin, b.number(rows)), within);
  return b.make<graph::AddOp>(b.make<graph::MulOp>(b.countAlong({rows, 1}, 0), width), first);
}

/// The same for a table: of tensors that are alike, save along the dim that joins them.
static Value joinedTable(GraphBuilder &b, const Sequence &table, int64_t axis, bool isNewAxis) {
  Extents dims = commonDims(b, table, isNewAxis ? std::nullopt : std::optional(axis));
  if (isNewAxis) {
    dims.insert(dims.begin(), lengthOf(table));
    return b.moveDim(b.reshape(table.data, dims), 0, axis);
  }
  dims[axis] = reducedSize(b, b.sliceDim(table.shapes, 1, axis, 1), graph::ReduceKind::Sum, Sign::NotNegative);
  if (axis == 0)
    return b.reshape(table.data, dims);
  const Extent rows = elementsOf(ArrayRef(dims).take_front(axis)),
               inner = elementsOf(ArrayRef(dims).drop_front(axis + 1));
  Value widths = b.reshape(b.sliceDim(table.shapes, 1, axis, 1), lengthOf(table));
  Value places = placesInParts(b, widths, rows, dims[axis]);
  Value data = b.reshape(table.data, Extents{rows * dims[axis], inner});
  return b.reshape(b.make<graph::GatherOp>(data, places, int64_t(0)), dims);
}

Value joined(GraphBuilder &b, const Sequence &sequence, int64_t axis, bool isNewAxis) {
  if (!sequence.isTable() && sequence.elements.empty())
    malformed("joins a sequence of no tensors");
  const int64_t rank = sequence.isTable() ? *rowOf(sequence) : rankOf(sequence.elements.front());
  axis = normalAxis(axis, isNewAxis ? rank + 1 : rank);
  if (sequence.isTable())
    return joinedTable(b, sequence, axis, isNewAxis);
  for (Value element : sequence.elements)
    if (rankOf(element) != rank)
      malformed("joins tensors of " + inWords(element.getType()) + " and " +
                inWords(sequence.elements.front().getType()));
  return isNewAxis ? b.stack(sequence.elements, axis) : b.concat(sequence.elements, axis);
}

// Cutting.

/// Parts of a dim as a table: `count` of `extent` elements each, from `start` on.
static Sequence partsTable(GraphBuilder &b, Value value, int64_t axis, const Extent &start, const Extent &count,
                           const Extent &extent) {
  Extents shape = extentsOf(value), row = shape;
  row[axis] = extent;
  Value cut = b.sliceDim(value, axis, start, count * extent);
  shape[axis] = count;
  shape.insert(shape.begin() + axis + 1, extent);
  Sequence table;
  table.elementType = elementOf(value);
  table.data = b.flat(b.moveDim(b.reshape(cut, shape), axis, 0));
  auto rank = static_cast<int64_t>(row.size());
  table.shapes = b.broadcast(b.sizes(row, checkedType({rank}, b.builder().getI64Type())), Extents{count, rank});
  return table;
}

static Sequence listOfParts(GraphBuilder &b, Value value, int64_t axis, int64_t dim, int64_t extent) {
  SmallVector<Value> parts;
  checkCount(b, (dim - 1) / extent + 1);
  for (int64_t start = 0; start < dim; start += extent)
    parts.push_back(b.sliceDim(value, axis, start, std::min(extent, dim - start)));
  return sequenceOf(b, parts, elementOf(value));
}

Sequence split(GraphBuilder &b, Value value, int64_t axis, const Extent &extent) {
  const Extent dim = extentsOf(value)[axis];
  if (extent.isNumber() && extent.number() < 1)
    malformed("splits into parts of " + extent.str());
  if (extent.isNumber() && dim.isNumber() && dim.number() > 0)
    return listOfParts(b, value, axis, dim.number(), std::min(extent.number(), dim.number()));
  Extent part = extent.isNumber() ? extent : b.named(extent - 1, Sign::NotNegative) + 1; // which is none of 0
  Extent whole = b.named(dim.floorDiv(part), Sign::NotNegative), left = b.named(dim - whole * part, Sign::NotNegative);
  return together(b, {partsTable(b, value, axis, 0, whole, part),
                      partsTable(b, value, axis, whole * part, Extent::min(left, 1), left)});
}

Sequence splitInto(GraphBuilder &b, Value value, int64_t axis, Value widths) {
  widths = b.cast(widths, b.builder().getI64Type());
  const Extent parts = extentsOf(widths)[0];
  // The run finds whether all are 0 or more, and make up the dim.
  const Extent least = reducedSize(b, widths, graph::ReduceKind::Min),
               isSome = b.named(least, Sign::NotNegative) - least;
  value = b.withDim(value, axis, b.named(reducedSize(b, widths, graph::ReduceKind::Sum) + isSome, Sign::NotNegative));
  const Extents dims = extentsOf(value);
  const Extent rows = elementsOf(ArrayRef(dims).take_front(axis)),
               inner = elementsOf(ArrayRef(dims).drop_front(axis + 1));
  Sequence table;
  table.elementType = elementOf(value);
  table.data = b.flat(value);
  if (axis > 0) {
    const Extent count = rows * dims[axis];
    Value places = b.reshape(placesInParts(b, widths, rows, dims[axis]), Extents{count, 1});
    Value lines = b.reshape(value, Extents{count, inner}), zeros = b.broadcast(b.scalarLike(value, 0), {count, inner});
    table.data = b.flat(b.make<graph::ScatterNdOp>(zeros, places, lines, graph::ScatterReduction::None));
  }
  SmallVector<Value> columns;
  for (auto [dim, extent] : llvm::enumerate(dims))
    columns.push_back(static_cast<int64_t>(dim) == axis ? b.reshape(widths, Extents{parts, 1})
                                                        : b.broadcast(b.number(extent), Extents{parts, 1}));
  table.shapes = b.concat(columns, 1);
  return table;
}

Sequence unstacked(GraphBuilder &b, Value value, int64_t axis, bool keepsDim) {
  Sequence parts = split(b, value, axis, 1);
  if (keepsDim)
    return parts;
  for (Value &element : parts.elements)
    element = b.dropDim(element, axis);
  if (!parts.isTable())
    return parts;
  const int64_t rank = *rowOf(parts);
  SmallVector<Value> columns = {b.sliceDim(parts.shapes, 1, 0, axis),
                                b.sliceDim(parts.shapes, 1, axis + 1, rank - axis - 1)};
  parts.shapes = b.concat(columns, 1);
  return parts;
}

} // namespace smelt::frontend
