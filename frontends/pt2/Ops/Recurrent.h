// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_OPS_RECURRENT_H
#define SMELT_FRONTENDS_PT2_OPS_RECURRENT_H

#include "frontends/pt2/Operators.h"

namespace smelt::frontend::pt2 {

/// An LSTM with proj_size.
Values projectedLstm(NodeReader &node);

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_OPS_RECURRENT_H
