// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_AUTOCAST_H
#define SMELT_FRONTENDS_PT2_AUTOCAST_H

#include "mlir/IR/Types.h"
#include "llvm/ADT/StringRef.h"

namespace smelt::frontend::pt2 {

/// A region of torch.autocast: TRAINING graphs keep it as a graph of its own, whose casts are not written down.
struct Autocast {
  mlir::Type lower;       // what products are computed in; null where it is off
  bool isChecked = false; // whether results must be of the types that the file states
};

/// What a region does with the floats that an operator takes, doubles aside.
enum class AutocastRule {
  None,
  Lower,  // makes the lower type of them
  Full,   // makes f32 of them
  Widest, // f32 where one is f32, else the lower type
  Inner,  // casts what the operator is made of, which Smelt does not see
};
/// What to do about a region that cannot be read.
constexpr llvm::StringLiteral kNoRegions =
    "which Smelt does not do; save ep.run_decompositions({}), where the casts are written down";
AutocastRule autocastRule(llvm::StringRef operatorName);

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_AUTOCAST_H
