// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Winograd's minimal filtering F(results, taps): Winograd, "Arithmetic Complexity of Computations" (1980); Lavin and
// Gray, "Fast Algorithms for Convolutional Neural Networks" (2016). `results` neighbours are
//   Aᵀ [(G filter) ⊙ (Bᵀ input)],
// with one product for each of `points` = results + taps - 1: the input and the filter are evaluated as polynomials at
// 0, at pairs of points of both signs and at infinity.

#ifndef SMELT_DIALECTS_GRAPH_WINOGRADTILE_H
#define SMELT_DIALECTS_GRAPH_WINOGRADTILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <optional>

namespace smelt::graph {

struct WinogradTile {
  int64_t taps = 1;
  int64_t results = 1;
  int64_t points = 1;

  /// The points p > 0 at which ±p are evaluated; none where there is one tap, and nothing to do.
  llvm::ArrayRef<double> pairs() const;
  /// Π (x² - p²) over all pairs, or all but one: coefficients of x⁰, x², x⁴, …
  llvm::SmallVector<double> squares(std::optional<size_t> except = std::nullopt) const;
  /// G, points × taps, in rows.
  llvm::SmallVector<double> filterTransform() const;
};

/// The tiles for a dim of a window, those of most results first; none for numbers of taps that do not gain.
llvm::ArrayRef<WinogradTile> winogradTiles(int64_t taps);
/// That of so many results, where there is one.
std::optional<WinogradTile> winogradTile(int64_t taps, int64_t results);

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_WINOGRADTILE_H
