/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

#include "smelt/smelt.h"

const char *smelt_status_string(smelt_status status) {
  switch (status) {
  case SMELT_OK:
    return "The call succeeded.";
  case SMELT_ERROR_ARGUMENT:
    return "A required argument is null or out of range.";
  case SMELT_ERROR_ABI:
    return "The model was compiled for another version of the runtime.";
  case SMELT_ERROR_ARENA:
    return "The arena is smaller than the model needs.";
  case SMELT_ERROR_ALIGNMENT:
    return "A buffer does not start at a multiple of 64 bytes.";
  case SMELT_ERROR_CPU:
    return "The processor lacks an instruction set the model was compiled for.";
  case SMELT_ERROR_THREADS:
    return "The operating system refused to start a thread.";
  case SMELT_ERROR_SHAPE:
    return "The shapes of the inputs, or sizes that the run found, are missing, contradict one another, or are too "
           "large.";
  case SMELT_ERROR_MEMORY:
    return "The model needs memory that grows, and there is none, or not enough.";
  case SMELT_ERROR_DEVICE:
    return "The model needs a device, and there is none, or it failed.";
  }
  return "The status is unknown.";
}

_Static_assert(SMELT_ALIGNMENT == 64, "the sentence for SMELT_ERROR_ALIGNMENT names the alignment");
