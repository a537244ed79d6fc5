// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/WinogradTile.h"
#include "llvm/ADT/STLExtras.h"

using namespace llvm;

namespace smelt::graph {

constexpr double kPairs[] = {1, 2, 0.5};

ArrayRef<WinogradTile> winogradTiles(int64_t taps) {
  // More points need fewer products a result, but larger filters, and lose more digits. Errors of one layer, of the
  // largest result: 1e-6 along one dim, 4e-6 to 6e-6 of two.
  static constexpr WinogradTile kTiles[] = {{1, 1, 1}, {2, 3, 4}, {3, 4, 6}, {3, 2, 4},
                                            {5, 4, 8}, {5, 2, 6}, {7, 2, 8}};
  return ArrayRef(kTiles)
      .drop_while([&](const WinogradTile &tile) { return tile.taps != taps; })
      .take_while([&](const WinogradTile &tile) { return tile.taps == taps; });
}

std::optional<WinogradTile> winogradTile(int64_t taps, int64_t results) {
  ArrayRef<WinogradTile> tiles = winogradTiles(taps);
  const WinogradTile *found = find_if(tiles, [&](const WinogradTile &tile) { return tile.results == results; });
  return found == tiles.end() ? std::nullopt : std::optional(*found);
}

ArrayRef<double> WinogradTile::pairs() const {
  return points > 1 ? ArrayRef(kPairs).take_front((points - 2) / 2) : ArrayRef<double>();
}

SmallVector<double> WinogradTile::squares(std::optional<size_t> except) const {
  SmallVector<double> product{1};
  for (auto [number, p] : enumerate(pairs())) {
    if (number == except)
      continue;
    product.push_back(product.back());
    for (size_t power = product.size() - 2; power > 0; --power)
      product[power] = product[power - 1] - p * p * product[power];
    product[0] *= -p * p;
  }
  return product;
}

// Row of point a: a^tap / Π (a - b) over the other points b but infinity; of infinity: the last tap.
SmallVector<double> WinogradTile::filterTransform() const {
  if (points == 1)
    return {1};
  SmallVector<double> finite{0};
  for (double p : pairs())
    finite.append({p, -p});
  SmallVector<double> rows;
  for (double a : finite) {
    double divisor = 1;
    for (double b : finite)
      divisor *= a == b ? 1 : a - b;
    double power = 1;
    for (int64_t tap = 0; tap < taps; ++tap, power *= a)
      rows.push_back(power / divisor);
  }
  rows.append(taps - 1, 0);
  rows.push_back(1);
  return rows;
}

} // namespace smelt::graph
