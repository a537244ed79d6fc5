/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* A libvulkan.so.1 that passes calls on to the one at SMELT_TEST_LOADER, lets one of them fail, counts objects, and
 * hides memory from the processor. Beside faults.h, programs that know nothing of it set SMELT_TEST_FAIL=NUMBER:RESULT
 * and SMELT_TEST_HIDE=1; SMELT_TEST_POOR=1 takes all from devices that not every one has. */

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan.h>

#include "../runtime/faults.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

smelt_faults smelt_faults_state = {.fail_at = -1};
#define faults smelt_faults_state

enum { HIDDEN = 0, SEEN = 1, MOST_HIDDEN = 64 }; /* kinds of memory where some is hidden */
static VkDeviceMemory hidden[MOST_HIDDEN];
static PFN_vkGetInstanceProcAddr next_instance;
static PFN_vkGetDeviceProcAddr next_device;

static int fails(const char *name) {
  if (__atomic_fetch_add(&faults.calls, 1, __ATOMIC_RELAXED) != faults.fail_at)
    return 0;
  snprintf(faults.failed, sizeof faults.failed, "%s", name);
  return 1;
}

static void count(int change) { __atomic_fetch_add(&faults.live, change, __ATOMIC_RELAXED); }

/* A function that may fail. */
#define FALLIBLE(name, parameters, arguments)                                                                          \
  static PFN_vk##name next_##name;                                                                                     \
  static VkResult VKAPI_CALL my_##name parameters {                                                                    \
    return fails("vk" #name) ? (VkResult)faults.result : next_##name arguments;                                        \
  }

/* One that makes an object, and the one that destroys it. */
#define OBJECT(make, destroy, type, info)                                                                              \
  static PFN_vk##make next_##make;                                                                                     \
  static VkResult VKAPI_CALL my_##make(VkDevice device, const info *what, const VkAllocationCallbacks *by,             \
                                       type *made) {                                                                   \
    const VkResult result = fails("vk" #make) ? (VkResult)faults.result : next_##make(device, what, by, made);         \
    count(result == VK_SUCCESS);                                                                                       \
    return result;                                                                                                     \
  }                                                                                                                    \
  static PFN_vk##destroy next_##destroy;                                                                               \
  static void VKAPI_CALL my_##destroy(VkDevice device, type object, const VkAllocationCallbacks *by) {                 \
    count(-(object != VK_NULL_HANDLE));                                                                                \
    next_##destroy(device, object, by);                                                                                \
  }

OBJECT(CreateFence, DestroyFence, VkFence, VkFenceCreateInfo)
OBJECT(CreateBuffer, DestroyBuffer, VkBuffer, VkBufferCreateInfo)
OBJECT(CreateBufferView, DestroyBufferView, VkBufferView, VkBufferViewCreateInfo)
OBJECT(CreateDescriptorSetLayout, DestroyDescriptorSetLayout, VkDescriptorSetLayout, VkDescriptorSetLayoutCreateInfo)
OBJECT(CreatePipelineLayout, DestroyPipelineLayout, VkPipelineLayout, VkPipelineLayoutCreateInfo)
OBJECT(CreateShaderModule, DestroyShaderModule, VkShaderModule, VkShaderModuleCreateInfo)
OBJECT(CreateDescriptorPool, DestroyDescriptorPool, VkDescriptorPool, VkDescriptorPoolCreateInfo)
OBJECT(CreateCommandPool, DestroyCommandPool, VkCommandPool, VkCommandPoolCreateInfo)
OBJECT(CreateQueryPool, DestroyQueryPool, VkQueryPool, VkQueryPoolCreateInfo)
FALLIBLE(WaitForFences, (VkDevice device, uint32_t number, const VkFence *all, VkBool32 every, uint64_t time),
         (device, number, all, every, time))
FALLIBLE(ResetFences, (VkDevice device, uint32_t number, const VkFence *all), (device, number, all))
FALLIBLE(BindBufferMemory, (VkDevice device, VkBuffer buffer, VkDeviceMemory memory, VkDeviceSize at),
         (device, buffer, memory, at))
FALLIBLE(AllocateDescriptorSets, (VkDevice device, const VkDescriptorSetAllocateInfo *info, VkDescriptorSet *sets),
         (device, info, sets))
FALLIBLE(AllocateCommandBuffers, (VkDevice device, const VkCommandBufferAllocateInfo *info, VkCommandBuffer *made),
         (device, info, made))
FALLIBLE(BeginCommandBuffer, (VkCommandBuffer commands, const VkCommandBufferBeginInfo *info), (commands, info))
FALLIBLE(EndCommandBuffer, (VkCommandBuffer commands), (commands))
FALLIBLE(QueueSubmit, (VkQueue queue, uint32_t number, const VkSubmitInfo *all, VkFence fence),
         (queue, number, all, fence))
FALLIBLE(GetQueryPoolResults,
         (VkDevice device, VkQueryPool pool, uint32_t first, uint32_t number, size_t bytes, void *data,
          VkDeviceSize stride, VkQueryResultFlags flags),
         (device, pool, first, number, bytes, data, stride, flags))
FALLIBLE(EnumeratePhysicalDevices, (VkInstance instance, uint32_t *number, VkPhysicalDevice *all),
         (instance, number, all))

static PFN_vkCreateComputePipelines next_CreateComputePipelines;
static VkResult VKAPI_CALL my_CreateComputePipelines(VkDevice device, VkPipelineCache cache, uint32_t number,
                                                     const VkComputePipelineCreateInfo *all,
                                                     const VkAllocationCallbacks *by, VkPipeline *made) {
  if (fails("vkCreateComputePipelines"))
    return (VkResult)faults.result;
  const VkResult result = next_CreateComputePipelines(device, cache, number, all, by, made);
  count(result == VK_SUCCESS ? (int)number : 0);
  return result;
}
static PFN_vkDestroyPipeline next_DestroyPipeline;
static void VKAPI_CALL my_DestroyPipeline(VkDevice device, VkPipeline object, const VkAllocationCallbacks *by) {
  count(-(object != VK_NULL_HANDLE));
  next_DestroyPipeline(device, object, by);
}

static PFN_vkCreateDevice next_CreateDevice;
static VkResult VKAPI_CALL my_CreateDevice(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                                           const VkAllocationCallbacks *by, VkDevice *made) {
  const VkResult result =
      fails("vkCreateDevice") ? (VkResult)faults.result : next_CreateDevice(physical, info, by, made);
  count(result == VK_SUCCESS);
  return result;
}
static PFN_vkDestroyDevice next_DestroyDevice;
static void VKAPI_CALL my_DestroyDevice(VkDevice device, const VkAllocationCallbacks *by) {
  count(-1);
  next_DestroyDevice(device, by);
}
static PFN_vkCreateInstance next_CreateInstance;
static VkResult VKAPI_CALL my_CreateInstance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *by,
                                             VkInstance *made) {
  const VkResult result = fails("vkCreateInstance") ? (VkResult)faults.result : next_CreateInstance(info, by, made);
  count(result == VK_SUCCESS);
  return result;
}
static PFN_vkDestroyInstance next_DestroyInstance;
static void VKAPI_CALL my_DestroyInstance(VkInstance instance, const VkAllocationCallbacks *by) {
  count(-1);
  next_DestroyInstance(instance, by);
}

/*--- Memory ---------------------------------------------------------------------------------------------------------*/

static PFN_vkGetPhysicalDeviceMemoryProperties next_GetPhysicalDeviceMemoryProperties;
static void VKAPI_CALL my_GetPhysicalDeviceMemoryProperties(VkPhysicalDevice physical,
                                                            VkPhysicalDeviceMemoryProperties *memory) {
  next_GetPhysicalDeviceMemoryProperties(physical, memory);
  if (!faults.hides)
    return;
  memory->memoryTypeCount = 2;
  memory->memoryTypes[HIDDEN] = (VkMemoryType){.propertyFlags = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT};
  memory->memoryTypes[SEEN] =
      (VkMemoryType){.propertyFlags = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT |
                                      VK_MEMORY_PROPERTY_HOST_CACHED_BIT};
}
/*--- A poor device --------------------------------------------------------------------------------------------------*/

static PFN_vkGetPhysicalDeviceFeatures2 next_GetPhysicalDeviceFeatures2;
static void VKAPI_CALL my_GetPhysicalDeviceFeatures2(VkPhysicalDevice physical, VkPhysicalDeviceFeatures2 *has) {
  next_GetPhysicalDeviceFeatures2(physical, has);
  if (!getenv("SMELT_TEST_POOR"))
    return;
  has->features.shaderInt64 = VK_FALSE;
  for (VkBaseOutStructure *part = has->pNext; part; part = part->pNext)
    if (part->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES)
      ((VkPhysicalDevice16BitStorageFeatures *)part)->storageBuffer16BitAccess = VK_FALSE;
    else if (part->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES)
      ((VkPhysicalDevice8BitStorageFeatures *)part)->storageBuffer8BitAccess = VK_FALSE;
    else if (part->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES)
      ((VkPhysicalDeviceShaderIntegerDotProductFeatures *)part)->shaderIntegerDotProduct = VK_FALSE;
}
static PFN_vkGetPhysicalDeviceProperties next_GetPhysicalDeviceProperties;
static void VKAPI_CALL my_GetPhysicalDeviceProperties(VkPhysicalDevice physical, VkPhysicalDeviceProperties *has) {
  next_GetPhysicalDeviceProperties(physical, has);
  if (getenv("SMELT_TEST_POOR"))
    has->limits.maxComputeSharedMemorySize = 16384;
}

static PFN_vkGetBufferMemoryRequirements next_GetBufferMemoryRequirements;
static void VKAPI_CALL my_GetBufferMemoryRequirements(VkDevice device, VkBuffer buffer, VkMemoryRequirements *needed) {
  next_GetBufferMemoryRequirements(device, buffer, needed);
  if (faults.hides)
    needed->memoryTypeBits = 1u << HIDDEN | 1u << SEEN;
}
static void replace(VkDeviceMemory from, VkDeviceMemory to) {
  for (int i = 0; i < MOST_HIDDEN; ++i)
    if (hidden[i] == from) {
      hidden[i] = to;
      return;
    }
}
static PFN_vkAllocateMemory next_AllocateMemory;
static VkResult VKAPI_CALL my_AllocateMemory(VkDevice device, const VkMemoryAllocateInfo *info,
                                             const VkAllocationCallbacks *by, VkDeviceMemory *made) {
  if (fails("vkAllocateMemory"))
    return (VkResult)faults.result;
  VkMemoryAllocateInfo real = *info;
  if (faults.hides)
    real.memoryTypeIndex = 0;
  const VkResult result = next_AllocateMemory(device, &real, by, made);
  count(result == VK_SUCCESS);
  if (result == VK_SUCCESS && faults.hides && info->memoryTypeIndex == HIDDEN)
    replace(VK_NULL_HANDLE, *made);
  return result;
}
static PFN_vkFreeMemory next_FreeMemory;
static void VKAPI_CALL my_FreeMemory(VkDevice device, VkDeviceMemory memory, const VkAllocationCallbacks *by) {
  count(-(memory != VK_NULL_HANDLE));
  if (memory)
    replace(memory, VK_NULL_HANDLE);
  next_FreeMemory(device, memory, by);
}
static PFN_vkMapMemory next_MapMemory;
static VkResult VKAPI_CALL my_MapMemory(VkDevice device, VkDeviceMemory memory, VkDeviceSize at, VkDeviceSize bytes,
                                        VkMemoryMapFlags flags, void **mapped) {
  if (fails("vkMapMemory"))
    return (VkResult)faults.result;
  for (int i = 0; i < MOST_HIDDEN; ++i)
    if (hidden[i] == memory) {
      ++faults.wrong;
      return VK_ERROR_MEMORY_MAP_FAILED;
    }
  return next_MapMemory(device, memory, at, bytes, flags, mapped);
}

/*--- The table ------------------------------------------------------------------------------------------------------*/

static PFN_vkVoidFunction VKAPI_CALL my_GetDeviceProcAddr(VkDevice device, const char *name);

#define ALL(F)                                                                                                         \
  F(CreateInstance)                                                                                                    \
  F(DestroyInstance)                                                                                                   \
  F(EnumeratePhysicalDevices)                                                                                          \
  F(GetPhysicalDeviceFeatures2)                                                                                        \
  F(GetPhysicalDeviceMemoryProperties)                                                                                 \
  F(GetPhysicalDeviceProperties)                                                                                       \
  F(CreateDevice)                                                                                                      \
  F(DestroyDevice)                                                                                                     \
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
  F(CreateCommandPool)                                                                                                 \
  F(DestroyCommandPool)                                                                                                \
  F(AllocateCommandBuffers)                                                                                            \
  F(BeginCommandBuffer)                                                                                                \
  F(EndCommandBuffer)                                                                                                  \
  F(CreateQueryPool)                                                                                                   \
  F(DestroyQueryPool)                                                                                                  \
  F(GetQueryPoolResults)                                                                                               \
  F(QueueSubmit)

static PFN_vkVoidFunction mine(const char *name, PFN_vkVoidFunction next) {
#define MINE(function)                                                                                                 \
  if (!strcmp(name, "vk" #function)) {                                                                                 \
    next_##function = (PFN_vk##function)next;                                                                          \
    return (PFN_vkVoidFunction)my_##function;                                                                          \
  }
  ALL(MINE)
#undef MINE
  return next;
}

static PFN_vkVoidFunction VKAPI_CALL my_GetDeviceProcAddr(VkDevice device, const char *name) {
  PFN_vkVoidFunction next = next_device(device, name);
  return next ? mine(name, next) : NULL;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vkGetInstanceProcAddr(VkInstance instance, const char *name) {
  PFN_vkVoidFunction next = next_instance ? next_instance(instance, name) : NULL;
  if (!next || strcmp(name, "vkGetDeviceProcAddr"))
    return next ? mine(name, next) : NULL;
  next_device = (PFN_vkGetDeviceProcAddr)next;
  return (PFN_vkVoidFunction)my_GetDeviceProcAddr;
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("SMELT_TEST_LOADER"), *fail = getenv("SMELT_TEST_FAIL");
  void *loader = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
  next_instance = loader ? (PFN_vkGetInstanceProcAddr)dlsym(loader, "vkGetInstanceProcAddr") : NULL;
  faults.hides = getenv("SMELT_TEST_HIDE") != NULL;
  if (fail)
    sscanf(fail, "%d:%d", &faults.fail_at, &faults.result);
}
