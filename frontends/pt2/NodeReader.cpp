// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/NodeReader.h"
#include "frontends/pt2/Importer.h"

using namespace mlir;
using llvm::Twine;
namespace json = llvm::json;

namespace smelt::frontend::pt2 {

NodeReader::NodeReader(Importer &importer, Frame &frame, const json::Object &node, StringRef name, const Schema *schema)
    : importer_(importer), frame_(frame), node_(node), operatorName_(name), schema_(schema) {
  const json::Array &inputs = arrayIn(node, "inputs");
  for (const json::Value &value : inputs) {
    const json::Object &input = asObject(value, "an input");
    const json::Value *argument = input.get("arg");
    StringRef named = input.getString("name").value_or("");
    if (!argument)
      malformed("has an input without an argument");
    positional_.push_back(argument);
    if (!named.empty() && !given_.insert({named, argument}).second)
      malformed("states its argument '" + printable(named) + "' twice");
    if (!named.empty())
      givenNames_.push_back(named.str());
  }
  // Forms that change their operand call it self: dropout_(self, …) beside dropout(input, …).
  const bool hasOwnName = schema && !schema->arguments.empty() && !schema->find("self");
  if (auto self = given_.find("self"); hasOwnName && self != given_.end()) {
    given_.try_emplace(schema->arguments.front().name, self->second);
    given_.erase("self");
  }
}

GraphBuilder &NodeReader::builder() const { return importer_.builder(); }

// Arguments.

const json::Value *NodeReader::find(StringRef name) {
  read_.insert(name);
  if (auto given = given_.find(name); given != given_.end())
    return given->second;
  const Schema::Argument *declared = schema_ ? schema_->find(name) : nullptr;
  return declared && declared->fallback ? &*declared->fallback : nullptr;
}

std::optional<Union> NodeReader::optionalArgument(StringRef name) {
  const json::Value *value = find(name);
  if (!value)
    return std::nullopt;
  Union found = unionOf(*value);
  return found.kind == "as_none" ? std::nullopt : std::optional(found);
}

Union NodeReader::argument(StringRef name) {
  std::optional<Union> found = optionalArgument(name);
  if (!found)
    malformed("lacks its argument '" + name + "'");
  return *found;
}

bool NodeReader::has(StringRef name) { return optionalArgument(name).has_value(); }

bool NodeReader::isTensor(StringRef name) {
  std::optional<Union> found = optionalArgument(name);
  return found && (found->kind == "as_tensor" || found->kind == "as_optional_tensor");
}

void NodeReader::refuseKind(StringRef name, Union given, StringRef wanted) const {
  malformed("has an argument '" + name + "' that is " + printable(given.kind) + ", where the operator takes " + wanted);
}

// Tensors.

/// Calls `visit` with each argument, and each member of a list of tensors, and its kind.
static void forOperands(ArrayRef<const json::Value *> arguments,
                        llvm::function_ref<void(StringRef kind, const json::Value &value)> visit) {
  for (const json::Value *argument : arguments) {
    Union given = unionOf(*argument);
    if (given.kind == "as_optional_tensor")
      given = unionOf(*given.value);
    const json::Array *list = given.value->getAsArray();
    if (!list)
      visit(given.kind, *given.value);
    else if (given.kind == "as_tensors")
      for (const json::Value &value : *list)
        visit("as_tensor", value);
  }
}

/// What torch.autocast makes of the operands; null where it leaves them.
Type NodeReader::autocastType() {
  const Type lower = frame_.autocast.lower, full = builder().builder().getF32Type();
  if (!lower)
    return nullptr;
  switch (autocastRule(operatorName_)) {
  case AutocastRule::None:
    return nullptr;
  case AutocastRule::Lower:
    return lower;
  case AutocastRule::Full:
    return full;
  case AutocastRule::Widest: {
    Type widest = lower;
    forOperands(positional_, [&](StringRef kind, const json::Value &operand) {
      const json::Object *object = kind == "as_tensor" ? operand.getAsObject() : nullptr;
      const Thing thing = frame_.values.lookup(object ? object->getString("name").value_or("") : "");
      if (thing.tensor && elementOf(thing.tensor) == full)
        widest = full;
    });
    return widest;
  }
  case AutocastRule::Inner:
    unsupported("is made of products that torch.autocast casts, " + kNoRegions);
  }
  return nullptr;
}

/// A tensor as the region of torch.autocast has the operator take it.
Value NodeReader::castInRegion(Value tensor) {
  const Type element = elementOf(tensor);
  if (!element.isF32() && !element.isF16() && !element.isBF16())
    return tensor;
  const Type type = autocastType();
  return type ? builder().cast(tensor, type) : tensor;
}

/// {"name": "conv2d"}
Value NodeReader::lookupTensor(const json::Value &value, StringRef name) {
  const Thing &thing = importer_.lookup(frame_, stringIn(asObject(value, "a tensor"), "name"));
  if (thing.imaginary && parts_ == Parts::None)
    unsupported("takes complex numbers, which are not supported here");
  if (thing.imaginary)
    return takesImaginary(value) ? thing.imaginary : thing.tensor;
  Value tensor = thing.tensor ? castInRegion(thing.tensor) : builder().number(*thing.size);
  if (scalarsAsLines_ && rankOf(tensor) == 0)
    tensor = builder().reshape(tensor, {1});
  if (parts_ != Parts::Imaginary || llvm::is_contained({"indices", "index", "mask", "condition"}, name))
    return tensor;
  return builder().broadcast(builder().scalarLike(tensor, 0), extentsOf(tensor));
}

bool NodeReader::takesImaginary(const json::Value &operand) const {
  return parts_ == Parts::Imaginary || (parts_ == Parts::Chosen && imaginary_.contains(&operand));
}

// Complex numbers.

SmallVector<const json::Value *> NodeReader::complexOperands() {
  SmallVector<const json::Value *> operands;
  auto visit = [&](StringRef kind, const json::Value &value) {
    const json::Object *object = value.getAsObject();
    std::optional<StringRef> name = object ? object->getString("name") : std::nullopt;
    const auto found = name ? frame_.values.find(*name) : frame_.values.end(); // a token is none
    if (kind == "as_complex" || (kind == "as_tensor" && found != frame_.values.end() && found->second.imaginary))
      operands.push_back(&value);
  };
  forOperands(positional_, visit);
  return operands;
}

void NodeReader::takeParts(bool imaginary) { parts_ = imaginary ? Parts::Imaginary : Parts::Real; }

void NodeReader::takeImaginary(ArrayRef<const json::Value *> operands) {
  parts_ = Parts::Chosen;
  imaginary_.clear();
  imaginary_.insert(operands.begin(), operands.end());
}

/// The type of complex numbers' parts, where these are taken; else a dtype's own.
Type NodeReader::partType(int64_t dtype) {
  const std::optional<int64_t> part = partOfComplex(dtype);
  return dtypeOf(part && parts_ != Parts::None ? *part : dtype, context(), "its result");
}

ComplexValue NodeReader::complex(StringRef name, Type type) {
  Union given = argument(name);
  auto take = [&](bool imaginary) -> Value {
    takeParts(imaginary);
    if (isTensor(name))
      return tensor(name);
    std::optional<Number> number = scalar(name);
    if (!number || (number->size && !number->size->isNumber()) || number->tensor)
      unsupported("its argument '" + name + "' must be fixed");
    return builder().scalar(type ? type : builder().builder().getF32Type(), number->value);
  };
  const Parts before = parts_;
  const json::Object *object = given.value->getAsObject();
  const bool isComplex =
      given.kind == "as_complex" ||
      (isTensor(name) && object && importer_.lookup(frame_, object->getString("name").value_or("")).imaginary);
  ComplexValue value{take(false), isComplex ? take(true) : Value()};
  parts_ = before;
  return value;
}

std::optional<bool> NodeReader::statesComplex() {
  std::optional<int64_t> dtype = statedDtype();
  return dtype ? std::optional(partOfComplex(*dtype).has_value()) : std::nullopt;
}

Value NodeReader::optionalTensor(StringRef name) {
  std::optional<Union> found = optionalArgument(name);
  if (!found)
    return nullptr;
  if (found->kind == "as_optional_tensor") {
    Union inner = unionOf(*found->value);
    if (inner.kind == "as_none")
      return nullptr;
    found = inner;
  }
  if (found->kind != "as_tensor")
    refuseKind(name, *found, "a tensor");
  return lookupTensor(*found->value, name);
}

Value NodeReader::tensor(StringRef name) {
  Value value = optionalTensor(name);
  if (!value)
    malformed("lacks its argument '" + name + "'");
  return value;
}

Values NodeReader::optionalTensors(StringRef name) {
  Union found = argument(name);
  const json::Array *list = found.value->getAsArray();
  if (!list || (found.kind != "as_tensors" && found.kind != "as_optional_tensors" && !list->empty()))
    refuseKind(name, found, "tensors");
  Values values;
  for (const json::Value &value : *list) {
    if (found.kind == "as_tensors") {
      values.push_back(lookupTensor(value, name));
      continue;
    }
    Union one = unionOf(value);
    values.push_back(one.kind == "as_tensor" ? lookupTensor(*one.value, name) : Value());
  }
  return values;
}

Values NodeReader::tensors(StringRef name) {
  Values values = optionalTensors(name);
  if (values.empty() || llvm::is_contained(values, Value()))
    malformed("needs tensors in its argument '" + name + "'");
  return values;
}

// Numbers.

/// {"as_int": 3} or {"as_name": "sym_size"}
Extent NodeReader::sizeOf(const json::Value &value) {
  Union size = unionOf(value);
  if (size.kind == "as_name") {
    StringRef name = size.value->getAsString().value_or("");
    const Thing &thing = importer_.lookup(frame_, name);
    if (!thing.size)
      malformed("takes '" + printable(name) + "' for a size, which is none");
    return *thing.size;
  }
  std::optional<int64_t> number = size.kind == "as_int" ? size.value->getAsInteger() : std::nullopt;
  if (!number)
    malformed("has a size that is " + printable(size.kind));
  return *number;
}

Extent NodeReader::sizeOf(Union value, StringRef name) {
  if (value.kind == "as_sym_int" || value.kind == "as_sym_bool")
    return sizeOf(*value.value);
  if (value.kind == "as_bool")
    return value.value->getAsBoolean().value_or(false) ? 1 : 0;
  std::optional<int64_t> number = value.kind == "as_int" ? value.value->getAsInteger() : std::nullopt;
  if (!number)
    refuseKind(name, value, "an integer");
  return *number;
}

std::optional<Extent> NodeReader::optionalExtent(StringRef name) {
  std::optional<Union> found = optionalArgument(name);
  return found ? std::optional(sizeOf(*found, name)) : std::nullopt;
}

Extent NodeReader::extent(StringRef name) { return sizeOf(argument(name), name); }

static int64_t fixed(const Extent &extent, StringRef name) {
  if (!extent.isNumber())
    unsupported("its argument '" + name + "' is " + extent.str() +
                ", which must be fixed; give the shape with --shape");
  return extent.number();
}

std::optional<int64_t> NodeReader::optionalInteger(StringRef name) {
  std::optional<Extent> found = optionalExtent(name);
  return found ? std::optional(fixed(*found, name)) : std::nullopt;
}

int64_t NodeReader::integer(StringRef name) { return fixed(extent(name), name); }

std::optional<Extents> NodeReader::optionalExtents(StringRef name) {
  constexpr size_t kMostInList = 4096;
  std::optional<Union> found = optionalArgument(name);
  if (!found)
    return std::nullopt;
  const json::Array *list = found->value->getAsArray();
  if (!list)
    return Extents{sizeOf(*found, name)};
  if (list->size() > kMostInList)
    unsupported("has " + Twine(list->size()) + " numbers in its argument '" + name + "'");
  Extents extents;
  for (const json::Value &value : *list) {
    std::optional<int64_t> number = value.getAsInteger();
    if (!number && found->kind != "as_sym_ints")
      refuseKind(name, *found, "integers");
    extents.push_back(number ? Extent(*number) : sizeOf(value));
  }
  return extents;
}

Extents NodeReader::extents(StringRef name) {
  std::optional<Extents> found = optionalExtents(name);
  if (!found)
    malformed("lacks its argument '" + name + "'");
  return *found;
}

std::optional<Integers> NodeReader::optionalIntegers(StringRef name) {
  std::optional<Extents> found = optionalExtents(name);
  if (!found)
    return std::nullopt;
  return llvm::map_to_vector(*found, [&](const Extent &extent) { return fixed(extent, name); });
}

Integers NodeReader::integers(StringRef name) {
  std::optional<Integers> found = optionalIntegers(name);
  if (!found)
    malformed("lacks its argument '" + name + "'");
  return *found;
}

Integers NodeReader::integers(StringRef name, size_t count, ArrayRef<int64_t> fallback) {
  Integers found = integers(name);
  if (found.empty() && !fallback.empty())
    found.assign(fallback.begin(), fallback.end());
  if (found.size() == 1)
    found.resize(count, found.front());
  if (found.size() != count)
    malformed("has " + Twine(found.size()) + " numbers in its argument '" + name + "', not " + Twine(count));
  return found;
}

std::optional<double> NodeReader::optionalNumber(StringRef name) {
  std::optional<Number> found = scalar(name);
  if (!found)
    return std::nullopt;
  if (found->tensor || (found->size && !found->size->isNumber()))
    unsupported("its argument '" + name + "' must be fixed");
  return found->value;
}

double NodeReader::number(StringRef name) {
  std::optional<double> found = optionalNumber(name);
  if (!found)
    malformed("lacks its argument '" + name + "'");
  return *found;
}

std::optional<SmallVector<double>> NodeReader::optionalNumbers(StringRef name) {
  std::optional<Union> found = optionalArgument(name);
  const json::Array *list = found ? found->value->getAsArray() : nullptr;
  if (!found)
    return std::nullopt;
  SmallVector<double> numbers;
  for (const json::Value &value : list ? *list : json::Array()) {
    std::optional<double> number = numberOf(value);
    if (!number)
      refuseKind(name, *found, "numbers");
    numbers.push_back(*number);
  }
  return numbers;
}

std::optional<Number> NodeReader::scalar(StringRef name) {
  std::optional<Union> found = optionalArgument(name);
  if (!found)
    return std::nullopt;
  if (found->kind == "as_complex") {
    if (parts_ == Parts::None)
      unsupported("its argument '" + name + "' is a complex number, which is not supported here");
    const json::Object &both = asObject(*found->value, "a complex number");
    const json::Value *part = both.get(takesImaginary(*found->value) ? "imag" : "real");
    std::optional<double> number = part ? numberOf(*part) : std::nullopt;
    if (!number)
      refuseKind(name, *found, "a number");
    return Number{Number::Kind::Float, *number, std::nullopt, nullptr};
  }
  if (parts_ == Parts::Imaginary && llvm::is_contained({"value", "other", "fill_value", "s", "self"}, name))
    return Number{Number::Kind::Integer, 0, Extent(0), nullptr};
  if (found->kind == "as_float") {
    std::optional<double> number = numberOf(*found->value);
    if (!number)
      refuseKind(name, *found, "a number");
    return Number{Number::Kind::Float, *number, std::nullopt, nullptr};
  }
  if (found->kind == "as_sym_float") {
    Union symbol = unionOf(*found->value);
    if (symbol.kind == "as_float")
      return Number{Number::Kind::Float, numberOf(*symbol.value).value_or(0), std::nullopt, nullptr};
    const Thing &thing = importer_.lookup(frame_, symbol.value->getAsString().value_or(""));
    if (!thing.tensor)
      refuseKind(name, *found, "a number");
    return Number{Number::Kind::Float, 0, std::nullopt, thing.tensor};
  }
  Extent size = sizeOf(*found, name);
  const bool isBool = found->kind == "as_bool" || found->kind == "as_sym_bool";
  return Number{isBool ? Number::Kind::Bool : Number::Kind::Integer, static_cast<double>(size.asNumber().value_or(0)),
                size, nullptr};
}

bool NodeReader::flag(StringRef name) { return fixed(extent(name), name) != 0; }

std::optional<std::string> NodeReader::optionalText(StringRef name) {
  std::optional<Union> found = optionalArgument(name);
  if (!found)
    return std::nullopt;
  std::optional<StringRef> text = found->value->getAsString();
  if (!text)
    refuseKind(name, *found, "a text");
  return text->str();
}

std::string NodeReader::text(StringRef name) {
  std::optional<std::string> found = optionalText(name);
  if (!found)
    malformed("lacks its argument '" + name + "'");
  return *found;
}

std::optional<Type> NodeReader::optionalType(StringRef name) {
  std::optional<Union> found = optionalArgument(name);
  if (!found)
    return std::nullopt;
  std::optional<int64_t> code = found->value->getAsInteger();
  if (!code)
    refuseKind(name, *found, "a dtype");
  return partType(*code);
}

int64_t NodeReader::axis(StringRef name, Value of) {
  return normalAxis(integer(name), std::max<int64_t>(rankOf(of), 1));
}

// By place.

/// A tensor, or complex numbers.
Thing NodeReader::lookupThing(const json::Value &value) {
  const Thing &thing = importer_.lookup(frame_, stringIn(asObject(value, "a tensor"), "name"));
  return thing.tensor ? thing : Thing(builder().number(*thing.size));
}

Thing NodeReader::thingAt(size_t place) {
  if (place >= positional_.size())
    malformed("lacks its argument " + Twine(place));
  Union found = unionOf(*positional_[place]);
  if (found.kind == "as_tensor")
    return lookupThing(*found.value);
  if (found.kind == "as_sym_float" || found.kind == "as_float") {
    std::optional<double> number = found.kind == "as_float" ? numberOf(*found.value) : std::nullopt;
    if (number)
      return builder().scalar(builder().builder().getF64Type(), *number);
    Union symbol = unionOf(*found.value);
    return importer_.lookup(frame_, symbol.value->getAsString().value_or(""));
  }
  return Thing(sizeOf(found, "argument"));
}

std::optional<Extent> NodeReader::sizeAt(size_t place) { return thingAt(place).size; }

/// Null where the argument is of another kind, or not there.
const json::Value *NodeReader::valueAt(size_t place, StringRef kind) const {
  if (place >= positional_.size())
    return nullptr;
  const Union found = unionOf(*positional_[place]);
  return found.kind == kind ? found.value : nullptr;
}

bool NodeReader::isGraph(size_t place) const { return valueAt(place, "as_graph"); }

const json::Object &NodeReader::graphAt(size_t place) {
  const json::Value *found = valueAt(place, "as_graph");
  const json::Object *argument = found ? found->getAsObject() : nullptr;
  const json::Object *graph = argument ? argument->getObject("graph") : nullptr;
  if (!graph)
    malformed("lacks a graph as its argument " + Twine(place));
  return *graph;
}

std::string NodeReader::operatorAt(size_t place) {
  const json::Value *found = valueAt(place, "as_operator");
  std::optional<StringRef> text = found ? found->getAsString() : std::nullopt;
  if (!text)
    malformed("lacks an operator as its argument " + Twine(place));
  text->consume_front("torch.ops.");
  return text->str();
}

std::string NodeReader::textAt(size_t place) {
  const json::Value *found = valueAt(place, "as_string");
  std::optional<StringRef> text = found ? found->getAsString() : std::nullopt;
  if (!text)
    malformed("lacks a text as its argument " + Twine(place));
  return text->str();
}

bool NodeReader::flagAt(size_t place) {
  const json::Value *found = valueAt(place, "as_bool");
  std::optional<bool> flag = found ? found->getAsBoolean() : std::nullopt;
  if (!flag)
    malformed("lacks a bool as its argument " + Twine(place));
  return *flag;
}

Type NodeReader::typeAt(size_t place) {
  if (valueAt(place, "as_none"))
    return nullptr;
  const json::Value *found = valueAt(place, "as_scalar_type");
  std::optional<int64_t> code = found ? found->getAsInteger() : std::nullopt;
  if (!code)
    malformed("lacks a dtype as its argument " + Twine(place));
  return partType(*code);
}

Things NodeReader::thingsAt(size_t place) {
  if (place >= positional_.size())
    return {};
  Union found = unionOf(*positional_[place]);
  const json::Array *list = found.value->getAsArray();
  if (!list)
    malformed("lacks a list as its argument " + Twine(place));
  Things things;
  for (const json::Value &value : *list) {
    if (found.kind == "as_tensors")
      things.push_back(lookupThing(value));
    else if (found.kind == "as_ints" || found.kind == "as_sym_ints")
      things.push_back(value.getAsInteger() ? Thing(Extent(*value.getAsInteger())) : Thing(sizeOf(value)));
    else
      unsupported("takes a list of " + printable(found.kind) + ", which is not supported");
  }
  return things;
}

Values NodeReader::tensorsAt(size_t place) {
  Values values;
  for (const Thing &thing : thingsAt(place)) {
    if (thing.imaginary)
      unsupported("takes complex numbers, which are not supported here");
    values.push_back(thing.tensor ? thing.tensor : builder().number(*thing.size));
  }
  return values;
}

SmallVector<std::pair<std::string, Extent>> NodeReader::symbolsIn(StringRef text) const {
  auto isOfName = [](char letter) { return llvm::isAlnum(letter) || letter == '_'; };
  SmallVector<std::pair<std::string, Extent>> found;
  llvm::StringSet<> seen;
  while (!(text = text.drop_until(isOfName)).empty()) {
    StringRef word = text.take_while(isOfName);
    text = text.drop_front(word.size());
    if (std::optional<Extent> value = importer_.symbolNamed(word, frame_); value && seen.insert(word).second)
      found.emplace_back(word.str(), *value);
  }
  return found;
}

Things NodeReader::inlineGraph(const json::Object &graph, ArrayRef<Thing> inputs) {
  return inlineGraph(graph, inputs, frame_.autocast);
}

Things NodeReader::inlineGraph(const json::Object &graph, ArrayRef<Thing> inputs, const Autocast &autocast) {
  return importer_.inlineGraph(graph, inputs, frame_, autocast);
}

const Autocast &NodeReader::autocastRegion() const { return frame_.autocast; }

// Results.

std::optional<int64_t> NodeReader::statedDtype() {
  const json::Array *outputs = node_.getArray("outputs");
  if (!outputs || outputs->empty())
    return std::nullopt;
  Union first = unionOf(outputs->front());
  const json::Value *named = first.value;
  if (const json::Array *list = named->getAsArray(); list && !list->empty())
    named = &list->front();
  const json::Object *object = named->getAsObject();
  std::optional<StringRef> name = object ? object->getString("name") : std::nullopt;
  const json::Object *meta = name ? statedTensor(*frame_.graph, *name) : nullptr;
  return meta ? meta->getInteger("dtype") : std::nullopt;
}

std::optional<Type> NodeReader::statedType() {
  std::optional<int64_t> dtype = statedDtype();
  return dtype ? std::optional(partType(*dtype)) : std::nullopt;
}

/// What the file states of the tensor that an argument is; null where it states nothing.
const json::Object *NodeReader::statedOf(StringRef name) {
  Union given = argument(name);
  const json::Object *tensor = given.value->getAsObject();
  return tensor ? statedTensor(*frame_.graph, tensor->getString("name").value_or("")) : nullptr;
}

Extent NodeReader::storageOffset(StringRef name) {
  Union given = argument(name);
  const json::Object *tensor = given.value->getAsObject();
  return importer_.storageOffset(tensor ? tensor->getString("name").value_or("") : "", frame_);
}

bool NodeReader::isRowMajor(StringRef name) {
  const json::Object *meta = statedOf(name);
  const json::Array *sizes = meta ? meta->getArray("sizes") : nullptr;
  const json::Array *strides = meta ? meta->getArray("strides") : nullptr;
  if (!sizes || !strides || sizes->size() != strides->size())
    return false;
  int64_t expected = 1;
  for (size_t dim = sizes->size(); dim-- > 0;) {
    std::optional<int64_t> size = unionOf((*sizes)[dim]).value->getAsInteger();
    std::optional<int64_t> stride = unionOf((*strides)[dim]).value->getAsInteger();
    if (!size || !stride || (*size != 1 && *stride != expected))
      return false;
    expected = checkedMul(expected, *size);
  }
  return true;
}

size_t NodeReader::resultCount() const {
  size_t count = 0;
  for (const json::Value &output : arrayIn(node_, "outputs")) {
    const json::Array *list = unionOf(output).value->getAsArray();
    count += list ? list->size() : 1;
  }
  return count;
}

void NodeReader::checkAllRead() const {
  // Where results lie and how gradients are made.
  static constexpr llvm::StringLiteral kIgnored[] = {
      "device",   "layout",      "pin_memory",         "non_blocking", "memory_format", "cudnn_enable", "cudnn_enabled",
      "implicit", "sparse_grad", "scale_grad_by_freq", "sparse",       "padding_idx",   "copy"};
  if (!schema_)
    return;
  for (const Schema::Argument &argument : schema_->arguments) {
    auto given = given_.find(argument.name);
    if (given == given_.end() || read_.contains(argument.name) || llvm::is_contained(kIgnored, argument.name))
      continue;
    const bool isNone = given->second->getAsObject() && given->second->getAsObject()->get("as_none");
    if (!isNone && (!argument.fallback || *given->second != *argument.fallback))
      unsupported("its argument '" + argument.name + "' is not supported");
  }
  for (const auto &entry : given_)
    if (!schema_->find(entry.getKey()))
      unsupported("its argument '" + printable(entry.getKey()) + "' is none that Smelt knows");
}

} // namespace smelt::frontend::pt2
