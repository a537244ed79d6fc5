// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Sizes: what a program computes of dims, with Python's integers.

#include "frontends/common/Branches.h"
#include "frontends/pt2/Ops/Operands.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

static Things symSize(NodeReader &node) {
  Value x = node.tensor("self");
  return {Thing(extentsOf(x)[normalAxis(node.integer("dim"), rankOf(x))])};
}

static Things symStorageOffset(NodeReader &node) { return {Thing(node.storageOffset("self"))}; }

static Things symNumel(NodeReader &node) { return {Thing(elementsOf(extentsOf(node.tensor("self"))))}; }

/// Two operands by place: sizes, unless one is a float.
static std::pair<Thing, Thing> operandsOf(NodeReader &node) {
  if (node.positionalCount() != 2)
    malformed("takes two operands, not " + Twine(node.positionalCount()));
  return {node.thingAt(0), node.thingAt(1)};
}

static Value asFloat(GraphBuilder &b, const Thing &thing) {
  Type type = b.builder().getF64Type();
  return b.cast(thing.tensor ? thing.tensor : b.number(*thing.size), type);
}

static Extent checked(const Extent &extent) {
  if (extent.isTooLarge())
    unsupported("a size that it computes is too long an expression");
  return extent;
}

/// Of sizes by `ofSizes`, of floats by a graph op.
template <typename Op> static Things combined(NodeReader &node, Extent (*ofSizes)(const Extent &, const Extent &)) {
  auto [a, c] = operandsOf(node);
  if (a.size && c.size)
    return {Thing(checked(ofSizes(*a.size, *c.size)))};
  GraphBuilder &b = node.builder();
  return {Thing(b.make<Op>(asFloat(b, a), asFloat(b, c)))};
}

static Things add(NodeReader &node) {
  return combined<graph::AddOp>(node, [](const Extent &a, const Extent &c) { return a + c; });
}
static Things sub(NodeReader &node) {
  return combined<graph::SubOp>(node, [](const Extent &a, const Extent &c) { return a - c; });
}
static Things mul(NodeReader &node) {
  return combined<graph::MulOp>(node, [](const Extent &a, const Extent &c) { return a * c; });
}
static Things largest(NodeReader &node) {
  return combined<graph::MaxOp>(node, [](const Extent &a, const Extent &c) { return Extent::max(a, c); });
}
static Things smallest(NodeReader &node) {
  return combined<graph::MinOp>(node, [](const Extent &a, const Extent &c) { return Extent::min(a, c); });
}

static Extent quotient(const Extent &a, const Extent &c) {
  if (c == Extent(0))
    malformed("divides a size by 0");
  std::optional<Extent> whole = a.dividedBy(c);
  return whole ? *whole : a.floorDiv(c);
}
static Things floorDiv(NodeReader &node) {
  auto [a, c] = operandsOf(node);
  if (a.size && c.size)
    return {Thing(checked(quotient(*a.size, *c.size)))};
  GraphBuilder &b = node.builder();
  return {Thing(b.make<graph::FloorOp>(b.make<graph::DivOp>(asFloat(b, a), asFloat(b, c))))};
}
static Things modulo(NodeReader &node) {
  auto [a, c] = operandsOf(node);
  if (!a.size || !c.size)
    unsupported("takes the rest of floats");
  return {Thing(checked(*a.size - quotient(*a.size, *c.size) * *c.size))};
}
static Things trueDiv(NodeReader &node) {
  auto [a, c] = operandsOf(node);
  GraphBuilder &b = node.builder();
  return {Thing(b.make<graph::DivOp>(asFloat(b, a), asFloat(b, c)))};
}
static Things power(NodeReader &node) {
  auto [a, c] = operandsOf(node);
  GraphBuilder &b = node.builder();
  if (!a.size || !c.size || !c.size->isNumber())
    return {Thing(b.make<graph::PowOp>(asFloat(b, a), asFloat(b, c)))};
  constexpr int64_t kHighest = 8;
  if (c.size->number() < 0 || c.size->number() > kHighest)
    unsupported("raises a size to the power of " + c.size->str());
  Extent result = 1;
  for (int64_t times = 0; times < c.size->number(); ++times)
    result *= *a.size;
  return {Thing(checked(result))};
}

static Things negated(NodeReader &node) {
  Thing a = node.thingAt(0);
  return {a.size ? Thing(0 - *a.size) : Thing(node.builder().make<graph::NegOp>(a.tensor))};
}

/// 1 where a < c, else 0: min(1, max(0, c - a))
static Extent isLess(const Extent &a, const Extent &c) { return Extent::min(1, Extent::max(c - a, 0)); }
static Extent isEqual(const Extent &a, const Extent &c) { return Extent::isSame(a, c); }

/// 1 or 0, of sizes by `ofSizes`, of floats by a graph op.
template <typename Op> static Things compared(NodeReader &node, Extent (*ofSizes)(const Extent &, const Extent &)) {
  auto [a, c] = operandsOf(node);
  if (a.size && c.size)
    return {Thing(checked(ofSizes(*a.size, *c.size)))};
  GraphBuilder &b = node.builder();
  return {Thing(conditionFrom(b, b.make<Op>(asFloat(b, a), asFloat(b, c))))};
}
static Things joined(NodeReader &node, Extent (*join)(const Extent &, const Extent &)) {
  auto [a, c] = operandsOf(node);
  if (!a.size || !c.size)
    malformed("joins what are no conditions");
  return {Thing(checked(join(*a.size, *c.size)))};
}
/// sym_ite: a where the condition holds, else c.
static Things chosen(NodeReader &node) {
  Thing condition = node.thingAt(0), a = node.thingAt(1), c = node.thingAt(2);
  if (!condition.size || !a.size || !c.size)
    unsupported("chooses between floats");
  return {Thing(checked(Extent::select(*condition.size, *a.size, *c.size)))};
}

static Things less(NodeReader &node) { return compared<graph::LessOp>(node, isLess); }
static Things greater(NodeReader &node) {
  return compared<graph::GreaterOp>(node, [](const Extent &a, const Extent &c) { return isLess(c, a); });
}
static Things lessEqual(NodeReader &node) {
  return compared<graph::LessEqualOp>(node, [](const Extent &a, const Extent &c) { return 1 - isLess(c, a); });
}
static Things greaterEqual(NodeReader &node) {
  return compared<graph::GreaterEqualOp>(node, [](const Extent &a, const Extent &c) { return 1 - isLess(a, c); });
}
static Things equal(NodeReader &node) { return compared<graph::EqualOp>(node, isEqual); }
static Things unequal(NodeReader &node) {
  Extent equal = *compared<graph::EqualOp>(node, isEqual).front().size;
  return {Thing(1 - equal)};
}
static Things both(NodeReader &node) {
  return joined(node, [](const Extent &a, const Extent &c) { return a * c; });
}
static Things either(NodeReader &node) {
  return joined(node, [](const Extent &a, const Extent &c) { return Extent::max(a, c); });
}
static Things isNot(NodeReader &node) {
  Thing a = node.thingAt(0);
  if (!a.size)
    malformed("negates what is no condition");
  return {Thing(1 - *a.size)};
}

/// Towards 0, or to -∞ or +∞; sizes stay what they are.
template <typename Op> static Things rounded(NodeReader &node) {
  Thing a = node.thingAt(0);
  if (a.size)
    return {a};
  GraphBuilder &b = node.builder();
  Value whole = b.cast(b.make<Op>(a.tensor), b.builder().getI64Type());
  return {Thing(b.sizesFrom(whole).front())};
}

static Things toFloat(NodeReader &node) { return {Thing(asFloat(node.builder(), node.thingAt(0)))}; }

/// An element as a number: a size where it is an integer, else a tensor of rank 0.
static Things item(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  if (!isSingle(x))
    malformed("takes one element of " + inWords(extentsOf(x)));
  x = b.reshape(x, Extents());
  if (isa<FloatType>(elementOf(x)))
    return {Thing(b.cast(x, b.builder().getF64Type()))};
  return {Thing(b.sizesFrom(b.cast(x, b.builder().getI64Type())).front())};
}

static constexpr Operator kOperators[] = {
    {"_operator.add", add},
    {"_operator.and_", both},
    {"_operator.eq", equal},
    {"_operator.floordiv", floorDiv},
    {"_operator.ge", greaterEqual},
    {"_operator.gt", greater},
    {"_operator.le", lessEqual},
    {"_operator.lt", less},
    {"_operator.mod", modulo},
    {"_operator.mul", mul},
    {"_operator.ne", unequal},
    {"_operator.neg", negated},
    {"_operator.or_", either},
    {"_operator.pow", power},
    {"_operator.sub", sub},
    {"_operator.truediv", trueDiv},
    {"aten._local_scalar_dense.default", item},
    {"aten.item.default", item},
    {"aten.sym_numel.default", symNumel},
    {"aten.sym_size.int", symSize},
    {"aten.sym_storage_offset.default", symStorageOffset},
    {"math.ceil", rounded<graph::CeilOp>},
    {"math.floor", rounded<graph::FloorOp>},
    {"math.trunc", rounded<graph::FloorOp>},
    {"torch._sym_sqrt",
     +[](NodeReader &node) -> Things {
       GraphBuilder &b = node.builder();
       return {Thing(b.make<graph::SqrtOp>(asFloat(b, node.thingAt(0))))};
     }},
    {"torch.sym_float", toFloat},
    {"torch.sym_int", rounded<graph::FloorOp>},
    {"torch.sym_ite", chosen},
    {"torch.sym_max", largest},
    {"torch.sym_min", smallest},
    {"torch.sym_not", isNot},
};

ArrayRef<Operator> sizeOperators() { return kOperators; }

} // namespace smelt::frontend::pt2
