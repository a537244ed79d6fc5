// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How much work each step of a plan is, for `smelt bench`. It lies in a section of the shared artefact that is not
// loaded where the model runs, and may be taken out: objcopy -R .smelt.work. Nothing of LLVM here: the runner reads it.
//
//     WorkHeader; sizeCount times smelt_size, which continue the model's own; stepCount times WorkRow

#ifndef SMELT_CODEGEN_ARTIFACT_WORKTABLE_H
#define SMELT_CODEGEN_ARTIFACT_WORKTABLE_H

#include <cstdint>

namespace smelt::artifact {

constexpr char kWorkSection[] = ".smelt.work";
/// Changes with the structures below.
constexpr uint32_t kWorkVersion = 1;

struct WorkHeader {
  uint32_t version = kWorkVersion;
  uint32_t sizeCount = 0;
  uint32_t stepCount = 0;
  uint32_t reserved = 0;
};

/// Each is a number, or the number of a size where a flag says so; -1 where it is not known.
struct WorkRow {
  static constexpr uint32_t kOperationsIsSize = 1, kBytesIsSize = 2, kWeightBytesIsSize = 4;
  /// Operations are those of a direct convolution, and the kernel makes do with fewer.
  static constexpr uint32_t kIsFewer = 8;

  int64_t operations = 0;  // a multiply-add is two
  int64_t bytes = 0;       // of all operands, each once
  int64_t weightBytes = 0; // those of them that are weights
  uint32_t flags = 0;
  uint32_t together =
      1; // how many neighbours an instruction of the products multiplies: 2 for dots of bf16, 4 of 8 bits
};

} // namespace smelt::artifact

#endif // SMELT_CODEGEN_ARTIFACT_WORKTABLE_H
