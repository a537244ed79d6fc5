/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* What a library in the place of a driver does and has seen, symbol smelt_faults_state: vulkan/faults.c for
 * libvulkan.so.1, cuda/device for libcuda.so.1. */
#ifndef SMELT_TEST_FAULTS_H
#define SMELT_TEST_FAULTS_H

typedef struct smelt_faults {
  int fail_at; /* the number of the call that fails, counted from 0; negative: none */
  int result;  /* what it returns: a VkResult; an error of CUDA, of which all later calls return those of a lost device
                */
  int hides;   /* of Vulkan, 1: the device has memory that the processor does not see, and other that both see */
  int calls;   /* so far, of functions that may fail */
  int live;    /* objects made and not destroyed */
  int wrong;   /* uses that no driver takes: memory mapped that is hidden, calls without a context */
  char failed[64]; /* the function that failed last */
} smelt_faults;

#endif /* SMELT_TEST_FAULTS_H */
