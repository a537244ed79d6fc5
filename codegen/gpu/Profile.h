// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_GPU_PROFILE_H
#define SMELT_CODEGEN_GPU_PROFILE_H

#include "dialects/Kernel/Machine.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>

namespace smelt::gpu {

/// What kernels read their operands through.
enum class Reads {
  Storage, // storage buffers
  Texels,  // uniform texel buffers of f32, and storage buffers for the rest
};

/// What a kernel becomes.
enum class Api { Vulkan, Cuda };

/// A kind of device to compile for: one row of the table in Profile.cpp, with what its options change.
struct Profile {
  const char *name; // of the row
  Reads reads;
  bool hasInt64;      // 64-bit integers, in registers and in memory
  unsigned groupSize; // invocations of a workgroup
  unsigned groupsX;   // workgroups along the grid's first dim, at most; more of them lie along the second
  int64_t points;     // of a product's result that an invocation computes, at most
  int64_t vectors;    // of channels of each
  int64_t unrolled;   // vectors of the input's channels in a step of its loop, at most
  int64_t stackBytes; // of local arrays, at most
  uint64_t loopSteps; // of all loops of an invocation, at most
  Api api = Api::Vulkan;
  unsigned architecture = 0;     // of CUDA: 80 for sm_80
  const char *features = "";     // for LLVM, of CUDA
  bool hasNarrow = false;        // integers of 8 and 16 bits, f16 and f64; else words of 32 bits stand for them
  bool sharesTiles = false;      // products by groups that work on one tile in memory of their own
  bool hasAsyncCopies = false;   // into that memory, without registers
  bool hasTensorCores = false;   // which multiply f16, and bf16 from sm_80 on
  bool sharesRows = false;       // several invocations of a workgroup go through a row together
  int64_t sharedBytes = 0;       // of memory of a workgroup's own, at most
  int64_t attentionChannels = 0; // of keys and values in one kernel of attention, at most; 0: in three kernels
  int64_t subgroup = 0;          // threads that hand one another registers; 0 where devices differ
  bool storesHalves = false;     // 16 bits in storage buffers; else they are parts of words
  bool storesBytes = false;      // the same of 8 bits
  bool hasDots = false;          // sums of four products of bytes
  bool multipliesTf32 = false;   // products of f32 by tensor cores, which round operands to tf32
  int64_t multiprocessors = 128; // of a large device: as many groups keep it busy
};

/// The profile that a target is: the name of a row, and of Vulkan's what a device is known to have besides,
/// "vulkan:f16,subgroup=32" or "vulkan:lavapipe,int8". Nothing where the name is no device's; fails, with a sentence,
/// for an option that there is not.
llvm::Expected<std::optional<Profile>> findProfile(llvm::StringRef name);
/// All names, for messages: "vulkan, vulkan:lavapipe".
std::string profileNames();
/// The options, with what each means.
std::string profileOptions();

/// What passes that know processors take for the device: vectors of four, and no memory to work in.
kernel::Machine machineOf(const Profile &profile);

} // namespace smelt::gpu

#endif // SMELT_CODEGEN_GPU_PROFILE_H
