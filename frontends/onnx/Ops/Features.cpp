// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ai.onnx.ml does with features before a model sees them.

#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Ops/Scores.h"
#include "frontends/onnx/Tensors.h"
#include <cmath>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents, graph::ReduceKind;

/// One number for all features, or one for each of the last dim.
static Value perFeature(GraphBuilder &b, Value x, ArrayRef<double> numbers, StringRef name) {
  if (numbers.size() != 1 && (rankOf(x) < 1 || static_cast<int64_t>(numbers.size()) != fixedDim(x, rankOf(x) - 1)))
    malformed("has " + Twine(numbers.size()) + " entries in '" + name + "' for an input of dims " +
              inWords(extentsOf(x)));
  return listOf(b, numbers, elementOf(x));
}

// Scaler: (X - offset) · scale, f32                                                  ai.onnx.ml Scaler, version 1
static Values scaler(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = b.cast(node.input(0, Numbers), b.builder().getF32Type());
  const Numbers64 offset = node.numbers("offset").value_or(Numbers64{0}),
                  scale = node.numbers("scale").value_or(Numbers64{1});
  x = b.make<graph::SubOp>(x, perFeature(b, x, offset, "offset"));
  return {b.make<graph::MulOp>(x, perFeature(b, x, scale, "scale"))};
}

// Normalizer: rows divided by their maximum or norm; those of zeros stay               ai.onnx.ml Normalizer, version 1
static Values normalizer(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = b.cast(node.input(0, Numbers), b.builder().getF32Type());
  auto kind = node.choice<ReduceKind>("norm", "MAX",
                                      {{"MAX", ReduceKind::Max}, {"L1", ReduceKind::L1}, {"L2", ReduceKind::L2}});
  if (rankOf(x) < 1)
    malformed("normalises a scalar");
  Value norm = b.make<graph::ReduceOp>(x, kind, ArrayRef<int64_t>{rankOf(x) > 1 ? 1 : 0});
  Value isZero = b.make<graph::EqualOp>(norm, b.scalarLike(x, 0));
  return {b.make<graph::DivOp>(x, b.make<graph::SelectOp>(isZero, b.scalarLike(x, 1), norm))};
}

// Imputer: other numbers in the place of one, or of NaN                                   ai.onnx.ml Imputer, version 1
static Values imputer(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Numbers);
  const bool isFloat = isa<FloatType>(elementOf(x));
  const double replacedFloat = node.number("replaced_value_float", 0);
  const int64_t replacedInteger = node.integer("replaced_value_int64", 0);
  const Numbers64 floats = numbersOf(node, "imputed_value_floats");
  const Integers integers = node.integers("imputed_value_int64s").value_or(Integers());
  if (isFloat ? floats.empty() : integers.empty())
    malformed("has nothing to put in the place of what it replaces");
  if (!isFloat) {
    Type i64 = b.builder().getI64Type();
    Value wide = b.cast(x, i64), others = b.integers(integers);
    if (integers.size() != 1 && static_cast<int64_t>(integers.size()) != fixedDim(x, rankOf(x) - 1))
      malformed("has " + Twine(integers.size()) + " entries in 'imputed_value_int64s'");
    Value isReplaced = b.make<graph::EqualOp>(wide, b.scalar(i64, graph::Scalar::ofSigned(replacedInteger)));
    return {b.cast(b.make<graph::SelectOp>(isReplaced, others, wide), elementOf(x))};
  }
  Value isReplaced =
      std::isnan(replacedFloat) ? b.make<graph::IsNanOp>(x) : b.make<graph::EqualOp>(x, b.scalarLike(x, replacedFloat));
  return {b.make<graph::SelectOp>(isReplaced, perFeature(b, x, floats, "imputed_value_floats"), x)};
}

// FeatureVectorizer: features side by side, f32, as many of each input as it says        ai.onnx.ml, version 1
static Values featureVectorizer(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Values parts = node.allInputs(Numbers);
  const Integers counts = node.integers("inputdimensions").value_or(Integers());
  if (counts.size() != parts.size())
    malformed("has " + Twine(counts.size()) + " entries in 'inputdimensions' for " + Twine(parts.size()) + " inputs");
  for (auto [part, count] : llvm::zip_equal(parts, counts)) {
    part = b.cast(featureRows(node, part), b.builder().getF32Type());
    const int64_t has = fixedDim(part, 1);
    if (count < 0)
      malformed("takes " + Twine(count) + " features of an input");
    part = b.sliceDim(part, 1, 0, std::min(has, count));
    part = b.padDim(part, 1, 0, std::max<int64_t>(0, count - has), b.scalarLike(part, 0));
  }
  return {b.concat(parts, 1)};
}

/// Where x [...] is which of the keys [k]: [..., k]. NaN is NaN.
static Value isKey(GraphBuilder &b, Value x, Value keys) {
  Extents shape = extentsOf(x);
  shape.push_back(1);
  Value column = b.reshape(x, shape);
  Value isSame = b.make<graph::EqualOp>(column, keys);
  if (!isa<FloatType>(elementOf(x)))
    return isSame;
  Value areNan = b.make<graph::AndOp>(b.make<graph::IsNanOp>(column), b.make<graph::IsNanOp>(keys));
  return b.make<graph::OrOp>(isSame, areNan);
}

/// Keys, values or the default of a LabelEncoder: `name`_tensor, or `name` and one of the endings. Null where there are
/// none.
static Value labelList(NodeReader &node, const std::string &name, const std::string &plural) {
  GraphBuilder &b = node.builder();
  if (node.has(name + "_string" + plural))
    unsupported("maps text; tensors hold none; prepare text before the model, and give it numbers");
  if (ElementsAttr tensor = node.tensorValue(name + "_tensor"))
    return b.flat(b.constant(tensor));
  if (std::optional<Integers> integers = plural.empty() ? std::nullopt : node.integers(name + "_int64" + plural))
    return b.integers(*integers);
  if (std::optional<Numbers64> numbers = plural.empty() ? std::nullopt : node.numbers(name + "_float" + plural))
    return listOf(b, *numbers, b.builder().getF32Type());
  return nullptr;
}

// LabelEncoder: the values of keys, and a default for what is no key; numbers only      ai.onnx.ml, versions 2–4
static Values labelEncoder(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Numbers);
  Value keys = labelList(node, "keys", "s"), values = labelList(node, "values", "s");
  Value other = node.has("default_tensor") ? labelList(node, "default", "") : nullptr;
  const double otherFloat = node.number("default_float", -0.0);
  const int64_t otherInteger = node.integer("default_int64", -1);
  node.ignore("default_string");
  if (!keys || !values || extentsOf(keys) != extentsOf(values) || elementOf(keys) != elementOf(x) ||
      extentsOf(keys)[0] == Extent(0))
    malformed("needs as many values as keys, and keys of its input's type, " + inWords(elementOf(x)));
  if (!other)
    other = isa<FloatType>(elementOf(values)) ? b.scalarLike(values, otherFloat)
                                              : b.scalar(elementOf(values), graph::Scalar::ofSigned(otherInteger));
  const int64_t last = rankOf(x);
  Value matches = b.cast(isKey(b, x, keys), b.builder().getI32Type());
  Value place = b.make<graph::ArgReduceOp>(matches, last, /*minimum=*/false, /*last=*/false);
  Value found = b.make<graph::ReduceOp>(matches, ReduceKind::Max, ArrayRef<int64_t>{last});
  Value isFound = b.cast(b.reshape(found, extentsOf(x)), b.builder().getI1Type());
  Value value = b.make<graph::GatherOp>(values, b.reshape(place, extentsOf(x)), int64_t(0));
  return {b.make<graph::SelectOp>(isFound, value, b.cast(b.reshape(other, Extents()), elementOf(values)))};
}

// OneHotEncoder: 1 at the place of the category, zeros where it is none                  ai.onnx.ml, version 1
static Values oneHotEncoder(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = b.cast(node.input(0, Numbers), b.builder().getI64Type());
  std::optional<Integers> categories = node.integers("cats_int64s");
  node.ignore("zeros");
  if (!categories || categories->empty())
    unsupported("has no categories that are numbers; tensors hold no text; prepare text before the model");
  return {b.cast(isKey(b, x, b.integers(*categories)), b.builder().getF32Type())};
}

static constexpr Operator kOperators[] = {
    {"FeatureVectorizer", 1, featureVectorizer, "ai.onnx.ml"}, {"Imputer", 1, imputer, "ai.onnx.ml"},
    {"LabelEncoder", 2, labelEncoder, "ai.onnx.ml"},           {"Normalizer", 1, normalizer, "ai.onnx.ml"},
    {"OneHotEncoder", 1, oneHotEncoder, "ai.onnx.ml"},         {"Scaler", 1, scaler, "ai.onnx.ml"},
};

ArrayRef<Operator> featureOperators() { return kOperators; }

} // namespace smelt::frontend::onnx
