// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/WinogradTile.h"
#include "dialects/Kernel/Kernel.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using smelt::graph::WinogradTile;

namespace smelt::kernel {

/// The tiles of a filter's window; nothing where a dim has none of so many results.
static std::optional<SmallVector<WinogradTile>> tilesOf(ArrayRef<int64_t> filter, ArrayRef<int64_t> results) {
  ArrayRef<int64_t> window = filter.drop_back(2);
  if (window.size() != results.size())
    return std::nullopt;
  SmallVector<WinogradTile> tiles;
  for (auto [taps, count] : llvm::zip_equal(window, results)) {
    std::optional<WinogradTile> tile = graph::winogradTile(taps, count);
    if (!tile)
      return std::nullopt;
    tiles.push_back(*tile);
  }
  return tiles;
}

LogicalResult WinogradFilterOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                                 Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType filter = graph::typeOf(adaptor.getFilter());
  bool isImage = filter.hasStaticShape() && (filter.getRank() == 3 || filter.getRank() == 4);
  std::optional<SmallVector<WinogradTile>> tiles =
      isImage ? tilesOf(filter.getShape(), adaptor.getTile()) : std::nullopt;
  if (!tiles)
    return emitOptionalError(location,
                             "the filter must be [1 or 2 dims of 1, 2, 3, 5 or 7, channels, channels], with a "
                             "tile for each of these dims, not ",
                             filter);
  if (!filter.getElementType().isF32())
    return emitOptionalError(location, "the filter must be of f32, not ", filter.getElementType());
  int64_t products = 1;
  for (const WinogradTile &tile : *tiles)
    products *= tile.points;
  types.push_back(filter.clone({products, filter.getShape().end()[-2], filter.getShape().back()}));
  return success();
}

/// U = G g Gᵀ: along each dim of the window in turn.
LogicalResult WinogradFilterOp::evaluate(ArrayRef<graph::HostTensor> operands,
                                         MutableArrayRef<graph::HostTensor> results) {
  ArrayRef<int64_t> shape = operands[0].shape();
  int64_t size = shape.end()[-2] * shape.back();
  SmallVector<WinogradTile> tiles = *tilesOf(shape, getTile());
  if (tiles.size() == 1)
    tiles.insert(tiles.begin(), WinogradTile());
  SmallVector<double> down = tiles[0].filterTransform(), across = tiles[1].filterTransform(), sum(size);
  ArrayRef<float> filter = operands[0].as<float>();
  MutableArrayRef<float> result = results[0].asMutable<float>();
  for (int64_t row = 0; row < tiles[0].points; ++row)
    for (int64_t column = 0; column < tiles[1].points; ++column) {
      llvm::fill(sum, 0.0);
      for (int64_t tap = 0; tap < tiles[0].taps * tiles[1].taps; ++tap) {
        double factor =
            down[row * tiles[0].taps + tap / tiles[1].taps] * across[column * tiles[1].taps + tap % tiles[1].taps];
        for (int64_t i = 0; factor != 0 && i < size; ++i)
          sum[i] += factor * filter[tap * size + i];
      }
      float *to = result.data() + (row * tiles[1].points + column) * size;
      for (int64_t i = 0; i < size; ++i)
        to[i] = static_cast<float>(sum[i]);
    }
  return success();
}

} // namespace smelt::kernel
