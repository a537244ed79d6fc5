/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* usage: failures ARTEFACT RESULT: opens, runs, times and closes a model over and over, with a library of the tests' in
 * the driver's place; each time another of its calls fails with that result. Every failure must be told in a status and
 * a sentence, must leave no object behind, and must not change what later runs compute. Exit code 0: all of it holds,
 * and stdout says of how many calls; 1: it does not, and stderr says where. Where the input's first dim is open, it is
 * set to several numbers, and is 4 columns wide.
 * An instance of Vulkan does not run again after that; one of CUDA does where the device is not lost, as if nothing had
 * been. */

#ifdef WITH_CUDA
#include "smelt/cuda.h"
#define DEVICE(name) smelt_cuda##name
#define PROGRAM "smelt_cuda_device"
#define DRIVER "libcuda.so.1"
enum { RUNS_AGAIN = 1, FIRST_LOST = 700, WHY_BYTES = SMELT_CUDA_WHY_BYTES };
#else
#define VK_NO_PROTOTYPES
#include "smelt/vulkan.h"
#include <vulkan/vulkan.h>
#define DEVICE(name) smelt_vulkan##name
#define PROGRAM "smelt_device"
#define DRIVER "libvulkan.so.1"
enum { RUNS_AGAIN = 0, FIRST_LOST = 0, WHY_BYTES = SMELT_VULKAN_WHY_BYTES };
#endif

#include "faults.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const smelt_model *model;
static const DEVICE(_program) * program;
static smelt_faults *faults;
static float *input;
static unsigned char *output;

static void *aligned(uint64_t bytes) {
  return aligned_alloc(SMELT_ALIGNMENT, (bytes + SMELT_ALIGNMENT) / SMELT_ALIGNMENT * SMELT_ALIGNMENT);
}

/* What one attempt came to. */
typedef struct attempt {
  smelt_status status; /* the first that is not SMELT_OK */
  char why[WHY_BYTES];
  int runs_after_failure;
  uint64_t computed;  /* of all outputs, a hash */
  int opened, closed; /* how many calls there were until then */
} attempt;

static void note(attempt *made, smelt_status status, const char *why) {
  if (status == SMELT_OK || made->status != SMELT_OK)
    return;
  made->status = status;
  snprintf(made->why, sizeof made->why, "%s", why);
}

static void look_at(void *user, const smelt_model *of, uint32_t number, int done) {
  (void)user, (void)of, (void)number, (void)done;
}

enum { COLUMNS = 4, MOST_ROWS = 40 };

static int is_open(void) { return model->inputs[0].shape[0] < 0; }

static uint64_t bytes_of(const smelt_tensor_info *tensor, int64_t rows) {
  return is_open() ? sizeof(float) * (uint64_t)rows * COLUMNS : tensor->bytes;
}

static smelt_status run(DEVICE() * device, int64_t rows, attempt *made) {
  void *outputs[] = {output};
  const smelt_status status = DEVICE(_run)(device, (const void *[]){input}, outputs);
  note(made, status, DEVICE(_why)(device));
  for (uint64_t i = 0; status == SMELT_OK && i < bytes_of(&model->outputs[0], rows); ++i)
    made->computed = (made->computed ^ output[i]) * 1099511628211u;
  return status;
}

/* With so many rows, where they are open. */
static smelt_status run_rows(DEVICE() * device, int64_t rows, attempt *made) {
  const smelt_status status =
      is_open() ? DEVICE(_set_shapes)(device, (const int64_t *[]){(const int64_t[]){rows, COLUMNS}}) : SMELT_OK;
  note(made, status, DEVICE(_why)(device));
  return status == SMELT_OK ? run(device, rows, made) : status;
}

/* And once more where that fails, if the device runs again. Without new shapes it must not run with the memory that the
 * old ones had. */
static int run_twice(DEVICE() * device, int64_t rows, attempt *made) {
  if (run_rows(device, rows, made) == SMELT_OK)
    return 1;
  made->runs_after_failure = run(device, rows, made) == SMELT_OK;
  return RUNS_AGAIN && made->runs_after_failure;
}

static void use(DEVICE() * device, smelt_instance *instance, attempt *made) {
  const int64_t rows[] = {3, 3, 9, 2, MOST_ROWS, MOST_ROWS, 1};
  const int count = is_open() ? sizeof rows / sizeof *rows : 1;
  for (int i = 0; i < count; ++i)
    if (!run_twice(device, rows[i], made))
      return;
#ifndef WITH_CUDA
  note(made, smelt_vulkan_set_timing(device, 1), smelt_vulkan_why(device));
  run(device, rows[count - 1], made);
  note(made, smelt_vulkan_set_timing(device, 0), smelt_vulkan_why(device));
#endif
  smelt_set_step_hook(instance, look_at, NULL); /* step by step */
  if (run(device, rows[count - 1], made) != SMELT_OK && RUNS_AGAIN)
    made->runs_after_failure = run(device, rows[count - 1], made) == SMELT_OK;
}

static attempt try_all(void) {
  attempt made = {.computed = 14695981039346656037u};
  DEVICE() * device;
  smelt_instance instance;
  char why[WHY_BYTES];
  note(&made, DEVICE(_open)(&device, model, program, why, sizeof why), why);
  made.opened = made.closed = faults->calls;
  if (!device)
    return made;
  if (smelt_init(&instance, model, DEVICE(_arena)(device), DEVICE(_arena_bytes)(device)) == SMELT_OK) {
    DEVICE(_bind)(device, &instance);
    use(device, &instance, &made);
  }
  made.closed = faults->calls;
  DEVICE(_close)(device);
  return made;
}

static int complain(int call, const char *what, const char *why) {
  fprintf(stderr, "call %d, %s: %s: %s\n", call, faults->failed, what, why);
  return 1;
}

/* What is wrong with an attempt in which a call failed. */
static int judge(int call, const attempt *made, const attempt *whole) {
  const int is_right = made->computed == whole->computed, is_lost = faults->result >= FIRST_LOST;
  if (faults->live)
    return complain(call, "objects are left", made->why);
  if (made->status == SMELT_OK && is_right && (is_open() || call >= made->closed))
    return 0; /* of a block that should have grown by more than it must; when all was computed */
  if (made->status == SMELT_OK)
    return complain(call, "no error", "");
  if (!made->why[0])
    return complain(call, "no sentence", smelt_status_string(made->status));
  if (made->runs_after_failure && (!RUNS_AGAIN || is_lost))
    return complain(call, "it runs again after it failed", made->why);
  if (RUNS_AGAIN && !is_lost && call >= made->opened && !(made->runs_after_failure && is_right))
    return complain(call, "it does not run again, or computes other numbers", made->why);
  return 0;
}

/* Keeps drivers loaded to the end: Mesa's have a list that is lost where they are unloaded, which is no leak of ours.
 */
static int keep_drivers(void) {
#ifdef WITH_CUDA
  return 1;
#else
  static VkInstance kept;
  void *loader = dlopen(getenv("SMELT_TEST_LOADER"), RTLD_NOW);
  PFN_vkCreateInstance create = loader ? (PFN_vkCreateInstance)dlsym(loader, "vkCreateInstance") : NULL;
  const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
  return create && create(&info, NULL, &kept) == VK_SUCCESS;
#endif
}

int main(int argc, char **argv) {
  void *library = argc == 3 ? dlopen(argv[1], RTLD_NOW) : NULL, *driver = dlopen(DRIVER, RTLD_NOW);
  faults = driver ? dlsym(driver, "smelt_faults_state") : NULL;
  model = library ? dlsym(library, "smelt_model") : NULL;
  program = library ? dlsym(library, PROGRAM) : NULL;
  if (!faults || !model || !program || model->input_count != 1 || model->output_count != 1 || !keep_drivers()) {
    fprintf(stderr, "no artefact with one input and one output for a device, or another driver\n");
    return 2;
  }
  const uint64_t bytes = bytes_of(&model->inputs[0], MOST_ROWS);
  input = aligned(bytes);
  output = aligned(bytes_of(&model->outputs[0], MOST_ROWS));
  for (uint64_t i = 0; i < bytes / sizeof(float); ++i)
    input[i] = (float)(i * 2654435761u % 1000) / 1000;
  const attempt whole = try_all();
  if (whole.status != SMELT_OK || faults->live)
    return complain(-1, "fails without a fault", whole.why);
  const int calls = faults->calls;
  faults->result = atoi(argv[2]);
  int bad = 0;
  for (int call = 0; call < calls; ++call) {
    faults->calls = faults->live = 0;
    faults->fail_at = call;
    const attempt made = try_all();
    bad += judge(call, &made, &whole);
  }
  faults->fail_at = -1;
  const attempt again = try_all();
  bad += again.status != SMELT_OK || again.computed != whole.computed;
  bad += faults->wrong;
  printf("%d calls, %d complaints, %d of them of uses that no driver takes\n", calls, bad, faults->wrong);
  free(input);
  free(output);
  dlclose(library);
  dlclose(driver);
  return bad != 0;
}
