// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Subgraphs that are called, chosen or repeated, and variables.

#include "frontends/common/Branches.h"
#include "frontends/common/Loops.h"
#include "frontends/tflite/Importer.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

using graph::Extent;

/// Inputs of a call from `first` on, those that name variables null and in `handles`.
static Values arguments(OperatorReader &node, unsigned first, Handles &handles) {
  Values values;
  for (unsigned index = first; index < node.inputCount(); ++index) {
    auto handle = node.frame().handles.find(node.inputTensor(index));
    if (handle == node.frame().handles.end()) {
      values.push_back(node.input(index));
      continue;
    }
    node.skip(index);
    handles[index - first] = handle->second;
    values.push_back(nullptr);
  }
  return values;
}

static Values call(OperatorReader &node) {
  Handles handles;
  Values inputs = arguments(node, 0, handles);
  return node.importer().inlineGraph(node.options<schema::CallOptions>().subgraph(), inputs, node.frame(), handles,
                                     /*isPart=*/false);
}

// STABLEHLO_COMPOSITE: an operator by name, with a subgraph that computes it
static Values composite(OperatorReader &node) {
  Handles handles;
  Values inputs = arguments(node, 0, handles);
  return node.importer().inlineGraph(node.compositeOptions().decomposition_subgraph_index(), inputs, node.frame(),
                                     handles, /*isPart=*/false);
}

static Values callOnce(OperatorReader &node) {
  node.importer().initialise(node.options<schema::CallOnceOptions>().init_subgraph_index(), node.frame());
  return {};
}

// IF: what one of two subgraphs makes of the inputs behind the condition
static Values ifElse(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  const auto &options = node.options<schema::IfOptions>();
  const Extent condition = conditionFrom(b, node.input(0));
  Handles handles;
  Values inputs = arguments(node, 1, handles);
  auto branch = [&](int64_t graph, bool isPart) {
    return node.importer().inlineGraph(graph, inputs, node.frame(), handles, isPart);
  };
  if (condition.isNumber())
    return branch(condition == Extent(1) ? options.then_subgraph_index() : options.else_subgraph_index(), false);
  return buildBranches(
      b, condition, [&] { return branch(options.then_subgraph_index(), true); },
      [&] { return branch(options.else_subgraph_index(), true); });
}

// WHILE: a body repeats as long as a condition of its state holds
static Values repeat(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  const auto &options = node.options<schema::WhileOptions>();
  Handles handles;
  Values inputs = arguments(node, 0, handles), initial;
  for (Value input : inputs)
    if (input)
      initial.push_back(input);
  // The state is the tensors; what names variables stays what it is.
  auto whole = [&](ArrayRef<Value> state) {
    Values all;
    for (Value input : inputs) {
      all.push_back(input ? state.front() : Value());
      state = state.drop_front(input ? 1 : 0);
    }
    return all;
  };
  auto goesOn = [&](ArrayRef<Value> state, bool isPart) {
    Values made =
        node.importer().inlineGraph(options.cond_subgraph_index(), whole(state), node.frame(), handles, isPart);
    if (made.size() != 1 || !made.front())
      malformed("has a condition that makes " + Twine(made.size()) + " values");
    return made.front();
  };
  LoopBuilder loop(b, initial, std::nullopt, conditionFrom(b, goesOn(initial, false)));
  Values last = loop.build([&](const Extent &, ArrayRef<Value> state) {
    Values next;
    for (auto [input, value] :
         llvm::zip(inputs, node.importer().inlineGraph(options.body_subgraph_index(), whole(state), node.frame(),
                                                       handles, /*isPart=*/true)))
      if (input)
        next.push_back(value);
    if (next.size() != state.size() || llvm::is_contained(next, Value()))
      malformed("has a body that does not make its state");
    return LoopBuilder::Round{goesOn(next, true), next, {}};
  });
  for (auto [index, handle] : handles)
    if (index < node.outputCount())
      node.frame().handles[node.outputTensor(index)] = handle;
  return whole(last);
}

// VAR_HANDLE: the name of a variable
static Values varHandle(OperatorReader &node) {
  const auto &options = node.options<schema::VarHandleOptions>();
  std::string name = textOf(options.container()).str();
  name += (name.empty() ? "" : "/") + textOf(options.shared_name()).str();
  node.frame().handles[node.outputTensor(0)] = name;
  return {Value()};
}

static Values readVariable(OperatorReader &node) {
  node.skip(0);
  return {node.importer().readVariable(node.frame(), node.importer().handle(node.frame(), node.inputTensor(0)))};
}

static Values assignVariable(OperatorReader &node) {
  node.skip(0);
  Value value = node.input(1);
  node.importer().assignVariable(node.frame(), node.importer().handle(node.frame(), node.inputTensor(0)), value);
  return {};
}

static constexpr Operator kOperators[] = {
    {"ASSIGN_VARIABLE", assignVariable},
    {"CALL", call},
    {"CALL_ONCE", callOnce},
    {"IF", ifElse},
    {"READ_VARIABLE", readVariable},
    {"STABLEHLO_COMPOSITE", composite},
    {"VAR_HANDLE", varHandle},
    {"WHILE", repeat},
};

ArrayRef<Operator> controlOperators() { return kOperators; }

} // namespace smelt::frontend::tflite
