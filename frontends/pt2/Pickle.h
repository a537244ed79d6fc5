// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_PICKLE_H
#define SMELT_FRONTENDS_PT2_PICKLE_H

#include "frontends/pt2/Archive.h"
#include "frontends/pt2/Tensors.h"

namespace smelt::frontend::pt2 {

/// The tensors of what torch.save wrote, a dict from names to tensors: an archive whose pickle says how they lie in its
/// other members. The pickle is read, not executed: of its classes and functions those are known that make tensors,
/// parameters and dicts, and whatever else it names is refused by that name.
llvm::StringMap<StoredTensor> readPickledTensors(const Archive &archive, const llvm::Twine &where);

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_PICKLE_H
