// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a program takes for granted of the sizes of its inputs, besides ranges of single dims: guards_code.

#ifndef SMELT_FRONTENDS_PT2_GUARDS_H
#define SMELT_FRONTENDS_PT2_GUARDS_H

#include "frontends/common/GraphBuilder.h"
#include "frontends/pt2/Program.h"

namespace smelt::frontend::pt2 {

/// Has the run check the guards that are made of dims, and refuses those that are known not to hold (Usage: no shape
/// that was asked for fits). `valueOf` has the tensor of an input's name, or null. Guards that are made of other things
/// are left out.
void checkGuards(GraphBuilder &builder, const Program &program,
                 llvm::function_ref<mlir::Value(llvm::StringRef name)> valueOf);

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_GUARDS_H
