/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* The functions of CUDA's driver that are used, from a library that is opened at run time. Declared here as NVIDIA's
 * documentation of the driver's interface has them, because its header belongs to a toolkit that nobody need have. */
#ifndef SMELT_CUDA_DRIVER_H
#define SMELT_CUDA_DRIVER_H

#include "smelt/cuda.h"

typedef int cu_result, cu_device;
typedef uint64_t cu_address;
typedef struct cu_context_s *cu_context;
typedef struct cu_module_s *cu_module;
typedef struct cu_function_s *cu_function;
typedef struct cu_stream_s *cu_stream;
typedef struct cu_event_s *cu_event;
typedef struct cu_graph_s *cu_graph;
typedef struct cu_graph_exec_s *cu_graph_exec;

enum {
  CU_SUCCESS = 0,
  CU_OUT_OF_MEMORY = 2,
  CU_ATTRIBUTE_MAJOR = 75, /* of the compute capability */
  CU_ATTRIBUTE_MINOR = 76,
  CU_ATTRIBUTE_CONCURRENT_MANAGED = 89, /* the processor may touch managed memory while kernels run */
  CU_ATTACH_GLOBAL = 1,
  CU_HOST_DEVICE_MAP = 2,
  CU_CAPTURE_THREAD_LOCAL = 1,
  CU_STREAM_NON_BLOCKING = 1
};

/* F(name, symbol, arguments) */
#define SMELT_CUDA_FUNCTIONS(F)                                                                                        \
  F(init, cuInit, (unsigned flags))                                                                                    \
  F(error_string, cuGetErrorString, (cu_result result, const char **text))                                             \
  F(device_count, cuDeviceGetCount, (int *count))                                                                      \
  F(device_get, cuDeviceGet, (cu_device * device, int number))                                                         \
  F(device_name, cuDeviceGetName, (char *name, int bytes, cu_device device))                                           \
  F(device_attribute, cuDeviceGetAttribute, (int *value, int attribute, cu_device device))                             \
  F(context_retain, cuDevicePrimaryCtxRetain, (cu_context * context, cu_device device))                                \
  F(context_release, cuDevicePrimaryCtxRelease_v2, (cu_device device))                                                 \
  F(context_push, cuCtxPushCurrent_v2, (cu_context context))                                                           \
  F(context_pop, cuCtxPopCurrent_v2, (cu_context * context))                                                           \
  F(module_load, cuModuleLoadData, (cu_module * module, const void *image))                                            \
  F(module_unload, cuModuleUnload, (cu_module module))                                                                 \
  F(module_function, cuModuleGetFunction, (cu_function * function, cu_module module, const char *name))                \
  F(allocate, cuMemAlloc_v2, (cu_address * address, size_t bytes))                                                     \
  F(allocate_managed, cuMemAllocManaged, (cu_address * address, size_t bytes, unsigned flags))                         \
  F(release, cuMemFree_v2, (cu_address address))                                                                       \
  F(allocate_host, cuMemHostAlloc, (void **address, size_t bytes, unsigned flags))                                     \
  F(release_host, cuMemFreeHost, (void *address))                                                                      \
  F(host_address, cuMemHostGetDevicePointer_v2, (cu_address * address, void *host, unsigned flags))                    \
  F(upload, cuMemcpyHtoDAsync_v2, (cu_address to, const void *from, size_t bytes, cu_stream stream))                   \
  F(download, cuMemcpyDtoHAsync_v2, (void *to, cu_address from, size_t bytes, cu_stream stream))                       \
  F(stream_create, cuStreamCreate, (cu_stream * stream, unsigned flags))                                               \
  F(stream_destroy, cuStreamDestroy_v2, (cu_stream stream))                                                            \
  F(stream_wait, cuStreamSynchronize, (cu_stream stream))                                                              \
  F(capture_begin, cuStreamBeginCapture_v2, (cu_stream stream, int mode))                                              \
  F(capture_end, cuStreamEndCapture, (cu_stream stream, cu_graph * graph))                                             \
  F(graph_instantiate, cuGraphInstantiateWithFlags, (cu_graph_exec * made, cu_graph graph, unsigned long long flags))  \
  F(graph_launch, cuGraphLaunch, (cu_graph_exec graph, cu_stream stream))                                              \
  F(graph_destroy, cuGraphDestroy, (cu_graph graph))                                                                   \
  F(graph_exec_destroy, cuGraphExecDestroy, (cu_graph_exec graph))                                                     \
  F(event_create, cuEventCreate, (cu_event * event, unsigned flags))                                                   \
  F(event_destroy, cuEventDestroy_v2, (cu_event event))                                                                \
  F(event_record, cuEventRecord, (cu_event event, cu_stream stream))                                                   \
  F(event_elapsed, cuEventElapsedTime, (float *milliseconds, cu_event first, cu_event last))                           \
  F(launch, cuLaunchKernel,                                                                                            \
    (cu_function function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,      \
     unsigned block_z, unsigned shared_bytes, cu_stream stream, void **parameters, void **extra))

typedef struct smelt_cuda_driver {
  void *library;
#define SMELT_CUDA_DECLARE(name, symbol, arguments) cu_result(*name) arguments;
  SMELT_CUDA_FUNCTIONS(SMELT_CUDA_DECLARE)
#undef SMELT_CUDA_DECLARE
} smelt_cuda_driver;

/* Opens and starts the driver; 0 where that fails, and `why` says what is missing. */
int smelt_cuda_load(smelt_cuda_driver *driver, char *why, size_t why_bytes);
void smelt_cuda_unload(smelt_cuda_driver *driver);

/* Writes `what`, and what the driver says of a result other than CU_SUCCESS. */
void smelt_cuda_explain(const smelt_cuda_driver *driver, char *why, size_t why_bytes, const char *what,
                        cu_result result);

#endif /* SMELT_CUDA_DRIVER_H */
