/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

#include "driver.h"

#include <dlfcn.h>
#include <stdio.h>

void smelt_cuda_explain(const smelt_cuda_driver *driver, char *why, size_t why_bytes, const char *what,
                        cu_result result) {
  const char *meaning = NULL;
  if (result == CU_SUCCESS)
    snprintf(why, why_bytes, "%s", what);
  else if (driver->error_string && driver->error_string(result, &meaning) == CU_SUCCESS && meaning)
    snprintf(why, why_bytes, "%s: %s (CUDA's error %d)", what, meaning, result);
  else
    snprintf(why, why_bytes, "%s: CUDA's error %d", what, result);
}

int smelt_cuda_load(smelt_cuda_driver *driver, char *why, size_t why_bytes) {
  driver->library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!driver->library) {
    smelt_cuda_explain(driver, why, why_bytes, "there is no NVIDIA driver, libcuda.so.1; install one for the device",
                       CU_SUCCESS);
    return 0;
  }
  static const char *const symbols[] = {
#define SMELT_CUDA_NAME(name, symbol, arguments) #symbol,
      SMELT_CUDA_FUNCTIONS(SMELT_CUDA_NAME)
#undef SMELT_CUDA_NAME
  };
  void **const functions[] = {
#define SMELT_CUDA_PLACE(name, symbol, arguments) (void **)&driver->name,
      SMELT_CUDA_FUNCTIONS(SMELT_CUDA_PLACE)
#undef SMELT_CUDA_PLACE
  };
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; ++i)
    if (!(*functions[i] = dlsym(driver->library, symbols[i]))) {
      snprintf(why, why_bytes, "the NVIDIA driver is older than CUDA 11.4: it lacks %s; install a newer one",
               symbols[i]);
      return 0;
    }
  const cu_result result = driver->init(0);
  if (result != CU_SUCCESS)
    smelt_cuda_explain(driver, why, why_bytes, "the NVIDIA driver does not start", result);
  return result == CU_SUCCESS;
}

void smelt_cuda_unload(smelt_cuda_driver *driver) {
  if (driver->library)
    dlclose(driver->library);
}
