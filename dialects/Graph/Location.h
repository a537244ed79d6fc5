// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where ops come from: a location holds the name of the source node and what operator it is, so that every message of
// every stage can print both.

#ifndef SMELT_DIALECTS_GRAPH_LOCATION_H
#define SMELT_DIALECTS_GRAPH_LOCATION_H

#include "mlir/IR/Location.h"
#include <string>

namespace smelt::graph {

/// The location of what comes from the source node `name`. `operatorName` says what it is and may add a version, e.g.
/// "Conv" or "Resize, opset 19".
mlir::Location sourceLocation(mlir::MLIRContext *context, llvm::StringRef name, llvm::StringRef operatorName);

/// "node 'Conv_3' (Conv)": the first source node of a location. Empty where it has none.
std::string describeLocation(mlir::Location loc);

/// "Conv": what sourceLocation was told of the first source node's operator. Empty where there is none.
std::string sourceOperator(mlir::Location loc);

/// The names of all source nodes of a location, each once: "Conv_3+Relu_4". Empty where it has none.
std::string sourceNames(mlir::Location loc);

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_LOCATION_H
