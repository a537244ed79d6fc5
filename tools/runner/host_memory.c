/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

#include "host_memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A system that lends more memory than it has would end the process that uses it. */
static int is_there(uint64_t bytes) {
  return bytes / (uint64_t)sysconf(_SC_PAGESIZE) < (uint64_t)sysconf(_SC_PHYS_PAGES);
}

static void *resize(void *user, void *block, uint64_t old_bytes, uint64_t bytes) {
  (void)user;
  if (!is_there(bytes))
    return NULL;
  const uint64_t whole = (bytes + SMELT_ALIGNMENT - 1) / SMELT_ALIGNMENT * SMELT_ALIGNMENT;
  void *grown = bytes ? aligned_alloc(SMELT_ALIGNMENT, whole) : NULL;
  if (bytes && !grown)
    return NULL; /* and the old one stays */
  if (grown && block)
    memcpy(grown, block, old_bytes < bytes ? old_bytes : bytes);
  free(block);
  return grown;
}

void smelt_host_take_memory(smelt_instance *instance) { smelt_set_resize(instance, resize, NULL); }
