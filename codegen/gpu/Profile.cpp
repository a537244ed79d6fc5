// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/Profile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"
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
          /*hasTensorCores=*/true,
          /*sharesRows=*/true,
          kCudaSharedBytes,
          /*attentionChannels=*/128,
          /*subgroup=*/32};
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
     /*hasTensorCores=*/false,
     /*sharesRows=*/true,
     kVulkanSharedBytes,
     /*attentionChannels=*/64},
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

static llvm::Error setSubgroup(Profile &profile, int64_t threads) {
  constexpr int64_t kFewest = 4, kMost = 128; // that devices of Vulkan have
  if (threads < kFewest || threads > kMost || !llvm::isPowerOf2_64(threads))
    return llvm::createStringError("subgroup is a power of two from 4 to 128");
  profile.subgroup = threads;
  return llvm::Error::success();
}

static llvm::Error setShared(Profile &profile, int64_t bytes) {
  constexpr int64_t kMost = 1 << 20, kForLongRows = 32 << 10;
  if (bytes < kVulkanSharedBytes || bytes > kMost)
    return llvm::createStringError("shared is a number of bytes from 16384, which every device has, to 1048576");
  profile.sharedBytes = bytes;
  if (profile.attentionChannels != 0 && bytes >= kForLongRows)
    profile.attentionChannels = 128;
  return llvm::Error::success();
}

namespace {
/// What a device of Vulkan may be known to have: `set` takes the number behind `=`, where there is one.
struct Option {
  const char *name;
  bool hasNumber;
  const char *meaning;
  llvm::Error (*set)(Profile &, int64_t);
};
template <bool Profile::*member> llvm::Error turnOn(Profile &profile, int64_t) {
  profile.*member = true;
  return llvm::Error::success();
}

constexpr Option kOptions[] = {
    {"subgroup", true, "threads of a subgroup, which shuffle", setSubgroup},
    {"shared", true, "bytes of memory that a workgroup shares", setShared},
    {"int64", false, "integers of 64 bits (shaderInt64)", turnOn<&Profile::hasInt64>},
    {"f16", false, "16 bits in storage buffers (storageBuffer16BitAccess)", turnOn<&Profile::storesHalves>},
    {"int8", false, "8 bits in storage buffers (storageBuffer8BitAccess)", turnOn<&Profile::storesBytes>},
    {"dot", false, "products of bytes by fours (VK_KHR_shader_integer_dot_product)", turnOn<&Profile::hasDots>},
};
} // namespace

static llvm::Error noOption(const llvm::Twine &what) {
  return llvm::createStringError(what +
                                 "; behind vulkan: comes lavapipe, if at all, then options, separated by commas "
                                 "without spaces: " +
                                 profileOptions());
}

static llvm::Error apply(Profile &profile, llvm::StringRef text, llvm::StringSet<> &given) {
  const llvm::StringRef name = text.split('=').first, number = text.split('=').second;
  const bool hasNumber = text.contains('=');
  if (text.empty())
    return noOption("an option is empty");
  const Option *option = llvm::find_if(kOptions, [&](const Option &row) { return name == row.name; });
  if (option == std::end(kOptions))
    return noOption("no option '" + text + "'");
  int64_t value = 0;
  if (hasNumber != option->hasNumber || (hasNumber && number.getAsInteger(10, value)))
    return llvm::createStringError("option '" + text + "' is written " + option->name +
                                   (option->hasNumber ? "=NUMBER" : ""));
  if (!given.insert(name).second)
    return llvm::createStringError("option '" + name + "' is given twice");
  return option->set(profile, value);
}

static const Profile *rowOf(llvm::StringRef name) {
  const Profile *row = llvm::find_if(kProfiles, [&](const Profile &profile) { return name == profile.name; });
  return row == std::end(kProfiles) ? nullptr : row;
}

static std::string namesOf(std::optional<Api> api) {
  llvm::SmallVector<llvm::StringRef> names;
  for (const Profile &profile : kProfiles)
    if (!api || profile.api == *api)
      names.push_back(profile.name);
  return llvm::join(names, ", ");
}

llvm::Expected<std::optional<Profile>> findProfile(llvm::StringRef name) {
  if (const Profile *row = rowOf(name))
    return *row;
  auto [api, rest] = name.split(':');
  if (api == "cuda" && name.contains(':'))
    return llvm::createStringError("no architecture '" + rest + "'; there are " + namesOf(Api::Cuda) +
                                   ", and CUDA takes no options: an architecture has all of its own");
  if (api != "vulkan" || !name.contains(':'))
    return std::nullopt;
  llvm::SmallVector<llvm::StringRef> options;
  rest.split(options, ',');
  const Profile *row = rowOf((api + ":" + options.front()).str());
  Profile profile = row ? *row : *rowOf(api);
  llvm::StringSet<> given;
  for (llvm::StringRef option : llvm::ArrayRef(options).drop_front(row ? 1 : 0))
    if (llvm::Error error = apply(profile, option, given))
      return std::move(error);
  return profile;
}

std::string profileOptions() {
  return llvm::join(llvm::map_range(kOptions,
                                    [](const Option &option) {
                                      return std::string(option.name) + (option.hasNumber ? "=N" : "") + " (" +
                                             option.meaning + ")";
                                    }),
                    ", ");
}

std::string profileNames() { return namesOf(std::nullopt); }

kernel::Machine machineOf(const Profile &profile) {
  kernel::Machine machine;
  machine.vectorBytes = 4 * sizeof(float);
  machine.vectorRegisters = 16;
  machine.isDevice = true;
  // Half the bytes to read are worth it everywhere; before sm_80 there are no products of bf16.
  machine.narrow |= kernel::NarrowF16;
  if (profile.api == Api::Vulkan || profile.architecture >= 80)
    machine.narrow |= kernel::NarrowBF16;
  machine.attentionChannels = profile.attentionChannels;
  machine.multiprocessors = profile.sharesTiles ? profile.multiprocessors : 0;
  return machine;
}

} // namespace smelt::gpu
