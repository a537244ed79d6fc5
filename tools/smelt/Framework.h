// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_SMELT_FRAMEWORK_H
#define SMELT_TOOLS_SMELT_FRAMEWORK_H

#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace smelt {

/// A framework that runs models of one format, in Python.
struct Framework {
  llvm::StringLiteral name;     // of its package, and what --against takes
  llvm::StringLiteral ending;   // of the files that it runs
  llvm::StringLiteral packages; // that its Python needs, in words
  /// Python that defines results(given), which yields pairs of a name and an array for inputs {name: array}. It sees
  /// `model`, a path; `prefix`, of the names of layers, empty where none are wanted; `names`, a TensorNames as a dict.
  llvm::StringLiteral script;
  llvm::StringLiteral
      python; // the interpreter of an environment of the repository that has it, from this program's folder
  bool yieldsStates = true; // all that stays from run to run is among the outputs
  int mostSteps = 0; // that integers of 8 and 16 bits may be apart, because they are rounded in another way there
};
extern const Framework kLiteRt, kOnnxRuntime, kTorch;

/// Names of a model's inputs and outputs, in the order of its file, and of the nodes whose results are compared; and of
/// the signature that was compiled, where one was chosen.
struct TensorNames {
  std::string signature;
  std::vector<std::string> inputs, outputs, layers;
};

/// The framework that --against names; null where it names a file, or is empty. Fails with Usage where there is
/// neither, and where the framework runs no such models.
llvm::Expected<const Framework *> findFramework(const std::string &against, const std::string &model);

/// Runs a model with a framework on the inputs of a .npz file and writes its outputs to another. With `layers`, so are
/// the results of all nodes that have one output, under layerName(). The interpreter is SMELT_PYTHON, that of an
/// environment of the repository, or python3. Fails with Environment where something is missing.
llvm::Error runFramework(const Framework &framework, const std::string &model, const TensorNames &names,
                         const std::string &inputs, const std::string &outputs, bool layers);

/// The name of the result of a source node among the outputs.
std::string layerName(const std::string &node);

} // namespace smelt

#endif // SMELT_TOOLS_SMELT_FRAMEWORK_H
