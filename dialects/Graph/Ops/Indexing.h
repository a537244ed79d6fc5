// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ops that move data share: coordinates while emitting, and strided copies on the host.

#ifndef SMELT_DIALECTS_GRAPH_OPS_INDEXING_H
#define SMELT_DIALECTS_GRAPH_OPS_INDEXING_H

#include "dialects/Graph/Graph.h"

namespace smelt::graph {

/// `index` times `scale` plus `offset`, lane by lane.
LaneIndex affine(ElementAccess &access, LaneIndex index, int64_t scale, int64_t offset);

/// A uniform coordinate limited to [0, extent).
mlir::Value clampIndex(ElementAccess &access, mlir::Value index, int64_t extent);

/// i1: a uniform coordinate lies in [low, high). Not repeated over lanes.
mlir::Value isWithin(ElementAccess &access, mlir::Value index, int64_t low, int64_t high);

/// `condition`, one for all lanes, chooses among values.
mlir::Value choose(ElementAccess &access, mlir::Value condition, mlir::Value yes, mlir::Value no);

/// result[i] = source[offset + Σ i[dim] · strides[dim]], in elements. Every position must lie in `source`.
void copyStrided(const HostTensor &source, int64_t offset, llvm::ArrayRef<int64_t> strides, const HostTensor &result);

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_OPS_INDEXING_H
