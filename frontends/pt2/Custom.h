// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_CUSTOM_H
#define SMELT_FRONTENDS_PT2_CUSTOM_H

#include "frontends/common/CustomOperators.h"
#include "frontends/pt2/NodeReader.h"

namespace smelt::frontend::pt2 {

/// What the user declares of an operator: "mine.own.default" is mine::own, of another overload "mine.own.Tensor"
/// mine::own.Tensor. Null where nothing is declared.
const CustomOperator *findCustom(const CustomOperators &declared, llvm::StringRef target);

/// The call of its function: tensors are inputs, in the node's order, None one that is absent, and other arguments are
/// attributes by their names.
Values importCustom(NodeReader &node, const CustomOperator &declared);

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_CUSTOM_H
