// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_ONNX_SKELETON_H
#define SMELT_FRONTENDS_ONNX_SKELETON_H

#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace smelt::frontend::onnx {

/// Messages within messages, at most: a graph in a graph takes three.
constexpr unsigned kDeepestNesting = 90;

/// A serialised ModelProto without its weights, so that protobuf, which copies what it parses, need not see them: each
/// TensorProto.raw_data holds a Payload instead. What Smelt does not use (training, documentation) is left out. Refuses
/// what no protobuf parser would accept, nests deeper than kDeepestNesting or is made of millions of parts.
std::string makeSkeleton(llvm::StringRef file);

/// Where the bytes of a tensor lie in the file.
struct Payload {
  uint64_t offset, size;

  /// Of a skeleton's raw_data.
  static std::optional<Payload> decode(llvm::StringRef rawData);
};

} // namespace smelt::frontend::onnx

#endif // SMELT_FRONTENDS_ONNX_SKELETON_H
