// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_STATES_H
#define SMELT_FRONTENDS_PT2_STATES_H

#include "frontends/common/GraphBuilder.h"
#include "frontends/common/Main.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

namespace smelt::frontend::pt2 {

/// Buffers that a module changes: inputs and outputs of main that the loaded model keeps from run to run. States begin
/// as zeros; those that should not are told by another one, a bool, whether this is the first run.
class StateKeeper {
public:
  StateKeeper(GraphBuilder &builder, mlir::func::FuncOp main) : b_(builder), main_(main) {}

  /// A buffer's value when a run begins.
  mlir::Value add(llvm::StringRef name, mlir::Value initial);
  /// Its value when the run ends.
  void set(llvm::StringRef name, mlir::Value next);
  /// Whether a buffer was added whose last value is not set.
  bool lacks(llvm::StringRef name) const;
  /// Adds the last values to the results, and says which arguments they are the next run's.
  void finish(Results &results);

private:
  struct State {
    unsigned argument;
    mlir::Value next;
  };
  mlir::Value addArgument(llvm::StringRef name, mlir::Type type);

  GraphBuilder &b_;
  mlir::func::FuncOp main_;
  llvm::MapVector<std::string, State, llvm::StringMap<unsigned>> states_;
  mlir::Value hasBegun_; // null where all begin as zeros
};

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_STATES_H
