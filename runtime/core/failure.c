/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

#include "smelt/smelt.h"

/* Text in a buffer of so many bytes, of which the last is a zero's. */
typedef struct writer {
  char *text;
  uint64_t bytes, length;
} writer;

static void put(writer *to, char letter) {
  if (to->length + 1 < to->bytes)
    to->text[to->length] = letter;
  ++to->length;
}

static void put_number(writer *to, int64_t number) {
  char digits[20];
  uint32_t count = 0;
  uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
  do {
    digits[count++] = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest);
  if (number < 0)
    put(to, '-');
  while (count)
    put(to, digits[--count]);
}

/* Reads digits; returns where they end. No size has a number of SMELT_MAX_SIZES and more. */
static const char *read_number(const char *digits, uint64_t *number) {
  for (*number = 0; *digits >= '0' && *digits <= '9'; ++digits)
    if (*number < SMELT_MAX_SIZES)
      *number = *number * 10 + (uint64_t)(*digits - '0');
  return digits;
}

static const char *says_of(const smelt_model *model, uint64_t size) {
  for (uint32_t i = 0; i < model->size_use_count; ++i)
    if (size >= model->size_uses[i].first && size < model->size_uses[i].last)
      return model->size_uses[i].says;
  return 0;
}

uint64_t smelt_failure(const smelt_instance *instance, char *text, uint64_t bytes) {
  if (!instance || !instance->model || (bytes && !text))
    return 0;
  const uint64_t failed = smelt_failed_size(instance);
  const char *says = says_of(instance->model, failed);
  const int64_t *sizes = (const int64_t *)instance->arena;
  writer to = {text, bytes, 0};
  for (; says && *says; ++says) {
    if (*says != '{' && *says != '}') {
      put(&to, *says);
      continue;
    }
    uint64_t number = 0;
    const char *end = *says == '{' ? read_number(says + 1, &number) : says;
    if (end == says || end == says + 1) { /* a doubled brace */
      put(&to, *says);
      says += says[1] == *says;
      continue;
    }
    if (number < failed) /* sizes are computed in their order */
      put_number(&to, sizes[number]);
    else
      put(&to, '?');
    says = *end ? end : end - 1;
  }
  if (bytes)
    text[to.length < bytes ? to.length : bytes - 1] = 0;
  return to.length;
}
