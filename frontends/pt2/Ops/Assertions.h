// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_OPS_ASSERTIONS_H
#define SMELT_FRONTENDS_PT2_OPS_ASSERTIONS_H

#include "frontends/pt2/NodeReader.h"

namespace smelt::frontend::pt2 {

/// The run fails with this message of the program's where a tensor of one element is 0.
void assertTensor(GraphBuilder &builder, Value x, llvm::StringRef message);

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_OPS_ASSERTIONS_H
