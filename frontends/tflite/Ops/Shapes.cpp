// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Operators that change dims and leave elements in their order, and those that make tensors of dims.

#include "frontends/common/Range.h"
#include "frontends/common/TargetShape.h"
#include "frontends/tflite/Operators.h"
#include "frontends/tflite/Ops/Activations.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

using graph::Extent, graph::Extents;

/// The dims that a list asks for; -1 stands for what is left.
static Extents shapeFor(Value x, Extents wanted) {
  const Extents from = extentsOf(x);
  std::optional<size_t> open;
  Extent known = 1;
  for (auto [dim, extent] : llvm::enumerate(wanted)) {
    if (extent == Extent(-1)) {
      if (open)
        malformed("leaves two dims of " + inWords(wanted) + " open");
      open = dim;
    } else {
      known = known * extent;
    }
  }
  if (!open)
    return wanted;
  const Extent all = elementsOf(from);
  std::optional<Extent> left = known == Extent(0) ? std::optional<Extent>(0) : all.dividedBy(known);
  if (!left && all.isNumber() && known.isNumber())
    malformed("has " + all.str() + " elements, which the shape " + inWords(wanted) + " does not hold");
  if (!left)
    left = all.floorDiv(known);
  wanted[*open] = *left;
  return wanted;
}

/// What only moves the elements of input 0, of which complex numbers have two parts.
template <Value (*move)(OperatorReader &node, Value x)> static Values moving(OperatorReader &node) {
  if (!node.isComplex(0))
    return {move(node, node.moved(0))};
  const ComplexValue x = node.complexInput(0);
  return {ComplexValue{move(node, x.real), move(node, x.imaginary)}.together(node.builder(), 0)};
}

/// The shape that RESHAPE states among its options, where [0] is a scalar's in older files.
static Extents statedShape(OperatorReader &node) {
  ArrayRef<int32_t> shape = numbersOf(node.options<schema::ReshapeOptions>().new_shape());
  return shape.size() == 1 && shape[0] == 0 ? Extents() : graph::toExtents(llvm::to_vector_of<int64_t>(shape));
}

static Value reshape(OperatorReader &node, Value x) {
  const bool isGiven = node.hasInput(1) && rankOf(node.input(1)) <= 1;
  Extents wanted = isGiven ? node.extentsInput(1) : statedShape(node);
  if (llvm::any_of(wanted, [](const Extent &extent) { return !extent.isNumber() && !extent.isAtLeast(0); }))
    return node.builder().reshape(x, foundShape(node.builder(), extentsOf(x), wanted, /*allowZero=*/true));
  wanted = shapeFor(x, std::move(wanted));
  const Extent count = elementsOf(wanted);
  if (count.isNumber() && elementsOf(extentsOf(x)).isNumber() && count != elementsOf(extentsOf(x)))
    malformed("has " + elementsOf(extentsOf(x)).str() + " elements, which the shape " + inWords(wanted) +
              " does not hold");
  return node.builder().reshape(x, wanted);
}

static Value squeeze(OperatorReader &node, Value x) {
  ArrayRef<int32_t> given = numbersOf(node.options<schema::SqueezeOptions>().squeeze_dims());
  Integers axes;
  for (int32_t axis : given)
    axes.push_back(normalAxis(axis, rankOf(x)));
  Extents shape;
  for (auto [dim, extent] : llvm::enumerate(extentsOf(x))) {
    const bool isNamed = llvm::is_contained(axes, static_cast<int64_t>(dim));
    if (isNamed && !mayEqual(extent, 1))
      malformed("cannot remove axis " + Twine(dim) + " of " + inWords(extentsOf(x)));
    if (!(given.empty() ? extent == Extent(1) : isNamed))
      shape.push_back(extent);
  }
  return node.builder().reshape(x, shape);
}

static Value expandDims(OperatorReader &node, Value x) {
  Extents shape = extentsOf(x);
  shape.insert(shape.begin() + normalAxis(node.integerInput(1), rankOf(x) + 1), 1);
  return node.builder().reshape(x, shape);
}

static Values shape(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Extents extents = extentsOf(node.input(0));
  return {b.sizes(extents, checkedType({static_cast<int64_t>(extents.size())}, node.outputType(0)))};
}

static Values rank(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  return {b.scalar(node.outputType(0), graph::Scalar::ofSigned(rankOf(node.input(0))))};
}

static Value transpose(OperatorReader &node, Value x) {
  Integers permutation;
  for (int64_t axis : node.integersInput(1))
    permutation.push_back(normalAxis(axis, rankOf(x)));
  normalAxes(permutation, rankOf(x)); // each once
  if (static_cast<int64_t>(permutation.size()) != rankOf(x))
    malformed("has a permutation of " + Twine(permutation.size()) + " dims of " + inWords(extentsOf(x)));
  return node.builder().transpose(x, permutation);
}

/// Inputs as integers where all stand for the same as the result does, else as what they stand for.
static Values alike(OperatorReader &node, unsigned first, unsigned count) {
  Values values;
  for (unsigned index = first; index < first + count; ++index)
    values.push_back(node.moved(index));
  Type element = elementOf(values.front());
  if (!llvm::all_of(values, [&](Value value) { return elementOf(value) == element; }))
    for (unsigned index = 0; index < count; ++index)
      values[index] = node.real(first + index);
  return values;
}

static Values concatenation(OperatorReader &node) {
  const auto &options = node.options<schema::ConcatenationOptions>();
  if (node.inputCount() == 0)
    malformed("has no inputs");
  Values values = alike(node, 0, node.inputCount());
  const int64_t axis = normalAxis(options.axis(), rankOf(values.front()));
  Value result = node.builder().concat(values, axis);
  return {options.fused_activation_function() == 0 ? result
                                                   : activated(node, result, options.fused_activation_function())};
}

static Values pack(OperatorReader &node) {
  if (node.inputCount() == 0)
    malformed("has no inputs");
  Values values = alike(node, 0, node.inputCount());
  const int64_t axis = normalAxis(node.options<schema::PackOptions>().axis(), rankOf(values.front()) + 1);
  return {node.builder().stack(values, axis)};
}

static Values unpack(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  const auto &options = node.options<schema::UnpackOptions>();
  Value x = node.moved(0);
  const int64_t axis = normalAxis(options.axis(), rankOf(x));
  if (options.num() < 0 || static_cast<unsigned>(options.num()) != node.outputCount())
    malformed("makes " + Twine(node.outputCount()) + " tensors of " + Twine(options.num()));
  x = b.withDim(x, axis, options.num());
  if (extentsOf(x)[axis] != Extent(options.num()))
    malformed("takes " + Twine(options.num()) + " tensors of " + inWords(extentsOf(x)));
  Values parts;
  for (int64_t at = 0; at < options.num(); ++at)
    parts.push_back(b.dropDim(b.sliceDim(x, axis, at, 1), axis));
  return parts;
}

static Values broadcastTo(OperatorReader &node) {
  Value x = node.moved(0);
  const Extents wanted = node.extentsInput(1, GraphBuilder::Sign::NotNegative);
  FailureOr<Extents> shape = graph::broadcastExtents(extentsOf(x), wanted);
  if (failed(shape))
    malformed(inWords(extentsOf(x)) + " does not broadcast to " + inWords(wanted));
  return {node.builder().broadcast(x, *shape)};
}

// BROADCAST_ARGS: the dims to which tensors of two lists of dims broadcast
static Values broadcastArgs(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Extents first = node.extentsInput(0), second = node.extentsInput(1);
  if (first.size() < second.size())
    std::swap(first, second);
  for (size_t back = 1; back <= second.size(); ++back) {
    Extent &to = first[first.size() - back];
    const Extent &other = second[second.size() - back];
    if (to == Extent(1))
      to = other;
    else if (other != Extent(1) && !mayEqual(to, other))
      malformed("dims " + inWords(first) + " and " + inWords(second) + " do not broadcast");
    else if (other != Extent(1) && to != other)
      unsupported("dims " + to.str() + " and " + other.str() + " are not known to be alike; fix them with --shape");
  }
  return {b.sizes(first, checkedType({static_cast<int64_t>(first.size())}, node.outputType(0)))};
}

static Values tile(OperatorReader &node) {
  Value x = node.moved(0);
  Extents counts = node.extentsInput(1, GraphBuilder::Sign::NotNegative);
  if (static_cast<int64_t>(counts.size()) != rankOf(x))
    malformed("repeats " + Twine(counts.size()) + " dims of " + inWords(extentsOf(x)));
  return {node.builder().repeat(x, counts)};
}

static Values fill(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value number = b.reshape(node.moved(1), ArrayRef<Extent>());
  return {b.broadcast(number, node.extentsInput(0, GraphBuilder::Sign::NotNegative))};
}

static Values zerosLike(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.real(0);
  return {b.broadcast(b.scalar(elementOf(x), graph::Scalar::ofSigned(0)), extentsOf(x))};
}

// RANGE: start, start + delta, … up to limit
static Values numbers(OperatorReader &node) {
  Value start = node.real(0), limit = node.real(1), delta = node.real(2);
  return {range(node.builder(), start, limit, delta)};
}

static constexpr Operator kOperators[] = {
    {"BROADCAST_ARGS", broadcastArgs},
    {"BROADCAST_TO", broadcastTo},
    {"CONCATENATION", concatenation},
    {"EXPAND_DIMS", moving<expandDims>},
    {"FILL", fill},
    {"PACK", pack},
    {"RANGE", numbers},
    {"RANK", rank},
    {"RESHAPE", moving<reshape>},
    {"SHAPE", shape},
    {"SQUEEZE", moving<squeeze>},
    {"TILE", tile},
    {"TRANSPOSE", moving<transpose>},
    {"UNPACK", unpack},
    {"ZEROS_LIKE", zerosLike},
};

ArrayRef<Operator> shapeOperators() { return kOperators; }

} // namespace smelt::frontend::tflite
