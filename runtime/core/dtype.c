/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

#include "smelt/smelt.h"

size_t smelt_dtype_size(smelt_dtype dtype) {
  switch (dtype) {
  case SMELT_I8:
  case SMELT_U8:
  case SMELT_BOOL:
    return 1;
  case SMELT_F16:
  case SMELT_BF16:
  case SMELT_I16:
  case SMELT_U16:
    return 2;
  case SMELT_F32:
  case SMELT_I32:
  case SMELT_U32:
    return 4;
  case SMELT_F64:
  case SMELT_I64:
  case SMELT_U64:
    return 8;
  }
  return 0;
}
