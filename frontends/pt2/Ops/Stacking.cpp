// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors side by side by the conventions of NumPy, grids of coordinates, and parts of about one size.

#include "frontends/pt2/Ops/Operands.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

/// The tensors of a list in the type that holds all.
static Values tensorsOf(NodeReader &node) {
  Values tensors = node.tensors("tensors");
  Type type = promotedType(tensors, {}, node.context());
  for (Value &tensor : tensors)
    tensor = node.builder().cast(tensor, type);
  return tensors;
}

/// With dims of 1: [] → [1, 1], [n] → [1, n]; of three, [n] → [1, n, 1], [m, n] → [m, n, 1].
static Value atLeast(GraphBuilder &b, Value x, int64_t dims) {
  Extents shape = extentsOf(x);
  if (static_cast<int64_t>(shape.size()) >= dims)
    return x;
  if (dims == 3 && !shape.empty())
    shape.push_back(1);
  shape.insert(shape.begin(), dims - shape.size(), Extent(1));
  return b.reshape(x, shape);
}
template <int64_t dims> static Value atLeast(NodeReader &node) {
  return atLeast(node.builder(), node.tensor("self"), dims);
}

template <int64_t dims, int64_t axis> static Value stacked(NodeReader &node) {
  Values tensors = tensorsOf(node);
  for (Value &tensor : tensors)
    tensor = atLeast(node.builder(), tensor, dims);
  return node.builder().concat(tensors, dims == 1 && rankOf(tensors.front()) > 1 ? 1 : axis);
}

static Value columnStack(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Values tensors = tensorsOf(node);
  for (Value &tensor : tensors)
    if (rankOf(tensor) < 2)
      tensor = b.reshape(tensor, Extents{graph::productOf(extentsOf(tensor)), 1});
  return b.concat(tensors, 1);
}

static Values broadcastTensors(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Values tensors = node.tensors("tensors");
  Extents shape;
  for (Value tensor : tensors) {
    const Extents &own = extentsOf(tensor);
    if (own.size() > shape.size())
      shape.insert(shape.begin(), own.size() - shape.size(), Extent(1));
    for (size_t back = 1; back <= own.size(); ++back)
      if (Extent &extent = shape[shape.size() - back]; extent == Extent(1))
        extent = own[own.size() - back];
  }
  for (Value &tensor : tensors)
    tensor = b.broadcast(b.alignedTo(tensor, shape), shape);
  return tensors;
}

/// Each of some vectors along a dim of its own.
static Values grids(NodeReader &node, bool swapsFirst) {
  GraphBuilder &b = node.builder();
  Values tensors = node.tensors("tensors");
  Extents shape;
  for (Value tensor : tensors) {
    if (rankOf(tensor) > 1)
      malformed("makes a grid of a tensor of " + Twine(rankOf(tensor)) + " dims");
    shape.push_back(graph::productOf(extentsOf(tensor)));
  }
  swapsFirst &= tensors.size() > 1;
  auto placeOf = [&](size_t number) { return swapsFirst && number < 2 ? 1 - number : number; };
  Extents whole = shape;
  for (size_t number = 0; number < tensors.size(); ++number)
    whole[placeOf(number)] = shape[number];
  for (size_t number = 0; number < tensors.size(); ++number) {
    Extents own(shape.size(), 1);
    own[placeOf(number)] = shape[number];
    tensors[number] = b.broadcast(b.reshape(tensors[number], own), whole);
  }
  return tensors;
}
static Values meshgrid(NodeReader &node) {
  std::string indexing = node.hasArgument("indexing") ? node.text("indexing") : "ij";
  if (indexing != "ij" && indexing != "xy")
    malformed("has indexing '" + printable(indexing) + "'");
  return grids(node, indexing == "xy");
}
static Value cartesianProduct(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Values tensors = grids(node, false);
  for (Value &tensor : tensors)
    tensor = b.flat(tensor);
  return tensors.size() == 1 ? tensors.front() : b.stack(tensors, 1);
}

/// All choices of so many elements of a vector, in order.
static Value combinations(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  const int64_t count = node.integer("r"), step = node.flag("with_replacement") ? 0 : 1;
  if (rankOf(x) != 1 || count < 1)
    malformed("chooses " + Twine(count) + " of " + inWords(extentsOf(x)));
  const int64_t size = fixedDim(x, 0);
  Integers places, chosen;
  std::function<void(int64_t)> choose = [&](int64_t first) {
    constexpr size_t kMostPlaces = 1 << 24;
    if (static_cast<int64_t>(chosen.size()) == count) {
      places.append(chosen);
      if (places.size() > kMostPlaces)
        unsupported("has more than " + Twine(kMostPlaces / count) + " choices");
      return;
    }
    const int64_t missing = count - static_cast<int64_t>(chosen.size()) - 1;
    for (int64_t place = first; place + missing * step < size; ++place) {
      chosen.push_back(place);
      choose(place + step);
      chosen.pop_back();
    }
  };
  choose(0);
  b.countComputed(static_cast<int64_t>(places.size()) * 8);
  Value table = b.reshape(b.integers(places), {static_cast<int64_t>(places.size()) / count, count});
  return b.make<graph::GatherOp>(x, table, int64_t(0));
}

/// Powers of each element along a new last dim, 0, 1, … or the other way round.
static Value powersAlong(NodeReader &node, bool isRising) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("x");
  constexpr int64_t kMostPowers = 1024;
  const int64_t last = rankOf(x) - 1, count = node.optionalInteger("N").value_or(last < 0 ? 0 : fixedDim(x, last));
  if (last < 0 || count < 1)
    malformed("makes " + Twine(count) + " powers of " + inWords(extentsOf(x)));
  if (count > kMostPowers)
    unsupported("makes " + Twine(count) + " powers; Smelt makes " + Twine(kMostPowers));
  Values powers{b.broadcast(b.scalarLike(x, 1), extentsOf(x))};
  while (static_cast<int64_t>(powers.size()) < count)
    powers.push_back(powers.size() == 1 ? x : b.make<graph::MulOp>(powers.back(), x));
  if (!isRising)
    std::reverse(powers.begin(), powers.end());
  return b.stack(powers, last + 1);
}
static Value vander(NodeReader &node) { return powersAlong(node, node.flag("increasing")); }
static Value linalgVander(NodeReader &node) { return powersAlong(node, true); }

/// So many parts along a dim, the first ones larger by one where they are not alike.
static Values splitInto(NodeReader &node, Value x, int64_t sections, int64_t dim) {
  const int64_t size = fixedDim(x, dim);
  constexpr int64_t kMostSections = 1 << 16;
  if (sections < 1 || sections > kMostSections)
    malformed("splits a dim into " + Twine(sections) + " parts");
  Values parts;
  for (int64_t number = 0, start = 0; number < sections; ++number) {
    const int64_t extent = size / sections + (number < size % sections ? 1 : 0);
    parts.push_back(node.builder().sliceDim(x, dim, start, extent));
    start += extent;
  }
  return parts;
}
static Values tensorSplit(NodeReader &node) {
  Value x = node.tensor("self");
  return splitInto(node, x, node.integer("sections"), node.axis("dim", x));
}
static Values tensorSplitAt(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  const int64_t axis = node.axis("dim", x);
  if (rankOf(x) == 0)
    malformed("splits a scalar");
  Values parts;
  const Extent size = extentsOf(x)[axis];
  Extent start = 0;
  Integers places = node.integers("indices");
  for (size_t part = 0; part <= places.size(); ++part) {
    Extent end = size;
    if (part < places.size())
      end = size.isNumber() ? Extent(std::clamp<int64_t>(places[part] < 0 ? places[part] + size.number() : places[part],
                                                         0, size.number()))
                            : Extent(places[part]);
    if (part < places.size() && !size.isNumber() && places[part] < 0)
      end = size + places[part];
    const Extent extent = end - start;
    const bool isEmpty = extent.isNumber() && extent.number() < 0;
    parts.push_back(b.sliceDim(x, axis, start, isEmpty ? Extent(0) : extent));
    start = end;
  }
  return parts;
}
template <int64_t axis> static Values splitAlong(NodeReader &node) {
  Value x = node.tensor("self");
  if (rankOf(x) == 0 || (axis != 1 && rankOf(x) <= axis))
    malformed("splits a tensor of " + Twine(rankOf(x)) + " dims");
  return splitInto(node, x, node.integer("sections"), axis == 1 && rankOf(x) == 1 ? 0 : axis);
}

template <int64_t dim> static Value flipped(NodeReader &node) {
  Value x = node.tensor("self");
  if (rankOf(x) <= dim)
    malformed("turns around a tensor of " + Twine(rankOf(x)) + " dims");
  return node.builder().reverse(x, dim);
}
static Value rotated(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  Integers dims = node.integers("dims");
  if (dims.size() != 2 || normalAxes(dims, rankOf(x)).size() != 2)
    malformed("rotates in " + Twine(dims.size()) + " dims");
  const int64_t first = normalAxis(dims[0], rankOf(x)), second = normalAxis(dims[1], rankOf(x));
  const int64_t turns = (node.integer("k") % 4 + 4) % 4;
  if (turns == 2)
    return b.reverse(x, {first, second});
  if (turns == 0)
    return x;
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  std::swap(order[first], order[second]);
  return turns == 1 ? b.transpose(b.reverse(x, second), order) : b.reverse(b.transpose(x, order), second);
}

/// Sequences side by side, each with `padding_value` behind it, or before it, up to the longest.
static Value padSequence(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Values sequences = node.tensors("sequences");
  const double value = node.number("padding_value");
  const bool isLeft = node.hasArgument("padding_side") && node.text("padding_side") == "left";
  if (sequences.empty())
    malformed("takes no sequences");
  int64_t longest = 0;
  for (Value sequence : sequences) {
    if (rankOf(sequence) == 0)
      malformed("takes a sequence without dims");
    longest = std::max(longest, fixedDim(sequence, 0));
  }
  for (Value &sequence : sequences) {
    const int64_t missing = longest - fixedDim(sequence, 0);
    sequence = b.padDim(sequence, 0, isLeft ? missing : 0, isLeft ? 0 : missing, b.scalarLike(sequence, value));
  }
  return b.stack(sequences, node.flag("batch_first") ? 0 : 1);
}

static constexpr Operator kOperators[] = {
    {"aten.atleast_1d.default", atLeast<1>},
    {"aten.atleast_2d.default", atLeast<2>},
    {"aten.atleast_3d.default", atLeast<3>},
    {"aten.broadcast_tensors.default", broadcastTensors},
    {"aten.cartesian_prod.default", cartesianProduct},
    {"aten.column_stack.default", columnStack},
    {"aten.combinations.default", combinations},
    {"aten.dsplit.int", splitAlong<2>},
    {"aten.dstack.default", stacked<3, 2>},
    {"aten.fliplr.default", flipped<1>},
    {"aten.flipud.default", flipped<0>},
    {"aten.hsplit.int", splitAlong<1>},
    {"aten.hstack.default", stacked<1, 0>},
    {"aten.linalg_vander.default", linalgVander},
    {"aten.meshgrid.default", meshgrid},
    {"aten.meshgrid.indexing", meshgrid},
    {"aten.pad_sequence.default", padSequence},
    {"aten.rot90.default", rotated},
    {"aten.tensor_split.indices", tensorSplitAt},
    {"aten.tensor_split.sections", tensorSplit},
    {"aten.vander.default", vander},
    {"aten.vsplit.int", splitAlong<0>},
    {"aten.vstack.default", stacked<2, 0>},
};

ArrayRef<Operator> stackingOperators() { return kOperators; }

} // namespace smelt::frontend::pt2
