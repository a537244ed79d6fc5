// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/smelt-conformance/TestValue.h"
#include "onnx-data.pb.h"

namespace smelt::conformance {

using Value = std::optional<TestValue>;
using Kind = TestValue::Kind;

static Value fromSequence(const ::onnx::SequenceProto &sequence) {
  const auto &tensors = sequence.tensor_values();
  return TestValue{Kind::Sequence, {tensors.begin(), tensors.end()}};
}

static Value fromOptional(const ::onnx::OptionalProto &value) {
  if (value.has_sequence_value())
    return fromSequence(value.sequence_value());
  if (value.has_tensor_value())
    return TestValue{Kind::Tensor, {value.tensor_value()}};
  const bool isOther = value.has_map_value() || value.has_optional_value() || value.has_sparse_tensor_value();
  return isOther ? Value() : TestValue{Kind::Absent, {}};
}

template <typename Proto> static Value parsed(const std::string &bytes, Value (*from)(const Proto &)) {
  Proto proto;
  return proto.ParseFromString(bytes) ? from(proto) : std::nullopt;
}

static Value fromTensor(const ::onnx::TensorProto &tensor) { return TestValue{Kind::Tensor, {tensor}}; }

std::optional<TestValue> readTestValue(const std::string &bytes, const ::onnx::TypeProto &type) {
  if (type.has_optional_type())
    return parsed(bytes, fromOptional);
  return type.has_sequence_type() ? parsed(bytes, fromSequence) : parsed(bytes, fromTensor);
}

} // namespace smelt::conformance
