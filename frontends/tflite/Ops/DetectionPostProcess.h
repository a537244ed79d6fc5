// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_TFLITE_OPS_DETECTIONPOSTPROCESS_H
#define SMELT_FRONTENDS_TFLITE_OPS_DETECTIONPOSTPROCESS_H

#include "frontends/tflite/OperatorReader.h"

namespace smelt::frontend::tflite {

/// Boxes [1, m, 4], classes [1, m] and scores [1, m] of what is found, and how much that is, [1]: all f32.
Values detectionPostProcess(OperatorReader &node);

} // namespace smelt::frontend::tflite

#endif // SMELT_FRONTENDS_TFLITE_OPS_DETECTIONPOSTPROCESS_H
