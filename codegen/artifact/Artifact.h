// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_ARTIFACT_ARTIFACT_H
#define SMELT_CODEGEN_ARTIFACT_ARTIFACT_H

#include "codegen/artifact/WriteError.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace smelt::artifact {

/// What an operand's offset counts from, as smelt_base.
enum class Base : uint32_t { Arena = 0, Weights = 1, Input = 2, Output = 3, Sizes = 4, Block = 5, Scratch = 6 };

struct Operand {
  Base base = Base::Arena;
  uint32_t index = 0; // which input, output or block; 0 for the others
  int64_t offset = 0; // bytes; or, with offsetIsSize, which size says them
  bool offsetIsSize = false;
};

/// As smelt_step_kind.
enum class StepKind : uint32_t { Kernel = 0, Sizes = 1, Jump = 2, Grow = 3, Device = 4 };

/// One row of the plan.
struct Step {
  static constexpr uint32_t kAlways = UINT32_MAX; // of a jump: whatever the sizes are
  static constexpr size_t kMostOperands = 64;     // as SMELT_MAX_OPERANDS

  std::string kernel; // a function of the module: void (ptr operands, i64 first, i64 last); of kernels only
  std::string name;   // source nodes, e.g. "Conv_3+Relu_4"
  int64_t tiles = 1;  // or, with tilesIsSize, which size says it
  bool tilesIsSize = false;
  std::vector<Operand> operands;
  StepKind kind = StepKind::Kernel;
  bool isShared = false;        // a step of the device that has a kernel of the processor as well
  uint32_t first = 0, last = 0; // as in smelt_step
  bool isAlone = false;         // so little work that another thread could only delay it
};

/// One way in which a shader sees an operand, as smelt_vulkan_binding.
struct DeviceBinding {
  uint32_t operand = 0;
  uint32_t view = 0; // a smelt_vulkan_view
  uint32_t elementBytes = 0;
  uint64_t bytes = 0; // of the operand
};

/// A kernel as a shader, as smelt_vulkan_kernel. One with sizes that only the run knows has as many of them, and no
/// numbers of bytes and invocations: its calls have operands that tell.
struct DeviceKernel {
  std::string name;
  std::vector<uint32_t> code; // SPIR-V
  std::vector<DeviceBinding> bindings;
  uint64_t invocations = 0;
  uint32_t sizes = 0;
};

/// What kernels may ask of a device, as smelt_vulkan_program.features.
enum DeviceFeature : uint32_t {
  DeviceInt64 = 1u << 0,
  DeviceHalves = 1u << 1,
  DeviceBytes = 1u << 2,
  DeviceDots = 1u << 3,
  DeviceShuffles = 1u << 4,
};

/// What a device runs, as smelt_vulkan_program. A step's kernel is its place among these.
struct DeviceProgram {
  std::vector<DeviceKernel> kernels;
  uint32_t groupSize = 0, groupsX = 0;
  uint32_t features = 0, subgroupSize = 0, sharedBytes = 0; // of all kernels
  uint32_t mostSteps = 0;                                   // of all loops of an invocation
};

/// A kernel of a program for CUDA, as smelt_cuda_kernel.
struct CudaKernel {
  std::string name;
  std::vector<uint64_t> operandBytes;
  uint32_t groups = 0, groupSize = 0;
  uint32_t sizes = 0; // as in DeviceKernel
};

/// What a device of CUDA runs, as smelt_cuda_program.
struct CudaProgram {
  std::vector<CudaKernel> kernels;
  std::string code; // PTX
  uint32_t architecture = 0;
};

struct Tensor {
  std::string name;
  std::vector<int64_t> shape;             // -1 for a symbolic extent
  uint32_t dtype = 0;                     // a smelt_dtype
  uint64_t bytes = 0;                     // 0 where an extent is symbolic
  std::vector<std::string> extents = {};  // as text, where one is symbolic
  std::vector<uint32_t> extentSizes = {}; // which size each symbolic extent is; empty where none is
  std::optional<Operand> held = {};       // where an output lies whose extents only the run tells
};

/// As smelt_state.
struct State {
  Tensor input, output;
  std::vector<int64_t> strides; // empty: row-major
  uint32_t blocks[2] = {0, 0};
  int64_t places[2] = {-1, -1};
  uint64_t bytes = 0;
};

/// As smelt_size.
struct Size {
  int64_t number = 0;
  uint32_t kind = 0; // a smelt_size_kind
  uint32_t a = 0, b = 0;
};

/// As smelt_size_use.
struct SizeUse {
  std::string name;
  uint32_t first = 0, last = 0;
  std::string says; // empty where nothing is said
};

/// A symbol of the inputs' dims, and which values it may have.
struct Symbol {
  std::string name;
  int64_t least = 0, most = INT64_MAX;
};

/// Weights' bytes at an offset; whoever makes the model keeps them alive. What lies between segments is zero.
struct WeightSegment {
  uint64_t offset = 0;
  llvm::ArrayRef<char> bytes;
};

/// Everything of smelt_model, as in runtime/include/smelt/smelt.h.
struct Model {
  std::string name;
  std::string target; // as given to --target
  uint64_t cpuFeatures = 0;
  uint64_t arenaBytes = 0;
  uint64_t weightsBytes = 0;
  std::vector<Tensor> inputs, outputs;
  std::vector<Step> steps;
  std::vector<Size> sizes; // empty where no dim is symbolic
  std::vector<SizeUse> sizeUses;
  uint32_t arenaSize = 0;      // which of them is the arena's
  std::vector<Symbol> symbols; // in the order in which inputs have them
  uint32_t shapeSizes = 0;     // how many of them follow from the inputs' shapes
  uint32_t blockCount = 0;     // pieces of memory that grow
  std::vector<State> states;
  uint64_t stateBytes = 0;                  // that the arena has for them
  std::string forms;                        // of inputs and outputs that are no tensors, as in smelt.h
  std::vector<WeightSegment> weights;       // in the order of their offsets, without overlaps
  std::vector<std::string> customFunctions; // of C, that kernels call
  std::vector<std::string> libraries;       // paths of what defines them; of writeShared alone
  std::string work;                         // as WorkTable.h has it; of writeShared alone; empty where it is not known
  std::string ranges;                       // as RangeTable.h has it; of writeShared alone; empty where there are none
  std::optional<DeviceProgram> device;      // of writeShared alone
  std::optional<CudaProgram> cuda;          // of writeShared alone
  /// Relocatable objects that define, hidden, the kernels that the module does not; whoever makes the model keeps them
  /// alive. Only the forms that are machine code have a use for them.
  std::vector<llvm::StringRef> kernelObjects;
};

/// What was written, in bytes.
struct Sizes {
  uint64_t code = 0;      // machine code
  uint64_t constants = 0; // constants of the kernels, and the plan
  uint64_t weights = 0;
};

/// Each of these adds the plan to `kernels` (what is not in model.kernelObjects), compiles it for `machine` and writes
/// it; afterwards the module is of no more use. Functions and globals of the module become internal. The same model
/// gives the same bytes. Files appear whole or not at all: on an error (a WriteError) what was there before still is.

/// `stem`.a with the model's kernels, plan and weights, and `stem`.h that declares it. The symbol is
/// modelSymbol(model.name).
llvm::Expected<Sizes> writeStatic(const Model &model, llvm::Module &kernels, llvm::TargetMachine &machine,
                                  llvm::StringRef stem);
/// A shared object that exports `smelt_model` alone and needs no library, but for what custom functions bring along.
llvm::Expected<Sizes> writeShared(const Model &model, llvm::Module &kernels, llvm::TargetMachine &machine,
                                  llvm::StringRef path);
/// All of writeStatic's code in one relocatable object, without a header.
llvm::Expected<Sizes> writeObject(const Model &model, llvm::Module &kernels, llvm::TargetMachine &machine,
                                  llvm::StringRef path);
/// Assembly of the kernels and the plan, without the weights. For reading; `-` is the standard output.
llvm::Error writeAssembly(const Model &model, llvm::Module &kernels, llvm::TargetMachine &machine,
                          llvm::StringRef path);
/// The same as LLVM IR.
llvm::Error writeIR(const Model &model, llvm::Module &kernels, llvm::TargetMachine &machine, llvm::StringRef path);

/// The C identifier under which a static artefact declares a model: its name, unless C or its library means something
/// else by it.
std::string modelSymbol(llvm::StringRef name);

} // namespace smelt::artifact

#endif // SMELT_CODEGEN_ARTIFACT_ARTIFACT_H
