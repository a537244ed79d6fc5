// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/Target.h"
#include "runtime/include/smelt/smelt.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

namespace smelt::cpu {

namespace {

constexpr const char *kX86 = "x86_64-unknown-linux-gnu";
constexpr const char *kArm = "aarch64-unknown-linux-gnu";
// LLVM holds 512-bit vectors back on some processors: the tiles are made for them.
constexpr const char *kWide = "-prefer-256-bit";
// Vectors of AArch64 are as wide as NEON's; scalable ones are as wide as these on most of the processors that have
// them.
constexpr const char *kFixed = "-sve";
constexpr const char *kBf16 = ",+avx512bf16";
constexpr uint64_t kAvx512Bits = SMELT_CPU_AVX2 | SMELT_CPU_AVX512, kBf16Bits = SMELT_CPU_AVX512_BF16,
                   kDotBits = SMELT_CPU_NEON | SMELT_CPU_DOTPROD,
                   kArm86Bits = kDotBits | SMELT_CPU_I8MM | SMELT_CPU_BF16;
constexpr const char *kVnni = ",+avx512vnni", *kAvxVnni = ",+avxvnni";
constexpr uint64_t kVnniBits = SMELT_CPU_AVX512_VNNI, kAvxVnniBits = SMELT_CPU_AVX_VNNI;
constexpr unsigned kDotprod = kernel::DotNeonSigned, kI8mm = kDotprod | kernel::DotNeonMixed;
constexpr unsigned kMegabyte = 1 << 20;
constexpr kernel::Machine kAvx2{32, 16, kernel::DotWords, false, 2}, kAvx2Vnni{32, 16, kernel::DotVnni, false, 2},
    kAvx512{64, 32, kernel::DotWords, false, 2}, kRapids{64, 32, kernel::DotVnni, false, 2, 2 * kMegabyte},
    kZen4{64, 32, kernel::DotVnni, false, 1}, kNeon{16, 32, 0, /*byLane=*/true}, kNeonDot{16, 32, kDotprod, true},
    kNeonI8mm{16, 32, kI8mm, true};

const Target kTargets[] = {
    {"x86-64-v3", kX86, "x86-64-v3", "", SMELT_CPU_AVX2, kAvx2},
    {"x86-64-v4", kX86, "x86-64-v4", kWide, kAvx512Bits, kAvx512},
    {"alderlake", kX86, "x86-64-v3", "", SMELT_CPU_AVX2, kAvx2Vnni, 0, "", 0, kAvxVnni, kAvxVnniBits},
    {"sapphirerapids", kX86, "x86-64-v4", kWide, kAvx512Bits, kRapids, 0, "", 0, kVnni, kVnniBits},
    {"znver4", kX86, "x86-64-v4", kWide, kAvx512Bits, kZen4, kernel::DotAvx512Bf16, kBf16, kBf16Bits, kVnni, kVnniBits},
    {"aarch64", kArm, "generic", "+neon", SMELT_CPU_NEON, kNeon},
    {"cortex-a53", kArm, "cortex-a53", "", SMELT_CPU_NEON, kNeon},
    {"cortex-a72", kArm, "cortex-a72", "", SMELT_CPU_NEON, kNeon},
    {"cortex-a76", kArm, "cortex-a76", "", kDotBits, kNeonDot},
    {"cortex-x1", kArm, "cortex-x1", "", kDotBits, kNeonDot},
    {"neoverse-n1", kArm, "neoverse-n1", "", kDotBits, kNeonDot},
    {"neoverse-n2", kArm, "neoverse-n2", kFixed, kArm86Bits, kNeonI8mm, kernel::DotNeonBf16, "", 0},
    {"neoverse-v1", kArm, "neoverse-v1", kFixed, kArm86Bits, kNeonI8mm, kernel::DotNeonBf16, "", 0},
    {"neoverse-v2", kArm, "neoverse-v2", kFixed, kArm86Bits, kNeonI8mm, kernel::DotNeonBf16, "", 0},
};

} // namespace

/// Those of a processor with these features, which its row does not have yet.
static void addIntegerDots(Target &target, const llvm::StringMap<bool> &features) {
  struct Dots {
    const char *row, *feature;
    unsigned dots;
    const char *features;
    uint64_t bits;
  };
  static constexpr Dots kRows[] = {{"x86-64-v4", "avx512vnni", kernel::DotVnni, kVnni, kVnniBits},
                                   {"x86-64-v3", "avxvnni", kernel::DotVnni, kAvxVnni, kAvxVnniBits},
                                   {"aarch64", "dotprod", kDotprod, ",+dotprod", kDotBits},
                                   {"aarch64", "i8mm", kI8mm, ",+dotprod,+i8mm", kDotBits | SMELT_CPU_I8MM}};
  for (const Dots &row : kRows)
    if (target.name == row.row && features.lookup(row.feature)) {
      target.machine.dots = row.dots;
      target.integerFeatures = row.features;
      target.integerCpuFeatures = row.bits;
    }
}

/// Whether `vdpbf16ps` does more multiply-adds a cycle than FMAs do. Intel's processors have it every other cycle on
/// one port: 89 GFLOP/s where FMAs reach 192 (Emerald Rapids); AMD's at the rate of FMAs, each worth two.
static bool hasFastBf16(llvm::StringRef processor) { return processor.starts_with("znver"); }

/// What is known of a processor beside its instruction sets: the rows of the table are for many.
static void describe(kernel::Machine &machine, llvm::StringRef processor) {
  struct Processor {
    const char *name;
    unsigned multiplyAdds, secondCacheBytes;
  };
  static constexpr Processor kProcessors[] = {
      {"icelake-client", 1, kMegabyte / 2}, {"rocketlake", 1, kMegabyte / 2},
      {"tigerlake", 1, kMegabyte / 4 * 5},  {"icelake-server", 2, kMegabyte / 4 * 5},
      {"sapphirerapids", 2, 2 * kMegabyte}, {"emeraldrapids", 2, 2 * kMegabyte},
      {"graniterapids", 2, 2 * kMegabyte},  {"znver4", 1, kMegabyte},
  };
  for (const Processor &known : kProcessors)
    if (known.name == processor && machine.vectorBytes == kAvx512.vectorBytes) {
      machine.multiplyAdds = known.multiplyAdds;
      machine.secondCacheBytes = known.secondCacheBytes;
    }
}

/// The table's row whose instruction sets this processor has, scheduled for this very processor.
static std::optional<Target> nativeTarget() {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  auto hasAll = [&](std::initializer_list<const char *> names) {
    return llvm::all_of(names, [&](const char *name) { return features.lookup(name); });
  };
  llvm::Triple triple(llvm::sys::getProcessTriple());
  const char *row = nullptr;
  if (triple.isAArch64())
    row = "aarch64";
  else if (triple.getArch() == llvm::Triple::x86_64 &&
           hasAll({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}))
    row = "x86-64-v4";
  else if (triple.getArch() == llvm::Triple::x86_64 && hasAll({"avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "movbe"}))
    row = "x86-64-v3";
  if (!row)
    return std::nullopt;
  std::optional<Target> target = findTarget(row);
  // Only what uses these asks for them: all else runs on whatever has the row's instruction sets.
  if (triple.isAArch64() && features.lookup("bf16")) {
    target->dots = kernel::DotNeonBf16;
    target->dotFeatures = ",+bf16";
    target->dotCpuFeatures = SMELT_CPU_BF16;
  } else if (target->machine.vectorBytes == kAvx512.vectorBytes && features.lookup("avx512bf16") &&
             hasFastBf16(llvm::sys::getHostCPUName())) {
    target->dots = kernel::DotAvx512Bf16;
    target->dotFeatures = kBf16;
    target->dotCpuFeatures = kBf16Bits;
  }
  addIntegerDots(*target, features);
  describe(target->machine, llvm::sys::getHostCPUName());
  return target;
}

Target withDots(Target target) {
  target.machine.dots |= target.dots;
  target.features += target.dotFeatures;
  target.cpuFeatures |= target.dotCpuFeatures;
  return target;
}

Target withIntegerDots(Target target) {
  target.features += target.integerFeatures;
  target.cpuFeatures |= target.integerCpuFeatures;
  return target;
}

std::optional<Target> findTarget(llvm::StringRef name) {
  if (name == "native") {
    std::optional<Target> target = nativeTarget();
    if (target)
      target->name = "native";
    return target;
  }
  const Target *found = llvm::find_if(kTargets, [&](const Target &target) { return target.name == name; });
  return found == std::end(kTargets) ? std::nullopt : std::optional<Target>(*found);
}

std::string targetNames() {
  std::string names = "native";
  for (const Target &target : kTargets)
    names += ", " + target.name;
  return names;
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makeTargetMachine(const Target &target) {
  llvm::Triple triple(target.triple);
  // Only these two: an LLVM without one of them says so below.
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  LLVMInitializeAArch64TargetInfo();
  LLVMInitializeAArch64Target();
  LLVMInitializeAArch64TargetMC();
  LLVMInitializeAArch64AsmPrinter();
  std::string error;
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!backend)
    return llvm::createStringError(error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Fast; // contraction to FMA; nothing that changes NaN, infinity or zero
  std::unique_ptr<llvm::TargetMachine> machine(backend->createTargetMachine(
      triple, target.cpu, target.features, options, llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
  if (!machine)
    return llvm::createStringError("LLVM has no code generator for " + target.triple);
  return machine;
}

} // namespace smelt::cpu
