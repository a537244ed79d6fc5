/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* Steps of a model on a device of CUDA: one block of memory for arena, inputs and outputs, one for the weights, and a
 * graph for each stretch of steps that the device runs without the processor. Where that is all of them, the device has
 * the block for itself, and the graph begins with copies of the inputs and ends with copies of the outputs; else the
 * processor sees the block too. Where only the run knows sizes, there is such a block for the arena, one for inputs and
 * outputs, and one for each block that grows; graphs are recorded when they are run, and again where what kernels are
 * launched with has changed. */

#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

smelt_status smelt_cuda_fail(smelt_cuda *c, smelt_status status, const char *what, cu_result result) {
  if (c->why_bytes && !c->why[0])
    smelt_cuda_explain(&c->cu, c->why, c->why_bytes, what, result);
  return status;
}

void *smelt_cuda_make(size_t count, size_t bytes) { return calloc(count ? count : 1, bytes); }

smelt_status smelt_cuda_no_memory(smelt_cuda *c) {
  return smelt_cuda_fail(c, SMELT_ERROR_MEMORY, "there is too little memory", CU_SUCCESS);
}

static smelt_status damaged(smelt_cuda *c) {
  return smelt_cuda_fail(c, SMELT_ERROR_ARGUMENT, "the artefact's device program is damaged", CU_SUCCESS);
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
  return smelt_cuda_fail(c, SMELT_ERROR_DEVICE, best ? text : "there is no device of CUDA", CU_SUCCESS);
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

/*--- Kernels --------------------------------------------------------------------------------------------------------*/

static smelt_status load_kernels(smelt_cuda *c) {
  const smelt_cuda_program *program = c->program;
  if (!program->kernel_count)
    return SMELT_OK;
  c->functions = smelt_cuda_make(program->kernel_count, sizeof *c->functions);
  if (!c->functions)
    return smelt_cuda_no_memory(c);
  TRY(c->cu.module_load(&c->module, program->code), "the driver does not take the artefact's kernels");
  for (uint32_t i = 0; i < program->kernel_count; ++i)
    TRY(c->cu.module_function(&c->functions[i], c->module, program->kernels[i].name), "a kernel is missing");
  return SMELT_OK;
}

static void set(smelt_cuda *c, launch *made, uint64_t *value, uint64_t to) {
  if (*value != to)
    made->changed = ++c->now;
  *value = to;
}

/* Finds out what a step is launched with. SMELT_ERROR_ARENA: sizes are too large for the device, and the step is the
 * processor's. */
static smelt_status prepare(smelt_cuda *c, uint32_t number) {
  const smelt_step *row = &c->model->steps[number];
  const smelt_cuda_kernel *kernel = &c->program->kernels[row->first];
  const uint32_t buffers = kernel->operand_count, sizes = kernel->size_count;
  const smelt_operand *measures = &row->operands[buffers + sizes];
  const void *arena = smelt_cuda_arena(c);
  launch *made = &c->launches[number];
  uint64_t groups = kernel->groups;
  if (sizes) {
    const uint64_t invocations = smelt_offset_of(arena, &measures[0]);
    if (invocations > SMELT_DEVICE_MOST_INVOCATIONS)
      return SMELT_ERROR_ARENA;
    groups = (invocations + kernel->group_size - 1) / kernel->group_size;
  }
  if (groups != made->groups)
    made->changed = ++c->now;
  made->groups = (uint32_t)groups;
  for (uint32_t i = 0; i < sizes; ++i) {
    const int64_t value = smelt_size_at(arena, &row->operands[buffers + i]);
    if (value != (int32_t)value)
      return SMELT_ERROR_ARENA;
    set(c, made, &made->values[buffers + i], (uint32_t)value);
  }
  for (uint32_t i = 0; i < buffers && groups; ++i) {
    const uint64_t bytes = sizes ? smelt_offset_of(arena, &measures[2 + i]) : kernel->operand_bytes[i];
    if (sizes && bytes / kernel->operand_bytes[i] > INT32_MAX)
      return SMELT_ERROR_ARENA;
    const cu_address place = bytes ? smelt_cuda_place_of(c, &row->operands[i], bytes) : c->weights;
    if (!place)
      return damaged(c);
    set(c, made, &made->values[i], place);
  }
  return SMELT_OK;
}

static smelt_status make_launches(smelt_cuda *c) {
  const smelt_model *model = c->model;
  size_t count = 0;
  for (uint32_t i = 0; i < model->step_count; ++i)
    count += model->steps[i].operand_count;
  c->values = smelt_cuda_make(count, sizeof *c->values);
  c->launches = smelt_cuda_make(model->step_count, sizeof *c->launches);
  c->stretches = smelt_cuda_make(model->step_count, sizeof *c->stretches);
  if (!c->values || !c->launches || !c->stretches)
    return smelt_cuda_no_memory(c);
  uint64_t *values = c->values;
  smelt_status status = SMELT_OK;
  for (uint32_t i = 0; i < model->step_count && status == SMELT_OK; ++i) {
    c->launches[i].values = values;
    values += model->steps[i].operand_count;
    if (!c->is_open && smelt_is_device_step(model, i))
      status = prepare(c, i);
  }
  return status;
}

/* Into the stream, or what it records. */
static smelt_status launch_step(smelt_cuda *c, uint32_t number) {
  const uint32_t function = c->model->steps[number].first;
  const smelt_cuda_kernel *kernel = &c->program->kernels[function];
  const launch *made = &c->launches[number];
  void *parameters[SMELT_MAX_OPERANDS];
  for (uint32_t i = 0; i < kernel->operand_count + kernel->size_count; ++i)
    parameters[i] = &made->values[i];
  if (made->groups)
    TRY(c->cu.launch(c->functions[function], made->groups, 1, 1, kernel->group_size, 1, 1, 0, c->stream, parameters,
                     NULL),
        "the device does not take a kernel");
  return SMELT_OK;
}

static smelt_status copy_inputs(smelt_cuda *c) {
  for (uint32_t i = 0; c->is_alone && i < c->model->input_count; ++i)
    if (c->model->inputs[i].bytes)
      TRY(c->cu.upload(c->own + c->at[i], c->inputs[i], c->model->inputs[i].bytes, c->stream),
          "the device does not take an input");
  return SMELT_OK;
}

static smelt_status copy_outputs(smelt_cuda *c) {
  for (uint32_t i = 0; c->is_alone && i < c->model->output_count; ++i)
    if (c->model->outputs[i].bytes)
      TRY(c->cu.download(c->outputs[i], c->own + c->at[c->model->input_count + i], c->model->outputs[i].bytes,
                         c->stream),
          "the device does not give an output");
  return SMELT_OK;
}

/*--- Graphs ---------------------------------------------------------------------------------------------------------*/

/* Steps [first, last), and where these are all the copies around them. */
static smelt_status enqueue(smelt_cuda *c, uint32_t first, uint32_t last) {
  smelt_status status = copy_inputs(c);
  for (uint32_t i = first; i < last && status == SMELT_OK; ++i)
    status = launch_step(c, i);
  return status == SMELT_OK ? copy_outputs(c) : status;
}

static smelt_status record(smelt_cuda *c, uint32_t first, uint32_t last) {
  stretch *made = &c->stretches[first];
  TRY(c->cu.capture_begin(c->stream, CU_CAPTURE_THREAD_LOCAL), "no commands can be recorded");
  const smelt_status status = enqueue(c, first, last);
  cu_graph graph = NULL;
  cu_result result = c->cu.capture_end(c->stream, &graph);
  if (made->graph)
    c->cu.graph_exec_destroy(made->graph);
  made->graph = NULL;
  made->end = last;
  made->recorded = ++c->now;
  if (status == SMELT_OK && result == CU_SUCCESS)
    result = c->cu.graph_instantiate(&made->graph, graph, 0);
  if (graph)
    c->cu.graph_destroy(graph);
  if (status != SMELT_OK)
    return status;
  TRY(result, "no commands can be recorded");
  return SMELT_OK;
}

static smelt_status record_all(smelt_cuda *c) {
  smelt_status status = SMELT_OK;
  for (uint32_t i = 0; !c->is_open && i < c->model->step_count && status == SMELT_OK; ++i) {
    const uint32_t end = smelt_stretch_end(c->model, i);
    if (end == i)
      continue;
    status = record(c, i, end);
    i = end;
  }
  return status;
}

/* Prepares steps of an open model from number `first` on, as far as the device takes them with these sizes, and records
 * them where something has changed. */
static smelt_status fit_stretch(smelt_cuda *c, uint32_t first) {
  stretch *known = &c->stretches[first];
  const uint32_t most = smelt_stretch_end(c->model, first);
  smelt_status status = SMELT_OK;
  int is_stale = !known->graph;
  uint32_t end = first;
  for (; end < most; ++end) {
    status = prepare(c, end);
    if (status != SMELT_OK)
      break;
    is_stale |= c->launches[end].changed > known->recorded;
  }
  if (status != SMELT_OK && status != SMELT_ERROR_ARENA)
    return status;
  if (end > first && (is_stale || known->end != end))
    return record(c, first, end);
  known->end = end;
  return SMELT_OK;
}

/* One step, and how long the device takes for it. */
static smelt_status run_timed(smelt_cuda *c, uint32_t number) {
  smelt_status status = number == 0 ? copy_inputs(c) : SMELT_OK;
  if (status != SMELT_OK)
    return status;
  TRY(c->cu.event_record(c->events[0], c->stream), "the device has no clock");
  status = launch_step(c, number);
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

static smelt_status run_stretch(smelt_cuda *c, uint32_t number, uint32_t *next) {
  const smelt_status status = c->is_open ? fit_stretch(c, number) : SMELT_OK;
  *next = c->stretches[number].end;
  if (status != SMELT_OK || *next == number)
    return status;
  TRY(c->cu.graph_launch(c->stretches[number].graph, c->stream), "the device does not take commands");
  TRY(c->cu.stream_wait(c->stream), "the device failed");
  return SMELT_OK;
}

/* A step by itself, unless it is too large for the device. */
static smelt_status run_one(smelt_cuda *c, uint32_t number, uint32_t *next) {
  const smelt_status status = c->is_open ? prepare(c, number) : SMELT_OK;
  if (status == SMELT_OK)
    return run_timed(c, number);
  *next = number;
  c->milliseconds[number] = -1;
  return status == SMELT_ERROR_ARENA ? SMELT_OK : status;
}

static smelt_status run_steps(void *user, uint32_t number, uint32_t *next) {
  smelt_cuda *c = user;
  cu_context before;
  TRY(c->cu.context_push(c->context), "the device cannot be used");
  smelt_status status;
  if (!c->instance->hook && (c->is_open || c->stretches[number].graph))
    status = run_stretch(c, number, next);
  else
    status = run_one(c, number, next);
  c->cu.context_pop(&before);
  return status;
}

/*--- The interface --------------------------------------------------------------------------------------------------*/

static int fits_kernel(const smelt_model *model, const smelt_step *row, const smelt_cuda_kernel *kernel) {
  const uint32_t buffers = kernel->size_count ? smelt_open_buffers(model, row, kernel->size_count) : row->operand_count;
  int fits = buffers == kernel->operand_count;
  for (uint32_t i = 0; kernel->size_count && fits && i < buffers; ++i)
    fits = kernel->operand_bytes[i] > 0;
  return fits;
}

/* What the rest takes for granted. */
static smelt_status check(smelt_cuda *c) {
  const smelt_model *model = c->model;
  const smelt_cuda_program *program = c->program;
  if (model->abi_version != SMELT_ABI_VERSION || program->version != SMELT_CUDA_VERSION)
    return smelt_cuda_fail(c, SMELT_ERROR_ABI, "the artefact was made for another version of the runtime", CU_SUCCESS);
  int is_whole = smelt_fits_device(model, program->kernel_count) && program->code && program->code_bytes &&
                 !program->code[program->code_bytes - 1];
  for (uint32_t i = 0; i < program->kernel_count && is_whole; ++i)
    is_whole = program->kernels[i].operand_count <= SMELT_MAX_OPERANDS && program->kernels[i].group_size &&
               (program->kernels[i].groups || program->kernels[i].size_count);
  for (uint32_t i = 0; i < model->step_count && is_whole; ++i)
    is_whole = !smelt_is_device_step(model, i) ||
               fits_kernel(model, &model->steps[i], &program->kernels[model->steps[i].first]);
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
  const part inside[] = {open_device, smelt_cuda_make_memory, load_kernels, make_launches, record_all};
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
  smelt_cuda *c = smelt_begin_device(cuda, model, program,
                                     "the artefact has no smelt_cuda_device; compile the model with --target cuda",
                                     (smelt_device_why){why, why_bytes}, sizeof *c, &status);
  if (!c)
    return status;
  c->model = model;
  c->program = program;
  c->is_open = smelt_is_open(model);
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

void *smelt_cuda_arena(const smelt_cuda *cuda) { return cuda->is_alone ? cuda->arena : cuda->data->seen; }

uint64_t smelt_cuda_arena_bytes(const smelt_cuda *cuda) { return cuda->arena_bytes; }

const void *const *smelt_cuda_inputs(const smelt_cuda *cuda) { return cuda->inputs; }

void *const *smelt_cuda_outputs(const smelt_cuda *cuda) { return cuda->outputs; }

float smelt_cuda_step_milliseconds(const smelt_cuda *cuda, uint32_t step) { return cuda->milliseconds[step]; }

const char *smelt_cuda_why(const smelt_cuda *cuda) { return cuda->last_why; }

void smelt_cuda_bind(smelt_cuda *cuda, smelt_instance *instance) {
  cuda->instance = instance;
  smelt_set_device(instance, run_steps, cuda);
  smelt_set_resize(instance, smelt_cuda_resize, cuda);
}

/* To the shapes that it was given last; states may have grown since. */
static smelt_status fit(smelt_cuda *c) {
  uint64_t bytes = 0;
  cu_context before;
  c->is_stale = 1;
  smelt_status status = smelt_needed_bytes(c->instance, c->shapes, &bytes);
  if (status != SMELT_OK)
    return status;
  TRY(c->cu.context_push(c->context), "the device cannot be used");
  status = smelt_cuda_fit_arena(c, bytes);
  if (status == SMELT_OK)
    status = smelt_set_shapes(c->instance, c->shapes);
  if (status == SMELT_OK)
    status = smelt_cuda_fit_tensors(c);
  c->cu.context_pop(&before);
  c->is_stale = status != SMELT_OK;
  return status;
}

smelt_status smelt_cuda_set_shapes(smelt_cuda *cuda, smelt_shapes shapes) {
  if (!cuda || !cuda->instance)
    return SMELT_ERROR_ARGUMENT;
  if (!cuda->extents)
    return SMELT_OK;
  cuda->last_why[0] = 0;
  if (shapes)
    smelt_keep_shapes(cuda->model, shapes, cuda->extents);
  const smelt_status status = shapes ? fit(cuda) : SMELT_ERROR_ARGUMENT;
  if (status == SMELT_OK || status == SMELT_ERROR_MEMORY || status == SMELT_ERROR_DEVICE)
    return status;
  cuda->is_stale = 0;
  smelt_lose_shapes(cuda->instance, shapes);
  return status;
}

smelt_status smelt_cuda_run(smelt_cuda *cuda, const void *const *inputs, void *const *outputs) {
  if (!cuda || !cuda->instance)
    return SMELT_ERROR_ARGUMENT;
  cuda->last_why[0] = 0;
  const smelt_instance *instance = cuda->instance;
  const int may_grow = cuda->extents && cuda->model->state_count && instance->has_shapes;
  const smelt_status status = may_grow || cuda->is_stale ? fit(cuda) : SMELT_OK;
  if (status != SMELT_OK)
    return status;
  return instance->has_shapes ? smelt_run_copies(instance, cuda->inputs, cuda->outputs, inputs, outputs)
                              : SMELT_ERROR_SHAPE;
}

/* What is null was never made; a device that is lost gives nothing back, and that is no error here. */
static void close_device(smelt_cuda *c) {
  cu_context before;
  const int is_current = c->cu.context_push(c->context) == CU_SUCCESS;
  if (c->stream && is_current)
    c->cu.stream_wait(c->stream);
  for (uint32_t i = 0; c->stretches && i < c->model->step_count; ++i)
    if (c->stretches[i].graph)
      c->cu.graph_exec_destroy(c->stretches[i].graph);
  if (c->module)
    c->cu.module_unload(c->module);
  smelt_cuda_close_memory(c);
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
  free(cuda->arena);
  free(cuda->extents);
  free(cuda->shapes);
  free(cuda->values);
  free(cuda->launches);
  free(cuda->stretches);
  free(cuda);
}
