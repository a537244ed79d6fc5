// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The device that steps of an artefact run on.

#ifndef SMELT_TOOLS_RUNNER_DEVICE_H
#define SMELT_TOOLS_RUNNER_DEVICE_H

#include "smelt/cuda.h"
#include "smelt/vulkan.h"

#include <memory>
#include <string>

namespace smelt::runner {

/// What an artefact has for devices: none of the two, or one.
struct DevicePrograms {
  const smelt_vulkan_program *vulkan = nullptr;
  const smelt_cuda_program *cuda = nullptr;
};

/// A device with a model's memory, weights and kernels.
class Device {
public:
  Device() = default;
  Device(Device &&) = delete;
  Device &operator=(Device &&) = delete;
  virtual ~Device() = default;

  /// For the instance.
  virtual void *arena() const = 0;
  virtual uint64_t arenaBytes() const = 0;
  virtual void bind(smelt_instance &instance) = 0;
  /// As smelt_set_shapes, in an arena as large as that takes.
  virtual smelt_status setShapes(smelt_shapes shapes) = 0;
  /// As smelt_run.
  virtual smelt_status run(const void *const *inputs, void *const *outputs) = 0;
  /// Lets the device's clock tell how long its steps take, or no longer; false where there is no such clock.
  virtual bool setTiming(bool on) = 0;
  /// What it told of a step in the last run; negative where the step is the processor's.
  virtual double stepMs(uint32_t step) const = 0;
  /// What was missing where the last run failed; "" where it did not, or nobody knows.
  virtual std::string why() const { return ""; }
};

/// Null where the artefact has nothing for devices. Throws Environment where there is none, or it lacks what the model
/// needs.
std::unique_ptr<Device> openDevice(const std::string &path, const smelt_model &model, const DevicePrograms &programs);

} // namespace smelt::runner

#endif // SMELT_TOOLS_RUNNER_DEVICE_H
