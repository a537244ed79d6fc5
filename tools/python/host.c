/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* libsmelt_host.so is the whole runtime as a shared library, for programs that load artefacts without being compiled
 * against smelt.h. */
#include "smelt/threads.h"

/* The caller allocates these structures, knowing nothing about them but their sizes. */
size_t smelt_host_instance_bytes(void);
size_t smelt_host_pool_bytes(void);

size_t smelt_host_instance_bytes(void) { return sizeof(smelt_instance); }
size_t smelt_host_pool_bytes(void) { return sizeof(smelt_pool); }
