// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bytes → a model whose structure holds: it parses, names are made once and before they are used, attributes hold what
// they say they hold.

#include "frontends/common/Refusal.h"
#include "frontends/onnx/Model.h"
#include "frontends/onnx/Skeleton.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Path.h"
#include <google/protobuf/io/coded_stream.h>

using namespace llvm;

namespace smelt::frontend::onnx {

StringRef nameOf(const NodeProto &node) {
  if (!node.name().empty())
    return node.name();
  for (const std::string &output : node.output())
    if (!output.empty())
      return output;
  return "";
}

std::string describe(const NodeProto &node, const Opsets &opsets) {
  StringRef domain = canonicalDomain(node.domain());
  std::string text = "node '" + printable(nameOf(node)) + "' (";
  if (!domain.empty())
    text += printable(domain) + ".";
  text += printable(node.op_type());
  if (auto version = opsets.find(domain); version != opsets.end())
    text += ", opset " + std::to_string(version->second);
  return text + ")";
}

// Names.

/// What may be referred to from inside a graph.
struct Names {
  const Names *outer = nullptr;
  StringSet<> known;

  bool contains(StringRef name) const {
    for (const Names *names = this; names; names = names->outer)
      if (names->known.contains(name))
        return true;
    return false;
  }
};

static void checkNodes(const google::protobuf::RepeatedPtrField<NodeProto> &nodes, Names &names, const Opsets &opsets);

static void checkGraph(const GraphProto &graph, const Names *outer, const Opsets &opsets) {
  Names names;
  names.outer = outer;
  std::string where = "graph '" + printable(graph.name()) + "': ";
  for (const ValueInfoProto &input : graph.input()) {
    if (input.name().empty())
      malformed(where + "an input has no name");
    if (!names.known.insert(input.name()).second)
      malformed(where + "two inputs are called '" + printable(input.name()) + "'");
  }
  StringSet<> initializers;
  auto addInitializer = [&](const std::string &name) {
    if (name.empty())
      malformed(where + "an initializer has no name");
    if (!initializers.insert(name).second)
      malformed(where + "two initializers are called '" + printable(name) + "'");
    names.known.insert(name); // an input of the same name is one with a default value
  };
  for (const TensorProto &initializer : graph.initializer())
    addInitializer(initializer.name());
  for (const SparseTensorProto &initializer : graph.sparse_initializer())
    addInitializer(initializer.values().name());
  checkNodes(graph.node(), names, opsets);
  StringSet<> outputs;
  for (const ValueInfoProto &output : graph.output()) {
    if (!names.contains(output.name()))
      malformed(where + "nothing makes the output '" + printable(output.name()) + "'");
    // A subgraph may give one value twice; its outputs are known by their places.
    if (!outputs.insert(output.name()).second && !outer)
      malformed(where + "two outputs are called '" + printable(output.name()) + "'");
  }
}

// Attributes.

/// The field that holds attributes of a type. Writers of protobuf 3 leave out zeros and empty strings.
struct AttributeField {
  AttributeProto::AttributeType type;
  bool mustBeSet;
  bool (*isSet)(const AttributeProto &);
};
constexpr AttributeField kAttributeFields[] = {
    {AttributeProto::FLOAT, false, [](const AttributeProto &a) { return a.has_f(); }},
    {AttributeProto::INT, false, [](const AttributeProto &a) { return a.has_i(); }},
    {AttributeProto::STRING, false, [](const AttributeProto &a) { return a.has_s(); }},
    {AttributeProto::TENSOR, true, [](const AttributeProto &a) { return a.has_t(); }},
    {AttributeProto::GRAPH, true, [](const AttributeProto &a) { return a.has_g(); }},
    {AttributeProto::SPARSE_TENSOR, true, [](const AttributeProto &a) { return a.has_sparse_tensor(); }},
    {AttributeProto::TYPE_PROTO, true, [](const AttributeProto &a) { return a.has_tp(); }},
    {AttributeProto::FLOATS, false, [](const AttributeProto &a) { return a.floats_size() > 0; }},
    {AttributeProto::INTS, false, [](const AttributeProto &a) { return a.ints_size() > 0; }},
    {AttributeProto::STRINGS, false, [](const AttributeProto &a) { return a.strings_size() > 0; }},
    {AttributeProto::TENSORS, false, [](const AttributeProto &a) { return a.tensors_size() > 0; }},
    {AttributeProto::GRAPHS, false, [](const AttributeProto &a) { return a.graphs_size() > 0; }},
};

static void checkAttribute(const AttributeProto &attribute, const Twine &where) {
  auto fail = [&](const Twine &why) { malformed(where + ": attribute '" + printable(attribute.name()) + "' " + why); };
  if (attribute.name().empty())
    malformed(where + ": an attribute has no name");
  if (!attribute.has_type() || attribute.type() == AttributeProto::UNDEFINED)
    fail("has no type");
  for (const AttributeField &field : kAttributeFields) {
    bool isSet = field.isSet(attribute), isRight = field.type == attribute.type();
    if (isSet && !isRight)
      fail("has a value of another type than it says");
    if (isRight && field.mustBeSet && !isSet && attribute.ref_attr_name().empty())
      fail("has no value");
  }
}

static void checkNode(const NodeProto &node, Names &names, const Opsets &opsets,
                      function_ref<bool(StringRef)> isMadeLater) {
  std::string where = describe(node, opsets);
  if (node.op_type().empty())
    malformed(where + ": has no operator");
  for (const std::string &input : node.input())
    if (!input.empty() && !names.contains(input))
      malformed(where + ": input '" + printable(input) +
                (isMadeLater(input) ? "' is used before it is made; nodes must be sorted, without a cycle"
                                    : "' is made by nothing"));
  StringSet<> attributes;
  for (const AttributeProto &attribute : node.attribute()) {
    checkAttribute(attribute, where);
    if (!attributes.insert(attribute.name()).second)
      malformed(where + ": has two attributes '" + printable(attribute.name()) + "'");
    if (attribute.has_g())
      checkGraph(attribute.g(), &names, opsets);
    for (const GraphProto &graph : attribute.graphs())
      checkGraph(graph, &names, opsets);
  }
  for (const std::string &output : node.output())
    if (!output.empty() && !names.known.insert(output).second)
      malformed(where + ": output '" + printable(output) + "' is made before, by another node or as an input");
}

static void checkNodes(const google::protobuf::RepeatedPtrField<NodeProto> &nodes, Names &names, const Opsets &opsets) {
  auto isMadeHere = [&](StringRef name) {
    return any_of(nodes, [&](const NodeProto &node) { return is_contained(node.output(), name); });
  };
  for (const NodeProto &node : nodes)
    checkNode(node, names, opsets, isMadeHere);
}

static std::string functionKey(StringRef domain, StringRef name, StringRef overload) {
  return (canonicalDomain(domain) + Twine('\0') + name + Twine('\0') + overload).str();
}

static void checkFunction(const FunctionProto &function) {
  std::string where = "function '" + printable(function.name()) + "'";
  if (function.name().empty())
    malformed("a function has no name");
  Names names;
  for (const std::string &input : function.input())
    if (input.empty() || !names.known.insert(input).second)
      malformed(where + ": input '" + printable(input) + "' is unnamed or named twice");
  for (const AttributeProto &attribute : function.attribute_proto())
    checkAttribute(attribute, where);
  checkNodes(function.node(), names, readOpsets(function.opset_import(), where + ": "));
  for (const std::string &output : function.output())
    if (!names.contains(output))
      malformed(where + ": nothing makes the output '" + printable(output) + "'");
}

// The model.

Opsets readOpsets(const google::protobuf::RepeatedPtrField<::onnx::OperatorSetIdProto> &imports, const Twine &where) {
  Opsets opsets;
  for (const ::onnx::OperatorSetIdProto &import : imports)
    opsets[canonicalDomain(import.domain())] = import.version();
  auto own = opsets.find("");
  if (own != opsets.end() && own->second < 1)
    malformed(where + "imports version " + Twine(own->second) + " of ONNX's operators");
  if (own != opsets.end() && (own->second < kOldestOpset || own->second > kNewestOpset))
    unsupported(where + "uses opset " + Twine(own->second) + "; Smelt knows opsets " + Twine(kOldestOpset) + " to " +
                Twine(kNewestOpset) + "; convert the model with onnx.version_converter");
  return opsets;
}

/// Writers have many ways to say that a dim is open. Those that are no name of ONNX, and that dims share which need not
/// be equal, become the one way that says nothing else.
static void openDims(google::protobuf::RepeatedPtrField<ValueInfoProto> &values) {
  constexpr StringLiteral kNobodysNames[] = {"?", "-1", "None", "none", "unk", "unknown"};
  for (ValueInfoProto &value : values) {
    if (!value.type().has_tensor_type() || !value.type().tensor_type().has_shape())
      continue;
    for (auto &dim : *value.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim())
      if (is_contained(kNobodysNames, dim.dim_param()) || (dim.has_dim_value() && dim.dim_value() == -1))
        dim.clear_value();
  }
}

static ModelProto parse(StringRef file) {
  std::string skeleton = makeSkeleton(file);
  ModelProto proto;
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t *>(skeleton.data()),
                                                static_cast<int>(skeleton.size()));
  stream.SetRecursionLimit(kDeepestNesting + 30); // types nest below what the skeleton looks into
  if (!proto.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    malformed("is no ONNX model, or is damaged: a field does not hold what it should, or types nest too deep");
  if (!proto.has_graph())
    malformed("is no ONNX model: it has no graph");
  openDims(*proto.mutable_graph()->mutable_input());
  openDims(*proto.mutable_graph()->mutable_output());
  return proto;
}

Model::Model(std::shared_ptr<const MappedFile> file, StringRef path)
    : file_(std::move(file)), folder_(sys::path::parent_path(path)), proto_(parse(toStringRef(file_->bytes()))),
      opsets_(readOpsets(proto_.opset_import(), "")) {
  if (folder_.empty())
    folder_ = ".";
  if (opsets_.empty())
    malformed("imports no operator set, so that its operators have no version");
  for (const FunctionProto &function : proto_.functions()) {
    checkFunction(function);
    std::string key = functionKey(function.domain(), function.name(), function.overload());
    if (!functions_.try_emplace(key, &function).second)
      malformed("two functions are called '" + printable(function.name()) + "'");
  }
  checkGraph(proto_.graph(), nullptr, opsets_);
  if (graph().output().empty())
    malformed("has no outputs");
}

const FunctionProto *Model::function(StringRef domain, StringRef name, StringRef overload) const {
  return functions_.lookup(functionKey(domain, name, overload));
}

Model::Bytes Model::raw(const TensorProto &tensor) const {
  std::optional<Payload> payload = Payload::decode(tensor.raw_data());
  if (!payload)
    return {};
  return {file_->bytes().slice(payload->offset, payload->size), file_};
}

std::vector<std::string> Model::externalPaths() const {
  std::vector<std::string> paths;
  for (const auto &[location, file] : externalFiles_) {
    SmallString<256> path(folder_);
    sys::path::append(path, location);
    paths.push_back(path.str().str());
  }
  llvm::sort(paths);
  return paths;
}

/// A number of a tensor's external data; nothing where it is not stated.
static std::optional<uint64_t> externalNumber(StringRef key, StringRef text, const Twine &where) {
  uint64_t number = 0;
  if (text.getAsInteger(10, number))
    malformed(where + ": " + key + " '" + printable(text) + "' of its external data is no number of bytes");
  return number;
}

Model::Bytes Model::external(const TensorProto &tensor, uint64_t size) {
  std::string where = "tensor '" + printable(tensor.name()) + "'";
  StringRef location;
  std::optional<uint64_t> offset, length;
  for (const ::onnx::StringStringEntryProto &entry : tensor.external_data()) {
    if (entry.key() == "location")
      location = entry.value();
    else if (entry.key() == "offset")
      offset = externalNumber("offset", entry.value(), where);
    else if (entry.key() == "length")
      length = externalNumber("length", entry.value(), where);
  }
  if (location.empty())
    malformed(where + ": its external data has no location");
  if (length && *length != size)
    malformed(where + ": its external data has " + Twine(*length) + " bytes, its dims need " + Twine(size));
  std::shared_ptr<const MappedFile> &file = externalFiles_[location];
  if (!file)
    file = within(where + ": external data '" + printable(location) + "'",
                  [&] { return MappedFile::openBeneath(folder_, location); });
  uint64_t from = offset.value_or(0), available = file->bytes().size();
  if (from > available || size > available - from)
    malformed(where + ": its external data should have " + Twine(size) + " bytes from byte " + Twine(from) +
              " on, but '" + printable(location) + "' has only " + Twine(available));
  return {file->bytes().slice(from, size), file};
}

} // namespace smelt::frontend::onnx
