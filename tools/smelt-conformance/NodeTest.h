// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_SMELT_CONFORMANCE_NODETEST_H
#define SMELT_TOOLS_SMELT_CONFORMANCE_NODETEST_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace smelt::conformance {

enum class Status { Pass, Fail, Unsupported, Error };

/// "pass", "fail", "unsupported", "error"
const char *statusName(Status status);

/// What of a test runs on the device that it is compiled for.
struct DeviceShare {
  uint64_t steps = 0, processorSteps = 0;
  std::vector<std::string> why; // of each kernel of the processor: "kernel: reason"
};

struct Outcome {
  Status status = Status::Pass;
  std::string detail;                // one line; "" for Pass
  bool isF32 = false;                // its model takes or makes f32, and no other floats
  std::optional<DeviceShare> device; // where it was compiled for one
};

/// Compiles and runs the ONNX node test in `folder` (see test/conformance/README.md) in this process. `scratch` is a
/// folder for the artefact; it is compiled for `target`, as --target has it. With `opensDims` the model is compiled for
/// inputs of any extents, each a symbol by itself.
Outcome runNodeTest(const std::string &folder, const std::string &scratch, const std::string &target, bool opensDims);

} // namespace smelt::conformance

#endif // SMELT_TOOLS_SMELT_CONFORMANCE_NODETEST_H
