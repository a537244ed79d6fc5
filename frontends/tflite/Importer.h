// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_TFLITE_IMPORTER_H
#define SMELT_FRONTENDS_TFLITE_IMPORTER_H

#include "frontends/common/Inputs.h"
#include "frontends/common/Main.h"
#include "frontends/tflite/Calls.h"
#include "frontends/tflite/Entry.h"
#include "frontends/tflite/Operators.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"
#include <map>

namespace smelt::frontend::tflite {

/// What the tensors of a subgraph stand for in one call of it.
struct Frame {
  Frame(const schema::SubGraph &graph, size_t index)
      : graph(graph), index(index), values(sizeOf(graph.tensors())), isLost(sizeOf(graph.tensors()), false) {}

  const schema::SubGraph &graph;
  size_t index;
  std::string path;                             // before the names of operators: the calls that were inlined
  unsigned depth = 0;                           // of calls
  bool isPart = false;                          // runs under a condition, or again and again
  Values values;                                // null: not made (yet), or no tensor
  std::vector<bool> isLost;                     // a refused operator should have made it
  llvm::DenseMap<int32_t, std::string> handles; // tensors that name variables
};

/// Thrown where a value is needed that a refused operator should have made: what needs it is left out without a word,
/// so that all operators are named that are refused for their own sake.
struct Lost {};

class Differences;

/// What stays from run to run: an input of the module that is fed from one of its outputs.
struct Variable {
  graph::HostTensor initial;
  Value input; // null until something reads or writes it in the model's own graph
  Value value; // what was assigned last
  std::string name;
  std::shared_ptr<Differences> differences; // of one that begins as one number other than 0
};

/// What goes into a call of a subgraph, or comes out of it: values, null where they name variables.
struct Passed {
  Values values;
  Handles handles;
};

/// Builds the graph ops of a model's operators, in their order.
class Importer {
public:
  Importer(const Model &model, const ImportOptions &options, mlir::MLIRContext &context);

  mlir::OwningOpRef<mlir::ModuleOp> run();

  /// What a tensor stands for. Throws Lost where the operator that should have made it was refused.
  /// Refuses complex numbers where the caller does not know of them.
  Value lookup(Frame &frame, int32_t tensor, bool mayBeComplex = false);
  /// What the variable is called that a tensor names.
  const std::string &handle(const Frame &frame, int32_t tensor) const;

  /// Imports a subgraph in place; what its outputs are.
  Passed inlineGraph(int64_t index, const Passed &inputs, const Frame &caller, bool isPart);

  // Variables (Variables.cpp).
  Value readVariable(Frame &frame, const std::string &name);
  void assignVariable(Frame &frame, const std::string &name, Value value);
  /// Runs a subgraph now, which gives variables what they begin with.
  void initialise(int64_t graph, const Frame &caller);
  /// A tensor of an operator that keeps what it holds for the next run.
  Value readStateful(Frame &frame, int32_t tensor);
  void assignStateful(Frame &frame, int32_t tensor, Value value);

  /// A large constant that is made of one of the file's, of no more than a few times its size.
  Value derivedConstant(const graph::HostTensor &tensor);

  GraphBuilder &builder() { return builder_; }
  const Model &model() const { return model_; }
  mlir::MLIRContext *context() { return context_; }

private:
  friend class CarriedVariables;
  mlir::OwningOpRef<mlir::ModuleOp> build();
  void makeMain(mlir::ModuleOp module, Frame &frame);
  void finishMain(Frame &frame);
  Value constantOf(const schema::SubGraph &graph, int32_t tensor);
  void importOperators(Frame &frame);
  void importOperator(Frame &frame, size_t index);
  void setResult(Frame &frame, int32_t tensor, Value value);
  void checkDims(const Frame &frame, int32_t tensor) const;
  void standIn(Frame &frame, int32_t tensor);
  void refuse(Frame &frame, size_t index, Refusal refusal);
  Variable &variable(const std::string &name);
  Value begin(Variable &variable);
  Variable &declare(const std::string &name, mlir::RankedTensorType type);
  void addStates(Results &results, llvm::SmallVectorImpl<int64_t> &pairs);

  const Model &model_;
  const ImportOptions &options_;
  const Entry entry_;
  mlir::MLIRContext *context_;
  GraphBuilder builder_;
  OperatorTable operators_;
  mlir::func::FuncOp main_;
  llvm::DenseMap<const schema::Tensor *, mlir::ElementsAttr> constants_;
  llvm::MapVector<std::string, Variable, std::map<std::string, unsigned>> variables_; // in the order of their use
  llvm::StringSet<> carried_;    // those that the part being imported may assign
  int64_t leftToScan_ = 1 << 22; // operators, for what parts assign: each call of a part asks again
  bool initialises_ = false;     // while a subgraph runs that CALL_ONCE names
  int64_t inlined_ = 0;          // operators of subgraphs that were called so far
  int64_t derivedBytes_ = 0;
  std::vector<UnsupportedNode> refused_;
};

/// The variables that a branch or a loop's body may assign, which go through it as more of its values. While it lives,
/// parts may assign these and no others.
class CarriedVariables {
public:
  /// Of what the subgraphs assign that are called with `handles`.
  CarriedVariables(Importer &importer, llvm::ArrayRef<int64_t> graphs, const Handles &handles);
  CarriedVariables(const CarriedVariables &) = delete;
  CarriedVariables &operator=(const CarriedVariables &) = delete;
  ~CarriedVariables() { importer_.carried_ = std::move(outer_); }

  /// What they hold now.
  Values values() const;
  /// What they hold from here on: in a part, or behind it.
  void set(llvm::ArrayRef<Value> values);

private:
  Importer &importer_;
  std::vector<std::string> names_;
  llvm::StringSet<> outer_;
};

/// Every operator that nothing imports, in all subgraphs that `graph` reaches.
std::vector<UnsupportedNode> unsupportedOperators(const Model &model, size_t graph, const OperatorTable &operators,
                                                  bool withIndices);

} // namespace smelt::frontend::tflite

#endif // SMELT_FRONTENDS_TFLITE_IMPORTER_H
