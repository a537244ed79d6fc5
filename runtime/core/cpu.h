/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* Which instruction sets this processor, and the operating system on it, let a program use. */
#ifndef SMELT_CORE_CPU_H
#define SMELT_CORE_CPU_H

#include <stdint.h>

/* Bits SMELT_CPU_*. Asks the processor every time: the runtime keeps no state, and only smelt_init asks. */
uint64_t smelt_cpu_features(void);

#endif /* SMELT_CORE_CPU_H */
