// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a shader sees a kernel's operands. Each binding is one operand seen in one way; an operand may have several.
// Binding i begins push constant i elements after what is bound, because devices bind memory at coarse offsets.

#ifndef SMELT_CODEGEN_GPU_BINDINGS_H
#define SMELT_CODEGEN_GPU_BINDINGS_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>

namespace smelt::gpu {

/// As smelt_vulkan_view.
enum class View : uint32_t {
  Elements = 0,     // storage buffer of single elements
  Vectors = 1,      // storage buffer of four elements each
  Texels = 2,       // uniform texel buffer of single f32
  VectorTexels = 3, // of four f32
};

constexpr unsigned kMostBindings = 16;
/// Sizes that only the run knows are push constants behind those of the bindings.
constexpr unsigned kMostSizes = 16;

/// Of a func.func: the invocations, and which operands' offsets are all multiples of 16 bytes.
constexpr llvm::StringLiteral kInvocations = "gpu.invocations", kAlignedOperands = "gpu.aligned_operands";
/// Of a func.func whose sizes only the run knows: their names, which its last arguments but one are, as words; and
/// extents of them, how many invocations there are and how many steps of loops each takes at most.
constexpr llvm::StringLiteral kSizes = "gpu.sizes", kMeasures = "gpu.measures";
/// Of a load or store of four neighbours.
constexpr llvm::StringLiteral kAligned = "gpu.aligned";
/// Of a load or store of narrow integers that are parts of words, and of what stands between these and the words.
constexpr llvm::StringLiteral kWords = "gpu.words";
/// Of a load of one byte that stands for the word which begins there; of what makes a word of four bytes: they begin
/// one.
constexpr llvm::StringLiteral kPacked = "gpu.packed";
/// Of a spirv.module: {operand, view, element bytes, the operand's bytes} of each binding, one after another.
constexpr llvm::StringLiteral kBindings = "gpu.bindings";

} // namespace smelt::gpu

#endif // SMELT_CODEGEN_GPU_BINDINGS_H
