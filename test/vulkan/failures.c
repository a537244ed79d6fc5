/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* usage: failures ARTEFACT RESULT: opens, runs, times and closes a model over and over, with faults.c in the loader's
 * place; each time another of its calls fails with that VkResult. Every failure must be told in a status and a
 * sentence, must leave no object behind, and must not change what later runs compute. Exit code 0: all of it holds, and
 * stdout says of how many calls; 1: it does not, and stderr says where. Where the input's first dim is open, it is set
 * to several numbers, and is 4 columns wide. */

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan.h>

#include "faults.h"
#include "smelt/vulkan.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const smelt_model *model;
static const smelt_vulkan_program *program;
static float *input;
static unsigned char *output;

static void *aligned(uint64_t bytes) {
  return aligned_alloc(SMELT_ALIGNMENT, (bytes + SMELT_ALIGNMENT) / SMELT_ALIGNMENT * SMELT_ALIGNMENT);
}

/* What one attempt came to. */
typedef struct attempt {
  smelt_status status; /* the first that is not SMELT_OK */
  char why[SMELT_VULKAN_WHY_BYTES];
  int runs_after_failure;
} attempt;

static void note(attempt *made, smelt_status status, const char *why) {
  if (status == SMELT_OK || made->status != SMELT_OK)
    return;
  made->status = status;
  snprintf(made->why, sizeof made->why, "%s", why);
}

static smelt_status run(smelt_vulkan *vulkan, attempt *made) {
  void *outputs[] = {output};
  const smelt_status status = smelt_vulkan_run(vulkan, (const void *[]){input}, outputs);
  note(made, status, smelt_vulkan_why(vulkan));
  return status;
}

static void look_at(void *user, const smelt_model *of, uint32_t number, int done) {
  (void)user, (void)of, (void)number, (void)done;
}

enum { COLUMNS = 4, MOST_ROWS = 9 };

static int is_open(void) { return model->inputs[0].shape[0] < 0; }

static uint64_t input_bytes(void) { return is_open() ? sizeof(float) * MOST_ROWS * COLUMNS : model->inputs[0].bytes; }
static uint64_t output_bytes(void) { return is_open() ? sizeof(float) * MOST_ROWS * COLUMNS : model->outputs[0].bytes; }

/* With so many rows, where they are open. */
static smelt_status run_rows(smelt_vulkan *vulkan, int64_t rows, attempt *made) {
  const smelt_status status =
      is_open() ? smelt_vulkan_set_shapes(vulkan, (const int64_t *[]){(const int64_t[]){rows, COLUMNS}}) : SMELT_OK;
  note(made, status, smelt_vulkan_why(vulkan));
  return status == SMELT_OK ? run(vulkan, made) : status;
}

static void use(smelt_vulkan *vulkan, smelt_instance *instance, attempt *made) {
  const int64_t rows[] = {3, 3, MOST_ROWS, 2};
  for (int i = 0; i < (is_open() ? 4 : 1); ++i)
    if (run_rows(vulkan, rows[i], made) != SMELT_OK) {
      made->runs_after_failure = run(vulkan, made) == SMELT_OK;
      return;
    }
  note(made, smelt_vulkan_set_timing(vulkan, 1), smelt_vulkan_why(vulkan));
  run(vulkan, made);
  note(made, smelt_vulkan_set_timing(vulkan, 0), smelt_vulkan_why(vulkan));
  smelt_set_step_hook(instance, look_at, NULL); /* step by step */
  run(vulkan, made);
}

static attempt try_all(void) {
  attempt made = {SMELT_OK, "", 0};
  smelt_vulkan *vulkan;
  smelt_instance instance;
  char why[SMELT_VULKAN_WHY_BYTES];
  note(&made, smelt_vulkan_open(&vulkan, model, program, why, sizeof why), why);
  if (!vulkan)
    return made;
  if (smelt_init(&instance, model, smelt_vulkan_arena(vulkan), smelt_vulkan_arena_bytes(vulkan)) == SMELT_OK) {
    smelt_vulkan_bind(vulkan, &instance);
    use(vulkan, &instance, &made);
  }
  smelt_vulkan_close(vulkan);
  return made;
}

static int complain(const smelt_faults *faults, int call, const char *what, const char *why) {
  fprintf(stderr, "call %d, %s: %s: %s\n", call, faults->failed, what, why);
  return 1;
}

/* What is wrong with an attempt in which a call failed. */
static int judge(const smelt_faults *faults, int call, const attempt *made, int is_right) {
  if (made->status == SMELT_OK && is_open() && is_right && !faults->live)
    return 0; /* of a block that should have grown by more than it must */
  if (made->status == SMELT_OK)
    return complain(faults, call, "no error", "");
  if (!made->why[0])
    return complain(faults, call, "no sentence", smelt_status_string(made->status));
  if (made->runs_after_failure)
    return complain(faults, call, "it runs again after it failed", made->why);
  if (faults->live)
    return complain(faults, call, "objects are left", made->why);
  return 0;
}

/* Keeps drivers loaded to the end: Mesa's have a list that is lost where they are unloaded, which is no leak of ours.
 */
static int keep_drivers(void) {
  static VkInstance kept;
  void *loader = dlopen(getenv("SMELT_TEST_LOADER"), RTLD_NOW);
  PFN_vkCreateInstance create = loader ? (PFN_vkCreateInstance)dlsym(loader, "vkCreateInstance") : NULL;
  const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
  return create && create(&info, NULL, &kept) == VK_SUCCESS;
}

int main(int argc, char **argv) {
  void *library = argc == 3 ? dlopen(argv[1], RTLD_NOW) : NULL, *loader = dlopen("libvulkan.so.1", RTLD_NOW);
  smelt_faults *faults = loader ? dlsym(loader, "smelt_faults_state") : NULL;
  model = library ? dlsym(library, "smelt_model") : NULL;
  program = library ? dlsym(library, "smelt_device") : NULL;
  if (!faults || !model || !program || model->input_count != 1 || model->output_count != 1 || !keep_drivers()) {
    fprintf(stderr, "no artefact with one input and one output for a device, or another loader\n");
    return 2;
  }
  input = aligned(input_bytes());
  output = aligned(output_bytes());
  unsigned char *first = aligned(output_bytes());
  for (uint64_t i = 0; i < input_bytes() / sizeof(float); ++i)
    input[i] = (float)(i * 2654435761u % 1000) / 1000;
  attempt made = try_all();
  if (made.status != SMELT_OK || faults->live)
    return complain(faults, -1, "fails without a fault", made.why);
  memcpy(first, output, output_bytes());
  const int calls = faults->calls;
  faults->result = atoi(argv[2]);
  int bad = 0;
  for (int call = 0; call < calls; ++call) {
    faults->calls = faults->live = 0;
    faults->fail_at = call;
    made = try_all();
    bad += judge(faults, call, &made, memcmp(first, output, output_bytes()) == 0);
  }
  faults->fail_at = -1;
  made = try_all();
  bad += made.status != SMELT_OK || memcmp(first, output, output_bytes()) != 0;
  bad += faults->wrong;
  printf("%d calls, %d complaints, %d of them of memory that is hidden\n", calls, bad, faults->wrong);
  free(input);
  free(output);
  free(first);
  dlclose(library);
  dlclose(loader);
  return bad != 0;
}
