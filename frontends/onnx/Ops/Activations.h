// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_ONNX_OPS_ACTIVATIONS_H
#define SMELT_FRONTENDS_ONNX_OPS_ACTIVATIONS_H

#include "frontends/onnx/NodeReader.h"

namespace smelt::frontend::onnx {

/// What a fused operator applies to its result, by the name of the operator that it stands for; `x` where that is
/// empty. Parameters that are not given have the operator's defaults.
Value activated(GraphBuilder &b, Value x, llvm::StringRef name, llvm::ArrayRef<double> parameters);

/// What the operators of com.microsoft call SwiGLU.
struct SwiGlu {
  double alpha = 1, beta = 0;
  std::optional<double> limit;
};
/// G · σ(α G) · (L + β), where G = min(gate, limit) and L = clamp(linear, -limit, limit).
Value swiGlu(GraphBuilder &b, Value gate, Value linear, const SwiGlu &how);

} // namespace smelt::frontend::onnx

#endif // SMELT_FRONTENDS_ONNX_OPS_ACTIVATIONS_H
