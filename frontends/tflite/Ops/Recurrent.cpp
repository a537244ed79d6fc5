// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/tflite/Operators.h"

namespace smelt::frontend::tflite {

llvm::ArrayRef<Operator> recurrentOperators() { return {}; }

} // namespace smelt::frontend::tflite
