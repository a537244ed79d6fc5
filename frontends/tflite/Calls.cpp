// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/tflite/Calls.h"
#include "frontends/common/Refusal.h"
#include "frontends/tflite/Schema.h"
#include "llvm/ADT/SmallVector.h"

using llvm::ArrayRef;

namespace smelt::frontend::tflite {

/// An operator's options; null where it has none, or other ones.
template <typename T> static const T *optionsOf(const Model &model, const schema::Operator &op) {
  const bool has = op.builtin_options_type() == optionsTag<T>() && op.builtin_options();
  return has ? model.as<T>(op.builtin_options()) : nullptr;
}

llvm::SmallVector<Call, 2> callsOf(const Model &model, const schema::Operator &op) {
  llvm::SmallVector<Call, 2> calls;
  auto add = [&](int64_t graph, unsigned firstInput) {
    if (graph >= 0 && static_cast<size_t>(graph) < model.graphCount())
      calls.push_back({static_cast<size_t>(graph), firstInput});
  };
  if (const auto *branches = optionsOf<schema::IfOptions>(model, op)) {
    add(branches->then_subgraph_index(), 1);
    add(branches->else_subgraph_index(), 1);
  }
  if (const auto *loop = optionsOf<schema::WhileOptions>(model, op)) {
    add(loop->cond_subgraph_index(), 0);
    add(loop->body_subgraph_index(), 0);
  }
  if (const auto *call = optionsOf<schema::CallOptions>(model, op))
    add(call->subgraph(), 0);
  if (const auto *once = optionsOf<schema::CallOnceOptions>(model, op))
    add(once->init_subgraph_index(), 0);
  if (op.builtin_options_2_type() == kCompositeTag && op.builtin_options_2())
    if (const auto *composite = model.as<schema::StableHLOCompositeOptions>(op.builtin_options_2()))
      add(composite->decomposition_subgraph_index(), 0);
  return calls;
}

static const schema::Operator &operatorAt(const schema::SubGraph &graph, size_t index) {
  return *graph.operators()->Get(static_cast<flatbuffers::uoffset_t>(index));
}

std::set<size_t> graphsReachedFrom(const Model &model, size_t graph) {
  std::set<size_t> reached = {graph};
  llvm::SmallVector<size_t> left = {graph};
  while (!left.empty()) {
    const schema::SubGraph &next = model.graph(left.pop_back_val());
    for (size_t index = 0; index < sizeOf(next.operators()); ++index)
      for (const Call &call : callsOf(model, operatorAt(next, index)))
        if (reached.insert(call.graph).second)
          left.push_back(call.graph);
  }
  return reached;
}

std::string variableName(const schema::VarHandleOptions &options) {
  std::string name = textOf(options.container()).str();
  return name + (name.empty() ? "" : "/") + textOf(options.shared_name()).str();
}

namespace {
/// Goes through the subgraphs once for each set of variables that they are called with.
class AssignmentFinder {
public:
  AssignmentFinder(const Model &model, int64_t &left) : model_(model), left_(left) {}

  void visit(size_t number, const Handles &handles, unsigned depth);
  Assigned found;

private:
  const Model &model_;
  int64_t &left_; // operators that may still be looked at
  std::set<std::pair<size_t, std::map<unsigned, std::string>>> visited_;
};
} // namespace

void AssignmentFinder::visit(size_t number, const Handles &handles, unsigned depth) {
  constexpr unsigned kDeepest = 64; // the import refuses calls that are deeper
  std::map<unsigned, std::string> key(handles.begin(), handles.end());
  if (depth > kDeepest || !visited_.emplace(number, std::move(key)).second)
    return;
  const schema::SubGraph &graph = model_.graph(number);
  left_ -= static_cast<int64_t>(sizeOf(graph.operators())) + 1;
  if (left_ < 0)
    unsupported("the subgraphs that are called stand for too many operators");
  llvm::DenseMap<int32_t, std::string> names; // of variables, by tensors
  for (auto [position, tensor] : llvm::enumerate(numbersOf(graph.inputs())))
    if (auto found = handles.find(static_cast<unsigned>(position)); found != handles.end())
      names[tensor] = found->second;
  for (size_t index = 0; index < sizeOf(graph.operators()); ++index) {
    const schema::Operator &op = operatorAt(graph, index);
    ArrayRef<int32_t> inputs = numbersOf(op.inputs()), outputs = numbersOf(op.outputs());
    if (const auto *made = optionsOf<schema::VarHandleOptions>(model_, op); made && !outputs.empty())
      names[outputs.front()] = variableName(*made);
    if (model_.opcode(op).name == "ASSIGN_VARIABLE" && inputs.size() == 2 && inputs[1] >= 0)
      if (auto name = names.find(inputs.front()); name != names.end())
        found.try_emplace(name->second, graph.tensors()->Get(static_cast<flatbuffers::uoffset_t>(inputs[1])));
    for (const Call &call : callsOf(model_, op)) {
      Handles passed;
      for (unsigned position = call.firstInput; position < inputs.size(); ++position)
        if (auto name = names.find(inputs[position]); name != names.end())
          passed[position - call.firstInput] = name->second;
      visit(call.graph, passed, depth + 1);
    }
    // A loop gives back the variables that it takes.
    if (optionsOf<schema::WhileOptions>(model_, op))
      for (auto [input, output] : llvm::zip(inputs, outputs))
        if (std::string name = names.lookup(input); !name.empty())
          names.try_emplace(output, std::move(name));
  }
}

Assigned assignedBy(const Model &model, ArrayRef<int64_t> graphs, const Handles &handles, int64_t &left) {
  AssignmentFinder finder(model, left);
  for (int64_t graph : graphs)
    if (graph >= 0 && static_cast<size_t>(graph) < model.graphCount())
      finder.visit(static_cast<size_t>(graph), handles, 0);
  return std::move(finder.found);
}

} // namespace smelt::frontend::tflite
