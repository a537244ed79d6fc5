// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_SMELT_CONFORMANCE_NODETEST_H
#define SMELT_TOOLS_SMELT_CONFORMANCE_NODETEST_H

#include <string>

namespace smelt::conformance {

enum class Status { Pass, Fail, Unsupported, Error };

/// "pass", "fail", "unsupported", "error"
const char *statusName(Status status);

struct Outcome {
  Status status = Status::Pass;
  std::string detail; // one line; "" for Pass
};

/// Compiles and runs the ONNX node test in `folder` (see test/conformance/README.md) in this process. `scratch` is a
/// folder for the artefact; it is compiled for `target`, as --target has it. With `opensDims` the model is compiled for
/// inputs of any extents, each a symbol by itself.
Outcome runNodeTest(const std::string &folder, const std::string &scratch, const std::string &target, bool opensDims);

} // namespace smelt::conformance

#endif // SMELT_TOOLS_SMELT_CONFORMANCE_NODETEST_H
