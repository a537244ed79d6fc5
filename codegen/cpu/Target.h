// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_CODEGEN_CPU_TARGET_H
#define SMELT_CODEGEN_CPU_TARGET_H

#include "dialects/Kernel/Machine.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <optional>
#include <string>

namespace llvm {
class TargetMachine;
} // namespace llvm

namespace smelt::cpu {

/// A processor to compile for: one row of the table in Target.cpp.
struct Target {
  std::string name; // as given to --target
  std::string triple;
  std::string cpu;          // LLVM's -mcpu
  std::string features;     // LLVM's -mattr
  uint64_t cpuFeatures = 0; // bits SMELT_CPU_*
  kernel::Machine machine;
  // What computing in a lower precision may use besides.
  unsigned dots = 0; // of kernel::Dot
  std::string dotFeatures = {};
  uint64_t dotCpuFeatures = 0;
  // What the dot instructions of integers need, of which `machine` has some already: they are exact.
  std::string integerFeatures = {};
  uint64_t integerCpuFeatures = 0;
};

/// The same processor with its dot instructions in use. Code without any stays as it is without them.
Target withDots(Target target);
/// The same for kernels of which some use those of integers.
Target withIntegerDots(Target target);

/// The target of that name; `native` is the row that fits the processor this runs on. Nothing for an unknown name.
std::optional<Target> findTarget(llvm::StringRef name);
/// All names, for messages: "native, x86-64-v3, …".
std::string targetNames();

/// LLVM's code generator for a target, at O2, position independent.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makeTargetMachine(const Target &target);

} // namespace smelt::cpu

#endif // SMELT_CODEGEN_CPU_TARGET_H
