// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/HostCopy.h"
#include <algorithm>
#include <cstring>

using namespace mlir;

namespace smelt::graph {

namespace {

/// A dim of a block, and the strides with which both sides walk it.
struct Dim {
  int64_t extent = 1;
  int64_t from = 1;
  int64_t to = 1;
};

constexpr int64_t kTile = 32; // rows and columns of a transposed tile: its lines stay in the first cache

} // namespace

/// Leaves out dims of one element and merges those that both sides walk as one.
static SmallVector<Dim> mergedDims(ArrayRef<int64_t> shape, const Walk &from, const Walk &to) {
  SmallVector<Dim> dims;
  for (auto [extent, source, target] : llvm::zip_equal(shape, from.strides, to.strides)) {
    if (extent == 1)
      continue;
    if (!dims.empty() && dims.back().from == extent * source && dims.back().to == extent * target)
      dims.back() = {dims.back().extent * extent, source, target};
    else
      dims.push_back({extent, source, target});
  }
  return dims;
}

template <typename T> static void copyRun(const T *from, T *to, Dim dim) {
  if (dim.from == 1 && dim.to == 1) {
    std::memcpy(to, from, dim.extent * sizeof(T));
    return;
  }
  for (int64_t i = 0; i < dim.extent; ++i)
    to[i * dim.to] = from[i * dim.from];
}

/// Two dims in tiles: neither side runs through memory far from where it was.
template <typename T> static void copyPlane(const T *from, T *to, Dim outer, Dim inner) {
  if (inner.from == 1 && inner.to == 1) {
    for (int64_t i = 0; i < outer.extent; ++i)
      copyRun(from + i * outer.from, to + i * outer.to, inner);
    return;
  }
  for (int64_t row = 0; row < outer.extent; row += kTile)
    for (int64_t column = 0; column < inner.extent; column += kTile) {
      Dim tile{std::min(kTile, inner.extent - column), inner.from, inner.to};
      int64_t rows = std::min(kTile, outer.extent - row);
      const T *source = from + row * outer.from + column * inner.from;
      T *target = to + row * outer.to + column * inner.to;
      for (int64_t i = 0; i < rows; ++i)
        copyRun(source + i * outer.from, target + i * outer.to, tile);
    }
}

/// Moves the dim that the source walks in the smallest steps next to the last one, which the result walks so.
static void pairDims(SmallVector<Dim> &dims) {
  auto isNearer = [](const Dim &a, const Dim &b) { return std::abs(a.from) < std::abs(b.from); };
  auto *nearest = std::min_element(dims.begin(), dims.end() - 1, isNearer);
  if (std::abs(dims.back().from) != 1)
    std::rotate(nearest, nearest + 1, dims.end() - 1);
}

template <typename T> static void copyDims(const T *from, T *to, ArrayRef<Dim> dims) {
  if (dims.empty()) {
    *to = *from;
    return;
  }
  if (dims.size() == 1)
    return copyRun(from, to, dims[0]);
  if (dims.size() == 2)
    return copyPlane(from, to, dims[0], dims[1]);
  for (int64_t i = 0; i < dims[0].extent; ++i)
    copyDims(from + i * dims[0].from, to + i * dims[0].to, dims.drop_front());
}

void copyBlock(ArrayRef<int64_t> shape, const HostTensor &source, const Walk &from, const HostTensor &result,
               const Walk &to) {
  if (llvm::is_contained(shape, 0))
    return;
  SmallVector<Dim> dims = mergedDims(shape, from, to);
  if (dims.size() > 1)
    pairDims(dims);
  withElement(source.bytesPerElement(), [&](auto zero) {
    using T = decltype(zero);
    copyDims(source.as<T>().data() + from.offset, result.asMutable<T>().data() + to.offset, dims);
  });
}

void copyStrided(const HostTensor &source, int64_t offset, ArrayRef<int64_t> strides, const HostTensor &result) {
  copyBlock(result.shape(), source, {offset, SmallVector<int64_t>(strides)}, result,
            {0, rowMajorStrides(result.shape())});
}

void copyElements(const HostTensor &result, int64_t to, const HostTensor &source, int64_t from, int64_t count) {
  unsigned bytes = result.bytesPerElement();
  std::memcpy(result.mutableBytes().data() + to * bytes, source.bytes().data() + from * bytes, count * bytes);
}

void fill(const HostTensor &result, const HostTensor &scalar) {
  withElement(result.bytesPerElement(), [&](auto zero) {
    using T = decltype(zero);
    MutableArrayRef<T> elements = result.asMutable<T>();
    std::fill(elements.begin(), elements.end(), scalar.as<T>()[0]);
  });
}

} // namespace smelt::graph
