/* Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/*
 * The whole C interface of a compiled model. A complete program, for `smelt compile net.onnx --emit static -o net`:
 *
 *     #include "net.h"                // declares `net`, NET_ARENA_BYTES, NET_INPUT_..., NET_OUTPUT_...
 *
 *     static _Alignas(SMELT_ALIGNMENT) unsigned char arena[NET_ARENA_BYTES];
 *     static _Alignas(SMELT_ALIGNMENT) float image[3 * 224 * 224], scores[1000];
 *
 *     int main(void) {
 *       smelt_instance instance;
 *       const void *inputs[] = {image};
 *       void *outputs[] = {scores};
 *       if (smelt_init(&instance, &net, arena, sizeof arena) != SMELT_OK) return 1;
 *       return smelt_run(&instance, inputs, outputs) == SMELT_OK ? 0 : 1;
 *     }
 *
 * A model with symbolic dims takes one call more, smelt_set_shapes, before the first run and whenever shapes change.
 * One that finds shapes while it runs, or keeps states of symbolic dims, may need memory that grows, smelt_set_resize.
 * Nothing here allocates, locks, or keeps global state. A model is constant and may be shared by any number of
 * instances; one instance must not run twice at the same time, different instances may.
 */
#ifndef SMELT_SMELT_H
#define SMELT_SMELT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changes whenever the layout of a structure below does; artefact and runtime must agree. */
#define SMELT_ABI_VERSION 8u

/* Bytes: the arena and every input and output must start at a multiple of it. */
#define SMELT_ALIGNMENT 64

typedef enum smelt_status {
  SMELT_OK = 0,
  SMELT_ERROR_ARGUMENT = 1,  /* a null pointer where one is needed */
  SMELT_ERROR_ABI = 2,       /* the artefact was made for another SMELT_ABI_VERSION */
  SMELT_ERROR_ARENA = 3,     /* the arena is smaller than smelt_model.arena_bytes */
  SMELT_ERROR_ALIGNMENT = 4, /* a buffer does not start at a multiple of SMELT_ALIGNMENT */
  SMELT_ERROR_CPU = 5,       /* the processor lacks an instruction set in smelt_model.cpu_features */
  SMELT_ERROR_THREADS = 6,   /* the operating system refused to start a thread */
  SMELT_ERROR_SHAPE =
      7, /* shapes, or sizes that the run finds, are missing, contradict one another, or are too large */
  SMELT_ERROR_MEMORY = 8, /* the model needs blocks that grow, and was given none, or too little */
  SMELT_ERROR_DEVICE = 9  /* steps of the model are a device's, and there is none, or it failed: see smelt/vulkan.h */
} smelt_status;

typedef enum smelt_dtype {
  SMELT_F32 = 1,
  SMELT_F16 = 2,
  SMELT_BF16 = 3,
  SMELT_F64 = 4,
  SMELT_I8 = 5,
  SMELT_I16 = 6,
  SMELT_I32 = 7,
  SMELT_I64 = 8,
  SMELT_U8 = 9,
  SMELT_U16 = 10,
  SMELT_U32 = 11,
  SMELT_U64 = 12,
  SMELT_BOOL = 13, /* one byte an element, 0 or 1 */
  SMELT_F8E4M3FN = 14,
  SMELT_F8E4M3FNUZ = 15,
  SMELT_F8E5M2 = 16,
  SMELT_F8E5M2FNUZ = 17,
  SMELT_F8E8M0 = 18,
  /* As in ONNX, these lie packed in bytes: the first element in the low bits, zeros behind the last. */
  SMELT_F4E2M1 = 19, /* two elements a byte */
  SMELT_I4 = 20,
  SMELT_U4 = 21,
  SMELT_I2 = 22, /* four elements a byte */
  SMELT_U2 = 23,
  SMELT_F6E2M3 = 24, /* one byte an element, in its low bits */
  SMELT_F6E3M2 = 25
} smelt_dtype;

/* Instruction sets an artefact may need, as bits of smelt_model.cpu_features. */
#define SMELT_CPU_AVX2 (1ull << 0)   /* x86-64-v3: AVX2, FMA, F16C, BMI2 */
#define SMELT_CPU_AVX512 (1ull << 1) /* x86-64-v4: AVX-512 F, BW, CD, DQ, VL */
#define SMELT_CPU_AVX512_VNNI (1ull << 2)
#define SMELT_CPU_AVX512_BF16 (1ull << 3)
#define SMELT_CPU_AVX_VNNI (1ull << 4)
#define SMELT_CPU_NEON (1ull << 16) /* AArch64 Advanced SIMD */
#define SMELT_CPU_DOTPROD (1ull << 17)
#define SMELT_CPU_I8MM (1ull << 18)
#define SMELT_CPU_BF16 (1ull << 19)

/* What an operand's offset counts from. */
typedef enum smelt_base {
  SMELT_BASE_ARENA = 0,
  SMELT_BASE_WEIGHTS = 1,
  SMELT_BASE_INPUT = 2,
  SMELT_BASE_OUTPUT = 3,
  SMELT_BASE_SIZES = 4,  /* the sizes, 8 bytes each: a kernel reads them where its extents are symbolic */
  SMELT_BASE_BLOCK = 5,  /* memory that grows while the model runs */
  SMELT_BASE_SCRATCH = 6 /* the arena, for one range of tiles at a time: the others get null, and use their stack */
} smelt_base;

/* In smelt_operand.base, besides a smelt_base: the offset is the value of size number `offset`. */
#define SMELT_OFFSET_IS_SIZE 0x100u

typedef struct smelt_operand {
  int64_t offset; /* bytes from the base */
  uint32_t base;  /* a smelt_base, maybe with SMELT_OFFSET_IS_SIZE */
  uint32_t index; /* which input, output or block; 0 for the others */
} smelt_operand;

/* One input or output. Elements lie in row-major order without gaps. */
typedef struct smelt_tensor_info {
  const char *name;
  const int64_t *shape; /* `rank` extents, -1 for a symbolic one */
  uint64_t bytes;       /* 0 where an extent is symbolic: smelt_tensor_bytes tells */
  uint32_t rank;
  uint32_t dtype;               /* a smelt_dtype */
  const uint32_t *extent_sizes; /* null, or for each symbolic extent which of the model's sizes it is */
  const char *dims;             /* null, or in words where an extent is symbolic: "batch, 3, 2*length + 1" */
  const smelt_operand *held;    /* null, or where an output lies whose extents only the run tells: smelt_output */
} smelt_tensor_info;

/* How a size of a model with symbolic dims is computed from inputs' dims and sizes before it. */
typedef enum smelt_size_kind {
  SMELT_SIZE_NUMBER = 0,    /* number */
  SMELT_SIZE_DIM = 1,       /* dim b of input a, as given to smelt_set_shapes */
  SMELT_SIZE_ADD = 2,       /* a + b */
  SMELT_SIZE_MULTIPLY = 3,  /* a * b */
  SMELT_SIZE_DIVIDE = 4,    /* a / b, rounded down */
  SMELT_SIZE_MIN = 5,       /* the smaller of a and b */
  SMELT_SIZE_MAX = 6,       /* the larger */
  SMELT_SIZE_BROADCAST = 7, /* of two that are equal, or one of which is 1: the other */
  SMELT_SIZE_EQUAL = 8,     /* a, which must be equal to b */
  SMELT_SIZE_VALUE = 9,     /* what a SMELT_STEP_SIZES reads */
  SMELT_SIZE_COUNT = 10,    /* the same, and not negative */
  SMELT_SIZE_STATE = 11     /* dim b of state a; before the first run size number `number`, 0 where that is -1 */
} smelt_size_kind;

typedef struct smelt_size {
  int64_t number;
  uint32_t kind; /* a smelt_size_kind */
  uint32_t a, b; /* numbers of sizes before this one, save for SMELT_SIZE_DIM */
  uint32_t reserved;
} smelt_size;

#define SMELT_MAX_SIZES 4096

/* Which source nodes sizes first, ..., last - 1 are computed for. */
typedef struct smelt_size_use {
  const char *name; /* "Reshape_3+Add_4" */
  const char *says; /* null, or what is wrong where there is none of these: "node 'select': takes element {12} of a dim
                       of {7}", with numbers of sizes in braces, and braces doubled */
  uint32_t first, last;
} smelt_size_use;

/* Computes tiles [first_tile, last_tile) of one step. Tiles are independent of one another: any split over threads
 * gives the same bits. */
typedef void (*smelt_kernel)(void *const *operands, int64_t first_tile, int64_t last_tile);

#define SMELT_MAX_OPERANDS 64

/* What a step does. Models all of whose shapes follow from those of their inputs have kernels only. */
typedef enum smelt_step_kind {
  SMELT_STEP_KERNEL = 0, /* `kernel` on `operands` */
  SMELT_STEP_SIZES = 1,  /* the 64-bit integers at `operands` become sizes first, first + 1, ...; then those behind them
                            up  to `last`, exclusive, are computed */
  SMELT_STEP_JUMP = 2,   /* on to step number `first` where size number `last` is 0; UINT32_MAX is no size: always */
  SMELT_STEP_GROW = 3, /* block number `first` gets as many bytes as size number `last` says, and keeps what it holds */
  SMELT_STEP_DEVICE =
      4 /* kernel number `first` of the device's program on `operands`: smelt/vulkan.h. Where it has
           sizes that only the run knows, they are behind its n buffers, then come as offsets the
           number of invocations, how many steps of loops each takes at most, and the bytes of each
           buffer; and `kernel` computes the same, where the device cannot for sizes as large as these. */
} smelt_step_kind;

/* One row of the plan: a kernel, its operands, and the source nodes it computes. */
typedef struct smelt_step {
  smelt_kernel kernel;           /* null where the step is no kernel of the processor's */
  const smelt_operand *operands; /* SMELT_BASE_SCRATCH is the last one's, if any */
  const char *name;              /* source nodes, e.g. "Conv_3+Relu_4" */
  int64_t tiles;                 /* or, with tiles_is_size, which size says it */
  uint32_t operand_count;        /* at most SMELT_MAX_OPERANDS */
  uint32_t tiles_is_size;
  uint32_t kind; /* a smelt_step_kind */
  uint32_t first, last;
  uint32_t alone; /* not 0: over before another thread could help, so that parallel_for is not asked */
} smelt_step;

/* A tensor that stays in an instance from one run to the next: what was an output in the source model becomes the input
 * of the next run. At first it is zeros, and has none along symbolic dims that no input of the model has as well. */
typedef struct smelt_state {
  smelt_tensor_info input;  /* as a run finds it; it has the name of the source model's input */
  smelt_tensor_info output; /* as the run leaves it */
  const int64_t *strides;   /* of its elements; null where they lie in row-major order without gaps */
  uint32_t blocks[2];       /* that it is read from and written to, which change places after a run; or one block */
  int64_t places[2];        /* of these in the arena, from the beginning of what it has for states; -1: they grow */
  uint64_t bytes;           /* of a block that does not grow */
} smelt_state;

/* A compiled model: constant data inside the artefact. */
typedef struct smelt_model {
  uint32_t abi_version;
  uint32_t input_count;
  uint32_t output_count;
  uint32_t step_count;
  uint64_t cpu_features; /* bits SMELT_CPU_* */
  uint64_t arena_bytes;  /* 0 where dims are symbolic: smelt_arena_bytes tells */
  uint64_t weights_bytes;
  const char *name;
  const char *target; /* as given to --target, e.g. "x86-64-v3" */
  const smelt_tensor_info *inputs;
  const smelt_tensor_info *outputs;
  const smelt_step *steps;
  const unsigned char *weights;
  const smelt_size *sizes; /* none where all dims are numbers */
  uint32_t size_count;     /* at most SMELT_MAX_SIZES */
  uint32_t arena_size;     /* which of them is the arena's, in bytes */
  const char *symbols;     /* null, or those of the inputs' dims with their bounds: "batch:1..8, length" */
  uint32_t shape_sizes;    /* the first so many follow from the inputs' shapes; the run finds the others */
  uint32_t block_count;
  const smelt_state *states;
  uint64_t state_bytes; /* what the arena has for them */
  uint32_t state_count;
  uint32_t size_use_count;
  const char *forms; /* null, or what inputs and outputs are that are no tensors in the source model: see below */
  const smelt_size_use *size_uses; /* in rising order */
} smelt_model;

/* smelt_model.forms has a line for each such value, "input x: sequence of 2\n". Behind the name stands one of:
 *
 * "sequence of N": its tensors are x[0], x[1], ...
 *
 * "table": a sequence of which the run finds how many tensors it has. x.data holds all their elements one after
 * another, x.shapes a row of dims for each; where they have unlike ranks, -1 fills the ends of rows.
 *
 * "absent": an optional value that is not there. It has no tensors.
 *
 * "optional ...": a tensor (x itself), a sequence or a table of which the run finds whether it is there. x.present
 * holds a bool; where that is 0 the other tensors mean nothing. */

/* Custom operators: what the C function that computes one is called with. It may be called for several instances at
 * once; the same inputs must have the same results. */

typedef struct smelt_tensor {
  void *data; /* elements in row-major order without gaps; null for an optional input that is not there */
  const int64_t *shape;
  uint64_t bytes; /* of all elements */
  uint32_t rank;
  uint32_t dtype; /* a smelt_dtype */
} smelt_tensor;

typedef struct smelt_attribute {
  const char *name;
  const int64_t *ints;  /* of an int, one; null for those of other kinds, and for an empty list */
  const double *floats; /* of a float, one */
  const char *text;     /* of a string, with a zero behind it */
  uint64_t count;       /* of ints or floats, or of the string's bytes */
} smelt_attribute;

/* All in the order in which the operator was declared. Outputs have their shapes, and are the function's to fill;
 * nothing else may be written. */
typedef struct smelt_custom_call {
  const smelt_tensor *inputs;
  const smelt_tensor *outputs;
  const smelt_attribute *attributes;
  uint32_t input_count;
  uint32_t output_count;
  uint32_t attribute_count;
} smelt_custom_call;

typedef void (*smelt_custom_function)(const smelt_custom_call *call);

/* Calls body(context, first, last) on disjoint ranges that cover [0, count), from any threads, and returns when all
 * have finished. */
typedef void (*smelt_range_body)(void *context, int64_t first, int64_t last);
typedef void (*smelt_parallel_for)(void *user, int64_t count, smelt_range_body body, void *context);

/* Called on the running thread before (`done` 0) and after (`done` 1) each step: per-layer timing and inspection. */
typedef void (*smelt_step_hook)(void *user, const smelt_model *model, uint32_t step, int done);

/* Gives `block`, of `old_bytes` bytes (null and 0 at first), `bytes` bytes, and keeps what it holds, as realloc does;
 * with 0 bytes, takes it back and returns null. What it returns starts at a multiple of SMELT_ALIGNMENT; null says that
 * there is no more memory. */
typedef void *(*smelt_resize)(void *user, void *block, uint64_t old_bytes, uint64_t bytes);

/* Runs step number `step`, a SMELT_STEP_DEVICE, and as many such steps behind it as it likes; `next` becomes the step
 * after them. It may be `step` itself where that has a kernel of the processor's, which then runs. */
typedef smelt_status (*smelt_run_device)(void *user, uint32_t step, uint32_t *next);

/* Fields may be read; set them through the functions below. */
typedef struct smelt_instance {
  const smelt_model *model;
  unsigned char *arena; /* begins with the sizes, the blocks' addresses and the states */
  uint64_t arena_bytes; /* what the caller gave */
  int has_shapes;
  smelt_parallel_for parallel_for; /* null: everything runs on the calling thread */
  void *parallel_user;
  smelt_step_hook hook; /* null: none */
  void *hook_user;
  smelt_resize resize; /* null: the model may have no blocks */
  void *resize_user;
  smelt_run_device run_device; /* null: steps of a device fail */
  void *device_user;
} smelt_instance;

/* Extents of all inputs, in the order of the model's descriptor: shapes[i][d] is dim d of input i. */
typedef const int64_t *const *smelt_shapes;

/* How large an arena must be for inputs of these shapes, in bytes; a model without symbolic dims takes the same
 * whatever `shapes` is. Needs 32 KB of stack. Returns SMELT_OK, or SMELT_ERROR_{ARGUMENT, ABI, SHAPE}; after the last,
 * `bytes` is the number of the size that there is none of, for smelt_size_name. */
smelt_status smelt_arena_bytes(const smelt_model *model, smelt_shapes shapes, uint64_t *bytes);

/* The same for an instance whose states have grown. */
smelt_status smelt_needed_bytes(const smelt_instance *instance, smelt_shapes shapes, uint64_t *bytes);

/* Binds `model` to `arena`, which the caller owns, keeps alive while the instance is used, and does not share between
 * instances. `arena` may be null when the model needs none. Returns SMELT_OK, or SMELT_ERROR_{ARGUMENT, ABI, ARENA,
 * ALIGNMENT, CPU}. */
smelt_status smelt_init(smelt_instance *instance, const smelt_model *model, void *arena, size_t arena_bytes);

/* Takes the instance to another arena, with all that it is and its states; it has no shapes then. The old one must
 * still be there. Returns SMELT_OK, or SMELT_ERROR_{ARGUMENT, ARENA, ALIGNMENT}. */
smelt_status smelt_move(smelt_instance *instance, void *arena, size_t arena_bytes);

/* Fits the instance to inputs of these shapes. Nothing need be called for a model without symbolic dims. Takes about a
 * microsecond for 100 sizes. Returns SMELT_OK, or SMELT_ERROR_{ARGUMENT, SHAPE, ARENA}; the instance then has no
 * shapes. */
smelt_status smelt_set_shapes(smelt_instance *instance, smelt_shapes shapes);

/* Extent `dim` of an input or output with the instance's shapes, and the bytes of all its elements. */
int64_t smelt_tensor_extent(const smelt_instance *instance, const smelt_tensor_info *tensor, uint32_t dim);
uint64_t smelt_tensor_bytes(const smelt_instance *instance, const smelt_tensor_info *tensor);

/* Lets steps of more than one tile run through `parallel_for`; null goes back to the calling thread. */
void smelt_set_parallel_for(smelt_instance *instance, smelt_parallel_for parallel_for, void *user);

/* Reports every step to `hook`; null stops it. */
void smelt_set_step_hook(smelt_instance *instance, smelt_step_hook hook, void *user);

/* Lets `run_device` run steps of a device; null: there is none. smelt/vulkan.h has one. */
void smelt_set_device(smelt_instance *instance, smelt_run_device run_device, void *user);

/* Where the blocks of a model come from, sizes of which only the run tells. smelt_release gives them back. */
void smelt_set_resize(smelt_instance *instance, smelt_resize resize, void *user);
void smelt_release(smelt_instance *instance);

/* Sets all states back to what they are before the first run. */
void smelt_reset(smelt_instance *instance);

/* The elements of state number `state` after a run, and its extents; null where it has no elements. */
const void *smelt_state_data(const smelt_instance *instance, uint32_t state);
int64_t smelt_state_extent(const smelt_instance *instance, uint32_t state, uint32_t dim);

/* Runs one inference. `inputs` and `outputs` are in the order of the model's descriptor; each buffer holds the tensor's
 * `bytes`, belongs to the caller and starts at a multiple of SMELT_ALIGNMENT. Inputs are not written; no output may
 * overlap another buffer. What is given for outputs that are held (smelt_tensor_info) is not looked at: smelt_output
 * tells where they lie until the next run. Needs up to 128 KB of stack; with a parallel_for that runs ranges side by
 * side, every thread that computes up to 1.5 MB. Returns SMELT_OK, or SMELT_ERROR_{ARGUMENT, ALIGNMENT, SHAPE, ARENA}
 * before anything is computed, the last where states have grown: see smelt_needed_bytes; SMELT_ERROR_{SHAPE, MEMORY} on
 * the way where the sizes that the model finds contradict one another, or need more memory than there is. */
smelt_status smelt_run(const smelt_instance *instance, const void *const *inputs, void *const *outputs);

/* The elements of output number `output` after a run; null unless it is held. */
const void *smelt_output(const smelt_instance *instance, uint32_t output);

/* After SMELT_ERROR_SHAPE of smelt_set_shapes or smelt_run: the number of the size that there is none of. */
uint64_t smelt_failed_size(const smelt_instance *instance);

/* What was wrong then, "node 'select': takes element 9 of a dim of 8", where the model says it: writes as much of it as
 * fits, and a zero, to `text`, and returns how many bytes all of it takes without the zero; 0 where it says nothing. */
uint64_t smelt_failure(const smelt_instance *instance, char *text, uint64_t bytes);

/* The source nodes that a size is computed for; null where it is none's, but the shapes of the inputs' own. */
const char *smelt_size_name(const smelt_model *model, uint64_t size);

/* A constant English sentence for a status, for messages. */
const char *smelt_status_string(smelt_status status);

/* Bytes of one element of `dtype`, 0 for an unknown one and where a byte holds several. */
size_t smelt_dtype_size(smelt_dtype dtype);

/* Bits that one element of `dtype` takes, 0 for an unknown one: a tensor of n elements takes (n * bits + 7) / 8 bytes.
 */
size_t smelt_dtype_bits(smelt_dtype dtype);

#ifdef __cplusplus
}
#endif

#endif /* SMELT_SMELT_H */
