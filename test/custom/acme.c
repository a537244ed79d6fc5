/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * Functions of the operators that acme.ops declares. */
#include "smelt/smelt.h"
#include <math.h>
#include <string.h>

static int64_t elements_of(const smelt_tensor *tensor) {
  int64_t count = 1;
  for (uint32_t dim = 0; dim < tensor->rank; ++dim)
    count *= tensor->shape[dim];
  return count;
}

/* y = x * factors * by + bias, the factors and the optional bias along the last dim */
void acme_scale(const smelt_custom_call *call) {
  const float *x = call->inputs[0].data, *factors = call->inputs[1].data, *bias = call->inputs[2].data;
  const int64_t n = call->inputs[1].shape[0], count = elements_of(&call->inputs[0]);
  const double by = call->attributes[0].floats[0];
  float *y = call->outputs[0].data;
  for (int64_t i = 0; i < count; ++i)
    y[i] = (float)(x[i] * factors[i % n] * by) + (bias ? bias[i % n] : 0);
}

/* The largest, or smallest, of each k by k window, and where in the window it is. */
void acme_pool(const smelt_custom_call *call) {
  const smelt_tensor *in = &call->inputs[0], *out = &call->outputs[0];
  const int64_t k = call->attributes[0].ints[0];
  const float sign = strcmp(call->attributes[1].text, "min") == 0 ? -1.f : 1.f;
  const float *x = in->data;
  float *y = out->data;
  int64_t *places = call->outputs[1].data;
  for (int64_t image = 0; image < in->shape[0]; ++image)
    for (int64_t row = 0; row < out->shape[1]; ++row)
      for (int64_t column = 0; column < out->shape[2]; ++column) {
        float best = -INFINITY;
        int64_t place = 0;
        for (int64_t i = 0; i < k * k; ++i) {
          const float value = sign * x[(image * in->shape[1] + row * k + i / k) * in->shape[2] + column * k + i % k];
          if (value > best) {
            best = value;
            place = i;
          }
        }
        *y++ = sign * best;
        *places++ = place;
      }
}

/* Elements of any type as they are, and zeros behind them. */
void acme_extend(const smelt_custom_call *call) {
  const size_t before = call->inputs[0].bytes, after = call->outputs[0].bytes;
  memcpy(call->outputs[0].data, call->inputs[0].data, before);
  memset((char *)call->outputs[0].data + before, 0, after - before);
}

/* What it was called with, as numbers: rank, dtype and size of the input, counts of attributes, and the text's length.
 */
void acme_describe(const smelt_custom_call *call) {
  int64_t *y = call->outputs[0].data;
  *y++ = call->inputs[0].rank;
  *y++ = call->inputs[0].dtype;
  *y++ = elements_of(&call->inputs[0]);
  for (uint32_t i = 0; i < 4; ++i)
    *y++ = (int64_t)call->attributes[i].count;
  *y++ = call->attributes[0].count ? call->attributes[0].ints[call->attributes[0].count - 1] : -1;
  *y++ = call->attributes[1].count ? (int64_t)(call->attributes[1].floats[0] * 4) : -1;
  *y = strcmp(call->attributes[2].name, "words") == 0 && call->attributes[2].text[call->attributes[2].count] == 0;
}
