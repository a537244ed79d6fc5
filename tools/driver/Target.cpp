// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/driver/Target.h"
#include "tools/driver/Errors.h"

namespace smelt::driver {

llvm::Expected<ChosenTarget> chooseTarget(const std::string &name, const std::string &processorName) {
  llvm::Expected<std::optional<gpu::Profile>> found = gpu::findProfile(name);
  if (!found)
    return toolError(kUsage, "--target '" + name + "': " + llvm::toString(found.takeError()));
  std::optional<gpu::Profile> device = *found;
  if (!processorName.empty() && !device)
    return toolError(kUsage,
                     "--processor is the one beside a device: it goes with --target vulkan or cuda; without one, "
                     "--target names the processor");
  if (!processorName.empty() && !cpu::findTarget(processorName))
    return toolError(kUsage, "--processor: no processor '" + processorName + "'; there are " + cpu::targetNames());
  std::optional<cpu::Target> processor = cpu::findTarget(!device                 ? name
                                                         : processorName.empty() ? "native"
                                                                                 : processorName);
  if (!processor)
    return toolError(kUsage, "--target: no target '" + name + "'; there are " + cpu::targetNames() + ", " +
                                 gpu::profileNames());
  return ChosenTarget{*std::move(processor), device};
}

} // namespace smelt::driver
