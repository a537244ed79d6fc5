// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/Operators.h"
#include "frontends/common/Refusal.h"
#include "frontends/common/Unsupported.h"
#include "frontends/pt2/Program.h"

using namespace mlir;

namespace smelt::frontend::pt2 {

static constexpr ArrayRef<Operator> (*kFamilies[])() = {
    activationOperators,  antialiasOperators,     assertionOperators, attentionOperators,    bagOperators,
    binaryOperators,      cellOperators,          columnOperators,    compositeOperators,    controlOperators,
    convolutionOperators, creationOperators,      indexingOperators,  linalgOperators,       linearOperators,
    lossOperators,        normalizationOperators, poolingOperators,   quantizationOperators, rankingOperators,
    recurrentOperators,   seriesOperators,        shiftOperators,     reductionOperators,    resizeOperators,
    scatteringOperators,  sizeOperators,          sortingOperators,   spectralOperators,     specialOperators,
    stackingOperators,    stridedOperators,       unaryOperators,     viewOperators,         visionOperators,
};

/// Operators that torch has under two names, with the same arguments.
static constexpr std::pair<StringLiteral, StringLiteral> kAliases[] = {
    {"aten._is_all_true.default", "aten.all.default"},
    {"aten._is_any_true.default", "aten.any.default"},
    {"aten.absolute.default", "aten.abs.default"},
    {"aten.arccos.default", "aten.acos.default"},
    {"aten.arccosh.default", "aten.acosh.default"},
    {"aten.arcsin.default", "aten.asin.default"},
    {"aten.arcsinh.default", "aten.asinh.default"},
    {"aten.arctan.default", "aten.atan.default"},
    {"aten.arctan2.default", "aten.atan2.default"},
    {"aten.arctanh.default", "aten.atanh.default"},
    {"aten.argwhere.default", "aten.nonzero.default"},
    {"aten.broadcast_to.default", "aten.expand.default"},
    {"aten.divide.Scalar", "aten.div.Scalar"},
    {"aten.divide.Tensor", "aten.div.Tensor"},
    {"aten.divide.Tensor_mode", "aten.div.Tensor_mode"},
    {"aten.feature_alpha_dropout.default", "aten.alpha_dropout.default"},
    {"aten.fix.default", "aten.trunc.default"},
    {"aten.ger.default", "aten.outer.default"},
    {"aten.greater.Scalar", "aten.gt.Scalar"},
    {"aten.greater.Tensor", "aten.gt.Tensor"},
    {"aten.greater_equal.Scalar", "aten.ge.Scalar"},
    {"aten.greater_equal.Tensor", "aten.ge.Tensor"},
    {"aten.less.Scalar", "aten.lt.Scalar"},
    {"aten.less.Tensor", "aten.lt.Tensor"},
    {"aten.less_equal.Scalar", "aten.le.Scalar"},
    {"aten.less_equal.Tensor", "aten.le.Tensor"},
    {"aten.matrix_exp.default", "aten.linalg_matrix_exp.default"},
    {"aten.moveaxis.int", "aten.movedim.int"},
    {"aten.moveaxis.intlist", "aten.movedim.intlist"},
    {"aten._neg_view.default", "aten.neg.default"},
    {"aten.negative.default", "aten.neg.default"},
    {"aten.narrow_copy.default", "aten.narrow.default"},
    {"aten.native_channel_shuffle.default", "aten.channel_shuffle.default"},
    {"aten.not_equal.Scalar", "aten.ne.Scalar"},
    {"aten.not_equal.Tensor", "aten.ne.Tensor"},
    {"aten.ravel.default", "aten.flatten.using_ints"},
    {"aten.reshape_as.default", "aten.view_as.default"},
    {"aten.row_stack.default", "aten.vstack.default"},
    {"aten.special_digamma.default", "aten.digamma.default"},
    {"aten.special_erf.default", "aten.erf.default"},
    {"aten.special_erfc.default", "aten.erfc.default"},
    {"aten.special_erfinv.default", "aten.erfinv.default"},
    {"aten.special_exp2.default", "aten.exp2.default"},
    {"aten.special_expit.default", "aten.sigmoid.default"},
    {"aten.special_expm1.default", "aten.expm1.default"},
    {"aten.special_gammaln.default", "aten.lgamma.default"},
    {"aten.special_i0.default", "aten.i0.default"},
    {"aten.special_log1p.default", "aten.log1p.default"},
    {"aten.special_polygamma.default", "aten.polygamma.default"},
    {"aten.special_psi.default", "aten.digamma.default"},
    {"aten.special_sinc.default", "aten.sinc.default"},
    {"aten.subtract.Scalar", "aten.sub.Scalar"},
    {"aten.subtract.Tensor", "aten.sub.Tensor"},
    {"aten.swapdims.default", "aten.transpose.int"},
    {"aten.unsafe_chunk.default", "aten.chunk.default"},
    {"aten.unsafe_split.Tensor", "aten.split.Tensor"},
};

/// The name that rows have for it.
static StringRef aliased(StringRef name) {
  for (const auto &[alias, own] : kAliases)
    if (alias == name)
      return own;
  return name;
}

OperatorTable::OperatorTable() {
  for (auto family : kFamilies)
    for (const Operator &row : family())
      byName_.try_emplace(row.name, row.import);
  for (const ComplexForm &form : complexForms()) {
    complex_.try_emplace(form.name, &form);
    if (form.own)
      byName_.try_emplace(form.name, *form.own);
  }
}

/// "aten.add_.Tensor" → "aten.add.Tensor", "aten.__iand__.Tensor" → "aten.__and__.Tensor"; empty where a name is of no
/// such form.
static std::string withoutUnderscore(StringRef name) {
  auto [path, overload] = name.rsplit('.');
  if (StringRef rest = path; rest.consume_front("aten.__i") && rest.ends_with("__"))
    return ("aten.__" + rest + "." + overload).str();
  return path.ends_with("_") && !path.ends_with("__") ? (path.drop_back() + "." + overload).str() : "";
}

OperatorTable::Found OperatorTable::find(StringRef name) const {
  Found found;
  auto row = byName_.find(aliased(name));
  if (row == byName_.end()) {
    row = byName_.find(aliased(withoutUnderscore(name)));
    found.isInPlace = true;
  }
  if (row == byName_.end())
    return {};
  found.import = &row->second;
  found.complex = complex_.lookup(row->getKey());
  found.schema = schemas_.find(row->getKey());
  return found;
}

SmallVector<StringRef> OperatorTable::names() const {
  SmallVector<StringRef> names;
  for (const auto &row : byName_)
    names.push_back(row.getKey());
  llvm::sort(names);
  return names;
}

StringRef reasonToRefuse(StringRef name) {
  constexpr StringLiteral kVmap = "is a part of torch.vmap; save ep.run_decompositions({}), which takes torch.vmap out";
  constexpr StringLiteral kSubclass = "takes apart a tensor of a class of its own, as torchao's weights are; save "
                                      "ep.run_decompositions({}), which leaves plain tensors";
  static const std::string kRenorm = ("changes the weights, " + kChangedParameter).str();
  if (name.starts_with("torch._functorch.predispatch."))
    return kVmap;
  if (name.starts_with("export.access_subclass_inner_tensor"))
    return kSubclass;
  if (name.starts_with("aten.embedding_renorm"))
    return kRenorm;
  if (name.starts_with("aten._native_batch_norm_legit"))
    return kTrainingNorm;
  return name.starts_with("aten.native_dropout.") ? kTrainingDropout : kUnknownOperator;
}

// Types.

/// Bools before integers before floats.
static int rankOfType(Type type) { return isa<FloatType>(type) ? 2 : type.isInteger(1) ? 0 : 1; }

/// at::promoteTypes. A float of another kind than bf16 or f16 makes f32 of them; integers of both signs the next
/// larger signed one.
static Type promoted(Type a, Type b) {
  if (!a || !b || a == b)
    return a ? a : b;
  int left = rankOfType(a), right = rankOfType(b);
  if (left != right)
    return left > right ? a : b;
  unsigned wide = a.getIntOrFloatBitWidth(), other = b.getIntOrFloatBitWidth();
  if (left == 2)
    return wide == other ? Float32Type::get(a.getContext()) : wide > other ? a : b;
  if (a.isUnsignedInteger() == b.isUnsignedInteger())
    return wide > other ? a : b;
  unsigned signedWidth = a.isUnsignedInteger() ? other : wide, unsignedWidth = a.isUnsignedInteger() ? wide : other;
  return IntegerType::get(a.getContext(), signedWidth > unsignedWidth ? signedWidth : std::min(2 * unsignedWidth, 64U));
}

/// What comes first decides, unless what comes next is of a higher kind.
static Type combined(Type first, Type next) {
  if (!first || !next)
    return first ? first : next;
  if (rankOfType(first) == 2)
    return first;
  return rankOfType(first) == 0 || rankOfType(next) == 2 ? promoted(first, next) : first;
}

Type promotedType(ArrayRef<Value> tensors, ArrayRef<Number> numbers, MLIRContext *context) {
  Builder b(context);
  Type withDims, withoutDims, number;
  for (Value tensor : tensors) {
    Type &type = rankOf(tensor) > 0 ? withDims : withoutDims;
    type = promoted(type, elementOf(tensor));
  }
  for (const Number &each : numbers)
    number = promoted(number, each.isFloat()                    ? Type(b.getF32Type())
                              : each.kind == Number::Kind::Bool ? Type(b.getI1Type())
                                                                : Type(b.getI64Type()));
  return combined(withDims, combined(withoutDims, number));
}

Type floatOf(Type type) { return isa<FloatType>(type) ? type : Float32Type::get(type.getContext()); }

Value scalarOf(GraphBuilder &b, const Number &number, Type type) {
  if (number.tensor)
    return b.cast(number.tensor, type);
  if (number.size && !number.size->isNumber())
    return b.cast(b.number(*number.size), type);
  if (number.size)
    return b.scalar(type, graph::Scalar::ofSigned(number.size->number()));
  return b.scalar(type, number.value);
}

} // namespace smelt::frontend::pt2
