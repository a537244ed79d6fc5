/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* Which device, and what of it. */

#include "internal.h"

#include <stdio.h>
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

/* What a device has, or is to have, of features that models ask for. Its parts point to one another. */
typedef struct features {
  VkPhysicalDeviceFeatures2 all;
  VkPhysicalDevice16BitStorageFeatures halves;
  VkPhysicalDevice8BitStorageFeatures bytes;
  VkPhysicalDeviceShaderIntegerDotProductFeatures dots;
} features;

/* Those of extensions are left out where they are not in `which`, bits SMELT_VULKAN_*. */
static void link_features(features *made, uint32_t which) {
  memset(made, 0, sizeof *made);
  made->all.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
  made->halves.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES;
  made->bytes.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES;
  made->dots.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES;
  made->all.pNext = &made->halves;
  void **last = &made->halves.pNext;
  if (which & SMELT_VULKAN_BYTES) {
    *last = &made->bytes;
    last = &made->bytes.pNext;
  }
  if (which & SMELT_VULKAN_DOTS)
    *last = &made->dots;
}

/* Whether threads shuffle, in subgroups of the size that the model wants. */
static int has_shuffles(const smelt_vulkan *v, VkPhysicalDevice physical) {
  VkPhysicalDeviceSubgroupProperties groups = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES};
  VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &groups};
  v->vk.GetPhysicalDeviceProperties2(physical, &properties);
  return groups.subgroupSize == v->program->subgroup_size && (groups.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) &&
         (groups.supportedOperations & VK_SUBGROUP_FEATURE_SHUFFLE_BIT);
}

/* Those that the model needs and the device lacks, as bits SMELT_VULKAN_*. */
static uint32_t missing_features(const smelt_vulkan *v, VkPhysicalDevice physical) {
  features has;
  const uint32_t needs = v->program->features;
  link_features(&has, needs);
  v->vk.GetPhysicalDeviceFeatures2(physical, &has.all);
  const uint32_t there = (has.all.features.shaderInt64 ? SMELT_VULKAN_INT64 : 0) |
                         (has.halves.storageBuffer16BitAccess ? SMELT_VULKAN_HALVES : 0) |
                         (has.bytes.storageBuffer8BitAccess ? SMELT_VULKAN_BYTES : 0) |
                         (has.dots.shaderIntegerDotProduct ? SMELT_VULKAN_DOTS : 0) |
                         ((needs & SMELT_VULKAN_SHUFFLES) && has_shuffles(v, physical) ? SMELT_VULKAN_SHUFFLES : 0);
  return needs & ~there;
}

/* A sentence: what the device lacks that the model was compiled for. */
static smelt_status fail_without(smelt_vulkan *v, const VkPhysicalDeviceProperties *device, uint32_t missing) {
  static const struct {
    uint32_t bit;
    const char *name;
  } names[] = {{SMELT_VULKAN_INT64, "int64 (shaderInt64), "},
               {SMELT_VULKAN_HALVES, "f16 (storageBuffer16BitAccess), "},
               {SMELT_VULKAN_BYTES, "int8 (storageBuffer8BitAccess), "},
               {SMELT_VULKAN_DOTS, "dot (shaderIntegerDotProduct), "}};
  char what[SMELT_VULKAN_WHY_BYTES], more[96] = "";
  const char *list[4] = {"", "", "", ""};
  const uint32_t shared = v->program->shared_bytes;
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
    if (missing & names[i].bit)
      list[i] = names[i].name;
  if (missing & SMELT_VULKAN_SHUFFLES)
    snprintf(more, sizeof more, "shuffles in subgroups of %u, ", (unsigned)v->program->subgroup_size);
  else if (shared > device->limits.maxComputeSharedMemorySize)
    snprintf(more, sizeof more, "%u bytes of memory that a workgroup shares, ", (unsigned)shared);
  snprintf(what, sizeof what, "%.64s lacks %s%s%s%s%swhich the model was compiled for", device->deviceName, list[0],
           list[1], list[2], list[3], more);
  return smelt_vulkan_fail(v, SMELT_ERROR_DEVICE, what, VK_SUCCESS);
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
  int best = 0, best_lacking = 0;
  uint32_t lacks = 0;
  VkPhysicalDeviceProperties lacking;
  for (uint32_t i = 0; i < count; ++i) {
    VkPhysicalDeviceProperties properties;
    uint32_t timestamp_bits = 0;
    v->vk.GetPhysicalDeviceProperties(all[i], &properties);
    const int rank = rank_of(properties.deviceType);
    const uint32_t family = find_family(v, all[i], &timestamp_bits);
    if (rank <= best || properties.apiVersion < VK_API_VERSION_1_1 || family == UINT32_MAX)
      continue;
    const uint32_t missing = missing_features(v, all[i]);
    if (missing || v->program->shared_bytes > properties.limits.maxComputeSharedMemorySize) {
      if (rank > best_lacking) {
        best_lacking = rank;
        lacks = missing;
        lacking = properties;
      }
      continue;
    }
    best = rank;
    v->physical = all[i];
    v->properties = properties;
    v->family = family;
    v->timestamp_bits = timestamp_bits;
  }
  if (best)
    return SMELT_OK;
  if (best_lacking)
    return fail_without(v, &lacking, lacks);
  return smelt_vulkan_fail(v, SMELT_ERROR_DEVICE,
                           count ? "no Vulkan device here has version 1.1 and computes"
                                 : "there is no Vulkan device: install a driver, such as mesa-vulkan-drivers",
                           VK_SUCCESS);
}

/* Extensions that the model's features are; version 1.1 has the others. */
static uint32_t list_extensions(uint32_t needs, const char *names[2]) {
  uint32_t count = 0;
  if (needs & SMELT_VULKAN_BYTES)
    names[count++] = VK_KHR_8BIT_STORAGE_EXTENSION_NAME;
  if (needs & SMELT_VULKAN_DOTS)
    names[count++] = VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME;
  return count;
}

smelt_status smelt_vulkan_open_device(smelt_vulkan *v) {
  const float priority = 1;
  const char *extensions[2];
  const uint32_t needs = v->program->features;
  features wanted;
  link_features(&wanted, needs);
  wanted.all.features.shaderInt64 = needs & SMELT_VULKAN_INT64 ? VK_TRUE : VK_FALSE;
  wanted.halves.storageBuffer16BitAccess = needs & SMELT_VULKAN_HALVES ? VK_TRUE : VK_FALSE;
  wanted.bytes.storageBuffer8BitAccess = VK_TRUE; /* where it is linked at all */
  wanted.dots.shaderIntegerDotProduct = VK_TRUE;
  const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                         .queueFamilyIndex = v->family,
                                         .queueCount = 1,
                                         .pQueuePriorities = &priority};
  const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                   .pNext = &wanted.all,
                                   .queueCreateInfoCount = 1,
                                   .pQueueCreateInfos = &queue,
                                   .enabledExtensionCount = list_extensions(needs, extensions),
                                   .ppEnabledExtensionNames = extensions};
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
