// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/CustomCall.h"
#include "frontends/common/Refusal.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend {

namespace {
/// What the names of a declaration stand for in one call.
class Binding {
public:
  Binding(GraphBuilder &builder, const CustomOperator &declared, ArrayRef<CustomValue> values);

  Value input(const CustomTensor &declared, Value given, size_t number);
  Type output(const CustomTensor &declared);

private:
  Type elementType(const CustomTensor &declared, Type given);
  std::string withNumbers(StringRef text) const;
  graph::Extent extentOf(StringRef text, std::optional<graph::Extent> given = std::nullopt);
  graph::Extents shape(const CustomTensor &declared, ArrayRef<graph::Extent> given);

  GraphBuilder &builder_;
  MLIRContext *context_;
  llvm::StringMap<graph::Extent> extents_;
  llvm::StringMap<int64_t> numbers_; // of int attributes
  llvm::StringMap<Type> types_;
  std::optional<graph::Extents> leading_;
};
} // namespace

Binding::Binding(GraphBuilder &builder, const CustomOperator &declared, ArrayRef<CustomValue> values)
    : builder_(builder), context_(builder.builder().getContext()) {
  for (auto [attribute, value] : llvm::zip_equal(declared.attributes, values))
    if (attribute.kind == CustomAttribute::Kind::Int)
      numbers_[attribute.name] = std::get<std::vector<int64_t>>(value).front();
}

/// The text of an extent with the numbers that int attributes are: a name stands for what is not negative.
std::string Binding::withNumbers(StringRef text) const {
  std::string result;
  while (!text.empty()) {
    StringRef word = text.take_while([](char c) { return llvm::isAlnum(c) || c == '_' || c == '.'; });
    auto number = numbers_.find(word);
    if (number != numbers_.end())
      result += "(" + std::to_string(number->second) + ")";
    else
      result += word.empty() ? text.take_front(1) : word;
    text = text.drop_front(std::max<size_t>(word.size(), 1));
  }
  return result;
}

/// `given` is null for an output.
Type Binding::elementType(const CustomTensor &declared, Type given) {
  StringRef name = declared.elements;
  Type type = customElementType(name, context_);
  if (!type && given && !customElementType(inWords(given), context_))
    unsupported("has an input of elements of type " + inWords(given) + ", which C functions do not take");
  if (!type)
    type = given ? types_.try_emplace(name, given).first->second : types_.lookup(name);
  if (!type)
    unsupported("its declaration has an element type '" + name + "', which no input gives");
  return type;
}

/// What a declared extent is; a name alone that stands for nothing so far stands for what is given.
graph::Extent Binding::extentOf(StringRef text, std::optional<graph::Extent> given) {
  std::optional<graph::Extent> extent = graph::Extent::parse(context_, withNumbers(text));
  if (extent && given && !extent->asSymbol().empty())
    extents_.try_emplace(extent->asSymbol(), *given);
  bool isKnown = extent.has_value();
  auto valueOf = [&](StringRef symbol) {
    auto known = extents_.find(symbol);
    isKnown &= known != extents_.end();
    return known == extents_.end() ? graph::Extent(0) : known->second;
  };
  graph::Extent value = isKnown ? extent->substitute(valueOf) : graph::Extent(0);
  if (!isKnown)
    unsupported("its declaration has an extent " + text + " that depends on an optional input that is not there");
  if (value.isTooLarge())
    unsupported("its declaration has an extent " + text + " that has no value here");
  return value;
}

/// The declared shape.
graph::Extents Binding::shape(const CustomTensor &declared, ArrayRef<graph::Extent> given) {
  graph::Extents shape;
  size_t leading = given.size() - declared.dims.size();
  if (declared.hasLeading) {
    if (!leading_)
      leading_ = graph::Extents(given.take_front(leading));
    shape = *leading_;
  }
  for (auto [text, extent] : llvm::zip_equal(declared.dims, given.drop_front(leading)))
    shape.push_back(text == CustomTensor::kAnyDim ? extent : extentOf(text, extent));
  return shape;
}

Value Binding::input(const CustomTensor &declared, Value given, size_t number) {
  const std::string what = "input " + std::to_string(number);
  if (Type wanted = elementType(declared, elementOf(given)); wanted != elementOf(given))
    unsupported(what + " has elements of type " + inWords(elementOf(given)) + ", where the declaration has " +
                inWords(wanted));
  graph::Extents extents = extentsOf(given);
  const bool fits =
      declared.hasLeading ? extents.size() >= declared.dims.size() : extents.size() == declared.dims.size();
  const bool sameLeading =
      !declared.hasLeading || !leading_ || leading_->size() + declared.dims.size() == extents.size();
  if (!fits || !sameLeading)
    unsupported(what + " has the shape " + inWords(extents) + ", which has not as many dims as the declaration says");
  return builder_.expect(given, shape(declared, extents), what);
}

Type Binding::output(const CustomTensor &declared) {
  graph::Extents shape;
  if (declared.hasLeading && !leading_)
    unsupported("its declaration has an output of any dims, which no input gives");
  if (declared.hasLeading)
    shape = *leading_;
  for (const std::string &text : declared.dims)
    shape.push_back(extentOf(text));
  return checkedType(shape, elementType(declared, nullptr));
}

static Attribute attributeOf(const CustomValue &value, OpBuilder &builder) {
  if (const auto *ints = std::get_if<std::vector<int64_t>>(&value))
    return builder.getDenseI64ArrayAttr(*ints);
  if (const auto *floats = std::get_if<std::vector<double>>(&value))
    return builder.getDenseF64ArrayAttr(*floats);
  return builder.getStringAttr(std::get<std::string>(value));
}

std::vector<CustomValue> attributesOf(const CustomOperator &declared,
                                      llvm::function_ref<std::optional<CustomValue>(const CustomAttribute &)> given) {
  std::vector<CustomValue> values;
  for (const CustomAttribute &attribute : declared.attributes) {
    std::optional<CustomValue> value = given(attribute);
    if (!value && !attribute.fallback)
      malformed("lacks its attribute '" + attribute.name + "', for which the declaration has no value");
    values.push_back(value ? *value : *attribute.fallback);
  }
  return values;
}

SmallVector<Value> buildCustomCall(GraphBuilder &b, const CustomOperator &declared, ArrayRef<Value> inputs,
                                   ArrayRef<CustomValue> values) {
  Binding binding(b, declared, values);
  SmallVector<Value> operands;
  SmallVector<int64_t> absent;
  for (auto [number, tensor] : llvm::enumerate(declared.inputs)) {
    if (inputs[number])
      operands.push_back(binding.input(tensor, inputs[number], number));
    else
      absent.push_back(static_cast<int64_t>(number));
  }
  SmallVector<Type> types;
  for (const CustomTensor &tensor : declared.outputs)
    types.push_back(binding.output(tensor));
  SmallVector<StringRef> names;
  SmallVector<Attribute> attributes;
  for (auto [attribute, value] : llvm::zip_equal(declared.attributes, values)) {
    names.push_back(attribute.name);
    attributes.push_back(attributeOf(value, b.builder()));
  }
  return b.makeMany<graph::CustomOp>(types, operands, declared.function, b.builder().getStrArrayAttr(names),
                                     b.builder().getArrayAttr(attributes), b.builder().getDenseI64ArrayAttr(absent));
}

} // namespace smelt::frontend
