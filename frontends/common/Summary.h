// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What summaries of all formats count. Things that a file states need not exist, and may be of any number.

#ifndef SMELT_FRONTENDS_COMMON_SUMMARY_H
#define SMELT_FRONTENDS_COMMON_SUMMARY_H

#include "frontends/common/Import.h"

namespace smelt::frontend {

/// Counts a tensor of weights that has dims and elements of so many bits; refuses dims that none can have.
void addWeights(ModelSummary &summary, llvm::StringRef tensor, llvm::ArrayRef<int64_t> dims, int64_t bits);
/// The same where it has so many bytes in the file, whatever its dims say.
void addStoredWeights(ModelSummary &summary, llvm::StringRef tensor, llvm::ArrayRef<int64_t> dims, int64_t bytes);

/// Operators by how often there is one, the most frequent first.
std::vector<OperatorSummary> mostFrequentFirst(const std::map<std::string, int64_t> &counts);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_SUMMARY_H
