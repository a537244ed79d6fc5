// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What integers of the inputs may be, for whoever makes some up. It lies in a section of the shared artefact that is
// not loaded where the model runs, and may be taken out: objcopy -R .smelt.ranges. Nothing of LLVM here: the runner
// reads it.
//
//     RangeRow, one for each input that has a range

#ifndef SMELT_CODEGEN_ARTIFACT_RANGETABLE_H
#define SMELT_CODEGEN_ARTIFACT_RANGETABLE_H

#include <cstdint>

namespace smelt::artifact {

constexpr char kRangesSection[] = ".smelt.ranges";

struct RangeRow {
  int64_t least = 0, most = 0; // both included
  uint32_t input = 0;          // which of the model's
  uint32_t reserved = 0;
};

} // namespace smelt::artifact

#endif // SMELT_CODEGEN_ARTIFACT_RANGETABLE_H
