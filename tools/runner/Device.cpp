// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/runner/Device.h"
#include "tools/runner/Error.h"

namespace smelt::runner {

static void require(smelt_status status, const std::string &path, const char *kind, const char *why) {
  if (status == SMELT_ERROR_ARGUMENT)
    throw Error(Exit::Malformed, path + ": not a shared artefact of Smelt: " + why);
  if (status != SMELT_OK)
    throw Error(Exit::Environment, path + ": compiled for " + kind + " device, and " + why +
                                       ". To run on the processor, compile the model with --target native");
}

namespace {

class VulkanDevice : public Device {
public:
  VulkanDevice(const std::string &path, const smelt_model &model, const smelt_vulkan_program &program) {
    char why[SMELT_VULKAN_WHY_BYTES];
    require(smelt_vulkan_open(&vulkan_, &model, &program, why, sizeof why), path, "a Vulkan", why);
  }
  ~VulkanDevice() override { smelt_vulkan_close(vulkan_); }

  void *arena() const override { return smelt_vulkan_arena(vulkan_); }
  uint64_t arenaBytes() const override { return smelt_vulkan_arena_bytes(vulkan_); }
  smelt_status setShapes(smelt_shapes shapes) override { return smelt_vulkan_set_shapes(vulkan_, shapes); }
  void bind(smelt_instance &instance) override { smelt_vulkan_bind(vulkan_, &instance); }
  smelt_status run(const void *const *inputs, void *const *outputs) override {
    return smelt_vulkan_run(vulkan_, inputs, outputs);
  }
  bool setTiming(bool on) override { return smelt_vulkan_set_timing(vulkan_, on) == SMELT_OK; }
  double stepMs(uint32_t step) const override {
    constexpr double kNanoseconds = 1e6; // of a millisecond
    return smelt_vulkan_step_ns(vulkan_, step) / kNanoseconds;
  }
  std::string why() const override { return smelt_vulkan_why(vulkan_); }

private:
  smelt_vulkan *vulkan_ = nullptr;
};

class CudaDevice : public Device {
public:
  CudaDevice(const std::string &path, const smelt_model &model, const smelt_cuda_program &program) {
    char why[SMELT_CUDA_WHY_BYTES];
    require(smelt_cuda_open(&cuda_, &model, &program, why, sizeof why), path, "a CUDA", why);
  }
  ~CudaDevice() override { smelt_cuda_close(cuda_); }

  void *arena() const override { return smelt_cuda_arena(cuda_); }
  uint64_t arenaBytes() const override { return smelt_cuda_arena_bytes(cuda_); }
  smelt_status setShapes(smelt_shapes shapes) override { return smelt_cuda_set_shapes(cuda_, shapes); }
  void bind(smelt_instance &instance) override { smelt_cuda_bind(cuda_, &instance); }
  smelt_status run(const void *const *inputs, void *const *outputs) override {
    return smelt_cuda_run(cuda_, inputs, outputs);
  }
  bool setTiming(bool) override { return true; } // with a hook it is on
  double stepMs(uint32_t step) const override { return static_cast<double>(smelt_cuda_step_milliseconds(cuda_, step)); }
  std::string why() const override { return smelt_cuda_why(cuda_); }

private:
  smelt_cuda *cuda_ = nullptr;
};

} // namespace

std::unique_ptr<Device> openDevice(const std::string &path, const smelt_model &model, const DevicePrograms &programs) {
  if (programs.cuda)
    return std::make_unique<CudaDevice>(path, model, *programs.cuda);
  if (programs.vulkan)
    return std::make_unique<VulkanDevice>(path, model, *programs.vulkan);
  return nullptr;
}

} // namespace smelt::runner
