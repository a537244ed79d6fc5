// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `smelt inspect` tells of a model.

#include "frontends/onnx/Importer.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

static TensorSummary summarise(const ValueInfoProto &value) {
  TensorSummary summary;
  summary.name = printable(value.name());
  const TypeProto::Tensor &type = value.type().tensor_type();
  summary.elementType = value.type().has_tensor_type() ? elementTypeName(type.elem_type()) : "no tensor";
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
  Counter(const Model &model, ModelSummary &summary) : summary_(summary), context_(MLIRContext::Threading::DISABLED) {
    count(model.graph());
    for (const FunctionProto &function : model.proto().functions())
      count(function.node());
    for (const auto &[name, number] : operators_)
      summary_.operators.push_back({name, number});
    llvm::sort(summary_.operators, [](const OperatorSummary &a, const OperatorSummary &b) {
      return std::make_pair(-a.count, a.name) < std::make_pair(-b.count, b.name);
    });
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
        count(attribute.g());
        for (const GraphProto &graph : attribute.graphs())
          count(graph);
      }
    }
  }

  void count(const TensorProto &tensor) {
    std::string where = "tensor '" + printable(tensor.name()) + "'";
    Type element = elementTypeOf(tensor.data_type(), &context_, where);
    RankedTensorType type = within(
        where, [&] { return checkedType({tensor.dims().data(), static_cast<size_t>(tensor.dims_size())}, element); });
    summary_.parameters = llvm::SaturatingAdd<uint64_t>(summary_.parameters, type.getNumElements());
    summary_.weightBytes += type.getNumElements() * graph::elementBytes(element);
  }

  ModelSummary &summary_;
  MLIRContext context_;
  std::map<std::string, int64_t> operators_;
};
} // namespace

ModelSummary summarise(std::shared_ptr<const MappedFile> file, StringRef path) {
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
  summary.unsupported = unsupportedNodes(model, OperatorTable());
  for (UnsupportedNode &node : summary.unsupported) {
    node.node = printable(node.node);
    node.operatorName = printable(node.operatorName);
  }
  return summary;
}

} // namespace smelt::frontend::onnx
