// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/Device.h"
#include "tools/runner/Error.h"

namespace smelt::runner {

Device::Device(const std::string &path, const smelt_model &model, const smelt_vulkan_program &program) {
  char why[SMELT_VULKAN_WHY_BYTES];
  const smelt_status status = smelt_vulkan_open(&vulkan_, &model, &program, why, sizeof why);
  if (status == SMELT_ERROR_ARGUMENT)
    throw Error(Exit::Malformed, path + ": not a shared artefact of Smelt: " + why);
  if (status != SMELT_OK)
    throw Error(Exit::Environment,
                path + ": compiled for a Vulkan device, and " + why + "; or compile the model with --target native");
}

} // namespace smelt::runner
