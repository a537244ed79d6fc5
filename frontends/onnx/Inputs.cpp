// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a model's inputs and outputs are declared to be, and what --shape makes of it.

#include "frontends/onnx/Importer.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

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

/// The tensor type that an input or output is declared to have.
static const TypeProto::Tensor &tensorTypeOf(const ValueInfoProto &value, const Twine &where) {
  if (!value.has_type() || value.type().value_case() == TypeProto::VALUE_NOT_SET)
    malformed(where + " has no type");
  if (!value.type().has_tensor_type())
    unsupported(where + " is no tensor; sequences, maps and optional values are not supported");
  return value.type().tensor_type();
}

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

namespace {
/// Finds the extents of all inputs: fixed, given by name, or known from another input that has a dim of the same name.
class InputResolver {
public:
  InputResolver(const GraphProto &graph, const ImportOptions &options) : inputs_(trueInputs(graph)), options_(options) {
    for (const ValueInfoProto *input : inputs_)
      for (const Dim &dim : input->type().tensor_type().shape().dim())
        dims_.insert(dim.dim_param());
  }

  void checkNames() const;
  void bindSymbols();
  std::vector<ModelInput> resolve(MLIRContext *context) const;

private:
  void bind(const ValueInfoProto &input, ArrayRef<int64_t> given);
  std::optional<SmallVector<int64_t>> extents(const ValueInfoProto &input) const;
  graph::Extents symbolicExtents(const ValueInfoProto &input, MLIRContext *context) const;

  std::vector<const ValueInfoProto *> inputs_;
  const ImportOptions &options_;
  llvm::StringSet<> dims_; // names of dims of any input
  llvm::StringMap<int64_t> symbols_;
};
} // namespace

void InputResolver::checkNames() const {
  for (const auto &[name, extents] : options_.shapes) {
    if (llvm::any_of(inputs_, [name = name](const ValueInfoProto *input) { return input->name() == name; }))
      continue;
    std::string known;
    for (const ValueInfoProto *input : inputs_)
      known += (known.empty() ? "" : ", ") + quoted(*input);
    refuse(ImportError::Kind::Usage, "has no input '" + printable(name) + "' to give a shape; its inputs are " + known);
  }
}

void InputResolver::bind(const ValueInfoProto &input, ArrayRef<int64_t> given) {
  const TypeProto::Tensor &type = tensorTypeOf(input, "input " + quoted(input));
  if (!type.has_shape())
    return;
  auto fail = [&] {
    refuse(ImportError::Kind::Usage, "input " + quoted(input) + " has the dims " + dimsInWords(type) +
                                         ", which the shape " + inWords(given) + " does not fit");
  };
  if (static_cast<int>(given.size()) != type.shape().dim_size())
    fail();
  for (auto [dim, extent] : llvm::zip_equal(type.shape().dim(), given)) {
    if (dim.has_dim_value() && dim.dim_value() != extent)
      fail();
    if (dim.dim_param().empty())
      continue;
    auto [symbol, isNew] = symbols_.try_emplace(dim.dim_param(), extent);
    if (!isNew && symbol->second != extent)
      refuse(ImportError::Kind::Usage, "the shapes given say that '" + printable(dim.dim_param()) + "' is " +
                                           Twine(symbol->second) + " as well as " + Twine(extent));
  }
}

void InputResolver::bindSymbols() {
  for (const ValueInfoProto *input : inputs_)
    if (auto given = options_.shapes.find(input->name()); given != options_.shapes.end())
      bind(*input, given->second);
}

std::optional<SmallVector<int64_t>> InputResolver::extents(const ValueInfoProto &input) const {
  if (auto given = options_.shapes.find(input.name()); given != options_.shapes.end())
    return llvm::to_vector(given->second);
  const TypeProto::Tensor &type = tensorTypeOf(input, "input " + quoted(input));
  if (!type.has_shape())
    return std::nullopt;
  SmallVector<int64_t> extents;
  for (const Dim &dim : type.shape().dim()) {
    auto symbol = symbols_.find(dim.dim_param());
    if (!dim.has_dim_value() && (dim.dim_param().empty() || symbol == symbols_.end()))
      return std::nullopt;
    extents.push_back(dim.has_dim_value() ? dim.dim_value() : symbol->second);
  }
  return extents;
}

/// A name of [A-Za-z0-9_.] for a dim that the file names as it likes.
static std::string symbolName(StringRef text) {
  std::string name;
  for (char c : text)
    name += llvm::isAlnum(c) || c == '.' ? c : '_';
  return llvm::isDigit(name.front()) || name.front() == '.' ? "_" + name : name;
}

/// Dims that nothing fixes become symbols. A name may be an expression of others, "past_length + 1": then it is what
/// they make it.
graph::Extents InputResolver::symbolicExtents(const ValueInfoProto &input, MLIRContext *context) const {
  graph::Extents extents;
  for (auto [position, dim] : llvm::enumerate(input.type().tensor_type().shape().dim())) {
    auto symbol = symbols_.find(dim.dim_param());
    if (dim.has_dim_value() || symbol != symbols_.end()) {
      extents.push_back(dim.has_dim_value() ? dim.dim_value() : symbol->second);
      continue;
    }
    if (dim.dim_param().empty()) {
      extents.push_back(graph::Extent::symbol(context, symbolName(input.name()) + ".dim" + std::to_string(position)));
      continue;
    }
    std::optional<graph::Extent> expression = graph::Extent::parse(context, dim.dim_param());
    bool isKnown = expression && !expression->isNumber();
    if (isKnown)
      expression->walkSymbols([&](StringRef name) { isKnown &= dims_.contains(name); });
    extents.push_back(isKnown ? *expression : graph::Extent::symbol(context, symbolName(dim.dim_param())));
  }
  return extents;
}

/// "x=<batch>x3x<dim 2>x<dim 3>"
static std::string shapeFlag(const ValueInfoProto &input) {
  std::string text;
  for (auto [position, dim] : llvm::enumerate(input.type().tensor_type().shape().dim()))
    text += (text.empty() ? "" : "x") + (dim.has_dim_value()       ? std::to_string(dim.dim_value())
                                         : dim.dim_param().empty() ? "<dim " + std::to_string(position) + ">"
                                                                   : "<" + printable(dim.dim_param(), 40) + ">");
  return "--shape '" + printable(input.name()) + "=" + text + "'";
}

std::vector<ModelInput> InputResolver::resolve(MLIRContext *context) const {
  std::vector<ModelInput> resolved;
  std::string open, flags;
  for (const ValueInfoProto *input : inputs_) {
    std::string where = "input " + quoted(*input);
    const TypeProto::Tensor &type = tensorTypeOf(*input, where);
    Type element = elementTypeOf(type.elem_type(), context, where);
    if (std::optional<SmallVector<int64_t>> dims = extents(*input)) {
      resolved.push_back({input->name(), within(where, [&] { return checkedType(*dims, element); })});
      continue;
    }
    if (options_.symbolic && type.has_shape() && !graph::isPackable(element)) {
      graph::Extents dims = symbolicExtents(*input, context);
      resolved.push_back({input->name(), within(where, [&] { return checkedType(dims, element); })});
      continue;
    }
    open += (open.empty() ? "" : ", ") + quoted(*input) + " " + dimsInWords(type);
    flags += (flags.empty() ? "" : " ") + shapeFlag(*input);
  }
  if (!open.empty())
    refuse(ImportError::Kind::Usage,
           "the dims of these inputs are not all fixed: " + open + "; give them with " + flags);
  return resolved;
}

std::vector<ModelInput> resolveInputs(const GraphProto &graph, const ImportOptions &options, MLIRContext *context) {
  InputResolver resolver(graph, options);
  resolver.checkNames();
  resolver.bindSymbols();
  return resolver.resolve(context);
}

void checkDeclared(const ValueInfoProto &declared, RankedTensorType inferred) {
  std::string where = "output " + quoted(declared);
  if (!declared.has_type() || declared.type().value_case() == TypeProto::VALUE_NOT_SET)
    return; // left for inference
  const TypeProto::Tensor &type = tensorTypeOf(declared, where);
  if (type.elem_type() != TensorProto::UNDEFINED &&
      elementTypeOf(type.elem_type(), inferred.getContext(), where) != inferred.getElementType())
    malformed(where + " is declared with elements of type " + elementTypeName(type.elem_type()) +
              ", but the model computes " + inWords(inferred.getElementType()));
  if (!type.has_shape())
    return;
  // Exporters that lost sight of a dim name what they guess: then only a dim that is known can be wrong.
  bool isGuess = llvm::any_of(type.shape().dim(), [](const auto &dim) { return !dim.has_dim_value(); });
  bool sameRank = type.shape().dim_size() == inferred.getRank(), fits = sameRank || isGuess;
  if (sameRank)
    for (auto [dim, extent] : llvm::zip_equal(type.shape().dim(), inferred.getShape()))
      fits &= !dim.has_dim_value() || ShapedType::isDynamic(extent) || dim.dim_value() == extent;
  if (!fits)
    malformed(where + " is declared with the dims " + dimsInWords(type) + ", but the model computes " +
              inWords(inferred.getShape()));
}

} // namespace smelt::frontend::onnx
