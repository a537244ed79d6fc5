// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_TFLITE_OPS_ACTIVATIONS_H
#define SMELT_FRONTENDS_TFLITE_OPS_ACTIVATIONS_H

#include "frontends/tflite/OperatorReader.h"

namespace smelt::frontend::tflite {

/// What an operator's fused activation makes of its floats.
Value activated(GraphBuilder &builder, Value x, int8_t activation);

/// The same of what output 0 holds; where that is quantised, what its range does anyway is left out.
Value activated(OperatorReader &node, Value x, int8_t activation);

} // namespace smelt::frontend::tflite

#endif // SMELT_FRONTENDS_TFLITE_OPS_ACTIVATIONS_H
