// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_IMPORTER_H
#define SMELT_FRONTENDS_PT2_IMPORTER_H

#include "frontends/common/Import.h"
#include "frontends/pt2/Autocast.h"
#include "frontends/pt2/NodeReader.h"
#include "frontends/pt2/Operators.h"
#include "frontends/pt2/Program.h"
#include "frontends/pt2/Uses.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace smelt::frontend::pt2 {

/// What names stand for inside one graph.
struct Frame {
  const llvm::json::Object *graph = nullptr;
  llvm::StringMap<Thing> values;
  /// Which storage a tensor is, or is a view of: what is changed in place changes for all of them.
  llvm::StringMap<unsigned> storages;
  llvm::StringMap<std::string> stale; // views of what was changed in place since: by which node
  /// What a view is a view of, and the node that makes it.
  llvm::StringMap<std::pair<std::string, const llvm::json::Object *>> views;
  llvm::StringMap<Extent> symbols; // of the file, "u0", as far as a size is known that is one
  const Frame *outer = nullptr;
  unsigned depth = 0; // of graphs around this one
  Autocast autocast;
};

/// Thrown where a value is needed that a refused node should have made.
struct Lost {};

/// Builds the graph ops of a program's nodes, in their order.
class Importer {
public:
  Importer(const Program &program, const ImportOptions &options, mlir::MLIRContext &context);

  mlir::OwningOpRef<mlir::ModuleOp> run();

  /// What a name stands for. Throws Lost where the node that should have made it was refused.
  const Thing &lookup(Frame &frame, llvm::StringRef name);
  Things inlineGraph(const llvm::json::Object &graph, llvm::ArrayRef<Thing> inputs, const Frame &outer,
                     const Autocast &autocast);
  GraphBuilder &builder() { return builder_; }
  /// A size as the file states it; nothing where it is none that Smelt knows.
  std::optional<Extent> statedExtent(const llvm::json::Value &size) const;
  /// What a symbol of the file stands for, as far as that is known by now.
  std::optional<Extent> symbolNamed(llvm::StringRef symbol, const Frame &frame) const;
  /// Where the first element of a tensor lies in its storage, from what the file states and views of it.
  Extent storageOffset(llvm::StringRef name, Frame &frame);

private:
  struct Result {
    std::string name;
    mlir::Value value;
  };

  mlir::OwningOpRef<mlir::ModuleOp> build();
  mlir::func::FuncOp makeMain(mlir::ModuleOp module, Frame &frame);
  void addTensors(Frame &frame);
  void importNodes(Frame &frame);
  void importNode(const llvm::json::Object &node, Frame &frame);
  Things computed(NodeReader &reader, const OperatorTable::Found &row);
  static void noteSymbol(llvm::StringRef name, const Thing &thing, Frame &frame);
  void bindResults(const llvm::json::Object &node, const Things &results, Frame &frame);
  void checkResults(const llvm::json::Object &node, const Frame &frame);
  void checkTypes(const llvm::json::Object &node, const Frame &frame);
  void loseResults(const llvm::json::Object &node, Frame &frame);
  void standIn(const llvm::json::Object &node, Frame &frame);
  mlir::Value statedValue(llvm::StringRef name, const Frame &frame);
  std::optional<Extents> statedDims(const llvm::json::Array &sizes) const;
  void noteAliases(const llvm::json::Object &node, const Schema &schema, Frame &frame);
  bool makeAgain(llvm::StringRef name, Frame &frame);
  void setAll(const Thing &before, const Thing &after, unsigned storage, Frame &frame);
  void changeInPlace(const llvm::json::Object &node, llvm::StringRef changed, const Thing &result, Frame &frame);
  void addRefused(const llvm::json::Object &node, llvm::StringRef reason);
  void refuseNode(const llvm::json::Object &node, Frame &frame, Refusal refusal);
  std::optional<Extent> statedByInputs(const llvm::json::Value *size) const;
  Value whole(const Thing &thing);
  Thing resultOf(const llvm::json::Value &argument, Frame &frame);
  void finishMain(mlir::func::FuncOp main, Frame &frame, class StateKeeper &states);

  const Program &program_;
  const ImportOptions &options_;
  mlir::MLIRContext *context_;
  GraphBuilder builder_;
  OperatorTable operators_;
  Uses uses_;
  unsigned storageCount_ = 0;
  int64_t inlined_ = 0;
  std::vector<UnsupportedNode> refused_;
  llvm::StringSet<> openDims_; // symbols of the inputs' dims
};

/// "node 'conv2d' (aten.conv2d.default at model.py:7)"
std::string describe(const llvm::json::Object &node);
/// "model.py:7": the innermost line of the source that is not PyTorch's own; empty where the file has none.
std::string sourceLine(const llvm::json::Object &node);
/// What the file calls a node and its operator: "aten.conv2d.default".
std::string nameOf(const llvm::json::Object &node);
std::string operatorOf(const llvm::json::Object &node);
/// Calls `visit` with the name of each result.
void forResults(const llvm::json::Object &node, llvm::function_ref<void(llvm::StringRef name)> visit);
/// The name of the tensor that an operator changes in place; empty where it is none.
llvm::StringRef changedName(const llvm::json::Object &node, const Schema &schema);
/// "aten.conv2d.default at model.py:7"
std::string operatorText(const llvm::json::Object &node);
/// Every node whose operator is in no table, and is not declared either.
std::vector<UnsupportedNode> unsupportedNodes(const Program &program, const OperatorTable &operators,
                                              const CustomOperators &custom);
/// Calls `visit` with each node of a graph, those of graphs in it included.
void walkNodes(const llvm::json::Object &graph, llvm::function_ref<void(const llvm::json::Object &node)> visit,
               unsigned depth = 0);

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_IMPORTER_H
