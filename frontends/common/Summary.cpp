// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Summary.h"
#include "frontends/common/Refusal.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

namespace smelt::frontend {

static void add(int64_t &sum, int64_t number) {
  if (llvm::AddOverflow(sum, number, sum))
    sum = INT64_MAX;
}

static int64_t elementsOf(llvm::StringRef tensor, llvm::ArrayRef<int64_t> dims) {
  int64_t elements = 1;
  for (int64_t dim : dims)
    if (dim < 0 || llvm::MulOverflow(elements, dim, elements))
      malformed("tensor '" + printable(tensor) + "': a dim is negative, or their product overflows");
  return elements;
}

void addWeights(ModelSummary &summary, llvm::StringRef tensor, llvm::ArrayRef<int64_t> dims, int64_t bits) {
  int64_t size = 0;
  const bool isTooLarge = llvm::MulOverflow(elementsOf(tensor, dims), bits, size);
  addStoredWeights(summary, tensor, dims, isTooLarge ? INT64_MAX : size / 8 + (size % 8 != 0));
}

void addStoredWeights(ModelSummary &summary, llvm::StringRef tensor, llvm::ArrayRef<int64_t> dims, int64_t bytes) {
  add(summary.parameters, elementsOf(tensor, dims));
  add(summary.weightBytes, bytes);
}

std::vector<OperatorSummary> mostFrequentFirst(const std::map<std::string, int64_t> &counts) {
  std::vector<OperatorSummary> operators;
  for (const auto &[name, count] : counts)
    operators.push_back({name, count});
  llvm::stable_sort(operators, [](const OperatorSummary &a, const OperatorSummary &b) { return a.count > b.count; });
  return operators;
}

} // namespace smelt::frontend
