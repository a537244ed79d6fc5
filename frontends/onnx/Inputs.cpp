// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a model's inputs and outputs are declared to be.

#include "frontends/onnx/Importer.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

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

static std::optional<std::vector<DeclaredDim>> dimsOf(const TypeProto::Tensor &type) {
  if (!type.has_shape())
    return std::nullopt;
  std::vector<DeclaredDim> dims;
  for (const ::onnx::TensorShapeProto::Dimension &dim : type.shape().dim()) {
    DeclaredDim &declared = dims.emplace_back();
    declared.name = dim.dim_param();
    if (dim.has_dim_value())
      declared.number = dim.dim_value();
  }
  return dims;
}

ModelInputs resolveInputs(const GraphProto &graph, const ImportOptions &options, MLIRContext *context) {
  std::vector<DeclaredInput> inputs;
  for (const ValueInfoProto *input : trueInputs(graph)) {
    const DeclaredType type = declaredType(*input, "input " + quoted(*input));
    const TypeProto::Tensor &tensor = type.tensor->tensor_type();
    auto element = [code = tensor.elem_type(), context](const Twine &where) {
      return elementTypeOf(code, context, where);
    };
    // Dims that the type of a sequence, or of what may be absent, states do not hold for each tensor.
    const bool isPart = type.isSequence || type.isOptional;
    inputs.push_back(
        {input->name(), type.isOptional, type.isSequence, element, isPart ? std::nullopt : dimsOf(tensor)});
  }
  return frontend::resolveInputs(inputs, options, context);
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
    malformed(where + " is declared with the dims " + inWords(dimsOf(type)) + ", but the model computes " +
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
