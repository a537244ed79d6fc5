// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Moves of elements in host memory. They run over the weights of a model while it is compiled, at memory's speed.

#ifndef SMELT_DIALECTS_GRAPH_OPS_HOSTCOPY_H
#define SMELT_DIALECTS_GRAPH_OPS_HOSTCOPY_H

#include "dialects/Graph/HostTensor.h"

namespace smelt::graph {

/// The element at i of a tensor seen through strides lies at offset + Σ i[dim] · strides[dim].
struct Walk {
  int64_t offset = 0;
  llvm::SmallVector<int64_t> strides;
};

/// to(i) = from(i) for every i in `shape`. Every position must lie in its tensor; positions written are distinct.
void copyBlock(llvm::ArrayRef<int64_t> shape, const HostTensor &source, const Walk &from, const HostTensor &result,
               const Walk &to);

/// result[i] = source[offset + Σ i[dim] · strides[dim]]. Every position must lie in `source`.
void copyStrided(const HostTensor &source, int64_t offset, llvm::ArrayRef<int64_t> strides, const HostTensor &result);

/// Copies `count` neighbouring elements between tensors of the same element type.
void copyElements(const HostTensor &result, int64_t to, const HostTensor &source, int64_t from, int64_t count);

/// Gives every element of `result` the value of a scalar of its type.
void fill(const HostTensor &result, const HostTensor &scalar);

/// Calls `function` with a zero of the unsigned integer that is as wide as an element.
template <typename Function> void withElement(unsigned bytes, Function function) {
  switch (bytes) {
  case 1:
    return function(uint8_t(0));
  case 2:
    return function(uint16_t(0));
  case 4:
    return function(uint32_t(0));
  default:
    return function(uint64_t(0));
  }
}

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_OPS_HOSTCOPY_H
