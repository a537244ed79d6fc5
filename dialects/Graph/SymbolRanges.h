// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is known of extents where symbols are bounded on both sides.

#ifndef SMELT_DIALECTS_GRAPH_SYMBOLRANGES_H
#define SMELT_DIALECTS_GRAPH_SYMBOLRANGES_H

#include "dialects/Graph/Extent.h"
#include "llvm/ADT/StringMap.h"

namespace smelt::graph {

/// Numbers that symbols lie between, and what follows from them: extents themselves know only that dims are not
/// negative.
class SymbolRanges {
public:
  /// No run has a value of the symbol outside [least, most].
  void set(llvm::StringRef symbol, int64_t least, int64_t most) { ranges_[symbol] = {least, most}; }

  /// Whether `a` is seen to be `b` or more in every run. Quotients, minima and maxima in sums are looked into.
  bool isAtLeast(const Extent &a, const Extent &b) const;
  Extent min(const Extent &a, const Extent &b) const;
  Extent max(const Extent &a, const Extent &b) const;

private:
  bool isNotNegative(const Extent &extent, unsigned &steps) const;
  bool isNotNegativeWithout(const Term &term, const Extent &rest, unsigned &steps) const;
  Extent shifted(const Extent &extent) const;

  llvm::StringMap<std::pair<int64_t, int64_t>> ranges_;
};

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_SYMBOLRANGES_H
