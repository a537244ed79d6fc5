// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_OPS_SERIES_H
#define SMELT_FRONTENDS_PT2_OPS_SERIES_H

#include "frontends/pt2/Ops/Math.h"

namespace smelt::frontend::pt2 {

/// Σ (q + k)⁻ˢ of k >= 0, of f64: Hurwitz's zeta function. NaN where s is below 1, or q below 0 and not whole.
Value hurwitzZeta(const Math &m, Value s, Value q);

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_OPS_SERIES_H
