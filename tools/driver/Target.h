// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_DRIVER_TARGET_H
#define SMELT_TOOLS_DRIVER_TARGET_H

#include "codegen/cpu/Target.h"
#include "codegen/gpu/Profile.h"
#include "llvm/Support/Error.h"
#include <string>

namespace smelt::driver {

/// What --target names.
struct ChosenTarget {
  cpu::Target processor; // beside a device too: kernels that the device lacks are its
  std::optional<gpu::Profile> device;
};

/// `processor` is the one beside a device, by default the one that compiles. Fails with Usage, and all names that there
/// are, for an unknown one.
llvm::Expected<ChosenTarget> chooseTarget(const std::string &name, const std::string &processor = "");

} // namespace smelt::driver

#endif // SMELT_TOOLS_DRIVER_TARGET_H
