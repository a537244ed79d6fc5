// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/Profile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include <limits>

namespace smelt::gpu {

namespace {
constexpr unsigned kGroupsX = 65535; // what every Vulkan device has
// Mesa's software rasterisers leave all loops after 65535 steps of an invocation; other drivers stop one that takes
// seconds.
constexpr uint64_t kLoopSteps = 65000;
constexpr uint64_t kAnySteps = std::numeric_limits<uint64_t>::max();
constexpr int64_t kVulkanSharedBytes = 16 << 10; // what every device has
constexpr int64_t kCudaSharedBytes = 48 << 10;   // without asking for more when a kernel is launched

// LLVM's default of sm_75 is a PTX that lacks instructions which it takes for granted.
constexpr Profile cuda(const char *name, unsigned architecture, const char *features) {
  return {name,
          Reads::Storage,
          /*hasInt64=*/true,
          128,
          std::numeric_limits<int32_t>::max(),
          /*points=*/4,
          /*vectors=*/2,
          /*unrolled=*/1,
          4096,
          kAnySteps,
          Api::Cuda,
          architecture,
          features,
          /*hasNarrow=*/true,
          /*sharesTiles=*/true,
          /*hasAsyncCopies=*/architecture >= 80,
          /*hasF16=*/true,
          /*hasTensorCores=*/true,
          /*sharesRows=*/true,
          kCudaSharedBytes,
          /*attentionChannels=*/128};
}

// Mesa's lavapipe has an invocation in each lane of a register of 256 bits. It reads storage buffers lane by lane with
// a branch each, and texel buffers by gathers: 6 to 8 times as fast. Elsewhere texel buffers may be as short as 65536
// elements. A gather takes as long as ten products, and whatever a loop carries goes through memory under a mask: large
// tiles and long steps are faster (resnet50: 0.85 s with tiles of 4 x 2 and steps of one vector, 0.56 s as here).
constexpr Profile kProfiles[] = {
    {"vulkan",
     Reads::Storage,
     /*hasInt64=*/false,
     64,
     kGroupsX,
     /*points=*/4,
     /*vectors=*/2,
     /*unrolled=*/1,
     4096,
     kLoopSteps,
     Api::Vulkan,
     /*architecture=*/0,
     /*features=*/"",
     /*hasNarrow=*/false,
     /*sharesTiles=*/false,
     /*hasAsyncCopies=*/false,
     /*hasF16=*/false,
     /*hasTensorCores=*/false,
     /*sharesRows=*/true,
     kVulkanSharedBytes,
     /*attentionChannels=*/64,
     /*usesWords=*/true},
    {"vulkan:lavapipe", Reads::Texels, /*hasInt64=*/true, 64, kGroupsX, /*points=*/8, /*vectors=*/2, /*unrolled=*/2,
     4096, kLoopSteps},
    cuda("cuda", 80, "+ptx71"),
    cuda("cuda:sm_75", 75, "+ptx65"),
    cuda("cuda:sm_80", 80, "+ptx71"),
    cuda("cuda:sm_86", 86, "+ptx71"),
    cuda("cuda:sm_89", 89, "+ptx78"),
    cuda("cuda:sm_90", 90, "+ptx78"),
};
} // namespace

std::optional<Profile> findProfile(llvm::StringRef name) {
  for (const Profile &profile : kProfiles)
    if (name == profile.name)
      return profile;
  return std::nullopt;
}

std::string profileNames() {
  return llvm::join(llvm::map_range(kProfiles, [](const Profile &profile) { return std::string(profile.name); }), ", ");
}

kernel::Machine machineOf(const Profile &profile) {
  kernel::Machine machine;
  machine.vectorBytes = 4 * sizeof(float);
  machine.vectorRegisters = 16;
  machine.isDevice = true;
  // Half the bytes to read are worth it everywhere; before sm_80 there are no products of bf16.
  if (profile.hasF16)
    machine.narrow |= kernel::NarrowF16;
  if (profile.hasTensorCores && profile.architecture >= 80)
    machine.narrow |= kernel::NarrowBF16;
  machine.attentionChannels = profile.attentionChannels;
  return machine;
}

} // namespace smelt::gpu
