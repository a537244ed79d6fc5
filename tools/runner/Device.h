// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The device that steps of an artefact run on.

#ifndef SMELT_TOOLS_RUNNER_DEVICE_H
#define SMELT_TOOLS_RUNNER_DEVICE_H

#include "smelt/vulkan.h"

#include <string>

namespace smelt::runner {

/// A device with a model's memory, weights and kernels.
class Device {
public:
  /// Throws Environment where there is none, or it lacks what the model needs.
  Device(const std::string &path, const smelt_model &model, const smelt_vulkan_program &program);
  Device(Device &&) = delete;
  Device &operator=(Device &&) = delete;
  ~Device() { smelt_vulkan_close(vulkan_); }

  smelt_vulkan *handle() const { return vulkan_; }
  /// What was missing where the last run failed; "" where it did not.
  std::string why() const { return smelt_vulkan_why(vulkan_); }

private:
  smelt_vulkan *vulkan_ = nullptr;
};

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_DEVICE_H
