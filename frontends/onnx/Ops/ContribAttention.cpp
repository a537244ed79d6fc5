// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Operators.h"

namespace smelt::frontend::onnx {
static constexpr Operator kOperators[] = {{"none", 1, nullptr, "com.microsoft"}};
llvm::ArrayRef<Operator> contribAttentionOperators() { return llvm::ArrayRef<Operator>(kOperators).drop_front(); }
} // namespace smelt::frontend::onnx
