// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_ONNX_IMPORTER_H
#define SMELT_FRONTENDS_ONNX_IMPORTER_H

#include "frontends/common/GraphBuilder.h"
#include "frontends/common/Inputs.h"
#include "frontends/common/Item.h"
#include "frontends/common/Main.h"
#include "frontends/onnx/Onnx.h"
#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Tensors.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringSet.h"
#include <unordered_map>

namespace smelt::frontend::onnx {

/// What names stand for inside one graph, or one call of a function.
struct Frame {
  const Frame *outer = nullptr; // of the graph around this one, whose names it may use
  const Opsets *opsets = nullptr;
  std::string path;             // before the names of nodes: the calls that were inlined, "encoder/layer1/"
  unsigned depth = 0;           // of calls
  llvm::StringMap<Item> values; // lost those of refused nodes, and those that an operator does not compute:
  llvm::StringMap<const NodeProto *> notComputed;
  llvm::StringSet<> omitted; // inputs that the call of a function leaves out: no operands of nodes that name them
  // What a call gives its function's attributes, null where it gives nothing; of the function around a subgraph.
  const llvm::StringMap<const AttributeProto *> *attributes = nullptr;
};

/// Thrown where a value is needed that a refused node should have made: what needs it is left out without a word, so
/// that all nodes are named that are refused for their own sake.
struct Lost {};

/// Builds the graph ops of a model's nodes, in their order.
class Importer {
public:
  Importer(Model &model, const ImportOptions &options, mlir::MLIRContext &context);

  mlir::OwningOpRef<mlir::ModuleOp> run();

  /// Imports the nodes of a graph in place; the values of its outputs. `round` says which copy of it this is, where
  /// there is one for each.
  Items inlineGraph(const NodeProto &node, const GraphProto &graph, const Frame &outer, llvm::ArrayRef<Item> inputs,
                    std::optional<int64_t> round);

  /// Whether a name is an input that the call of a function leaves out.
  static bool isOmitted(const Frame &frame, llvm::StringRef name);
  /// What a name stands for that is known in a frame. Throws Lost where the node that should have made it was refused,
  /// or is now, because it does not compute it.
  const Item &lookup(const Frame &frame, llvm::StringRef name);

  // Each tensor of the file is read once, and its blob made once, however often its graph is inlined.
  const Tensor &tensor(const TensorProto &proto);
  const Tensor &tensor(const SparseTensorProto &proto);
  /// As a constant's value; `name` is the blob's.
  template <typename Proto> mlir::ElementsAttr valueOf(const Proto &proto, llvm::StringRef name) {
    const Tensor &known = tensor(proto);
    mlir::ElementsAttr &value = values_[&proto];
    return value ? value : value = known.toAttribute(name);
  }

  GraphBuilder &builder() { return builder_; }
  Model &model() { return model_; }
  mlir::MLIRContext *context() { return context_; }

private:
  mlir::OwningOpRef<mlir::ModuleOp> build();
  void addForm(llvm::StringRef direction, llvm::StringRef form, llvm::StringRef name);
  Item inputItem(const struct GivenInput &input, mlir::ValueRange tensors);
  mlir::func::FuncOp makeMain(mlir::ModuleOp module, Frame &frame);
  void addOutput(llvm::StringRef name, const Item &item, Results &results);
  void finishMain(mlir::func::FuncOp main, const Frame &frame);
  void addInitializers(const GraphProto &graph, Frame &frame);
  void importNodes(const google::protobuf::RepeatedPtrField<NodeProto> &nodes, Frame &frame);
  void importNode(const NodeProto &node, Frame &frame);
  Items callFunction(const NodeProto &node, const FunctionProto &function, const Frame &caller);
  void countInlined(int64_t parts, const NodeProto &node, const Frame &frame);
  void refuseNode(const NodeProto &node, Frame &frame, Refusal refusal);
  void addRefused(const NodeProto &node, const Opsets &opsets, llvm::StringRef reason);
  void lookUpOutputs(const Frame &frame);

  Model &model_;
  const ImportOptions &options_;
  mlir::MLIRContext *context_;
  GraphBuilder builder_;
  OperatorTable operators_;
  // By the message that holds them; only asked, never walked.
  std::unordered_map<const void *, Tensor> tensors_;
  llvm::DenseMap<const void *, mlir::ElementsAttr> values_;
  int64_t inlined_ = 0; // what functions stood for so far, in nodes
  std::vector<UnsupportedNode> refused_;
  std::string forms_; // of inputs and outputs that are no tensors: smelt_model.forms
};

/// Every node whose operator is in no table, those of subgraphs and called functions included.
std::vector<UnsupportedNode> unsupportedNodes(const Model &model, const OperatorTable &operators);

/// The main graph's inputs that are no initializers, and their types: dims that the file leaves open are taken from
/// `options`. Refuses (Usage) what does not fit or is missing.
ModelInputs resolveInputs(const GraphProto &graph, const ImportOptions &options, mlir::MLIRContext *context);

/// The inputs of a graph that have no initializer.
std::vector<const ValueInfoProto *> trueInputs(const GraphProto &graph);

/// Refuses a declared type that contradicts what was inferred; symbolic dims may be anything, and those of a sequence's
/// tensors are not looked at.
void checkDeclared(const ValueInfoProto &declared, const Item &inferred);

} // namespace smelt::frontend::onnx

#endif // SMELT_FRONTENDS_ONNX_IMPORTER_H
