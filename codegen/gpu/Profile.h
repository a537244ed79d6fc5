// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_GPU_PROFILE_H
#define SMELT_CODEGEN_GPU_PROFILE_H

#include "dialects/Kernel/Machine.h"
#include "llvm/ADT/StringRef.h"
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

/// A kind of device to compile for: one row of the table in Profile.cpp.
struct Profile {
  const char *name; // as given to --target
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
  bool hasNarrow = false;        // integers of 8 and 16 bits, f16 and f64
  bool sharesTiles = false;      // products by groups that work on one tile in memory of their own
  bool hasAsyncCopies = false;   // into that memory, without registers
  bool hasF16 = false;           // in memory
  bool hasTensorCores = false;   // which multiply f16, and bf16 from sm_80 on
  bool sharesRows = false;       // several invocations of a workgroup go through a row together
  int64_t sharedBytes = 0;       // of memory of a workgroup's own, at most
  int64_t attentionChannels = 0; // of keys and values in one kernel of attention, at most; 0: in three kernels
  bool usesWords = false;        // for integers that it lacks; else kernels of these are the processor's
};

/// The profile of that name; nothing for an unknown name.
std::optional<Profile> findProfile(llvm::StringRef name);
/// All names, for messages: "vulkan, vulkan:lavapipe".
std::string profileNames();

/// What passes that know processors take for the device: vectors of four, and no memory to work in.
kernel::Machine machineOf(const Profile &profile);

} // namespace smelt::gpu

#endif // SMELT_CODEGEN_GPU_PROFILE_H
