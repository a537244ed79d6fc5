// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `smelt inspect` tells of a model.

#include "frontends/common/Summary.h"
#include "frontends/onnx/Importer.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

static TensorSummary summarise(const ValueInfoProto &value) {
  TensorSummary summary;
  summary.name = printable(value.name());
  const TypeProto *tensor = &value.type();
  std::string before, after;
  auto enter = [&](const char *kind, const TypeProto &inside) {
    tensor = &inside;
    before += std::string(kind) + "(";
    after += ")";
  };
  if (tensor->has_optional_type())
    enter("optional", tensor->optional_type().elem_type());
  if (tensor->has_sequence_type())
    enter("sequence", tensor->sequence_type().elem_type());
  const TypeProto::Tensor &type = tensor->tensor_type();
  summary.elementType = before + (tensor->has_tensor_type() ? elementTypeName(type.elem_type()) : "no tensor") + after;
  summary.hasShape = type.has_shape();
  for (const ::onnx::TensorShapeProto::Dimension &dim : type.shape().dim())
    summary.extents.push_back(dim.has_dim_value()       ? std::to_string(dim.dim_value())
                              : dim.dim_param().empty() ? "?"
                                                        : printable(dim.dim_param()));
  return summary;
}

namespace {
/// Counts what the graphs of a model hold.
class Counter {
public:
  Counter(const Model &model, ModelSummary &summary) : summary_(summary) {
    count(model.graph());
    for (const FunctionProto &function : model.proto().functions())
      count(function.node());
    summary_.operators = mostFrequentFirst(operators_);
  }

private:
  void count(const GraphProto &graph) {
    for (const TensorProto &initializer : graph.initializer())
      count(initializer);
    for (const SparseTensorProto &initializer : graph.sparse_initializer())
      count(initializer.values());
    count(graph.node());
  }

  void count(const google::protobuf::RepeatedPtrField<NodeProto> &nodes) {
    for (const NodeProto &node : nodes) {
      StringRef domain = canonicalDomain(node.domain());
      ++operators_[printable((domain.empty() ? Twine() : domain + ".").str() + node.op_type())];
      for (const AttributeProto &attribute : node.attribute()) {
        if (node.op_type() == "Constant" && attribute.has_t())
          count(attribute.t());
        count(attribute.g());
        for (const GraphProto &graph : attribute.graphs())
          count(graph);
      }
    }
  }

  void count(const TensorProto &tensor) {
    addWeights(summary_, tensor.name(), llvm::to_vector_of<int64_t>(tensor.dims()),
               elementBits(tensor.data_type()).value_or(0));
    if (!isSupported(tensor.data_type()))
      summary_.unsupported.push_back({printable(tensor.name()), "initializer", elementTypeName(tensor.data_type()),
                                      "unsupported element type", 0});
  }

  ModelSummary &summary_;
  std::map<std::string, int64_t> operators_;
};
} // namespace

ModelSummary summarise(std::shared_ptr<const MappedFile> file, StringRef path, const ImportOptions &options) {
  Model model(std::move(file), path);
  ModelSummary summary;
  summary.format = "onnx";
  auto version = model.opsets().find("");
  if (version != model.opsets().end())
    summary.version = "opset " + std::to_string(version->second);
  const ModelProto &proto = model.proto();
  summary.producer =
      printable(proto.producer_name() + (proto.producer_version().empty() ? "" : " ") + proto.producer_version());
  summary.name = printable(model.graph().name());
  for (const ValueInfoProto *input : trueInputs(model.graph()))
    summary.inputs.push_back(summarise(*input));
  for (const ValueInfoProto &output : model.graph().output())
    summary.outputs.push_back(summarise(output));
  Counter counter(model, summary);
  for (UnsupportedNode &node : unsupportedNodes(model, OperatorTable(options.custom))) {
    node.node = printable(node.node);
    node.operatorName = printable(node.operatorName);
    summary.unsupported.push_back(std::move(node));
  }
  return summary;
}

} // namespace smelt::frontend::onnx
