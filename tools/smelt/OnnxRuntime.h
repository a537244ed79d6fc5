// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_SMELT_ONNXRUNTIME_H
#define SMELT_TOOLS_SMELT_ONNXRUNTIME_H

#include "llvm/Support/Error.h"
#include <string>

namespace smelt {

/// Runs a model with the Python package onnxruntime on the inputs of a .npz file and writes its outputs to another.
/// With `layers`, so are the results of all nodes that have one output, under layerName(). The interpreter is
/// SMELT_PYTHON, that of the repository's virtual environment, or python3. Fails with Environment where something is
/// missing.
llvm::Error runOnnxRuntime(const std::string &model, const std::string &inputs, const std::string &outputs,
                           bool layers);

/// The name of the result of a source node among the outputs.
std::string layerName(const std::string &node);

} // namespace smelt

#endif // SMELT_TOOLS_SMELT_ONNXRUNTIME_H
