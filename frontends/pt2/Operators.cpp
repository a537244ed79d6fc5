// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/Operators.h"
#include "frontends/common/Refusal.h"

using namespace mlir;

namespace smelt::frontend::pt2 {

static constexpr ArrayRef<Operator> (*kFamilies[])() = {
    activationOperators,   attentionOperators, binaryOperators,    controlOperators,       convolutionOperators,
    creationOperators,     indexingOperators,  linearOperators,    normalizationOperators, poolingOperators,
    quantizationOperators, recurrentOperators, reductionOperators, resizeOperators,        sizeOperators,
    sortingOperators,      unaryOperators,     viewOperators,      visionOperators,
};

OperatorTable::OperatorTable() {
  for (auto family : kFamilies)
    for (const Operator &row : family())
      byName_.try_emplace(row.name, row.import);
}

/// "aten.add_.Tensor" → "aten.add.Tensor"; empty where a name is of no such form.
static std::string withoutUnderscore(StringRef name) {
  auto [path, overload] = name.rsplit('.');
  return path.ends_with("_") && !path.ends_with("__") ? (path.drop_back() + "." + overload).str() : "";
}

OperatorTable::Found OperatorTable::find(StringRef name) const {
  Found found;
  auto row = byName_.find(name);
  if (row == byName_.end()) {
    row = byName_.find(withoutUnderscore(name));
    found.isInPlace = true;
  }
  if (row == byName_.end())
    return {};
  found.import = &row->second;
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
