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

/// Inputs of a call from `first` on.
static Passed arguments(OperatorReader &node, unsigned first) {
  Passed passed;
  for (unsigned index = first; index < node.inputCount(); ++index) {
    auto handle = node.frame().handles.find(node.inputTensor(index));
    if (handle == node.frame().handles.end()) {
      passed.values.push_back(node.input(index));
      continue;
    }
    node.skip(index);
    passed.handles[index - first] = handle->second;
    passed.values.push_back(nullptr);
  }
  return passed;
}

/// What a call passes back, as an operator's results.
static Values results(OperatorReader &node, const Passed &passed) {
  for (const auto &[index, handle] : passed.handles)
    if (index < node.outputCount())
      node.frame().handles[node.outputTensor(index)] = handle;
  return passed.values;
}

/// Of values that are passed, the tensors.
static Values tensorsOf(const Passed &passed) {
  Values tensors(passed.values);
  llvm::erase(tensors, Value());
  return tensors;
}

/// The same with other tensors.
static Passed withTensors(const Passed &passed, ArrayRef<Value> tensors) {
  Passed other = passed;
  for (Value &value : other.values)
    if (value) {
      value = tensors.front();
      tensors = tensors.drop_front();
    }
  return other;
}

static Values inlined(OperatorReader &node, int64_t graph) {
  return results(node, node.importer().inlineGraph(graph, arguments(node, 0), node.frame(), /*isPart=*/false));
}

static Values call(OperatorReader &node) { return inlined(node, node.options<schema::CallOptions>().subgraph()); }

// STABLEHLO_COMPOSITE: an operator by name, with a subgraph that computes it
static Values composite(OperatorReader &node) {
  return inlined(node, node.compositeOptions().decomposition_subgraph_index());
}

static Values callOnce(OperatorReader &node) {
  node.importer().initialise(node.options<schema::CallOnceOptions>().init_subgraph_index(), node.frame());
  return {};
}

// IF: what one of two subgraphs makes of the inputs behind the condition, and of the variables that either assigns
static Values ifElse(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  const auto &options = node.options<schema::IfOptions>();
  const int64_t first = options.then_subgraph_index(), second = options.else_subgraph_index();
  const Extent condition = conditionFrom(b, node.input(0));
  const Passed inputs = arguments(node, 1);
  if (condition.isNumber())
    return results(node, node.importer().inlineGraph(condition == Extent(1) ? first : second, inputs, node.frame(),
                                                     /*isPart=*/false));
  CarriedVariables variables(node.importer(), {first, second}, inputs.handles);
  const Values before = variables.values();
  SmallVector<Passed> made;
  auto branch = [&](int64_t graph) {
    variables.set(before);
    made.push_back(node.importer().inlineGraph(graph, inputs, node.frame(), /*isPart=*/true));
    Values all = tensorsOf(made.back());
    llvm::append_range(all, variables.values());
    return all;
  };
  const Values all = buildBranches(b, condition, [&] { return branch(first); }, [&] { return branch(second); });
  if (made.front().handles != made.back().handles)
    unsupported("its branches make different variables");
  variables.set(ArrayRef(all).take_back(before.size()));
  return results(node, withTensors(made.front(), ArrayRef(all).drop_back(before.size())));
}

// WHILE: a body repeats as long as a condition of its state holds. The state is the tensors, and the variables that are
// assigned; what names variables stays what it is.
static Values repeat(OperatorReader &node) {
  const auto &options = node.options<schema::WhileOptions>();
  const Passed inputs = arguments(node, 0);
  const Values tensors = tensorsOf(inputs);
  CarriedVariables variables(node.importer(), {options.cond_subgraph_index(), options.body_subgraph_index()},
                             inputs.handles);
  auto goesOn = [&](ArrayRef<Value> state, bool isPart) {
    const Passed made =
        node.importer().inlineGraph(options.cond_subgraph_index(), withTensors(inputs, state), node.frame(), isPart);
    if (made.values.size() != 1 || !made.values.front())
      malformed("has a condition that makes " + Twine(made.values.size()) + " values");
    return made.values.front();
  };
  const Extent condition = conditionFrom(node.builder(), goesOn(tensors, false));
  Values initial(tensors);
  llvm::append_range(initial, variables.values()); // behind the condition, which may assign some
  LoopBuilder loop(node.builder(), initial, std::nullopt, condition);
  const Values last = loop.build([&](const Extent &, ArrayRef<Value> state) {
    variables.set(state.drop_front(tensors.size()));
    const Passed made = node.importer().inlineGraph(options.body_subgraph_index(),
                                                    withTensors(inputs, state.take_front(tensors.size())), node.frame(),
                                                    /*isPart=*/true);
    Values next = tensorsOf(made);
    if (next.size() != tensors.size() || made.handles != inputs.handles)
      malformed("has a body that does not make its state");
    Value again = goesOn(next, true);
    llvm::append_range(next, variables.values());
    return LoopBuilder::Round{again, next, {}};
  });
  variables.set(ArrayRef(last).drop_front(tensors.size()));
  return results(node, withTensors(inputs, ArrayRef(last).take_front(tensors.size())));
}

// VAR_HANDLE: the name of a variable
static Values varHandle(OperatorReader &node) {
  node.frame().handles[node.outputTensor(0)] = variableName(node.options<schema::VarHandleOptions>());
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
