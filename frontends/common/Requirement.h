// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a model takes for granted of numbers that the run finds: where it does not hold, the run fails with a sentence.

#ifndef SMELT_FRONTENDS_COMMON_REQUIREMENT_H
#define SMELT_FRONTENDS_COMMON_REQUIREMENT_H

#include "frontends/common/GraphBuilder.h"

namespace smelt::frontend {

/// What is wrong where something does not hold: "takes element {} of a dim of {}", and what stands for each {}. Braces
/// besides are doubled.
struct Complaint {
  std::string text;
  graph::Extents values;
};

/// Text of a file, for a complaint: printable, with its braces doubled.
std::string quotedForComplaint(llvm::StringRef text);

/// `condition` is 1, not 0. What is known not to hold is malformed, but for parts that may never run: there the run
/// fails.
void require(GraphBuilder &builder, const graph::Extent &condition, const Complaint &complaint);
void requireNotNegative(GraphBuilder &builder, llvm::ArrayRef<graph::Extent> extents, const Complaint &complaint);
void requireEqual(GraphBuilder &builder, const graph::Extent &a, const graph::Extent &b, const Complaint &complaint);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_REQUIREMENT_H
