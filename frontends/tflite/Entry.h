// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_TFLITE_ENTRY_H
#define SMELT_FRONTENDS_TFLITE_ENTRY_H

#include "frontends/tflite/Model.h"
#include "llvm/ADT/SmallVector.h"

namespace smelt::frontend::tflite {

/// A tensor of a subgraph, and what it is called as an input or an output.
struct NamedTensor {
  int32_t tensor;
  std::string name;
};

/// What is compiled of a file: a subgraph, and names for its inputs and outputs, of which no two inputs share one, and
/// no two outputs.
struct Entry {
  size_t graph = 0;
  std::string name;
  llvm::SmallVector<NamedTensor> inputs, outputs;
};

/// The first subgraph, under its tensors' names; or, where `signature` is not empty, the subgraph of a signature: all
/// its inputs, and those outputs that the signature names. Refuses the name of a signature that there is not.
Entry entryOf(const Model &model, llvm::StringRef signature);
/// What a signature of the file says.
Entry entryOf(const Model &model, const schema::SignatureDef &signature);

} // namespace smelt::frontend::tflite

#endif // SMELT_FRONTENDS_TFLITE_ENTRY_H
