/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* The functions of Vulkan that are used, from a loader that is opened at run time. */
#ifndef SMELT_VULKAN_FUNCTIONS_H
#define SMELT_VULKAN_FUNCTIONS_H

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan.h>

#include "smelt/vulkan.h"

#define SMELT_VULKAN_INSTANCE_FUNCTIONS(F)                                                                             \
  F(DestroyInstance)                                                                                                   \
  F(EnumeratePhysicalDevices)                                                                                          \
  F(GetPhysicalDeviceProperties)                                                                                       \
  F(GetPhysicalDeviceProperties2)                                                                                      \
  F(GetPhysicalDeviceFeatures2)                                                                                        \
  F(GetPhysicalDeviceMemoryProperties)                                                                                 \
  F(GetPhysicalDeviceQueueFamilyProperties)                                                                            \
  F(CreateDevice)                                                                                                      \
  F(GetDeviceProcAddr)

#define SMELT_VULKAN_DEVICE_FUNCTIONS(F)                                                                               \
  F(DestroyDevice)                                                                                                     \
  F(DeviceWaitIdle)                                                                                                    \
  F(GetDeviceQueue)                                                                                                    \
  F(CreateFence)                                                                                                       \
  F(DestroyFence)                                                                                                      \
  F(WaitForFences)                                                                                                     \
  F(ResetFences)                                                                                                       \
  F(CreateBuffer)                                                                                                      \
  F(DestroyBuffer)                                                                                                     \
  F(GetBufferMemoryRequirements)                                                                                       \
  F(AllocateMemory)                                                                                                    \
  F(FreeMemory)                                                                                                        \
  F(BindBufferMemory)                                                                                                  \
  F(MapMemory)                                                                                                         \
  F(CreateBufferView)                                                                                                  \
  F(DestroyBufferView)                                                                                                 \
  F(CreateDescriptorSetLayout)                                                                                         \
  F(DestroyDescriptorSetLayout)                                                                                        \
  F(CreatePipelineLayout)                                                                                              \
  F(DestroyPipelineLayout)                                                                                             \
  F(CreateShaderModule)                                                                                                \
  F(DestroyShaderModule)                                                                                               \
  F(CreateComputePipelines)                                                                                            \
  F(DestroyPipeline)                                                                                                   \
  F(CreateDescriptorPool)                                                                                              \
  F(DestroyDescriptorPool)                                                                                             \
  F(AllocateDescriptorSets)                                                                                            \
  F(UpdateDescriptorSets)                                                                                              \
  F(CreateCommandPool)                                                                                                 \
  F(DestroyCommandPool)                                                                                                \
  F(AllocateCommandBuffers)                                                                                            \
  F(BeginCommandBuffer)                                                                                                \
  F(EndCommandBuffer)                                                                                                  \
  F(CmdPipelineBarrier)                                                                                                \
  F(CmdBindPipeline)                                                                                                   \
  F(CmdBindDescriptorSets)                                                                                             \
  F(CmdPushConstants)                                                                                                  \
  F(CmdDispatch)                                                                                                       \
  F(CmdCopyBuffer)                                                                                                     \
  F(CmdResetQueryPool)                                                                                                 \
  F(CmdWriteTimestamp)                                                                                                 \
  F(CreateQueryPool)                                                                                                   \
  F(DestroyQueryPool)                                                                                                  \
  F(GetQueryPoolResults)                                                                                               \
  F(QueueSubmit)

typedef struct smelt_vulkan_functions {
  void *library;
  VkInstance instance;
#define SMELT_VULKAN_DECLARE(name) PFN_vk##name name;
  SMELT_VULKAN_INSTANCE_FUNCTIONS(SMELT_VULKAN_DECLARE)
  SMELT_VULKAN_DEVICE_FUNCTIONS(SMELT_VULKAN_DECLARE)
#undef SMELT_VULKAN_DECLARE
} smelt_vulkan_functions;

/* Opens the loader and makes an instance; 0 where that fails, and `why` says what is missing. */
int smelt_vulkan_load(smelt_vulkan_functions *functions, char *why, size_t why_bytes);

/* Finds the functions of a device; 0 where one is missing. */
int smelt_vulkan_load_device(smelt_vulkan_functions *functions, VkDevice device);

void smelt_vulkan_unload(smelt_vulkan_functions *functions);

/* Writes `what`, and what a result other than VK_SUCCESS means. */
void smelt_vulkan_explain(char *why, size_t why_bytes, const char *what, VkResult result);

#endif /* SMELT_VULKAN_FUNCTIONS_H */
