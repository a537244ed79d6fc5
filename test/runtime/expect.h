/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* For programs of tests: leaves main with 1 and says where something is not so. */
#ifndef SMELT_TEST_EXPECT_H
#define SMELT_TEST_EXPECT_H

#include <stdio.h>

#define EXPECT(what)                                                                                                   \
  do {                                                                                                                 \
    if (!(what)) {                                                                                                     \
      fprintf(stderr, "line %d: not so: %s\n", __LINE__, #what);                                                       \
      return 1;                                                                                                        \
    }                                                                                                                  \
  } while (0)

#endif /* SMELT_TEST_EXPECT_H */
