// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// The same elements in another order or under another shape, and parts of tensors.

#include "frontends/pt2/Ops/Views.h"
#include "frontends/common/Requirement.h"
#include "frontends/pt2/Ops/Lines.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

// Nothing but a copy.

static Value same(NodeReader &node) { return node.tensor("self"); }

/// Dropout of a model that is not being trained.
static Value dropout(NodeReader &node) {
  node.ignore("p");
  if (node.flag("train"))
    unsupported(kTrainingDropout);
  return node.tensor("input");
}

/// Of floats of 8 bits, what lies beyond is infinity, or NaN where there is none; e4m3fn alone ends at its greatest
/// number. Scales are rounded to nearest.
static Value converted(GraphBuilder &b, Value x, Type type) {
  if (elementOf(x) == type || !isa<FloatType>(type) || type.getIntOrFloatBitWidth() != 8)
    return b.cast(x, type);
  return b.make<graph::CastOp>(x, type, /*saturate=*/isa<Float8E4M3FNType>(type), graph::ScaleRounding::Nearest);
}

/// What changes the type, if anything.
static Value to(NodeReader &node) {
  Value x = node.tensor("self");
  std::optional<Type> type = node.optionalType("dtype");
  return type ? converted(node.builder(), x, *type) : x;
}

static Value toOther(NodeReader &node) {
  return converted(node.builder(), node.tensor("self"), elementOf(node.tensor("other")));
}

// Shapes.

/// Extents of which one may be -1, for an input of so many elements.
Extents completed(Value x, Extents shape) {
  std::optional<size_t> open;
  for (auto [dim, extent] : llvm::enumerate(shape))
    if (extent == Extent(-1)) {
      if (open)
        malformed("has a shape " + inWords(shape) + " of which two dims are open");
      open = dim;
    }
  if (!open)
    return shape;
  shape[*open] = 1;
  Extent all = elementsOf(extentsOf(x)), others = elementsOf(shape);
  if (others == Extent(0))
    malformed("cannot find a dim beside one of 0");
  std::optional<Extent> quotient = all.dividedBy(others);
  if (!quotient && all.isNumber() && others.isNumber())
    malformed("cannot make " + inWords(shape) + " of " + inWords(extentsOf(x)));
  shape[*open] = quotient ? *quotient : all.floorDiv(others);
  return shape;
}

static Value viewAs(NodeReader &node, StringRef name) {
  Value x = node.tensor("self");
  return node.builder().reshape(x, completed(x, node.extents(name)));
}
static Value view(NodeReader &node) { return viewAs(node, "size"); }
static Value reshape(NodeReader &node) { return viewAs(node, "shape"); }
static Value reshapeAs(NodeReader &node) {
  return node.builder().reshape(node.tensor("self"), extentsOf(node.tensor("other")));
}

static Value flatten(NodeReader &node) {
  Value x = node.tensor("self");
  int64_t first = node.axis("start_dim", x), last = node.axis("end_dim", x);
  Extents shape = extentsOf(x), result;
  if (shape.empty())
    return node.builder().reshape(x, {1});
  if (last < first)
    malformed("flattens dims " + Twine(first) + " to " + Twine(last));
  result.append(shape.begin(), shape.begin() + first);
  result.push_back(elementsOf(ArrayRef(shape).slice(first, last - first + 1)));
  result.append(shape.begin() + last + 1, shape.end());
  return node.builder().reshape(x, result);
}

static Value unflatten(NodeReader &node) {
  Value x = node.tensor("self");
  int64_t dim = node.axis("dim", x);
  Extents shape = extentsOf(x), sizes = node.extents("sizes");
  for (auto [place, size] : llvm::enumerate(sizes)) {
    if (size != Extent(-1))
      continue;
    Extents others = sizes;
    others.erase(others.begin() + place);
    std::optional<Extent> rest = shape[dim].dividedBy(elementsOf(others));
    if (!rest)
      malformed("cannot divide " + shape[dim].str() + " by " + inWords(others));
    size = *rest;
    break;
  }
  shape.erase(shape.begin() + dim);
  shape.insert(shape.begin() + dim, sizes.begin(), sizes.end());
  return node.builder().reshape(x, shape);
}

static Value squeezeDims(NodeReader &node, Value x, ArrayRef<int64_t> axes) {
  Extents shape = extentsOf(x), result;
  for (auto [dim, extent] : llvm::enumerate(shape))
    if (!llvm::is_contained(axes, static_cast<int64_t>(dim)) || (extent.isNumber() && extent.number() != 1))
      result.push_back(extent);
    else if (!extent.isNumber())
      unsupported("squeezes a dim of " + extent.str() + ", which may be 1 or not; give the shape with --shape");
  return node.builder().reshape(x, result);
}

static Value squeeze(NodeReader &node) {
  Value x = node.tensor("self");
  SmallVector<int64_t> ones;
  for (auto [dim, extent] : llvm::enumerate(extentsOf(x)))
    if (extent == Extent(1))
      ones.push_back(static_cast<int64_t>(dim));
  return squeezeDims(node, x, ones); // others that are open are not 1: torch.export would have said so
}
static Value squeezeDim(NodeReader &node) {
  Value x = node.tensor("self");
  return squeezeDims(node, x, node.axis("dim", x));
}
static Value squeezeSome(NodeReader &node) {
  Value x = node.tensor("self");
  return squeezeDims(node, x, normalAxes(node.integers("dim"), std::max<int64_t>(rankOf(x), 1)));
}

static Value unsqueeze(NodeReader &node) {
  Value x = node.tensor("self");
  Extents shape = extentsOf(x);
  shape.insert(shape.begin() + normalAxis(node.integer("dim"), rankOf(x) + 1), 1);
  return node.builder().reshape(x, shape);
}

// Orders of dims.

static Value permute(NodeReader &node) {
  Value x = node.tensor("self");
  Integers order;
  for (int64_t dim : node.integers("dims"))
    order.push_back(normalAxis(dim, rankOf(x)));
  return node.builder().transpose(x, order);
}

static Value swapped(NodeReader &node, Value x, int64_t a, int64_t b) {
  if (rankOf(x) < 2)
    return x;
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  std::swap(order[a], order[b]);
  return node.builder().transpose(x, order);
}

static Value transpose(NodeReader &node) {
  Value x = node.tensor("self");
  return swapped(node, x, node.axis("dim0", x), node.axis("dim1", x));
}
static Value matrixTranspose(NodeReader &node) {
  Value x = node.tensor("self");
  return swapped(node, x, rankOf(x) - 1, rankOf(x) - 2);
}
static Value reversedDims(NodeReader &node) {
  Value x = node.tensor("self");
  return node.builder().transpose(x, llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, rankOf(x)))));
}

static Value movedims(NodeReader &node) {
  Value x = node.tensor("self");
  const int64_t rank = rankOf(x);
  Integers from = node.integers("source"), to = node.integers("destination"), order(rank, -1);
  if (from.size() != to.size())
    malformed("moves " + Twine(from.size()) + " dims to " + Twine(to.size()) + " places");
  normalAxes(from, rank), normalAxes(to, rank); // each once
  llvm::SmallSet<int64_t, 8> moved;
  for (auto [source, place] : llvm::zip_equal(from, to)) {
    order[normalAxis(place, rank)] = normalAxis(source, rank);
    moved.insert(normalAxis(source, rank));
  }
  int64_t next = 0;
  for (int64_t &dim : order)
    if (dim < 0) {
      while (moved.contains(next))
        ++next;
      dim = next++;
    }
  return node.builder().transpose(x, order);
}

// Repetition.

static Value expandTo(NodeReader &node, Value x, Extents shape) {
  GraphBuilder &b = node.builder();
  Extents own = extentsOf(x);
  if (shape.size() < own.size())
    malformed("expands dims " + inWords(own) + " to " + inWords(shape));
  for (size_t dim = 0; dim < own.size(); ++dim) {
    Extent &extent = shape[shape.size() - own.size() + dim];
    if (extent == Extent(-1))
      extent = own[dim];
    else if (own[dim] != Extent(1))
      x = b.withDim(x, static_cast<int64_t>(dim), extent);
  }
  return b.broadcast(x, shape);
}
static Value expand(NodeReader &node) { return expandTo(node, node.tensor("self"), node.extents("size")); }
static Value expandAs(NodeReader &node) { return expandTo(node, node.tensor("self"), extentsOf(node.tensor("other"))); }

/// Each element of a dim `count` times, beside one another or the whole again.
static Value interleaved(GraphBuilder &b, Value x, int64_t dim, const Extent &count) {
  Extents shape = extentsOf(x), wide = shape;
  if (count == Extent(1))
    return x;
  wide.insert(wide.begin() + dim + 1, 1);
  x = b.reshape(x, wide);
  wide[dim + 1] = count;
  shape[dim] *= count;
  return b.reshape(b.broadcast(x, wide), shape);
}

static Value repeatBy(NodeReader &node, Extents counts) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  Extents shape = extentsOf(x);
  if (counts.size() < shape.size())
    counts.insert(counts.begin(), shape.size() - counts.size(), 1);
  shape.insert(shape.begin(), counts.size() - shape.size(), 1);
  return b.repeat(b.reshape(x, shape), counts);
}
static Value repeat(NodeReader &node) { return repeatBy(node, node.extents("repeats")); }
static Value tile(NodeReader &node) { return repeatBy(node, node.extents("dims")); }

static Value repeatInterleave(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  node.ignore("output_size");
  if (!node.has("dim"))
    return interleaved(b, b.flat(x), 0, node.extent("repeats"));
  return interleaved(b, x, node.axis("dim", x), node.extent("repeats"));
}

// Parts.

SliceRange rangeOf(NodeReader &node, const Extent &size) {
  SliceRange range;
  range.step = node.integer("step");
  if (range.step < 1)
    malformed("slices by a step of " + Twine(range.step));
  const GraphBuilder &b = node.builder();
  range.start = clampedPlace(b, node.optionalExtent("start").value_or(0), size);
  const Extent end = clampedPlace(b, node.optionalExtent("end").value_or(graph::kMostExtent), size);
  range.extent = b.ranges().max(end - range.start, 0).ceilDiv(range.step);
  return range;
}

static Value slice(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  int64_t dim = node.axis("dim", x);
  Extents shape = extentsOf(x), starts(shape.size(), 0), steps(shape.size(), 1);
  if (shape.empty())
    malformed("slices a scalar");
  SliceRange range = rangeOf(node, shape[dim]);
  if (range.step == 1)
    return b.sliceDim(x, dim, range.start, range.extent);
  starts[dim] = range.start;
  steps[dim] = range.step;
  shape[dim] = range.extent;
  return b.makeAs<graph::SliceOp>(checkedType(shape, elementOf(x)), x, starts, steps);
}

static Value selected(GraphBuilder &b, Value x, int64_t dim, const Extent &index) {
  const Extents &shape = extentsOf(x);
  if (shape.empty())
    malformed("takes an element of a scalar");
  return b.dropDim(b.sliceDim(x, dim, indexIn(b, index, shape[dim]), 1), dim);
}

static Value select(NodeReader &node) {
  Value x = node.tensor("self");
  return selected(node.builder(), x, node.axis("dim", x), node.extent("index"));
}

static Value narrow(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  int64_t dim = node.axis("dim", x);
  if (rankOf(x) == 0)
    malformed("takes elements of a scalar");
  const Extent size = extentsOf(x)[dim], start = node.extent("start"), length = node.extent("length");
  return b.sliceDim(x, dim, startFromEitherEnd(b, start, length, size), length);
}

Extent startInStorage(NodeReader &view, ArrayRef<Extent> strides) {
  constexpr StringLiteral kWhole[] = {"aten.alias.default",     "aten.detach.default",  "aten.expand.default",
                                      "aten.permute.default",   "aten.reshape.default", "aten.squeeze.dim",
                                      "aten.squeeze.dims",      "aten.t.default",       "aten.transpose.int",
                                      "aten.unsqueeze.default", "aten.view.default"};
  const StringRef name = view.operatorName();
  if (llvm::is_contained(kWhole, name))
    return 0;
  GraphBuilder &b = view.builder();
  Value x = view.tensor("self");
  const int64_t dim = view.hasArgument("dim") ? view.axis("dim", x) : 0;
  const bool isKnown = dim < rankOf(x) && strides.size() == extentsOf(x).size() && !strides[dim].isTooLarge();
  const Extent size = isKnown ? extentsOf(x)[dim] : Extent(0);
  if (isKnown && name == "aten.slice.Tensor")
    return rangeOf(view, size).start * strides[dim];
  if (isKnown && name == "aten.select.int")
    return indexIn(b, view.extent("index"), size) * strides[dim];
  if (isKnown && name == "aten.narrow.default")
    return startFromEitherEnd(b, view.extent("start"), view.extent("length"), size) * strides[dim];
  unsupported("asks where the result of " + name + " begins in its storage, which the file does not say");
}

constexpr int64_t kMostParts = 1024;

/// Parts of a dim one after the other.
static Values splitBy(GraphBuilder &b, Value x, int64_t dim, ArrayRef<Extent> sizes) {
  Values parts;
  Extent start = 0;
  for (const Extent &size : sizes) {
    parts.push_back(b.sliceDim(x, dim, startWithin(b, start, size, extentsOf(x)[dim]), size));
    start += size;
  }
  return parts;
}

/// Parts of `size` each; the last may be smaller.
static Values splitEvenly(NodeReader &node, Value x, int64_t dim, int64_t size) {
  int64_t whole = fixedDim(x, dim);
  if (size < 1 || whole / size > kMostParts)
    unsupported("splits a dim of " + Twine(whole) + " into parts of " + Twine(size));
  Extents sizes;
  for (int64_t start = 0; start < std::max<int64_t>(whole, 1); start += size)
    sizes.push_back(std::min(size, whole - start));
  return splitBy(node.builder(), x, dim, sizes);
}

static Values split(NodeReader &node) {
  Value x = node.tensor("self");
  int64_t dim = node.axis("dim", x);
  const Extent size = node.extent("split_size"), whole = extentsOf(x)[dim];
  if (size.isNumber() && whole.isNumber())
    return splitEvenly(node, x, dim, size.number());
  // As many as the file has results for, where dims are open.
  Extents sizes(node.resultCount(), size);
  if (!sizes.empty())
    sizes.back() = whole - size * static_cast<int64_t>(sizes.size() - 1);
  return splitBy(node.builder(), x, dim, sizes);
}

static Values splitWithSizes(NodeReader &node) {
  Value x = node.tensor("self");
  return splitBy(node.builder(), x, node.axis("dim", x), node.extents("split_sizes"));
}

static Values chunk(NodeReader &node) {
  Value x = node.tensor("self");
  int64_t dim = node.axis("dim", x), chunks = node.integer("chunks");
  if (chunks < 1)
    malformed("splits into " + Twine(chunks) + " parts");
  const Extent whole = extentsOf(x)[dim];
  if (whole.isNumber())
    return splitEvenly(node, x, dim, std::max<int64_t>((whole.number() + chunks - 1) / chunks, 1));
  // As many as the file has results for: all of one size, but the last.
  const Extent size = whole.ceilDiv(chunks);
  Extents sizes(std::max<size_t>(node.resultCount(), 1), size);
  sizes.back() = whole - size * static_cast<int64_t>(sizes.size() - 1);
  requireNotNegative(node.builder(), {size - sizes.back()}, {"splits {} elements into parts of {}", {whole, size}});
  return splitBy(node.builder(), x, dim, sizes);
}

static Values unbind(NodeReader &node) {
  Value x = node.tensor("self");
  int64_t dim = node.axis("dim", x), count = fixedDim(x, dim);
  if (count > kMostParts)
    unsupported("takes " + Twine(count) + " parts apart");
  Values parts;
  for (int64_t index = 0; index < count; ++index)
    parts.push_back(selected(node.builder(), x, dim, index));
  return parts;
}

// Putting together.

/// Tensors of one type. Those of one dim without elements, which PyTorch leaves out, are left out.
static Values alike(NodeReader &node) {
  Values tensors = node.tensors("tensors");
  Type type = promotedType(tensors, {}, node.context());
  int64_t rank = 0;
  for (Value tensor : tensors)
    rank = std::max(rank, rankOf(tensor));
  Values kept;
  for (Value tensor : tensors)
    if (!(rankOf(tensor) == 1 && rank > 1 && extentsOf(tensor)[0] == Extent(0)))
      kept.push_back(node.builder().cast(tensor, type));
  return kept;
}

static Value cat(NodeReader &node) {
  Values tensors = alike(node);
  return node.builder().concat(tensors, node.axis("dim", tensors.front()));
}

static Value stack(NodeReader &node) {
  Values tensors = alike(node);
  return node.builder().stack(tensors, normalAxis(node.integer("dim"), rankOf(tensors.front()) + 1));
}

// Reversal and rotation.

static Value flip(NodeReader &node) {
  Value x = node.tensor("self");
  return node.builder().reverse(x, normalAxes(node.integers("dims"), rankOf(x)));
}

static Value roll(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  Integers shifts = node.integers("shifts"), dims = node.integers("dims");
  const Extents shape = extentsOf(x);
  if (dims.empty())
    x = b.flat(x);
  if (dims.empty())
    dims.push_back(0);
  if (shifts.size() != dims.size())
    malformed("rolls " + Twine(dims.size()) + " dims by " + Twine(shifts.size()) + " shifts");
  for (auto [dim, shift] : llvm::zip_equal(dims, shifts)) {
    const int64_t axis = normalAxis(dim, rankOf(x));
    const Extent extent = extentsOf(x)[axis], period = b.ranges().max(extent, 1);
    const bool isLess = b.ranges().isAtLeast(period - 1, std::abs(shift));
    const Extent whole = isLess ? Extent(shift < 0 ? -1 : 0) : Extent(shift).floorDiv(period);
    const Extent end = b.ranges().min(shift - whole * period, extent); // elements that come to the front
    if (end != Extent(0))
      x = b.concat({b.sliceDim(x, axis, extent - end, end), b.sliceDim(x, axis, 0, extent - end)}, axis);
  }
  return b.reshape(x, shape);
}

// Padding.

/// Pairs of low and high, the last dim's first.
static Value padBy(NodeReader &node, Value x, ArrayRef<Extent> pads, Value value) {
  GraphBuilder &b = node.builder();
  if (pads.size() % 2 != 0 || static_cast<int64_t>(pads.size() / 2) > rankOf(x))
    malformed("pads a tensor of " + Twine(rankOf(x)) + " dims by " + inWords(pads));
  for (size_t pair = 0; pair < pads.size() / 2; ++pair) {
    int64_t dim = rankOf(x) - 1 - static_cast<int64_t>(pair);
    const Extent &low = pads[2 * pair], &high = pads[2 * pair + 1], size = extentsOf(x)[dim];
    // Of an amount of unknown sign one of both is 0.
    const graph::SymbolRanges &ranges = b.ranges();
    const Extent cutLow = ranges.max(0 - low, 0), cutHigh = ranges.max(0 - high, 0);
    const Extent addedLow = ranges.max(low, 0), addedHigh = ranges.max(high, 0), kept = size - cutLow - cutHigh;
    if (kept.isNumber() && kept.number() < 0)
      malformed("crops " + Twine(cutLow.str()) + " and " + cutHigh.str() + " of a dim of " + size.str());
    x = b.sliceDim(x, dim, cutLow, kept);
    if (addedLow != Extent(0) || addedHigh != Extent(0))
      x = b.padDim(x, dim, addedLow, addedHigh, value);
    x = b.withDim(x, dim, size + low + high);
  }
  return x;
}

static Value padByCopies(NodeReader &node, graph::PadMode mode, StringRef name = "padding") {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  Integers pads = node.integers(name), low(rankOf(x), 0), high(rankOf(x), 0);
  if (pads.size() % 2 != 0 || static_cast<int64_t>(pads.size() / 2) > rankOf(x))
    malformed("pads a tensor of " + Twine(rankOf(x)) + " dims by " + inWords(pads));
  for (size_t pair = 0; pair < pads.size() / 2; ++pair) {
    low[rankOf(x) - 1 - pair] = pads[2 * pair];
    high[rankOf(x) - 1 - pair] = pads[2 * pair + 1];
  }
  return b.make<graph::PadOp>(x, b.scalarLike(x, 0), low, high, mode);
}

static Value padConstant(NodeReader &node) {
  Value x = node.tensor("self");
  return padBy(node, x, node.extents("pad"), operandAs(node, "value", elementOf(x)));
}

static Value pad(NodeReader &node) {
  std::string mode = node.text("mode");
  Value x = node.tensor("self");
  if (mode == "constant")
    return padBy(node, x, node.extents("pad"), node.builder().scalarLike(x, node.optionalNumber("value").value_or(0)));
  node.ignore("value");
  if (mode == "reflect" || mode == "replicate" || mode == "circular")
    return padByCopies(node,
                       mode == "reflect"     ? graph::PadMode::Reflect
                       : mode == "replicate" ? graph::PadMode::Edge
                                             : graph::PadMode::Wrap,
                       "pad");
  malformed("pads in the mode '" + printable(mode) + "'");
}

static Value reflectionPad(NodeReader &node) { return padByCopies(node, graph::PadMode::Reflect); }
static Value replicationPad(NodeReader &node) { return padByCopies(node, graph::PadMode::Edge); }

// Triangles and diagonals.

template <bool upper> static Value triangle(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  const bool isBool = elementOf(x).isInteger(1);
  Value wide = isBool ? b.cast(x, b.builder().getI32Type()) : x;
  return b.cast(b.make<graph::TriluOp>(wide, b.number(node.extent("diagonal")), upper), elementOf(x));
}

Value diagonalOf(NodeReader &node, Value x) {
  GraphBuilder &b = node.builder();
  int64_t first = node.axis("dim1", x), second = node.axis("dim2", x), offset = node.integer("offset");
  if (rankOf(x) < 2 || first == second)
    malformed("takes a diagonal of dims " + inWords(extentsOf(x)));
  x = b.moveDim(x, std::max(first, second), rankOf(x) - 1);
  x = b.moveDim(x, std::min(first, second), rankOf(x) - 2);
  if (first > second)
    offset = -offset;
  int64_t rows = fixedDim(x, rankOf(x) - 2), columns = fixedDim(x, rankOf(x) - 1);
  int64_t count =
      std::max<int64_t>(offset >= 0 ? std::min(rows, columns - offset) : std::min(rows + offset, columns), 0);
  Extents shape = extentsOf(x);
  shape.pop_back_n(2);
  shape.push_back(checkedMul(rows, columns));
  Value flat = b.reshape(x, shape);
  shape.back() = count;
  Extents starts(shape.size(), 0), steps(shape.size(), 1);
  starts.back() = offset >= 0 ? offset : -offset * columns;
  steps.back() = columns + 1;
  return b.makeAs<graph::SliceOp>(checkedType(shape, elementOf(x)), flat, starts, steps);
}
static Value diagonal(NodeReader &node) { return diagonalOf(node, node.tensor("self")); }

// Blocks of pixels.

/// [.., c · r², h, w] → [.., c, h · r, w · r]
static Value pixelShuffle(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  int64_t factor = node.integer("upscale_factor");
  Extents shape = extentsOf(x);
  if (shape.size() < 3 || factor < 1)
    malformed("shuffles pixels of dims " + inWords(shape) + " by " + Twine(factor));
  const size_t at = shape.size() - 3;
  const Extent channels = dividedBy(shape[at], checkedMul(factor, factor)), h = shape[at + 1], w = shape[at + 2];
  const Extent images = elementsOf(ArrayRef(shape).take_front(at));
  x = b.reshape(x, {images, channels, factor, factor, h, w});
  x = b.transpose(x, {0, 1, 4, 2, 5, 3});
  shape[at] = channels;
  shape[at + 1] = h * factor;
  shape[at + 2] = w * factor;
  return b.reshape(x, shape);
}

/// The inverse.
static Value pixelUnshuffle(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  int64_t factor = node.integer("downscale_factor");
  Extents shape = extentsOf(x);
  if (shape.size() < 3 || factor < 1)
    malformed("shuffles pixels of dims " + inWords(shape) + " by " + Twine(factor));
  const size_t at = shape.size() - 3;
  const Extent h = dividedBy(shape[at + 1], factor), w = dividedBy(shape[at + 2], factor);
  const Extent images = elementsOf(ArrayRef(shape).take_front(at));
  x = b.reshape(x, {images, shape[at], h, factor, w, factor});
  x = b.transpose(x, {0, 1, 3, 5, 2, 4});
  shape[at] *= factor * factor;
  shape[at + 1] = h;
  shape[at + 2] = w;
  return b.reshape(x, shape);
}

static Value channelShuffle(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  int64_t groups = node.integer("groups");
  const Extents shape = extentsOf(x);
  if (shape.size() < 3)
    malformed("shuffles channels of dims " + inWords(shape));
  const Extent rest = elementsOf(ArrayRef(shape).drop_front(2));
  x = b.reshape(x, {shape[0], groups, dividedBy(shape[1], groups), rest});
  return b.reshape(b.transpose(x, {0, 2, 1, 3}), shape);
}

/// Windows along a dim, behind all others.
static Value unfold(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  int64_t dim = node.axis("dimension", x), size = node.integer("size"), step = node.integer("step");
  if (rankOf(x) == 0 || step < 1 || size < 0)
    malformed("unfolds windows of " + Twine(size) + " by a step of " + Twine(step));
  const Extent room = extentsOf(x)[dim] - size;
  if (room.isNumber() && room.number() < 0)
    malformed("unfolds windows of " + Twine(size) + " of a dim of " + extentsOf(x)[dim].str());
  const Extent count = room.floorDiv(step) + 1;
  Type i64 = b.builder().getI64Type();
  Value first = b.makeAs<graph::IotaOp>(checkedType(Extents{count, 1}, i64), b.number(0), b.number(step), int64_t(0));
  Value places = b.make<graph::AddOp>(first, b.countAlong({1, size}, 1));
  Value windows = b.make<graph::GatherOp>(x, places, dim);
  return b.moveDim(windows, dim + 1, rankOf(windows) - 1);
}

static constexpr Operator kOperators[] = {
    {"aten._reshape_alias.default", view},
    {"aten._to_copy.default", to},
    {"aten._unsafe_view.default", view},
    {"aten.adjoint.default", matrixTranspose},
    {"aten.alias.default", same},
    {"aten.alias_copy.default", same},
    {"aten.alpha_dropout.default", dropout},
    {"aten.cat.default", cat},
    {"aten.channel_shuffle.default", channelShuffle},
    {"aten.chunk.default", chunk},
    {"aten.clone.default", same},
    {"aten.concat.default", cat},
    {"aten.concatenate.default", cat},
    {"aten.constant_pad_nd.default", padConstant},
    {"aten.contiguous.default", same},
    {"aten.detach.default", same},
    {"aten.detach_copy.default", same},
    {"aten.diagonal.default", diagonal},
    {"aten.dropout.default", dropout},
    {"aten.expand.default", expand},
    {"aten.expand_as.default", expandAs},
    {"aten.expand_copy.default", expand},
    {"aten.feature_dropout.default", dropout},
    {"aten.flatten.using_ints", flatten},
    {"aten.flip.default", alongLine<flip>},
    {"aten.lift_fresh.default", same},
    {"aten.lift_fresh_copy.default", same},
    {"aten.mH.default", matrixTranspose},
    {"aten.mT.default", matrixTranspose},
    {"aten.matrix_H.default", matrixTranspose},
    {"aten.movedim.int", movedims},
    {"aten.movedim.intlist", movedims},
    {"aten.narrow.default", narrow},
    {"aten.numpy_T.default", reversedDims},
    {"aten.pad.default", pad},
    {"aten.permute.default", permute},
    {"aten.permute_copy.default", permute},
    {"aten.pixel_shuffle.default", pixelShuffle},
    {"aten.pixel_unshuffle.default", pixelUnshuffle},
    {"aten.reflection_pad1d.default", reflectionPad},
    {"aten.reflection_pad2d.default", reflectionPad},
    {"aten.reflection_pad3d.default", reflectionPad},
    {"aten.repeat.default", repeat},
    {"aten.repeat_interleave.self_int", repeatInterleave},
    {"aten.replication_pad1d.default", replicationPad},
    {"aten.replication_pad2d.default", replicationPad},
    {"aten.replication_pad3d.default", replicationPad},
    {"aten.reshape.default", reshape},
    {"aten.resolve_conj.default", same},
    {"aten.resolve_neg.default", same},
    {"aten.roll.default", roll},
    {"aten.select.int", select},
    {"aten.select_copy.int", select},
    {"aten.slice.Tensor", slice},
    {"aten.slice_copy.Tensor", slice},
    {"aten.split.Tensor", split},
    {"aten.split.sizes", splitWithSizes},
    {"aten.split_copy.Tensor", split},
    {"aten.split_with_sizes.default", splitWithSizes},
    {"aten.split_with_sizes_copy.default", splitWithSizes},
    {"aten.squeeze.default", squeeze},
    {"aten.squeeze.dim", squeezeDim},
    {"aten.squeeze.dims", squeezeSome},
    {"aten.squeeze_copy.dims", squeezeSome},
    {"aten.stack.default", stack},
    {"aten.swapaxes.default",
     +[](NodeReader &node) -> Value {
       Value x = node.tensor("self");
       return swapped(node, x, node.axis("axis0", x), node.axis("axis1", x));
     }},
    {"aten.t.default", matrixTranspose},
    {"aten.t_copy.default", matrixTranspose},
    {"aten.tile.default", tile},
    {"aten.to.device", to},
    {"aten.to.dtype", to},
    {"aten.to.dtype_layout", to},
    {"aten.to.other", toOther},
    {"aten.transpose.int", transpose},
    {"aten.transpose_copy.int", transpose},
    {"aten.tril.default", triangle<false>},
    {"aten.triu.default", triangle<true>},
    {"aten.type_as.default", toOther},
    {"aten.unbind.int", unbind},
    {"aten.unbind_copy.int", unbind},
    {"aten.unflatten.int", unflatten},
    {"aten.unfold.default", unfold},
    {"aten.unsqueeze.default", unsqueeze},
    {"aten.unsqueeze_copy.default", unsqueeze},
    {"aten.view.default", view},
    {"aten.view_as.default", reshapeAs},
    {"aten.view_copy.default", view},
    {"prims.convert_element_type.default",
     +[](NodeReader &node) -> Value { return node.builder().cast(node.tensor("a"), *node.optionalType("dtype")); }},
    {"prims.view_of.default", +[](NodeReader &node) -> Value { return node.tensor("a"); }},
};

ArrayRef<Operator> viewOperators() { return kOperators; }

} // namespace smelt::frontend::pt2
