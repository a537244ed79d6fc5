/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* Steps of a model on a device of CUDA: one block of memory for arena, inputs and outputs, one for the weights, and a
 * graph for each stretch of steps that the device runs without the processor. Where that is all of them, the device has
 * the block for itself, and the graph begins with copies of the inputs and ends with copies of the outputs; else the
 * processor sees the block too. */

#include "driver.h"

#include "../core/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct smelt_cuda {
  const smelt_model *model;
  const smelt_cuda_program *program;
  smelt_instance *instance;
  smelt_cuda_driver cu;
  cu_device device;
  cu_context context;
  char name[128];
  cu_module module;
  cu_function *functions; /* of the program's kernels */
  cu_stream stream;
  cu_event events[2]; /* around a step */
  int is_alone;       /* all steps are the device's */
  cu_address data, weights;
  uint64_t data_bytes;
  unsigned char *arena; /* the data as the processor sees it; where the device is alone, another that is not touched */
  unsigned char *host;  /* where the device is alone: inputs and outputs, which it copies */
  int is_managed;
  uint64_t *at;        /* in the data: inputs, then outputs */
  const void **inputs; /* the same as addresses of the processor */
  void **outputs;
  cu_graph_exec *stretches; /* under the first of their steps; null elsewhere */
  float *milliseconds;      /* of steps */
  char *why;
  size_t why_bytes;
  char last_why[SMELT_CUDA_WHY_BYTES]; /* of runs */
};

/* Says what is missing; what is said first counts. */
static smelt_status fail(smelt_cuda *c, smelt_status status, const char *what, cu_result result) {
  if (c->why_bytes && !c->why[0])
    smelt_cuda_explain(&c->cu, c->why, c->why_bytes, what, result);
  return status;
}

#define TRY(call, what)                                                                                                \
  do {                                                                                                                 \
    const cu_result result_ = (call);                                                                                  \
    if (result_ != CU_SUCCESS)                                                                                         \
      return fail(c, result_ == CU_OUT_OF_MEMORY ? SMELT_ERROR_MEMORY : SMELT_ERROR_DEVICE, what, result_);            \
  } while (0)

/* Null where there is no memory; of no elements, something that free takes. */
static void *make(size_t count, size_t bytes) { return calloc(count ? count : 1, bytes); }

static smelt_status no_memory(smelt_cuda *c) {
  return fail(c, SMELT_ERROR_MEMORY, "there is too little memory", CU_SUCCESS);
}

static smelt_status damaged(smelt_cuda *c) {
  return fail(c, SMELT_ERROR_ARGUMENT, "the artefact's device program is damaged", CU_SUCCESS);
}

/*--- The device -----------------------------------------------------------------------------------------------------*/

/* 80 for compute capability 8.0. */
static smelt_status find_architecture(smelt_cuda *c, cu_device device, uint32_t *architecture) {
  int major = 0, minor = 0;
  TRY(c->cu.device_attribute(&major, CU_ATTRIBUTE_MAJOR, device), "a device does not say what it is");
  TRY(c->cu.device_attribute(&minor, CU_ATTRIBUTE_MINOR, device), "a device does not say what it is");
  *architecture = (uint32_t)(major * 10 + minor);
  return SMELT_OK;
}

/* The first that has what the program needs. */
static smelt_status choose_device(smelt_cuda *c) {
  int count = 0;
  uint32_t best = 0;
  TRY(c->cu.device_count(&count), "no device of CUDA can be asked for");
  for (int i = 0; i < count; ++i) {
    cu_device device = 0;
    TRY(c->cu.device_get(&device, i), "no device of CUDA can be asked for");
    uint32_t architecture = 0;
    const smelt_status status = find_architecture(c, device, &architecture);
    if (status != SMELT_OK)
      return status;
    if (architecture >= c->program->architecture) {
      c->device = device;
      if (c->cu.device_name(c->name, sizeof c->name, device) != CU_SUCCESS)
        c->name[0] = 0;
      return SMELT_OK;
    }
    best = architecture > best ? architecture : best;
  }
  char text[SMELT_CUDA_WHY_BYTES];
  if (best)
    snprintf(text, sizeof text,
             "the device here is of sm_%u, older than the sm_%u of the artefact; compile the model with --target "
             "cuda:sm_%u",
             best, c->program->architecture, best);
  return fail(c, SMELT_ERROR_DEVICE, best ? text : "there is no device of CUDA", CU_SUCCESS);
}

static smelt_status open_context(smelt_cuda *c) {
  TRY(c->cu.context_retain(&c->context, c->device), "the device cannot be opened");
  return SMELT_OK;
}

static smelt_status open_device(smelt_cuda *c) {
  TRY(c->cu.stream_create(&c->stream, CU_STREAM_NON_BLOCKING), "the device takes no commands");
  TRY(c->cu.event_create(&c->events[0], 0), "the device has no clock");
  TRY(c->cu.event_create(&c->events[1], 0), "the device has no clock");
  return SMELT_OK;
}

/*--- Memory ---------------------------------------------------------------------------------------------------------*/

/* Arena, inputs and outputs that the processor sees too: pages that move where both may touch them at any time, else
 * the processor's own. */
static smelt_status make_shared(smelt_cuda *c) {
  int is_concurrent = 0;
  TRY(c->cu.device_attribute(&is_concurrent, CU_ATTRIBUTE_CONCURRENT_MANAGED, c->device),
      "the device does not say what it is");
  if (is_concurrent) {
    TRY(c->cu.allocate_managed(&c->data, c->data_bytes, CU_ATTACH_GLOBAL), "the device has too little memory");
    c->is_managed = 1;
    c->arena = (unsigned char *)(uintptr_t)c->data;
    return SMELT_OK;
  }
  void *host = NULL;
  TRY(c->cu.allocate_host(&host, c->data_bytes, CU_HOST_DEVICE_MAP), "there is too little memory");
  c->arena = host;
  TRY(c->cu.host_address(&c->data, host, 0), "the device does not see the processor's memory");
  return SMELT_OK;
}

static smelt_status make_separate(smelt_cuda *c, uint64_t first) {
  TRY(c->cu.allocate(&c->data, c->data_bytes), "the device has too little memory");
  c->is_managed = 1;
  void *host = NULL;
  TRY(c->cu.allocate_host(&host, c->data_bytes - first, 0), "there is too little memory");
  c->host = host;
  /* Nothing is written there but sizes and the like: of pages that nobody touches there are none. */
  c->arena = aligned_alloc(SMELT_ALIGNMENT, smelt_align_up(c->model->arena_bytes + 1, SMELT_ALIGNMENT));
  return c->arena ? SMELT_OK : no_memory(c);
}

static smelt_status make_memory(smelt_cuda *c) {
  const smelt_model *model = c->model;
  const uint32_t count = model->input_count + model->output_count;
  c->at = make(count, sizeof *c->at);
  c->inputs = make(model->input_count, sizeof *c->inputs);
  c->outputs = make(model->output_count, sizeof *c->outputs);
  c->milliseconds = make(model->step_count, sizeof *c->milliseconds);
  if (!c->at || !c->inputs || !c->outputs || !c->milliseconds)
    return no_memory(c);
  for (uint32_t i = 0; i < model->step_count; ++i)
    c->milliseconds[i] = -1;
  const uint64_t first = smelt_align_up(model->arena_bytes, SMELT_DEVICE_ALIGNMENT);
  c->data_bytes = smelt_device_layout(model, c->at) + SMELT_DEVICE_ALIGNMENT;
  c->is_alone = model->step_count > 0 && smelt_stretch_end(model, 0) == model->step_count;
  const smelt_status status = c->is_alone ? make_separate(c, first) : make_shared(c);
  if (status != SMELT_OK)
    return status;
  unsigned char *begin = c->is_alone ? c->host : c->arena + first;
  for (uint32_t i = 0; i < model->input_count; ++i)
    c->inputs[i] = begin + (c->at[i] - first);
  for (uint32_t i = 0; i < model->output_count; ++i)
    c->outputs[i] = begin + (c->at[model->input_count + i] - first);
  TRY(c->cu.allocate(&c->weights, model->weights_bytes + SMELT_DEVICE_ALIGNMENT),
      "the device has too little memory for the weights");
  if (model->weights_bytes)
    TRY(c->cu.upload(c->weights, model->weights, model->weights_bytes, c->stream), "the weights cannot be uploaded");
  TRY(c->cu.stream_wait(c->stream), "the weights cannot be uploaded");
  return SMELT_OK;
}

/*--- Kernels --------------------------------------------------------------------------------------------------------*/

static smelt_status load_kernels(smelt_cuda *c) {
  const smelt_cuda_program *program = c->program;
  if (!program->kernel_count)
    return SMELT_OK;
  c->functions = make(program->kernel_count, sizeof *c->functions);
  if (!c->functions)
    return no_memory(c);
  TRY(c->cu.module_load(&c->module, program->code), "the driver does not take the artefact's kernels");
  for (uint32_t i = 0; i < program->kernel_count; ++i)
    TRY(c->cu.module_function(&c->functions[i], c->module, program->kernels[i].name), "a kernel is missing");
  return SMELT_OK;
}

/* Where an operand lies on the device, if `bytes` from there on do; 0 otherwise. */
static cu_address place_of(const smelt_cuda *c, const smelt_operand *operand, uint64_t bytes) {
  const smelt_model *model = c->model;
  const uint64_t offset = (uint64_t)operand->offset;
  uint64_t begin = 0, end = c->data_bytes;
  cu_address base = c->data;
  switch (operand->base) {
  case SMELT_BASE_ARENA:
    begin = smelt_head_bytes(model);
    break;
  case SMELT_BASE_WEIGHTS:
    base = c->weights;
    end = model->weights_bytes;
    break;
  case SMELT_BASE_INPUT:
    if (operand->index >= model->input_count)
      return 0;
    begin = c->at[operand->index];
    break;
  case SMELT_BASE_OUTPUT:
    if (operand->index >= model->output_count)
      return 0;
    begin = c->at[model->input_count + operand->index];
    break;
  default:
    return 0;
  }
  const int fits = offset <= end && begin + offset <= end && bytes <= end - begin - offset;
  return fits ? base + begin + offset : 0;
}

/* Into the stream, or what it records. */
static smelt_status launch(smelt_cuda *c, uint32_t number) {
  const smelt_step *row = &c->model->steps[number];
  const smelt_cuda_kernel *kernel = &c->program->kernels[row->first];
  cu_address places[SMELT_MAX_OPERANDS];
  void *parameters[SMELT_MAX_OPERANDS];
  for (uint32_t i = 0; i < kernel->operand_count; ++i) {
    places[i] = place_of(c, &row->operands[i], kernel->operand_bytes[i]);
    parameters[i] = &places[i];
    if (!places[i])
      return damaged(c);
  }
  TRY(c->cu.launch(c->functions[row->first], kernel->groups, 1, 1, kernel->group_size, 1, 1, 0, c->stream, parameters,
                   NULL),
      "the device does not take a kernel");
  return SMELT_OK;
}

static smelt_status copy_inputs(smelt_cuda *c) {
  for (uint32_t i = 0; c->is_alone && i < c->model->input_count; ++i)
    if (c->model->inputs[i].bytes)
      TRY(c->cu.upload(c->data + c->at[i], c->inputs[i], c->model->inputs[i].bytes, c->stream),
          "the device does not take an input");
  return SMELT_OK;
}

static smelt_status copy_outputs(smelt_cuda *c) {
  for (uint32_t i = 0; c->is_alone && i < c->model->output_count; ++i)
    if (c->model->outputs[i].bytes)
      TRY(c->cu.download(c->outputs[i], c->data + c->at[c->model->input_count + i], c->model->outputs[i].bytes,
                         c->stream),
          "the device does not give an output");
  return SMELT_OK;
}

/*--- Graphs ---------------------------------------------------------------------------------------------------------*/

/* Steps [first, last), and where these are all the copies around them. */
static smelt_status enqueue(smelt_cuda *c, uint32_t first, uint32_t last) {
  smelt_status status = copy_inputs(c);
  for (uint32_t i = first; i < last && status == SMELT_OK; ++i)
    status = launch(c, i);
  return status == SMELT_OK ? copy_outputs(c) : status;
}

static smelt_status record(smelt_cuda *c, uint32_t first, uint32_t last) {
  TRY(c->cu.capture_begin(c->stream, CU_CAPTURE_THREAD_LOCAL), "no commands can be recorded");
  const smelt_status status = enqueue(c, first, last);
  cu_graph graph = NULL;
  cu_result result = c->cu.capture_end(c->stream, &graph);
  if (status == SMELT_OK && result == CU_SUCCESS)
    result = c->cu.graph_instantiate(&c->stretches[first], graph, 0);
  if (graph)
    c->cu.graph_destroy(graph);
  if (status != SMELT_OK)
    return status;
  TRY(result, "no commands can be recorded");
  return SMELT_OK;
}

static smelt_status record_all(smelt_cuda *c) {
  c->stretches = make(c->model->step_count, sizeof *c->stretches);
  if (!c->stretches)
    return no_memory(c);
  smelt_status status = SMELT_OK;
  for (uint32_t i = 0; i < c->model->step_count && status == SMELT_OK; ++i) {
    const uint32_t end = smelt_stretch_end(c->model, i);
    if (end == i)
      continue;
    status = record(c, i, end);
    i = end;
  }
  return status;
}

/* One step, and how long the device takes for it. */
static smelt_status run_timed(smelt_cuda *c, uint32_t number) {
  smelt_status status = number == 0 ? copy_inputs(c) : SMELT_OK;
  if (status != SMELT_OK)
    return status;
  TRY(c->cu.event_record(c->events[0], c->stream), "the device has no clock");
  status = launch(c, number);
  if (status != SMELT_OK)
    return status;
  TRY(c->cu.event_record(c->events[1], c->stream), "the device has no clock");
  if (number + 1 == c->model->step_count)
    status = copy_outputs(c);
  if (status != SMELT_OK)
    return status;
  TRY(c->cu.stream_wait(c->stream), "the device failed");
  TRY(c->cu.event_elapsed(&c->milliseconds[number], c->events[0], c->events[1]), "the device has no clock");
  return SMELT_OK;
}

static smelt_status run_stretch(smelt_cuda *c, uint32_t number) {
  TRY(c->cu.graph_launch(c->stretches[number], c->stream), "the device does not take commands");
  TRY(c->cu.stream_wait(c->stream), "the device failed");
  return SMELT_OK;
}

static smelt_status run_steps(void *user, uint32_t number, uint32_t *next) {
  smelt_cuda *c = user;
  cu_context before;
  TRY(c->cu.context_push(c->context), "the device cannot be used");
  smelt_status status;
  if (!c->instance->hook && c->stretches[number]) {
    *next = smelt_stretch_end(c->model, number);
    status = run_stretch(c, number);
  } else {
    status = run_timed(c, number);
  }
  c->cu.context_pop(&before);
  return status;
}

/*--- The interface --------------------------------------------------------------------------------------------------*/

/* What the rest takes for granted. */
static smelt_status check(smelt_cuda *c) {
  const smelt_model *model = c->model;
  const smelt_cuda_program *program = c->program;
  if (model->abi_version != SMELT_ABI_VERSION || program->version != SMELT_CUDA_VERSION)
    return fail(c, SMELT_ERROR_ABI, "the artefact was made for another version of the runtime", CU_SUCCESS);
  int is_whole = smelt_fits_device(model, program->kernel_count) && program->code && program->code_bytes &&
                 !program->code[program->code_bytes - 1];
  for (uint32_t i = 0; i < program->kernel_count && is_whole; ++i)
    is_whole = program->kernels[i].operand_count <= SMELT_MAX_OPERANDS && program->kernels[i].groups &&
               program->kernels[i].group_size;
  for (uint32_t i = 0; i < model->step_count && is_whole; ++i)
    is_whole = !smelt_is_device_step(model, i) ||
               model->steps[i].operand_count == program->kernels[model->steps[i].first].operand_count;
  return is_whole ? SMELT_OK : damaged(c);
}

static smelt_status open_driver(smelt_cuda *c) {
  return smelt_cuda_load(&c->cu, c->why, c->why_bytes) ? SMELT_OK : SMELT_ERROR_DEVICE;
}

typedef smelt_status (*part)(smelt_cuda *);

static smelt_status do_all(smelt_cuda *c, const part *parts, size_t count) {
  smelt_status status = SMELT_OK;
  for (size_t i = 0; i < count && status == SMELT_OK; ++i)
    status = parts[i](c);
  return status;
}

static smelt_status open_all(smelt_cuda *c) {
  const part outside[] = {check, open_driver, choose_device, open_context};
  const part inside[] = {open_device, make_memory, load_kernels, record_all};
  smelt_status status = do_all(c, outside, sizeof outside / sizeof *outside);
  if (status != SMELT_OK)
    return status;
  cu_context before;
  TRY(c->cu.context_push(c->context), "the device cannot be used");
  status = do_all(c, inside, sizeof inside / sizeof *inside);
  c->cu.context_pop(&before);
  return status;
}

smelt_status smelt_cuda_open(smelt_cuda **cuda, const smelt_model *model, const smelt_cuda_program *program, char *why,
                             size_t why_bytes) {
  smelt_status status;
  if (cuda)
    *cuda = NULL;
  smelt_cuda *c = smelt_begin_device(cuda, model, program, (smelt_device_why){why, why_bytes}, sizeof *c, &status);
  if (!c)
    return status;
  c->model = model;
  c->program = program;
  c->why = why;
  c->why_bytes = why_bytes;
  status = open_all(c);
  c->why = c->last_why; /* the other is the caller's, from here on */
  c->why_bytes = sizeof c->last_why;
  if (status != SMELT_OK)
    smelt_cuda_close(c);
  else
    *cuda = c;
  return status;
}

const char *smelt_cuda_device_name(const smelt_cuda *cuda) { return cuda->name; }

void *smelt_cuda_arena(const smelt_cuda *cuda) { return cuda->arena; }

const void *const *smelt_cuda_inputs(const smelt_cuda *cuda) { return cuda->inputs; }

void *const *smelt_cuda_outputs(const smelt_cuda *cuda) { return cuda->outputs; }

float smelt_cuda_step_milliseconds(const smelt_cuda *cuda, uint32_t step) { return cuda->milliseconds[step]; }

const char *smelt_cuda_why(const smelt_cuda *cuda) { return cuda->last_why; }

void smelt_cuda_bind(smelt_cuda *cuda, smelt_instance *instance) {
  cuda->instance = instance;
  smelt_set_device(instance, run_steps, cuda);
}

smelt_status smelt_cuda_run(smelt_cuda *cuda, const void *const *inputs, void *const *outputs) {
  if (!cuda || !cuda->instance || !smelt_has_buffers(cuda->model, inputs, outputs))
    return SMELT_ERROR_ARGUMENT;
  const smelt_model *model = cuda->model;
  cuda->last_why[0] = 0;
  for (uint32_t i = 0; i < model->input_count; ++i)
    if (model->inputs[i].bytes && inputs[i] != cuda->inputs[i])
      memcpy((void *)(uintptr_t)cuda->inputs[i], inputs[i], model->inputs[i].bytes);
  const smelt_status status = smelt_run(cuda->instance, cuda->inputs, cuda->outputs);
  for (uint32_t i = 0; i < model->output_count && status == SMELT_OK; ++i)
    if (model->outputs[i].bytes && outputs[i] != cuda->outputs[i])
      memcpy(outputs[i], cuda->outputs[i], model->outputs[i].bytes);
  return status;
}

static void close_memory(smelt_cuda *c) {
  if (c->weights)
    c->cu.release(c->weights);
  if (c->data && c->is_managed)
    c->cu.release(c->data);
  if (c->host)
    c->cu.release_host(c->host);
  if (c->is_alone)
    free(c->arena);
  else if (c->arena && !c->is_managed)
    c->cu.release_host(c->arena);
}

/* What is null was never made; a device that is lost gives nothing back, and that is no error here. */
static void close_device(smelt_cuda *c) {
  cu_context before;
  const int is_current = c->cu.context_push(c->context) == CU_SUCCESS;
  if (c->stream && is_current)
    c->cu.stream_wait(c->stream);
  for (uint32_t i = 0; c->stretches && i < c->model->step_count; ++i)
    if (c->stretches[i])
      c->cu.graph_exec_destroy(c->stretches[i]);
  if (c->module)
    c->cu.module_unload(c->module);
  close_memory(c);
  for (int i = 0; i < 2; ++i)
    if (c->events[i])
      c->cu.event_destroy(c->events[i]);
  if (c->stream)
    c->cu.stream_destroy(c->stream);
  if (is_current)
    c->cu.context_pop(&before);
  c->cu.context_release(c->device);
}

void smelt_cuda_close(smelt_cuda *cuda) {
  if (!cuda)
    return;
  if (cuda->context)
    close_device(cuda);
  smelt_cuda_unload(&cuda->cu);
  free(cuda->functions);
  free(cuda->at);
  free(cuda->inputs);
  free(cuda->outputs);
  free(cuda->milliseconds);
  free(cuda->stretches);
  free(cuda);
}
