// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which subgraphs call which, and what variables they assign, as a file states it: known before anything is imported.

#ifndef SMELT_FRONTENDS_TFLITE_CALLS_H
#define SMELT_FRONTENDS_TFLITE_CALLS_H

#include "frontends/tflite/Model.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"
#include <map>
#include <set>

namespace smelt::frontend::tflite {

/// Inputs of a call that name variables.
using Handles = llvm::DenseMap<unsigned, std::string>;

/// A subgraph that an operator may run, on the operator's inputs from `firstInput` on.
struct Call {
  size_t graph;
  unsigned firstInput;
};

/// Those of IF, WHILE, CALL, CALL_ONCE and STABLEHLO_COMPOSITE. What is no subgraph is left to the import to refuse.
llvm::SmallVector<Call, 2> callsOf(const Model &model, const schema::Operator &op);

/// The subgraphs that one may run, and it itself, by their numbers.
std::set<size_t> graphsReachedFrom(const Model &model, size_t graph);

/// What VAR_HANDLE calls a variable.
std::string variableName(const schema::VarHandleOptions &options);

/// Variables by name, each with the first tensor that is assigned to it, in the order in which that happens.
using Assigned = llvm::MapVector<std::string, const schema::Tensor *, std::map<std::string, unsigned>>;
/// What may be assigned where one of the subgraphs is called, with `handles`. `left` is how many operators may still be
/// looked at for that in an import, which goes down; where it is less than 0, the call is refused.
Assigned assignedBy(const Model &model, llvm::ArrayRef<int64_t> graphs, const Handles &handles, int64_t &left);

} // namespace smelt::frontend::tflite

#endif // SMELT_FRONTENDS_TFLITE_CALLS_H
