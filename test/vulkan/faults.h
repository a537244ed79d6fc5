/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* What faults.c, in the place of libvulkan.so.1, does and has seen: symbol smelt_faults_state. */
#ifndef SMELT_TEST_FAULTS_H
#define SMELT_TEST_FAULTS_H

typedef struct smelt_faults {
  int fail_at;     /* the number of the call that fails, counted from 0; negative: none */
  int result;      /* a VkResult: what it returns */
  int hides;       /* 1: the device has memory that the processor does not see, and other that both see */
  int calls;       /* so far, of functions that may fail */
  int live;        /* objects made and not destroyed */
  int wrong;       /* uses that are no device's: memory mapped that is hidden */
  char failed[64]; /* the function that failed last */
} smelt_faults;

#endif /* SMELT_TEST_FAULTS_H */
