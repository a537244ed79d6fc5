/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

#include "functions.h"

#include <dlfcn.h>
#include <stdio.h>

static const char *meaning_of(VkResult result) {
  switch (result) {
  case VK_ERROR_OUT_OF_HOST_MEMORY:
    return "the host's memory is exhausted";
  case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    return "the device's memory is exhausted";
  case VK_ERROR_INITIALIZATION_FAILED:
    return "the driver does not start";
  case VK_ERROR_DEVICE_LOST:
    return "the device was lost";
  case VK_ERROR_INCOMPATIBLE_DRIVER:
    return "there is no driver; install one, such as mesa-vulkan-drivers";
  default:
    return NULL;
  }
}

void smelt_vulkan_explain(char *why, size_t why_bytes, const char *what, VkResult result) {
  const char *meaning = meaning_of(result);
  if (result == VK_SUCCESS)
    snprintf(why, why_bytes, "%s", what);
  else if (meaning)
    snprintf(why, why_bytes, "%s: %s", what, meaning);
  else
    snprintf(why, why_bytes, "%s: Vulkan's error %d", what, (int)result);
}

static int failed(char *why, size_t why_bytes, const char *what, VkResult result) {
  smelt_vulkan_explain(why, why_bytes, what, result);
  return 0;
}

int smelt_vulkan_load(smelt_vulkan_functions *functions, char *why, size_t why_bytes) {
  functions->library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!functions->library)
    return failed(why, why_bytes, "there is no Vulkan loader, libvulkan.so.1; install libvulkan1", VK_SUCCESS);
  const PFN_vkGetInstanceProcAddr find = (PFN_vkGetInstanceProcAddr)dlsym(functions->library, "vkGetInstanceProcAddr");
  const PFN_vkCreateInstance create = find ? (PFN_vkCreateInstance)find(NULL, "vkCreateInstance") : NULL;
  if (!create)
    return failed(why, why_bytes, "libvulkan.so.1 is no Vulkan loader", VK_SUCCESS);
  const VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_1};
  const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &application};
  const VkResult result = create(&info, NULL, &functions->instance);
  if (result != VK_SUCCESS)
    return failed(why, why_bytes, "Vulkan does not start", result);
  int all = 1;
#define SMELT_VULKAN_FIND(name) all &= (functions->name = (PFN_vk##name)find(functions->instance, "vk" #name)) != NULL;
  SMELT_VULKAN_INSTANCE_FUNCTIONS(SMELT_VULKAN_FIND)
#undef SMELT_VULKAN_FIND
  return all ? 1 : failed(why, why_bytes, "the Vulkan loader lacks functions of version 1.1", VK_SUCCESS);
}

int smelt_vulkan_load_device(smelt_vulkan_functions *functions, VkDevice device) {
  int all = 1;
#define SMELT_VULKAN_FIND(name)                                                                                        \
  all &= (functions->name = (PFN_vk##name)functions->GetDeviceProcAddr(device, "vk" #name)) != NULL;
  SMELT_VULKAN_DEVICE_FUNCTIONS(SMELT_VULKAN_FIND)
#undef SMELT_VULKAN_FIND
  return all;
}

void smelt_vulkan_unload(smelt_vulkan_functions *functions) {
  if (functions->instance && functions->DestroyInstance)
    functions->DestroyInstance(functions->instance, NULL);
  if (functions->library)
    dlclose(functions->library);
}
