/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* Memory of a host for what grows in an instance; in C, so that programs in other languages have it too. */
#ifndef SMELT_RUNNER_HOST_MEMORY_H
#define SMELT_RUNNER_HOST_MEMORY_H

#include "smelt/smelt.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Lets an instance's blocks grow in the host's memory, up to what it has. */
void smelt_host_take_memory(smelt_instance *instance);

#ifdef __cplusplus
}
#endif

#endif /* SMELT_RUNNER_HOST_MEMORY_H */
