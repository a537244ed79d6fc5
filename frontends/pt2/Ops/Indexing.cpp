// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Elements at places that tensors say: lookups, and changes of parts.

#include "frontends/common/Selection.h"
#include "frontends/pt2/Ops/Lines.h"
#include "frontends/pt2/Ops/Views.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

using graph::ScatterReduction;

Value wideIndices(GraphBuilder &b, Value indices) {
  return elementOf(indices).isInteger(64) ? indices : b.cast(indices, b.builder().getI64Type());
}

static Value embedding(NodeReader &node) {
  return node.builder().make<graph::GatherOp>(node.tensor("weight"), node.tensor("indices"), int64_t(0));
}

static Value indexSelect(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self"), index = node.tensor("index");
  if (rankOf(index) == 0)
    index = b.reshape(index, {1});
  return b.make<graph::GatherOp>(x, index, node.axis("dim", x));
}

static Value gatherAlong(NodeReader &node, StringRef name) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self"), index = node.tensor(name);
  int64_t dim = node.axis("dim", x);
  // The indices may be shorter than the tensor along other dims, of which the first elements count.
  Extents shape = extentsOf(index);
  for (int64_t other = 0; other < rankOf(x) && rankOf(index) == rankOf(x); ++other)
    if (other != dim && extentsOf(x)[other] != shape[other])
      x = b.sliceDim(x, other, 0, shape[other]);
  return b.make<graph::GatherElementsOp>(x, index, dim);
}
static Value gather(NodeReader &node) { return gatherAlong(node, "index"); }

static Value takeAlongDim(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self"), index = node.tensor("indices");
  if (!node.has("dim"))
    return b.make<graph::GatherOp>(b.flat(x), b.flat(index), int64_t(0));
  int64_t dim = node.axis("dim", x);
  Extents own = extentsOf(x), shape = extentsOf(index);
  for (size_t other = 0; other < own.size(); ++other)
    if (static_cast<int64_t>(other) != dim)
      own[other] = shape[other] = own[other] == Extent(1) ? shape[other] : own[other];
  return b.make<graph::GatherElementsOp>(b.broadcast(x, own), b.broadcast(index, shape), dim);
}

// index, index_put: indices for some of the dims.

namespace {
/// The dims that have indices, and the indices: integers, broadcast to one shape.
struct Indexing {
  Integers dims;
  Values indices;
  Extents shape;           // of them all
  bool isTogether = false; // the dims are neighbours: what is indexed stays in their place, else it goes to the front
};
} // namespace

/// A mask stands for the coordinates of what it holds for, one list for each of its dims.
static Values withoutMasks(GraphBuilder &b, ArrayRef<Value> given) {
  Values indices;
  for (Value index : given) {
    if (!index || !elementOf(index).isInteger(1)) {
      indices.push_back(index ? wideIndices(b, index) : index);
      continue;
    }
    for (Value row : coordinatesOfSet(b, index))
      indices.push_back(b.reshape(row, {extentsOf(row)[1]}));
  }
  return indices;
}

static Indexing readIndexing(NodeReader &node, Value x) {
  GraphBuilder &b = node.builder();
  Indexing indexing;
  Values given = withoutMasks(b, node.optionalTensors("indices"));
  if (static_cast<int64_t>(given.size()) > rankOf(x))
    malformed("has " + Twine(given.size()) + " indices for " + Twine(rankOf(x)) + " dims");
  for (auto [dim, index] : llvm::enumerate(given))
    if (index) {
      indexing.dims.push_back(static_cast<int64_t>(dim));
      indexing.indices.push_back(index);
    }
  if (indexing.dims.empty())
    malformed("lacks indices");
  for (Value index : indexing.indices) {
    Extents own = extentsOf(index), &shape = indexing.shape;
    shape.insert(shape.begin(), own.size() - std::min(own.size(), shape.size()), 1);
    for (size_t dim = 0; dim < own.size(); ++dim) {
      Extent &extent = shape[shape.size() - own.size() + dim];
      std::optional<Extent> both = Extent::broadcast(extent, own[dim]);
      if (!both)
        malformed("has indices of dims " + inWords(own) + " beside " + inWords(shape));
      extent = *both;
    }
  }
  for (Value &index : indexing.indices)
    index = b.broadcast(index, indexing.shape);
  indexing.isTogether = indexing.dims.back() - indexing.dims.front() + 1 == static_cast<int64_t>(indexing.dims.size());
  return indexing;
}

/// The indexed dims first, the others behind them.
static Integers indexedFirst(const Indexing &indexing, int64_t rank) {
  Integers order = indexing.dims;
  for (int64_t dim = 0; dim < rank; ++dim)
    if (!llvm::is_contained(indexing.dims, dim))
      order.push_back(dim);
  return order;
}

/// [shape.., count of dims]
static Value coordinates(GraphBuilder &b, const Indexing &indexing, Value x) {
  Values columns;
  for (auto [dim, index] : llvm::zip_equal(indexing.dims, indexing.indices)) {
    // Counted from the end where they are negative.
    Value isNegative = b.make<graph::LessOp>(index, b.number(0));
    Value moved = b.make<graph::AddOp>(index, b.number(extentsOf(x)[dim]));
    columns.push_back(b.make<graph::SelectOp>(isNegative, moved, index));
  }
  return b.stack(columns, rankOf(columns.front()));
}

/// From what is indexed in front to where it belongs: in the place of the indexed dims, where these are neighbours.
static Integers placeOrder(const Indexing &indexing, int64_t resultRank) {
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, resultRank));
  const auto front = static_cast<int64_t>(indexing.shape.size());
  if (indexing.isTogether)
    std::rotate(order.begin(), order.begin() + front, order.begin() + front + indexing.dims.front());
  return order;
}

static Value index(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  Indexing indexing = readIndexing(node, x);
  if (indexing.dims.size() == 1) {
    const int64_t dim = indexing.dims.front();
    return b.make<graph::GatherOp>(x, indexing.indices.front(), dim);
  }
  Value front = b.transpose(x, indexedFirst(indexing, rankOf(x)));
  Value found = b.make<graph::GatherNdOp>(front, coordinates(b, indexing, x), int64_t(0));
  return b.transpose(found, placeOrder(indexing, rankOf(found)));
}

static Integers inverse(ArrayRef<int64_t> order) {
  Integers back(order.size());
  for (auto [place, dim] : llvm::enumerate(order))
    back[dim] = static_cast<int64_t>(place);
  return back;
}

static Value indexPut(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self"), values = b.cast(node.tensor("values"), elementOf(x));
  const bool adds = node.flag("accumulate");
  Values given = node.optionalTensors("indices");
  // One mask of all dims and one value: a choice.
  if (given.size() == 1 && given.front() && elementOf(given.front()).isInteger(1) && isSingle(values) && !adds) {
    Extents mask = extentsOf(given.front());
    mask.append(rankOf(x) - std::min<size_t>(rankOf(x), mask.size()), 1);
    return b.make<graph::SelectOp>(b.reshape(given.front(), mask), b.reshape(values, Extents()), x);
  }
  Indexing indexing = readIndexing(node, x);
  Integers order = indexedFirst(indexing, rankOf(x));
  Value front = b.transpose(x, order);
  Extents shape = indexing.shape; // of the values, the indexed dims in front
  Extents rest = extentsOf(front);
  shape.append(rest.begin() + indexing.dims.size(), rest.end());
  Integers place = placeOrder(indexing, static_cast<int64_t>(shape.size()));
  Extents placed;
  for (int64_t dim : place)
    placed.push_back(shape[dim]);
  values = b.transpose(b.broadcast(b.alignedTo(values, placed), placed), inverse(place));
  Value result = b.make<graph::ScatterNdOp>(front, coordinates(b, indexing, x), values,
                                            adds ? ScatterReduction::Add : ScatterReduction::None);
  return b.transpose(result, inverse(order));
}

// Along a dim.

Value placesAlong(GraphBuilder &b, Value list, Value like, int64_t dim) {
  Extents shape(rankOf(like), 1);
  shape[dim] = elementsOf(extentsOf(list));
  return b.broadcast(b.reshape(list, shape), extentsOf(like));
}

static Value indexChanged(NodeReader &node, ScatterReduction reduction, Value source) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self"), list = wideIndices(b, node.tensor("index"));
  int64_t dim = node.axis("dim", x);
  Extents shape = extentsOf(x);
  shape[dim] = elementsOf(extentsOf(list));
  source = b.broadcast(b.cast(source, elementOf(x)), shape);
  return b.make<graph::ScatterElementsOp>(x, placesAlong(b, list, source, dim), source, dim, reduction);
}
static Value indexCopy(NodeReader &node) { return indexChanged(node, ScatterReduction::None, node.tensor("source")); }
static Value indexAdd(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value source = node.tensor("source");
  source = b.make<graph::MulOp>(source, operandAs(node, "alpha", elementOf(source)));
  return indexChanged(node, ScatterReduction::Add, source);
}
static Value indexFill(NodeReader &node) {
  Value x = node.tensor("self");
  return indexChanged(node, ScatterReduction::None, operandAs(node, "value", elementOf(x)));
}

// Parts replaced.

/// x with elements [start, start + step, …) of a dim replaced.
static Value replaced(GraphBuilder &b, Value x, Value part, int64_t dim, const SliceRange &range) {
  const Extent whole = extentsOf(x)[dim];
  if (range.step == 1) {
    Values parts;
    const Extent end = range.start + range.extent;
    if (range.start != Extent(0))
      parts.push_back(b.sliceDim(x, dim, 0, range.start));
    if (range.extent != Extent(0))
      parts.push_back(part);
    if (end != whole)
      parts.push_back(b.sliceDim(x, dim, end, whole - end));
    return parts.empty() ? x : b.concat(parts, dim);
  }
  Type i64 = b.builder().getI64Type();
  Value places = b.makeAs<graph::IotaOp>(checkedType(Extents{range.extent}, i64), b.number(range.start),
                                         b.number(range.step), int64_t(0));
  return b.make<graph::ScatterElementsOp>(x, placesAlong(b, places, part, dim), part, dim, ScatterReduction::None);
}

static Value sliceScatter(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self"), part = b.cast(node.tensor("src"), elementOf(x));
  int64_t dim = node.axis("dim", x);
  SliceRange range = rangeOf(node, extentsOf(x)[dim]);
  Extents shape = extentsOf(x);
  shape[dim] = range.extent;
  return replaced(b, x, b.broadcast(b.alignedTo(part, shape), shape), dim, range);
}

static Value selectScatter(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self"), part = b.cast(node.tensor("src"), elementOf(x));
  int64_t dim = node.axis("dim", x);
  SliceRange range;
  range.start = indexIn(b, node.extent("index"), extentsOf(x)[dim]);
  range.extent = 1;
  Extents shape = extentsOf(x);
  shape[dim] = 1;
  return replaced(b, x, b.reshape(part, shape), dim, range);
}

// The other way round: what a view is changed to, in the tensor that it is a view of.

/// base with the elements that `view`, a node, takes from it replaced by `part`.
Value writtenBack(NodeReader &view, Value base, Value part) {
  GraphBuilder &b = view.builder();
  StringRef name = view.operatorName();
  auto is = [&](std::initializer_list<StringRef> names) { return llvm::is_contained(names, name); };
  if (is({"aten.select.int", "aten.slice.Tensor"})) {
    int64_t dim = view.axis("dim", base);
    SliceRange range;
    range.extent = 1;
    if (name == "aten.slice.Tensor")
      range = rangeOf(view, extentsOf(base)[dim]);
    else
      range.start = indexIn(b, view.extent("index"), extentsOf(base)[dim]);
    Extents shape = extentsOf(base);
    shape[dim] = range.extent;
    return replaced(b, base, b.reshape(part, shape), dim, range);
  }
  if (is({"aten.view.default", "aten.reshape.default", "aten.flatten.using_ints", "aten.unflatten.int",
          "aten.unsqueeze.default", "aten.squeeze.default", "aten.squeeze.dim", "aten.squeeze.dims",
          "aten.view_as.default"}))
    return b.reshape(part, extentsOf(base));
  if (name == "aten.diagonal.default")
    return withDiagonal(view, base, part);
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(base)));
  if (name == "aten.transpose.int")
    std::swap(order[view.axis("dim0", base)], order[view.axis("dim1", base)]);
  else if (is({"aten.t.default", "aten.mT.default"}) && order.size() >= 2)
    std::swap(order[order.size() - 1], order[order.size() - 2]);
  else
    unsupported("changes in place what " + name +
                " makes of another tensor; save ep.run_decompositions({}), where "
                "nothing is changed in place");
  return b.transpose(part, order);
}

// As many as the run finds.

static Value nonzero(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  Values rows = coordinatesOfSet(b, x);
  for (Value &row : rows)
    row = b.reshape(row, {extentsOf(row)[1], 1});
  Value all = b.concat(rows, 1);
  return rankOf(x) > 0 ? all : b.sliceDim(all, 1, 0, 0); // places without coordinates
}

/// As many rows as is said, the last ones of a number where there are fewer.
static Value nonzeroStatic(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value rows = nonzero(node);
  const Extent size = node.extent("size");
  rows = b.padDim(rows, 0, 0, size, operandAs(node, "fill_value", elementOf(rows)));
  return b.sliceDim(rows, 0, 0, size);
}

static Values nonzeroLists(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Values rows = coordinatesOfSet(b, node.tensor(node.hasArgument("condition") ? "condition" : "self"));
  for (Value &row : rows)
    row = b.reshape(row, {extentsOf(row)[1]});
  return rows;
}

static Value maskedSelect(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self"), mask = node.tensor("mask");
  if (extentsOf(mask) != extentsOf(x)) {
    Extents shape = extentsOf(b.make<graph::SelectOp>(mask, x, x));
    mask = b.broadcast(mask, shape);
    x = b.broadcast(x, shape);
  }
  return b.make<graph::GatherOp>(b.flat(x), placesOf(b, b.flat(mask)), int64_t(0));
}

static Value oneHot(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  int64_t classes = node.integer("num_classes");
  if (classes < 1)
    unsupported("finds the number of classes when it runs; state it");
  Extents shape = extentsOf(x);
  shape.push_back(classes);
  return b.makeAs<graph::OneHotOp>(checkedType(shape, b.builder().getI64Type()), x, b.number(1), b.number(0),
                                   rankOf(x));
}

static constexpr Operator kOperators[] = {
    {"aten.embedding.default", embedding},
    {"aten.gather.default", alongLine<gather>},
    {"aten.index.Tensor", index},
    {"aten._unsafe_index.Tensor", index},
    {"aten._unsafe_index_put.default", indexPut},
    {"aten.index_add.default", alongLine<indexAdd>},
    {"aten.index_copy.default", alongLine<indexCopy>},
    {"aten.index_fill.int_Scalar", alongLine<indexFill>},
    {"aten.index_fill.int_Tensor", alongLine<indexFill>},
    {"aten.index_put.default", indexPut},
    {"aten.index_select.default", alongLine<indexSelect>},
    {"aten.masked_select.default", maskedSelect},
    {"aten.nonzero.default", nonzero},
    {"aten.nonzero_numpy.default", nonzeroLists},
    {"aten.nonzero_static.default", nonzeroStatic},
    {"aten.one_hot.default", oneHot},
    {"aten.select_scatter.default", selectScatter},
    {"aten.slice_scatter.default", sliceScatter},
    {"aten.take_along_dim.default", takeAlongDim},
    {"aten.where.default", nonzeroLists},
};

ArrayRef<Operator> indexingOperators() { return kOperators; }

} // namespace smelt::frontend::pt2
