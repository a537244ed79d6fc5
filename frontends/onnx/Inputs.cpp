// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a model's inputs and outputs are declared to be, and what --shape makes of it.

#include "frontends/common/Sequences.h"
#include "frontends/onnx/Importer.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include <deque>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

using Dim = ::onnx::TensorShapeProto::Dimension;

std::vector<const ValueInfoProto *> trueInputs(const GraphProto &graph) {
  llvm::StringSet<> initializers;
  for (const TensorProto &initializer : graph.initializer())
    initializers.insert(initializer.name());
  for (const SparseTensorProto &initializer : graph.sparse_initializer())
    initializers.insert(initializer.values().name());
  std::vector<const ValueInfoProto *> inputs;
  for (const ValueInfoProto &input : graph.input())
    if (!initializers.contains(input.name()))
      inputs.push_back(&input);
  return inputs;
}

static std::string quoted(const ValueInfoProto &value) { return "'" + printable(value.name()) + "'"; }

namespace {
/// A tensor, a sequence of tensors, or one of them that may be absent: what ONNX's operators make and take.
struct DeclaredType {
  bool isOptional = false, isSequence = false;
  const TypeProto *tensor = nullptr;
};
} // namespace

static DeclaredType declaredType(const ValueInfoProto &value, const Twine &where) {
  const TypeProto *type = &value.type();
  DeclaredType declared;
  declared.isOptional = type->has_optional_type();
  if (declared.isOptional)
    type = &type->optional_type().elem_type();
  declared.isSequence = type->has_sequence_type();
  if (declared.isSequence)
    type = &type->sequence_type().elem_type();
  if (type->value_case() == TypeProto::VALUE_NOT_SET)
    malformed(where + (type == &value.type() ? " has no type" : " has a type of nothing"));
  if (!type->has_tensor_type())
    unsupported(where + " is no tensor, sequence of tensors or optional one of these, which is all that Smelt takes");
  declared.tensor = type;
  return declared;
}

/// The type of an input that is a tensor, as all that are resolved are.
static const TypeProto::Tensor &tensorTypeOf(const ValueInfoProto &value) { return value.type().tensor_type(); }

/// "[batch, 3, ?, ?]"
static std::string dimsInWords(const TypeProto::Tensor &type) {
  if (!type.has_shape())
    return "of any number";
  std::string text;
  for (const Dim &dim : type.shape().dim())
    text += (text.empty() ? "" : ", ") + (dim.has_dim_value()       ? std::to_string(dim.dim_value())
                                          : dim.dim_param().empty() ? "?"
                                                                    : printable(dim.dim_param(), 40));
  return "[" + text + "]";
}

/// "1", "?", "batch:1..8"
static std::string dimInWords(const GivenDim &dim) {
  bool isBounded = dim.least > 0 || dim.most < INT64_MAX;
  if (dim.number || (dim.symbol.empty() && !isBounded))
    return dim.number ? std::to_string(*dim.number) : "?";
  if (!isBounded)
    return dim.symbol;
  return dim.symbol + (dim.symbol.empty() ? "" : ":") + std::to_string(dim.least) + ".." +
         (dim.most < INT64_MAX ? std::to_string(dim.most) : "");
}

static std::string shapeInWords(ArrayRef<GivenDim> given) {
  return "[" + llvm::join(llvm::map_range(given, [](const GivenDim &dim) { return dimInWords(dim); }), ", ") + "]";
}

namespace {
/// Finds the extents of all inputs: fixed, given by name, or known from another input that has a dim of the same name.
class InputResolver {
public:
  InputResolver(const GraphProto &graph, const ImportOptions &options, MLIRContext *context);

  ModelInputs resolve();

private:
  void addInput(const ValueInfoProto &input);
  void addTensor(const ValueInfoProto &input, const TypeProto &type, const Twine &name,
                 const std::vector<GivenDim> *given);
  [[noreturn]] void refuseForm(const ValueInfoProto &input, const DeclaredType &declared) const;
  /// What an input's dim is called, by the file or by --shape, before that is a symbol's name.
  std::string nameOf(const ValueInfoProto &input, size_t position) const;
  const std::vector<GivenDim> *given(const ValueInfoProto &input) const;
  void checkNames() const;
  void checkRank(const ValueInfoProto &input, ArrayRef<GivenDim> given) const;
  void bind(const ValueInfoProto &input, ArrayRef<GivenDim> given);
  void bindNumber(const ValueInfoProto &input, size_t position, int64_t number);
  void bindSymbol(const ValueInfoProto &input, size_t position, const GivenDim &dim);
  std::string symbolOf(StringRef name);
  bool mayStayOpen(const ValueInfoProto &input, Type element) const;
  bool isFixedByOptions(const ValueInfoProto &input) const;
  RankedTensorType typeOf(const ValueInfoProto &input, Type element);
  std::optional<int64_t> numberOf(const ValueInfoProto &input, size_t position) const;
  graph::Extent extent(const ValueInfoProto &input, size_t position);
  std::optional<graph::Extent> expression(StringRef text);
  size_t rankOf(const ValueInfoProto &input) const;
  DictionaryAttr bounds();

  std::vector<const ValueInfoProto *> declared_;
  std::vector<GivenInput> resolved_;           // all of these
  std::vector<const ValueInfoProto *> inputs_; // the tensors
  std::deque<ValueInfoProto> made_;            // of them, those that stand for parts of others
  std::map<std::string, std::vector<GivenDim>> shapes_;
  const ImportOptions &options_;
  MLIRContext *context_;
  llvm::StringSet<> dims_;               // the file's names of dims of any input
  llvm::StringMap<int64_t> numbers_;     // by the file's names
  llvm::StringMap<std::string> given_;   // names that --shape gives for the file's
  llvm::StringMap<std::string> symbols_; // by name: what it is called among extents
  llvm::StringSet<> taken_;              // such
  llvm::StringMap<unsigned> repetitions_;
  std::map<std::string, std::pair<int64_t, int64_t>> bounds_; // by name
};
} // namespace

InputResolver::InputResolver(const GraphProto &graph, const ImportOptions &options, MLIRContext *context)
    : declared_(trueInputs(graph)), options_(options), context_(context) {
  for (const ValueInfoProto *input : declared_)
    addInput(*input);
  checkNames();
  for (const ValueInfoProto *input : inputs_)
    for (const Dim &dim : input->type().tensor_type().shape().dim())
      dims_.insert(dim.dim_param());
}

/// What to say of an input that is no tensor.
void InputResolver::refuseForm(const ValueInfoProto &input, const DeclaredType &declared) const {
  std::string present = printable(input.name()) + (declared.isSequence ? "=[2x3, 4x3]" : "=2x3");
  std::string what = declared.isSequence ? "a sequence, whose number of tensors and their dims must be given"
                                         : "a tensor, whose dims must be given";
  if (declared.isOptional)
    unsupported("input " + quoted(input) + " is optional: give --shape '" + printable(input.name()) +
                "=none' where it is absent, or its dims, as in --shape '" + present + "'");
  unsupported("input " + quoted(input) + " is " + what + ", as in --shape '" + present + "'");
}

/// The tensors that an input consists of, as --shape says.
void InputResolver::addInput(const ValueInfoProto &input) {
  const std::string where = "input " + quoted(input);
  const DeclaredType declared = declaredType(input, where);
  auto shape = options_.shapes.find(input.name());
  auto sequence = options_.sequences.find(input.name());
  const bool isAbsent = options_.absent.count(input.name()) > 0, hasShape = shape != options_.shapes.end();
  const bool hasSequence = sequence != options_.sequences.end();
  using Kind = GivenInput::Kind;
  GivenInput given = {input.name(), Kind::Tensor, inputs_.size(), 1, nullptr};
  if (isAbsent && !declared.isOptional)
    refuse(ImportError::Kind::Usage, where + " is not optional, and cannot be 'none'");
  if ((hasSequence && !declared.isSequence) || (hasShape && declared.isSequence))
    refuse(ImportError::Kind::Usage, where + (declared.isSequence ? " is a sequence: give its tensors' dims in brackets"
                                                                  : " is no sequence: its dims need no brackets"));
  if (isAbsent) {
    given.kind = Kind::Absent;
    given.count = 0;
  } else if (declared.isSequence ? !hasSequence : declared.isOptional && !hasShape) {
    refuseForm(input, declared);
  } else if (declared.isSequence) {
    given.kind = Kind::Sequence;
    given.count = sequence->second.size();
    given.elementType = elementTypeOf(declared.tensor->tensor_type().elem_type(), context_, where);
    if (given.count > kMostInSequence)
      unsupported(where + ": a sequence of " + Twine(given.count) + " tensors; Smelt takes " + Twine(kMostInSequence));
    for (auto [number, dims] : llvm::enumerate(sequence->second))
      addTensor(input, *declared.tensor, "[" + Twine(number) + "]", &dims);
  } else if (declared.isOptional) {
    addTensor(input, *declared.tensor, "", &shape->second);
  } else {
    inputs_.push_back(&input);
    if (hasShape)
      shapes_[input.name()] = shape->second;
  }
  resolved_.push_back(std::move(given));
}

/// A tensor that is part of an input, or one that may be absent. Dims of the same name need not be equal in a sequence,
/// nor has each tensor those that its type states: --shape has the last word.
void InputResolver::addTensor(const ValueInfoProto &input, const TypeProto &type, const Twine &part,
                              const std::vector<GivenDim> *given) {
  ValueInfoProto &tensor = made_.emplace_back();
  tensor.set_name(input.name() + part.str());
  tensor.mutable_type()->mutable_tensor_type()->set_elem_type(type.tensor_type().elem_type());
  inputs_.push_back(&tensor);
  shapes_[tensor.name()] = *given;
}

const std::vector<GivenDim> *InputResolver::given(const ValueInfoProto &input) const {
  auto found = shapes_.find(input.name());
  return found == shapes_.end() ? nullptr : &found->second;
}

static const Dim *dimOf(const ValueInfoProto &input, size_t position) {
  const auto &type = input.type().tensor_type();
  return type.has_shape() ? &type.shape().dim(static_cast<int>(position)) : nullptr;
}

size_t InputResolver::rankOf(const ValueInfoProto &input) const {
  const auto &type = input.type().tensor_type();
  if (type.has_shape())
    return type.shape().dim_size();
  const std::vector<GivenDim> *dims = given(input);
  return dims ? dims->size() : 0;
}

std::string InputResolver::nameOf(const ValueInfoProto &input, size_t position) const {
  const Dim *dim = dimOf(input, position);
  const std::vector<GivenDim> *dims = given(input);
  if (dims && !(*dims)[position].symbol.empty())
    return (*dims)[position].symbol;
  if (!dim || dim->dim_param().empty())
    return input.name() + ".dim" + std::to_string(position);
  auto renamed = given_.find(dim->dim_param());
  return renamed == given_.end() ? dim->dim_param() : renamed->second;
}

void InputResolver::checkNames() const {
  llvm::StringSet<> names, tensors;
  std::string known;
  for (const ValueInfoProto *input : declared_) {
    names.insert(input->name());
    known += (known.empty() ? "" : ", ") + quoted(*input);
  }
  auto check = [&](StringRef name) {
    if (!names.contains(name))
      refuse(ImportError::Kind::Usage,
             "has no input '" + printable(name) + "' to give a shape; its inputs are " + known);
  };
  for (const auto &[name, extents] : options_.shapes)
    check(name);
  for (const auto &[name, extents] : options_.sequences)
    check(name);
  for (const std::string &name : options_.absent)
    check(name);
  for (const ValueInfoProto *tensor : inputs_)
    if (!tensors.insert(tensor->name()).second)
      unsupported("two inputs are called " + quoted(*tensor) + ", one of which is part of a sequence");
}

/// Refuses a shape that contradicts the dims that the file fixes.
void InputResolver::checkRank(const ValueInfoProto &input, ArrayRef<GivenDim> given) const {
  const TypeProto::Tensor &type = tensorTypeOf(input);
  bool fits = !type.has_shape() || static_cast<int>(given.size()) == type.shape().dim_size();
  for (size_t position = 0; fits && position < given.size(); ++position) {
    const Dim *dim = dimOf(input, position);
    if (!dim || !dim->has_dim_value())
      continue;
    const GivenDim &wanted = given[position];
    bool saysNothing = wanted.symbol.empty() && wanted.least == 0 && wanted.most == INT64_MAX;
    fits = wanted.number ? *wanted.number == dim->dim_value() : saysNothing;
  }
  if (!fits)
    refuse(ImportError::Kind::Usage, "input " + quoted(input) + " has the dims " + dimsInWords(type) +
                                         ", which the shape " + shapeInWords(given) + " does not fit");
}

void InputResolver::bindNumber(const ValueInfoProto &input, size_t position, int64_t number) {
  const Dim *dim = dimOf(input, position);
  if (!dim || dim->dim_param().empty())
    return;
  auto [symbol, isNew] = numbers_.try_emplace(dim->dim_param(), number);
  if (!isNew && symbol->second != number)
    refuse(ImportError::Kind::Usage, "the shapes given say that '" + printable(dim->dim_param()) + "' is " +
                                         Twine(symbol->second) + " as well as " + Twine(number));
}

void InputResolver::bindSymbol(const ValueInfoProto &input, size_t position, const GivenDim &dim) {
  const Dim *declared = dimOf(input, position);
  if (declared && !declared->dim_param().empty() && !dim.symbol.empty()) {
    auto [name, isNew] = given_.try_emplace(declared->dim_param(), dim.symbol);
    if (!isNew && name->second != dim.symbol)
      refuse(ImportError::Kind::Usage, "the shapes given call '" + printable(declared->dim_param()) + "' " +
                                           name->second + " as well as " + dim.symbol);
  }
  if (dim.least == 0 && dim.most == INT64_MAX)
    return;
  auto [known, isNew] = bounds_.insert({nameOf(input, position), {dim.least, dim.most}});
  if (isNew)
    return;
  auto &[least, most] = known->second;
  least = std::max(least, dim.least);
  most = std::min(most, dim.most);
  if (least > most)
    refuse(ImportError::Kind::Usage, "the bounds given for '" + printable(known->first) + "' leave no number");
}

void InputResolver::bind(const ValueInfoProto &input, ArrayRef<GivenDim> given) {
  checkRank(input, given);
  for (auto [position, dim] : llvm::enumerate(given))
    dim.number ? bindNumber(input, position, *dim.number) : bindSymbol(input, position, dim);
}

std::optional<int64_t> InputResolver::numberOf(const ValueInfoProto &input, size_t position) const {
  const Dim *dim = dimOf(input, position);
  const std::vector<GivenDim> *dims = given(input);
  if (dims && (*dims)[position].number)
    return (*dims)[position].number;
  if (dim && dim->has_dim_value())
    return dim->dim_value();
  auto number = dim ? numbers_.find(dim->dim_param()) : numbers_.end();
  return number == numbers_.end() ? std::nullopt : std::optional(number->second);
}

/// A name of [A-Za-z0-9_.] for a dim that is called anything, another one for each.
std::string InputResolver::symbolOf(StringRef name) {
  auto [known, isNew] = symbols_.try_emplace(name);
  if (!isNew)
    return known->second;
  std::string symbol;
  for (char c : name.take_front(64))
    symbol += llvm::isAlnum(c) || c == '.' ? c : '_';
  if (symbol.empty() || llvm::isDigit(symbol.front()) || symbol.front() == '.')
    symbol = "_" + symbol;
  // A dim that is called just so comes before those whose names only look like it.
  const std::string base = symbol;
  bool isAnothers = symbol != name && dims_.contains(symbol);
  for (unsigned &number = repetitions_[base]; isAnothers || !taken_.insert(symbol).second; isAnothers = false)
    symbol = base + "_" + std::to_string(++number + 1);
  return known->second = symbol;
}

/// The name of a dim may be an expression of others, "past_length + 1": then the dim is what they make it.
std::optional<graph::Extent> InputResolver::expression(StringRef text) {
  std::optional<graph::Extent> parsed = graph::Extent::parse(context_, text);
  bool isKnown = parsed && !parsed->isNumber();
  if (isKnown)
    parsed->walkSymbols([&](StringRef name) { isKnown &= dims_.contains(name) && name != text; });
  if (!isKnown)
    return std::nullopt;
  return parsed->substitute([&](StringRef name) {
    auto number = numbers_.find(name);
    if (number != numbers_.end())
      return graph::Extent(number->second);
    auto renamed = given_.find(name);
    return graph::Extent::symbol(context_, symbolOf(renamed == given_.end() ? name : StringRef(renamed->second)));
  });
}

graph::Extent InputResolver::extent(const ValueInfoProto &input, size_t position) {
  if (std::optional<int64_t> number = numberOf(input, position))
    return *number;
  std::string name = nameOf(input, position);
  std::optional<graph::Extent> made = expression(name);
  return made ? *made : graph::Extent::symbol(context_, symbolOf(name));
}

/// Whether dims of an input that nothing fixes may stay so: their number must be known, and elements must have bytes of
/// their own.
bool InputResolver::mayStayOpen(const ValueInfoProto &input, Type element) const {
  return (input.type().tensor_type().has_shape() || given(input)) && !graph::isPackable(element);
}

/// Whether a dim that the file leaves open has a number.
bool InputResolver::isFixedByOptions(const ValueInfoProto &input) const {
  return llvm::any_of(llvm::seq<size_t>(0, rankOf(input)), [&](size_t position) {
    const Dim *dim = dimOf(input, position);
    return !(dim && dim->has_dim_value()) && numberOf(input, position);
  });
}

/// Of an input whose rank is known. What --shape makes too large is no fault of the file.
RankedTensorType InputResolver::typeOf(const ValueInfoProto &input, Type element) {
  graph::Extents dims;
  for (size_t position = 0; position < rankOf(input); ++position)
    dims.push_back(extent(input, position));
  try {
    return checkedType(dims, element);
  } catch (Refusal &refusal) {
    if (isFixedByOptions(input))
      refusal.kind = ImportError::Kind::Usage;
    throw;
  }
}

DictionaryAttr InputResolver::bounds() {
  SmallVector<NamedAttribute> attributes;
  Builder builder(context_);
  for (const auto &[name, range] : bounds_)
    if (symbols_.contains(name))
      attributes.push_back(
          builder.getNamedAttr(symbolOf(name), builder.getDenseI64ArrayAttr({range.first, range.second})));
  return attributes.empty() ? DictionaryAttr() : builder.getDictionaryAttr(attributes);
}

/// "x=<batch>x3x<dim 2>x<dim 3>"
static std::string shapeFlag(const ValueInfoProto &input) {
  std::string text = input.type().tensor_type().has_shape() ? "" : "<dims>";
  for (auto [position, dim] : llvm::enumerate(input.type().tensor_type().shape().dim()))
    text += (text.empty() ? "" : "x") + (dim.has_dim_value()       ? std::to_string(dim.dim_value())
                                         : dim.dim_param().empty() ? "<dim " + std::to_string(position) + ">"
                                                                   : "<" + printable(dim.dim_param(), 40) + ">");
  return "--shape '" + printable(input.name()) + "=" + text + "'";
}

ModelInputs InputResolver::resolve() {
  for (const ValueInfoProto *input : inputs_)
    if (const std::vector<GivenDim> *dims = given(*input))
      bind(*input, *dims);
  std::vector<ModelInput> resolved;
  std::string open, flags;
  for (const ValueInfoProto *input : inputs_) {
    std::string where = "input " + quoted(*input);
    const TypeProto::Tensor &type = tensorTypeOf(*input);
    Type element = elementTypeOf(type.elem_type(), context_, where);
    size_t rank = rankOf(*input);
    bool isFixed = (type.has_shape() || given(*input)) &&
                   llvm::all_of(llvm::seq<size_t>(0, rank),
                                [&](size_t position) { return numberOf(*input, position).has_value(); });
    if (!isFixed && !mayStayOpen(*input, element)) {
      open += (open.empty() ? "" : ", ") + quoted(*input) + " " + dimsInWords(type);
      flags += (flags.empty() ? "" : " ") + shapeFlag(*input);
      continue;
    }
    if (rank > kMostDims)
      unsupported(where + ": a tensor of " + Twine(rank) + " dims; Smelt takes " + Twine(kMostDims));
    resolved.push_back({input->name(), within(where, [&] { return typeOf(*input, element); })});
  }
  if (!open.empty())
    refuse(ImportError::Kind::Usage,
           "the dims of these inputs cannot stay open: " + open + "; give them with " + flags);
  return {std::move(resolved), std::move(resolved_), bounds()};
}

ModelInputs resolveInputs(const GraphProto &graph, const ImportOptions &options, MLIRContext *context) {
  return InputResolver(graph, options, context).resolve();
}

static void checkElement(const TypeProto::Tensor &type, Type inferred, const Twine &where) {
  if (type.elem_type() != TensorProto::UNDEFINED &&
      elementTypeOf(type.elem_type(), inferred.getContext(), where) != inferred)
    malformed(where + " is declared with elements of type " + elementTypeName(type.elem_type()) +
              ", but the model computes " + inWords(inferred));
}

static void checkDims(const TypeProto::Tensor &type, RankedTensorType inferred, const Twine &where) {
  if (!type.has_shape())
    return;
  // Exporters that lost sight of a dim guess at the others as well: skl2onnx says [?, 1] of any number of targets.
  if (llvm::any_of(type.shape().dim(), [](const auto &dim) { return !dim.has_dim_value(); }))
    return;
  bool fits = type.shape().dim_size() == inferred.getRank();
  if (fits)
    for (auto [dim, extent] : llvm::zip_equal(type.shape().dim(), inferred.getShape()))
      fits &= ShapedType::isDynamic(extent) || dim.dim_value() == extent;
  if (!fits)
    malformed(where + " is declared with the dims " + dimsInWords(type) + ", but the model computes " +
              inWords(graph::extentsOf(inferred)));
}

void checkDeclared(const ValueInfoProto &declared, const Item &inferred) {
  const std::string where = "output " + quoted(declared);
  if (!declared.has_type() || declared.type().value_case() == TypeProto::VALUE_NOT_SET)
    return; // left for inference
  const DeclaredType wanted = declaredType(declared, where);
  const bool isAbsent = inferred.kind == Item::Kind::Absent, isSequence = inferred.kind == Item::Kind::Sequence;
  const TypeProto::Tensor &type = wanted.tensor->tensor_type();
  if (!isAbsent && isSequence != wanted.isSequence)
    malformed(
        where + " is declared as " +
        (isSequence ? "a tensor, but the model computes a sequence" : "a sequence, but the model computes a tensor"));
  if ((isAbsent || inferred.isPresent) && !wanted.isOptional)
    malformed(where + " is not declared as optional, but the model computes what may be absent");
  if (isSequence && inferred.sequence->elementType)
    checkElement(type, inferred.sequence->elementType, where);
  if (inferred.kind != Item::Kind::Tensor)
    return;
  checkElement(type, elementOf(inferred.tensor), where);
  checkDims(type, graph::typeOf(inferred.tensor), where);
}

} // namespace smelt::frontend::onnx
