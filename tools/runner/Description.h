// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What an artefact of any processor says of itself, read from its file: nothing of it is loaded or run.

#ifndef SMELT_TOOLS_RUNNER_DESCRIPTION_H
#define SMELT_TOOLS_RUNNER_DESCRIPTION_H

#include <cstdint>
#include <string>
#include <vector>

namespace smelt::runner {

/// A symbol of the inputs' dims, and which values it may have.
struct Symbol {
  std::string name;
  int64_t least = 0, most = INT64_MAX;

  std::string inWords() const; // "1..8"
};

/// As in smelt_model.
struct Description {
  struct Tensor {
    std::string name;
    std::vector<int64_t> shape;       // -1 for a symbolic extent
    std::vector<std::string> extents; // in words, where one is symbolic
    uint64_t bytes = 0;               // 0 then
    uint32_t dtype = 0;               // a smelt_dtype
  };
  struct Step {
    std::string name, kernel; // the kernel's is "" where the file does not say it
    int64_t tiles = 0;
    uint64_t address = 0; // of the kernel
  };
  /// A tensor that stays from run to run: an input of the source model, and the output that becomes it.
  struct State {
    Tensor input, output;
  };
  std::string name, target;
  uint64_t cpuFeatures = 0, arenaBytes = 0, weightsBytes = 0, fileBytes = 0;
  std::vector<Tensor> inputs, outputs;
  std::vector<State> states;
  std::vector<Symbol> symbols;
  std::vector<std::string> forms; // of what is no tensor in the source model, a line of smelt_model.forms each
  bool isSymbolic = false;        // inputs have symbolic dims, so that there is no one size of the arena
  std::vector<Step> steps;
};

/// The parts of "batch, min(a, 3)": what lies between commas that are in no parentheses.
std::vector<std::string> partsOf(const std::string &text);

/// "batch:1..8"
Symbol symbolOf(const std::string &text);

/// Throws Malformed for what is no artefact, Environment for one of another version of the runtime's interface.
Description describe(const std::string &path);

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_DESCRIPTION_H
