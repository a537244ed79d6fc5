// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Sums, means, extrema, norms and running sums.

#include "frontends/common/Axes.h"
#include "frontends/common/Masks.h"
#include "frontends/pt2/Ops/Lines.h"
#include "frontends/pt2/Ops/Norms.h"
#include "frontends/pt2/Ops/Operands.h"
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

using graph::ReduceKind;

/// The dims that `name` gives, all where it gives none; of a scalar none.
static Integers axesOf(NodeReader &node, StringRef name, Value x) {
  std::optional<Integers> given = name.empty() ? std::nullopt : node.optionalIntegers(name);
  if (rankOf(x) == 0)
    return {};
  if (given && !given->empty())
    return normalAxes(*given, rankOf(x));
  return llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
}

/// A reduced value without its dims of 1, unless they are to be kept.
static Value withoutAxes(GraphBuilder &b, Value reduced, ArrayRef<int64_t> axes, bool keep) {
  return keep ? reduced : withoutDims(b, reduced, axes);
}

static Value reduced(GraphBuilder &b, Value x, ReduceKind kind, ArrayRef<int64_t> axes, bool keep) {
  return axes.empty() ? x : withoutAxes(b, b.make<graph::ReduceOp>(x, kind, axes), axes, keep);
}

static bool keepsDims(NodeReader &node) { return node.hasArgument("keepdim") && node.flag("keepdim"); }

/// Sums and products of integers are i64; `dtype` says otherwise.
static Value summed(NodeReader &node, Value x) {
  Type type = elementOf(x);
  if (!isa<FloatType>(type))
    type = node.builder().builder().getI64Type();
  return node.builder().cast(x, node.optionalType("dtype").value_or(type));
}

/// Narrow integers, which a dtype may ask for, are summed up in 64 bits: what is cut off then is the same.
template <ReduceKind kind> static Value sumOver(NodeReader &node, StringRef axesName) {
  GraphBuilder &b = node.builder();
  Value x = summed(node, node.tensor("self"));
  const Type type = elementOf(x);
  if (!isa<FloatType>(type) && type.getIntOrFloatBitWidth() < 32)
    x = b.cast(x, b.builder().getI64Type());
  Integers axes = axesOf(node, axesName, x);
  return b.cast(reduced(b, x, kind, axes, keepsDims(node)), type);
}
template <ReduceKind kind> static Value sumAll(NodeReader &node) { return sumOver<kind>(node, ""); }
template <ReduceKind kind> static Value sumDims(NodeReader &node) { return sumOver<kind>(node, "dim"); }

template <ReduceKind kind> static Value extremum(NodeReader &node, StringRef axesName) {
  Value x = node.tensor("self");
  return reduced(node.builder(), x, kind, axesOf(node, axesName, x), keepsDims(node));
}
template <ReduceKind kind> static Value extremumOfAll(NodeReader &node) { return extremum<kind>(node, ""); }
template <ReduceKind kind> static Value extremumOfDims(NodeReader &node) { return extremum<kind>(node, "dim"); }

static Value asBool(GraphBuilder &b, Value x) {
  return elementOf(x).isInteger(1) ? x : b.make<graph::NotOp>(b.make<graph::EqualOp>(x, b.scalarLike(x, 0)));
}

/// any, all: the maximum, or minimum, of bools, which of bytes are bytes
template <ReduceKind kind> static Value quantified(NodeReader &node, StringRef axesName) {
  GraphBuilder &b = node.builder();
  Value given = node.tensor("self"), x = asBool(b, given);
  Value result = reduced(b, x, kind, axesOf(node, axesName, x), keepsDims(node));
  return elementOf(given).isUnsignedInteger(8) ? b.cast(result, elementOf(given)) : result;
}
template <ReduceKind kind> static Value quantifiedAll(NodeReader &node) { return quantified<kind>(node, ""); }
template <ReduceKind kind> static Value quantifiedDims(NodeReader &node) { return quantified<kind>(node, "dim"); }

static Value countNonzero(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = b.cast(asBool(b, node.tensor("self")), b.builder().getI64Type());
  return reduced(b, x, ReduceKind::Sum, axesOf(node, "dim", x), /*keep=*/false);
}

// The place of an extremum.

template <bool minimum> static Value argReduce(GraphBuilder &b, Value x, int64_t axis) {
  return b.make<graph::ArgReduceOp>(x, axis, minimum, /*last=*/false);
}

template <bool minimum> static Value argExtremum(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  const bool isWhole = !node.has("dim") || rankOf(x) == 0;
  const bool keep = node.flag("keepdim");
  const int64_t rank = rankOf(x);
  if (isWhole) {
    Value index = b.reshape(argReduce<minimum>(b, b.flat(x), 0), Extents());
    return keep ? b.reshape(index, Extents(rank, 1)) : index;
  }
  int64_t axis = node.axis("dim", x);
  return withoutAxes(b, argReduce<minimum>(b, x, axis), axis, keep);
}

/// The extremum along a dim, and its place.
template <bool minimum> static Values extremumAndPlace(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  int64_t axis = node.axis("dim", x);
  const bool keep = node.flag("keepdim");
  Value value = b.make<graph::ReduceOp>(x, minimum ? ReduceKind::Min : ReduceKind::Max, axis);
  return {withoutAxes(b, value, axis, keep), withoutAxes(b, argReduce<minimum>(b, x, axis), axis, keep)};
}

// Means, variances.

static Value floatsOf(NodeReader &node, Value x) {
  return node.builder().cast(x, node.optionalType("dtype").value_or(floatOf(elementOf(x))));
}

static Value meanAll(NodeReader &node) {
  Value x = floatsOf(node, node.tensor("self"));
  return reduced(node.builder(), x, ReduceKind::Mean, axesOf(node, "", x), false);
}
static Value meanDims(NodeReader &node) {
  Value x = floatsOf(node, node.tensor("self"));
  return reduced(node.builder(), x, ReduceKind::Mean, axesOf(node, "dim", x), node.flag("keepdim"));
}

/// How much the number of elements is less for the variance of a sample: 1 where nothing is said.
static double correctionOf(NodeReader &node) {
  if (node.hasArgument("correction"))
    return node.optionalNumber("correction").value_or(1);
  return node.flag("unbiased") ? 1 : 0;
}

/// [variance, mean], of dims that are kept.
static std::pair<Value, Value> momentsOf(NodeReader &node, Value x, ArrayRef<int64_t> axes, double correction) {
  GraphBuilder &b = node.builder();
  Value mean = b.make<graph::ReduceOp>(x, ReduceKind::Mean, axes), centred = b.make<graph::SubOp>(x, mean);
  Value squares = b.make<graph::ReduceOp>(b.make<graph::MulOp>(centred, centred), ReduceKind::Sum, axes);
  Extents reducedDims;
  for (int64_t axis : axes)
    reducedDims.push_back(extentsOf(x)[axis]);
  const Extent count = elementsOf(reducedDims);
  Value divisor = count.isNumber() ? b.scalarLike(x, std::max(static_cast<double>(count.number()) - correction, 0.0))
                                   : b.make<graph::MaxOp>(b.make<graph::SubOp>(b.cast(b.number(count), elementOf(x)),
                                                                               b.scalarLike(x, correction)),
                                                          b.scalarLike(x, 0));
  return {b.make<graph::DivOp>(squares, divisor), mean};
}

template <bool isDeviation, bool withMean> static Values variance(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  Integers axes = axesOf(node, node.hasArgument("dim") ? "dim" : "", x);
  const bool keep = keepsDims(node);
  auto [variance, mean] = momentsOf(node, x, axes, correctionOf(node));
  if (isDeviation)
    variance = b.make<graph::SqrtOp>(variance);
  Values results{withoutAxes(b, variance, axes, keep)};
  if (withMean)
    results.push_back(withoutAxes(b, mean, axes, keep));
  return results;
}

static Value logSumExp(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = b.cast(node.tensor("self"), floatOf(elementOf(node.tensor("self"))));
  return reduced(b, x, ReduceKind::LogSumExp, axesOf(node, "dim", x), node.flag("keepdim"));
}

// Norms.

Value normOver(GraphBuilder &b, Value x, double order, ArrayRef<int64_t> axes, bool keep) {
  if (order == 1 || order == 2)
    return axes.empty() ? b.make<graph::AbsOp>(x)
                        : reduced(b, x, order == 1 ? ReduceKind::L1 : ReduceKind::L2, axes, keep);
  Value sizes = b.make<graph::AbsOp>(x);
  if (std::isinf(order))
    return reduced(b, sizes, order > 0 ? ReduceKind::Max : ReduceKind::Min, axes, keep);
  if (order == 0) {
    Value isZero = b.make<graph::EqualOp>(x, b.scalarLike(x, 0));
    return reduced(b, b.cast(b.make<graph::NotOp>(isZero), elementOf(x)), ReduceKind::Sum, axes, keep);
  }
  Value sum = reduced(b, b.make<graph::PowOp>(sizes, b.scalarLike(x, order)), ReduceKind::Sum, axes, keep);
  return b.make<graph::PowOp>(sum, b.scalarLike(x, 1 / order));
}

Value normed(NodeReader &node) {
  const ComplexValue x = node.complex("self");
  return x.isReal() ? x.real : magnitude(node.builder(), x);
}

Value vectorNorm(NodeReader &node) {
  Value x = floatsOf(node, normed(node));
  return normOver(node.builder(), x, node.number("ord"), axesOf(node, "dim", x), node.flag("keepdim"));
}

Value norm(NodeReader &node) {
  Value x = normed(node);
  Integers axes = axesOf(node, node.hasArgument("dim") ? "dim" : "", x);
  return normOver(node.builder(), x, node.optionalNumber("p").value_or(2), axes, keepsDims(node));
}

/// The sum of what a smaller shape broadcasts to.
static Value sumTo(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  Extents shape = node.extents("size");
  if (shape.size() > extentsOf(x).size())
    malformed("sums " + Twine(rankOf(x)) + " dims to " + Twine(shape.size()));
  Extents aligned = shape;
  aligned.insert(aligned.begin(), rankOf(x) - shape.size(), Extent(1));
  Integers axes;
  for (int64_t dim = 0; dim < rankOf(x); ++dim)
    if (aligned[dim] == Extent(1) && extentsOf(x)[dim] != Extent(1))
      axes.push_back(dim);
  return b.reshape(axes.empty() ? x : b.make<graph::ReduceOp>(x, ReduceKind::Sum, axes), shape);
}

/// The norm of a difference.
static Value distance(NodeReader &node) {
  Operands given = readFloats(node);
  Value apart = combine<graph::SubOp>(node.builder(), given.lhs, given.rhs);
  return normOver(node.builder(), apart, node.number("p"), axesOf(node, "", apart), /*keep=*/false);
}

/// Rows along a dim shortened to a norm of at most `maxnorm`.
static Value renormalised(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  const int64_t dim = node.axis("dim", x);
  const double most = node.number("maxnorm");
  Integers axes;
  for (int64_t axis = 0; axis < rankOf(x); ++axis)
    if (axis != dim)
      axes.push_back(axis);
  Value norm = normOver(b, x, node.number("p"), axes, /*keep=*/true);
  Value limit = b.scalarLike(x, most), divisor = b.make<graph::AddOp>(norm, b.scalarLike(x, 1e-7));
  Value factor = b.make<graph::SelectOp>(b.make<graph::GreaterOp>(norm, limit), b.make<graph::DivOp>(limit, divisor),
                                         b.scalarLike(x, 1));
  return b.make<graph::MulOp>(x, factor);
}

/// The sum of what is a number, or its mean.
template <bool isMean> static Value sumOfNumbers(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = floatsOf(node, node.tensor("self"));
  Integers axes = axesOf(node, "dim", x);
  const bool keep = node.flag("keepdim");
  Value isNan = b.make<graph::IsNanOp>(x);
  Value sum = reduced(b, b.make<graph::SelectOp>(isNan, b.scalarLike(x, 0), x), ReduceKind::Sum, axes, keep);
  if (!isMean)
    return sum;
  Value counted = b.cast(b.make<graph::NotOp>(isNan), elementOf(x));
  return b.make<graph::DivOp>(sum, reduced(b, counted, ReduceKind::Sum, axes, keep));
}

// Running sums, softmax.

template <bool product> static Value cumulative(NodeReader &node) {
  Value x = summed(node, node.tensor("self"));
  return node.builder().make<graph::CumulativeOp>(x, node.axis("dim", x), /*exclusive=*/false, /*reverse=*/false,
                                                  product);
}

template <bool log> static Value softmax(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("self");
  std::optional<Type> type = node.hasArgument("dtype") ? node.optionalType("dtype") : std::nullopt;
  if (node.hasArgument("half_to_float") && node.flag("half_to_float"))
    type = b.builder().getF32Type();
  x = b.cast(x, type.value_or(floatOf(elementOf(x))));
  return b.make<graph::SoftmaxOp>(x, node.axis("dim", x), log);
}

// Softmax that is 0 where a whole row is -∞.
static Value safeSoftmax(NodeReader &node) {
  Value x = node.tensor("self"), weights = softmax<false>(node);
  return withoutMaskedRows(node.builder(), weights, x, node.axis("dim", x));
}

static constexpr Operator kOperators[] = {
    {"aten._log_softmax.default", alongLine<softmax<true>>},
    {"aten._safe_softmax.default", alongLine<safeSoftmax>},
    {"aten._softmax.default", alongLine<softmax<false>>},
    {"aten.all.default", quantifiedAll<ReduceKind::Min>},
    {"aten.all.dim", quantifiedDims<ReduceKind::Min>},
    {"aten.all.dims", quantifiedDims<ReduceKind::Min>},
    {"aten.amax.default", extremumOfDims<ReduceKind::Max>},
    {"aten.amin.default", extremumOfDims<ReduceKind::Min>},
    {"aten.any.default", quantifiedAll<ReduceKind::Max>},
    {"aten.any.dim", quantifiedDims<ReduceKind::Max>},
    {"aten.any.dims", quantifiedDims<ReduceKind::Max>},
    {"aten.argmax.default", argExtremum<false>},
    {"aten.argmin.default", argExtremum<true>},
    {"aten.count_nonzero.default", countNonzero},
    {"aten.count_nonzero.dim_IntList", countNonzero},
    {"aten.cumprod.default", alongLine<cumulative<true>>},
    {"aten.cumsum.default", alongLine<cumulative<false>>},
    {"aten.dist.default", distance},
    {"aten.linalg_vector_norm.default", vectorNorm},
    {"aten.log_softmax.int", alongLine<softmax<true>>},
    {"aten.logsumexp.default", logSumExp},
    {"aten.max.default", extremumOfAll<ReduceKind::Max>},
    {"aten.max.dim", alongLine<extremumAndPlace<false>>},
    {"aten.mean.default", meanAll},
    {"aten.mean.dim", meanDims},
    {"aten.min.default", extremumOfAll<ReduceKind::Min>},
    {"aten.min.dim", alongLine<extremumAndPlace<true>>},
    {"aten.nanmean.default", sumOfNumbers<true>},
    {"aten.nansum.default", sumOfNumbers<false>},
    {"aten.norm.Scalar", norm},
    {"aten.norm.ScalarOpt_dim", norm},
    {"aten.prod.default", sumAll<ReduceKind::Prod>},
    {"aten.prod.dim_int", sumDims<ReduceKind::Prod>},
    {"aten.renorm.default", renormalised},
    {"aten.softmax.int", alongLine<softmax<false>>},
    {"aten.special_log_softmax.default", alongLine<softmax<true>>},
    {"aten.special_softmax.default", alongLine<softmax<false>>},
    {"aten.std.correction", alongLine<variance<true, false>>},
    {"aten.std.default", alongLine<variance<true, false>>},
    {"aten.std.dim", alongLine<variance<true, false>>},
    {"aten.std_mean.correction", alongLine<variance<true, true>>},
    {"aten.std_mean.default", alongLine<variance<true, true>>},
    {"aten.std_mean.dim", alongLine<variance<true, true>>},
    {"aten.sum.default", sumAll<ReduceKind::Sum>},
    {"aten.sum.dim_IntList", sumDims<ReduceKind::Sum>},
    {"aten.sum_to_size.default", sumTo},
    {"aten.var.correction", alongLine<variance<false, false>>},
    {"aten.var.default", alongLine<variance<false, false>>},
    {"aten.var.dim", alongLine<variance<false, false>>},
    {"aten.var_mean.correction", alongLine<variance<false, true>>},
    {"aten.var_mean.default", alongLine<variance<false, true>>},
    {"aten.var_mean.dim", alongLine<variance<false, true>>},
};

ArrayRef<Operator> reductionOperators() { return kOperators; }

} // namespace smelt::frontend::pt2
