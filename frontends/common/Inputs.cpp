// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Inputs.h"
#include "frontends/common/GraphBuilder.h"
#include "frontends/common/Refusal.h"
#include "frontends/common/Sequences.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include <deque>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend {

static std::string quoted(const DeclaredInput &input) { return "'" + printable(input.name) + "'"; }

/// None where the number of dims is not stated.
static ArrayRef<DeclaredDim> declaredDims(const DeclaredInput &input) {
  return input.dims ? ArrayRef<DeclaredDim>(*input.dims) : ArrayRef<DeclaredDim>();
}

std::string inWords(const std::optional<std::vector<DeclaredDim>> &dims) {
  if (!dims)
    return "of any number";
  std::string text;
  for (const DeclaredDim &dim : *dims)
    text += (text.empty() ? "" : ", ") + (dim.number         ? std::to_string(*dim.number)
                                          : dim.name.empty() ? "?"
                                                             : printable(dim.name, 40));
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
  InputResolver(ArrayRef<DeclaredInput> inputs, const ImportOptions &options, MLIRContext *context);

  ModelInputs resolve();

private:
  void addInput(const DeclaredInput &input);
  void addTensor(const DeclaredInput &input, const Twine &part, const std::vector<GivenDim> *given);
  [[noreturn]] void refuseForm(const DeclaredInput &input) const;
  /// What an input's dim is called, by the file or by --shape, before that is a symbol's name.
  std::string nameOf(const DeclaredInput &input, size_t position) const;
  const std::vector<GivenDim> *given(const DeclaredInput &input) const;
  void checkNames() const;
  void checkRank(const DeclaredInput &input, ArrayRef<GivenDim> given) const;
  void bind(const DeclaredInput &input, ArrayRef<GivenDim> given);
  void bindNumber(const DeclaredInput &input, size_t position, int64_t number);
  void bindSymbol(const DeclaredInput &input, size_t position, const GivenDim &dim);
  void bound(const DeclaredInput &input, size_t position, int64_t atLeast, int64_t atMost);
  std::string symbolOf(StringRef name);
  bool mayStayOpen(const DeclaredInput &input, Type element) const;
  bool isFixedByOptions(const DeclaredInput &input) const;
  RankedTensorType typeOf(const DeclaredInput &input, Type element);
  std::optional<int64_t> numberOf(const DeclaredInput &input, size_t position) const;
  graph::Extent extent(const DeclaredInput &input, size_t position);
  std::optional<graph::Extent> expression(StringRef text);
  size_t rankOf(const DeclaredInput &input) const;
  DictionaryAttr bounds();

  ArrayRef<DeclaredInput> declared_;
  std::vector<GivenInput> resolved_;          // all of these
  std::vector<const DeclaredInput *> inputs_; // the tensors
  std::deque<DeclaredInput> made_;            // of them, those that stand for parts of others
  std::map<std::string, std::vector<GivenDim>> shapes_;
  const ImportOptions &options_;
  MLIRContext *context_;
  llvm::StringSet<> dims_;               // the file's names of dims of any input
  llvm::StringMap<int64_t> numbers_;     // by the file's names
  llvm::StringMap<std::string> places_;  // by the same: the dim that gave the number, in words
  llvm::StringMap<std::string> given_;   // names that --shape gives for the file's
  llvm::StringMap<std::string> symbols_; // by name: what it is called among extents
  llvm::StringSet<> taken_;              // such
  llvm::StringMap<unsigned> repetitions_;
  std::map<std::string, std::pair<int64_t, int64_t>> bounds_; // by name
};
} // namespace

InputResolver::InputResolver(ArrayRef<DeclaredInput> inputs, const ImportOptions &options, MLIRContext *context)
    : declared_(inputs), options_(options), context_(context) {
  for (const DeclaredInput &input : declared_)
    addInput(input);
  checkNames();
  for (const DeclaredInput *input : inputs_)
    for (const DeclaredDim &dim : declaredDims(*input))
      dims_.insert(dim.name);
}

/// What to say of an input that is no tensor.
void InputResolver::refuseForm(const DeclaredInput &input) const {
  std::string present = printable(input.name) + (input.isSequence ? "=[2x3, 4x3]" : "=2x3");
  std::string what = input.isSequence ? "a sequence, whose number of tensors and their dims must be given"
                                      : "a tensor, whose dims must be given";
  if (input.isOptional)
    unsupported("input " + quoted(input) + " is optional: give --shape '" + printable(input.name) +
                "=none' where it is absent, or its dims, as in --shape '" + present + "'");
  unsupported("input " + quoted(input) + " is " + what + ", as in --shape '" + present + "'");
}

/// The tensors that an input consists of, as --shape says.
void InputResolver::addInput(const DeclaredInput &input) {
  const std::string where = "input " + quoted(input);
  auto shape = options_.shapes.find(input.name);
  auto sequence = options_.sequences.find(input.name);
  const bool isAbsent = options_.absent.count(input.name) > 0, hasShape = shape != options_.shapes.end();
  const bool hasSequence = sequence != options_.sequences.end();
  using Kind = GivenInput::Kind;
  GivenInput given = {input.name, Kind::Tensor, inputs_.size(), 1, nullptr};
  if (isAbsent && !input.isOptional)
    refuse(ImportError::Kind::Usage, where + " is not optional, and cannot be 'none'");
  if ((hasSequence && !input.isSequence) || (hasShape && input.isSequence))
    refuse(ImportError::Kind::Usage, where + (input.isSequence ? " is a sequence: give its tensors' dims in brackets"
                                                               : " is no sequence: its dims need no brackets"));
  if (isAbsent) {
    given.kind = Kind::Absent;
    given.count = 0;
  } else if (input.isSequence ? !hasSequence : input.isOptional && !hasShape) {
    refuseForm(input);
  } else if (input.isSequence) {
    given.kind = Kind::Sequence;
    given.count = sequence->second.size();
    given.elementType = input.element(where);
    if (given.count > kMostInSequence)
      unsupported(where + ": a sequence of " + Twine(given.count) + " tensors; Smelt takes " + Twine(kMostInSequence));
    for (auto [number, dims] : llvm::enumerate(sequence->second))
      addTensor(input, "[" + Twine(number) + "]", &dims);
  } else if (input.isOptional) {
    addTensor(input, "", &shape->second);
  } else {
    inputs_.push_back(&input);
    if (hasShape)
      shapes_[input.name] = shape->second;
  }
  resolved_.push_back(std::move(given));
}

/// A tensor that is part of an input, or one that may be absent. Dims of the same name need not be equal in a sequence,
/// nor has each tensor those that its type states: --shape has the last word.
void InputResolver::addTensor(const DeclaredInput &input, const Twine &part, const std::vector<GivenDim> *given) {
  DeclaredInput &tensor = made_.emplace_back();
  tensor.name = input.name + part.str();
  tensor.element = input.element;
  inputs_.push_back(&tensor);
  shapes_[tensor.name] = *given;
}

const std::vector<GivenDim> *InputResolver::given(const DeclaredInput &input) const {
  auto found = shapes_.find(input.name);
  return found == shapes_.end() ? nullptr : &found->second;
}

static const DeclaredDim *dimOf(const DeclaredInput &input, size_t position) {
  return input.dims ? &(*input.dims)[position] : nullptr;
}

size_t InputResolver::rankOf(const DeclaredInput &input) const {
  if (input.dims)
    return input.dims->size();
  const std::vector<GivenDim> *dims = given(input);
  return dims ? dims->size() : 0;
}

std::string InputResolver::nameOf(const DeclaredInput &input, size_t position) const {
  const DeclaredDim *dim = dimOf(input, position);
  const std::vector<GivenDim> *dims = given(input);
  if (dims && !(*dims)[position].symbol.empty())
    return (*dims)[position].symbol;
  if (!dim || dim->name.empty())
    return input.name + ".dim" + std::to_string(position);
  auto renamed = given_.find(dim->name);
  return renamed == given_.end() ? dim->name : renamed->second;
}

void InputResolver::checkNames() const {
  llvm::StringSet<> names, tensors;
  std::string known;
  for (const DeclaredInput &input : declared_) {
    names.insert(input.name);
    known += (known.empty() ? "" : ", ") + quoted(input);
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
  for (const DeclaredInput *tensor : inputs_)
    if (!tensors.insert(tensor->name).second)
      unsupported("two inputs are called " + quoted(*tensor) + ", one of which is part of a sequence");
}

/// Refuses a shape that contradicts the dims that the file fixes.
void InputResolver::checkRank(const DeclaredInput &input, ArrayRef<GivenDim> given) const {
  bool fits = !input.dims || given.size() == input.dims->size();
  for (size_t position = 0; fits && position < given.size(); ++position) {
    const DeclaredDim *dim = dimOf(input, position);
    if (!dim || !dim->number)
      continue;
    const GivenDim &wanted = given[position];
    bool saysNothing = wanted.symbol.empty() && wanted.least == 0 && wanted.most == INT64_MAX;
    fits = wanted.number ? *wanted.number == *dim->number : saysNothing;
  }
  if (!fits)
    refuse(ImportError::Kind::Usage, "input " + quoted(input) + " has the dims " + inWords(input.dims) +
                                         ", which the shape " + shapeInWords(given) + " does not fit");
}

/// "1 to 8", "2 or more"
static std::string rangeInWords(const DeclaredDim &dim) {
  return std::to_string(dim.least) + (dim.most < INT64_MAX ? " to " + std::to_string(dim.most) : " or more");
}

/// "0 ('batch')", "2"
static std::string inWords(const DeclaredDim &dim, size_t position) {
  return std::to_string(position) + (dim.name.empty() ? "" : " ('" + printable(dim.name) + "')");
}

/// "dim 0 of 'x'"
static std::string placeOf(const DeclaredInput &input, size_t position) {
  return "dim " + std::to_string(position) + " of " + quoted(input);
}

void InputResolver::bindNumber(const DeclaredInput &input, size_t position, int64_t number) {
  const DeclaredDim *dim = dimOf(input, position);
  if (!dim || dim->name.empty())
    return;
  if (!dim->number && (number < dim->least || number > dim->most))
    refuse(ImportError::Kind::Usage, "input " + quoted(input) + " takes " + rangeInWords(*dim) + " for its dim " +
                                         inWords(*dim, position) + ", not " + Twine(number));
  auto [symbol, isNew] = numbers_.try_emplace(dim->name, number);
  std::string &place = places_[dim->name];
  if (!isNew && symbol->second != number)
    refuse(ImportError::Kind::Usage, "the shapes given say that '" + printable(dim->name) + "' is " +
                                         Twine(symbol->second) + " (" + place + ") as well as " + Twine(number) + " (" +
                                         placeOf(input, position) + "), which must be the same");
  if (isNew)
    place = placeOf(input, position);
}

void InputResolver::bindSymbol(const DeclaredInput &input, size_t position, const GivenDim &dim) {
  const DeclaredDim *declared = dimOf(input, position);
  if (declared && !declared->name.empty() && !dim.symbol.empty()) {
    auto [name, isNew] = given_.try_emplace(declared->name, dim.symbol);
    if (!isNew && name->second != dim.symbol)
      refuse(ImportError::Kind::Usage,
             "the shapes given call '" + printable(declared->name) + "' " + name->second + " as well as " + dim.symbol);
  }
  const bool hasLeast = dim.least > 0, hasMost = dim.most < INT64_MAX;
  if (declared && !declared->number &&
      ((hasLeast && dim.least < declared->least) || (hasMost && dim.most > declared->most)))
    refuse(ImportError::Kind::Usage, "input " + quoted(input) + " takes " + rangeInWords(*declared) + " for its dim " +
                                         inWords(*declared, position) + ", not " + Twine(dim.least) + " to " +
                                         (hasMost ? Twine(dim.most) : Twine("any number")));
  bound(input, position, dim.least, dim.most);
}

void InputResolver::bound(const DeclaredInput &input, size_t position, int64_t atLeast, int64_t atMost) {
  if (atLeast <= 0 && atMost == INT64_MAX)
    return;
  auto [known, isNew] = bounds_.insert({nameOf(input, position), {atLeast, atMost}});
  if (isNew)
    return;
  auto &[least, most] = known->second;
  least = std::max(least, atLeast);
  most = std::min(most, atMost);
  if (least > most)
    refuse(ImportError::Kind::Usage, "the bounds given for '" + printable(known->first) + "' leave no number");
}

void InputResolver::bind(const DeclaredInput &input, ArrayRef<GivenDim> given) {
  checkRank(input, given);
  for (auto [position, dim] : llvm::enumerate(given))
    dim.number ? bindNumber(input, position, *dim.number) : bindSymbol(input, position, dim);
}

std::optional<int64_t> InputResolver::numberOf(const DeclaredInput &input, size_t position) const {
  const DeclaredDim *dim = dimOf(input, position);
  const std::vector<GivenDim> *dims = given(input);
  if (dims && (*dims)[position].number)
    return (*dims)[position].number;
  if (dim && dim->number)
    return *dim->number;
  auto number = dim ? numbers_.find(dim->name) : numbers_.end();
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

graph::Extent InputResolver::extent(const DeclaredInput &input, size_t position) {
  if (std::optional<int64_t> number = numberOf(input, position))
    return *number;
  std::string name = nameOf(input, position);
  std::optional<graph::Extent> made = expression(name);
  return made ? *made : graph::Extent::symbol(context_, symbolOf(name));
}

/// Whether dims of an input that nothing fixes may stay so: their number must be known, and elements must have bytes of
/// their own.
bool InputResolver::mayStayOpen(const DeclaredInput &input, Type element) const {
  return (input.dims || given(input)) && !graph::isPackable(element);
}

/// Whether a dim that the file leaves open has a number.
bool InputResolver::isFixedByOptions(const DeclaredInput &input) const {
  return llvm::any_of(llvm::seq<size_t>(0, rankOf(input)), [&](size_t position) {
    const DeclaredDim *dim = dimOf(input, position);
    return !(dim && dim->number) && numberOf(input, position);
  });
}

/// Of an input whose rank is known. What --shape makes too large is no fault of the file.
RankedTensorType InputResolver::typeOf(const DeclaredInput &input, Type element) {
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
static std::string shapeFlag(const DeclaredInput &input) {
  std::string text = input.dims ? "" : "<dims>";
  for (auto [position, dim] : llvm::enumerate(declaredDims(input)))
    text += (text.empty() ? "" : "x") + (dim.number         ? std::to_string(*dim.number)
                                         : dim.name.empty() ? "<dim " + std::to_string(position) + ">"
                                                            : "<" + printable(dim.name, 40) + ">");
  return "--shape '" + printable(input.name) + "=" + text + "'";
}

ModelInputs InputResolver::resolve() {
  for (const DeclaredInput *input : inputs_)
    if (const std::vector<GivenDim> *dims = given(*input))
      bind(*input, *dims);
  for (const DeclaredInput *input : inputs_)
    for (auto [position, dim] : llvm::enumerate(declaredDims(*input)))
      if (!dim.number)
        bound(*input, position, dim.least, dim.most);
  std::vector<ModelInput> resolved;
  std::string open, flags;
  for (const DeclaredInput *input : inputs_) {
    std::string where = "input " + quoted(*input);
    Type element = input->element(where);
    size_t rank = rankOf(*input);
    bool isFixed = (input->dims || given(*input)) && llvm::all_of(llvm::seq<size_t>(0, rank), [&](size_t position) {
                     return numberOf(*input, position).has_value();
                   });
    if (!isFixed && !mayStayOpen(*input, element)) {
      open += (open.empty() ? "" : ", ") + quoted(*input) + " " + inWords(input->dims);
      flags += (flags.empty() ? "" : " ") + shapeFlag(*input);
      continue;
    }
    if (rank > kMostDims)
      unsupported(where + ": a tensor of " + Twine(rank) + " dims; Smelt takes " + Twine(kMostDims));
    resolved.push_back({input->name, within(where, [&] { return typeOf(*input, element); })});
  }
  if (!open.empty())
    refuse(ImportError::Kind::Usage,
           "the dims of these inputs cannot stay open: " + open + "; give them with " + flags);
  return {std::move(resolved), std::move(resolved_), bounds()};
}

ModelInputs resolveInputs(ArrayRef<DeclaredInput> inputs, const ImportOptions &options, MLIRContext *context) {
  return InputResolver(inputs, options, context).resolve();
}

} // namespace smelt::frontend
