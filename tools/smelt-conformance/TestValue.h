// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_SMELT_CONFORMANCE_TESTVALUE_H
#define SMELT_TOOLS_SMELT_CONFORMANCE_TESTVALUE_H

#include "onnx-ml.pb.h"
#include <optional>
#include <string>
#include <vector>

namespace smelt::conformance {

/// What a file input_0.pb or output_0.pb holds.
struct TestValue {
  enum class Kind { Tensor, Sequence, Absent };
  Kind kind = Kind::Tensor;
  std::vector<::onnx::TensorProto> tensors; // one, those of the sequence, none
};

/// Reads such a file's bytes as a value of the type that the model declares; nothing where they are none.
std::optional<TestValue> readTestValue(const std::string &bytes, const ::onnx::TypeProto &type);

} // namespace smelt::conformance

#endif // SMELT_TOOLS_SMELT_CONFORMANCE_TESTVALUE_H
