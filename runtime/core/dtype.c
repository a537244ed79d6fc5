/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

#include "smelt/smelt.h"

size_t smelt_dtype_size(smelt_dtype dtype) {
  switch (dtype) {
  case SMELT_I8:
  case SMELT_U8:
  case SMELT_BOOL:
  case SMELT_F8E4M3FN:
  case SMELT_F8E4M3FNUZ:
  case SMELT_F8E5M2:
  case SMELT_F8E5M2FNUZ:
  case SMELT_F8E8M0:
  case SMELT_F6E2M3:
  case SMELT_F6E3M2:
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
  case SMELT_F4E2M1:
  case SMELT_I4:
  case SMELT_U4:
  case SMELT_I2:
  case SMELT_U2:
    break;
  }
  return 0;
}

size_t smelt_dtype_bits(smelt_dtype dtype) {
  switch (dtype) {
  case SMELT_F4E2M1:
  case SMELT_I4:
  case SMELT_U4:
    return 4;
  case SMELT_I2:
  case SMELT_U2:
    return 2;
  default:
    return 8 * smelt_dtype_size(dtype);
  }
}
