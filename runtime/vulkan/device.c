/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* Which device, and what of it. */

#include "internal.h"

#include <string.h>

/* The family of queues that compute; UINT32_MAX where there is none. `timestamp_bits` is how many its clock has. */
static uint32_t find_family(const smelt_vulkan *v, VkPhysicalDevice physical, uint32_t *timestamp_bits) {
  VkQueueFamilyProperties families[16];
  uint32_t count = 16;
  v->vk.GetPhysicalDeviceQueueFamilyProperties(physical, &count, families);
  for (uint32_t i = 0; i < count; ++i)
    if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) {
      *timestamp_bits = families[i].timestampValidBits;
      return i;
    }
  return UINT32_MAX;
}

static int has_features(const smelt_vulkan *v, VkPhysicalDevice physical) {
  VkPhysicalDeviceFeatures features;
  v->vk.GetPhysicalDeviceFeatures(physical, &features);
  return !(v->program->features & SMELT_VULKAN_INT64) || features.shaderInt64;
}

/* How much a kind of device is preferred. */
static int rank_of(VkPhysicalDeviceType type) {
  switch (type) {
  case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
    return 4;
  case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
    return 3;
  case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
    return 2;
  default:
    return 1;
  }
}

smelt_status smelt_vulkan_choose_device(smelt_vulkan *v) {
  VkPhysicalDevice all[16];
  uint32_t count = 16;
  const VkResult result = v->vk.EnumeratePhysicalDevices(v->vk.instance, &count, all);
  if (result != VK_SUCCESS && result != VK_INCOMPLETE)
    return smelt_vulkan_fail(v, SMELT_ERROR_DEVICE, "no Vulkan device can be asked for", result);
  int best = 0;
  for (uint32_t i = 0; i < count; ++i) {
    VkPhysicalDeviceProperties properties;
    uint32_t timestamp_bits = 0;
    v->vk.GetPhysicalDeviceProperties(all[i], &properties);
    const int rank = rank_of(properties.deviceType);
    const uint32_t family = find_family(v, all[i], &timestamp_bits);
    if (rank <= best || properties.apiVersion < VK_API_VERSION_1_1 || family == UINT32_MAX || !has_features(v, all[i]))
      continue;
    best = rank;
    v->physical = all[i];
    v->properties = properties;
    v->family = family;
    v->timestamp_bits = timestamp_bits;
  }
  if (!best)
    return smelt_vulkan_fail(
        v, SMELT_ERROR_DEVICE,
        count ? "no Vulkan device here has version 1.1 and what the model needs (64-bit integers in shaders?)"
              : "there is no Vulkan device: install a driver, such as mesa-vulkan-drivers",
        VK_SUCCESS);
  return SMELT_OK;
}

smelt_status smelt_vulkan_open_device(smelt_vulkan *v) {
  const float priority = 1;
  VkPhysicalDeviceFeatures features;
  memset(&features, 0, sizeof features);
  features.shaderInt64 = v->program->features & SMELT_VULKAN_INT64 ? VK_TRUE : VK_FALSE;
  const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                         .queueFamilyIndex = v->family,
                                         .queueCount = 1,
                                         .pQueuePriorities = &priority};
  const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                   .queueCreateInfoCount = 1,
                                   .pQueueCreateInfos = &queue,
                                   .pEnabledFeatures = &features};
  TRY(v->vk.CreateDevice(v->physical, &info, NULL, &v->device), "the Vulkan device cannot be opened");
  if (!smelt_vulkan_load_device(&v->vk, v->device)) {
    if (v->vk.DestroyDevice)
      v->vk.DestroyDevice(v->device, NULL);
    v->device = VK_NULL_HANDLE; /* nothing else can be called */
    return smelt_vulkan_fail(v, SMELT_ERROR_DEVICE, "the Vulkan driver lacks functions of version 1.1", VK_SUCCESS);
  }
  v->vk.GetDeviceQueue(v->device, v->family, 0, &v->queue);
  const VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
  TRY(v->vk.CreateFence(v->device, &fence, NULL, &v->fence), "no fence can be made");
  return SMELT_OK;
}
