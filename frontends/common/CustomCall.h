// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_COMMON_CUSTOMCALL_H
#define SMELT_FRONTENDS_COMMON_CUSTOMCALL_H

#include "frontends/common/CustomOperators.h"
#include "frontends/common/GraphBuilder.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <optional>
#include <vector>

namespace smelt::frontend {

/// The attributes of a call, one for each that is declared: what `given` has of it, else what the declaration says.
/// Refuses one of which neither has a value.
std::vector<CustomValue> attributesOf(const CustomOperator &declared,
                                      llvm::function_ref<std::optional<CustomValue>(const CustomAttribute &)> given);

/// The results of a call of a custom operator's function. `inputs` are as many as are declared, null where they are not
/// there, `values` as many as there are attributes. Refuses inputs that do not fit the declaration.
llvm::SmallVector<mlir::Value> buildCustomCall(GraphBuilder &builder, const CustomOperator &declared,
                                               llvm::ArrayRef<mlir::Value> inputs, llvm::ArrayRef<CustomValue> values);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_CUSTOMCALL_H
