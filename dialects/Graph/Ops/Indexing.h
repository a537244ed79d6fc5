// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ops that move data share: coordinates, while emitting and on the host, and the checks of operands.

#ifndef SMELT_DIALECTS_GRAPH_OPS_INDEXING_H
#define SMELT_DIALECTS_GRAPH_OPS_INDEXING_H

#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Ops/HostCopy.h"

namespace smelt::graph {

/// `index` times `scale` plus `offset`, lane by lane.
LaneIndex affine(ElementAccess &access, LaneIndex index, int64_t scale, Count offset);

/// A uniform coordinate limited to [0, extent).
mlir::Value clampIndex(ElementAccess &access, mlir::Value index, Count extent);

/// i1: a uniform coordinate lies in [low, high). Not repeated over lanes.
mlir::Value isWithin(ElementAccess &access, mlir::Value index, int64_t low, Count high);

/// `condition`, one for all lanes, chooses among values.
mlir::Value choose(ElementAccess &access, mlir::Value condition, mlir::Value yes, mlir::Value no);

/// An index from a tensor as a coordinate: negative ones count from the end of `extent`, and any is limited to
/// [0, extent), which must not be empty.
mlir::Value wrapIndex(mlir::ImplicitLocOpBuilder &builder, mlir::Value index, Count extent);
int64_t wrapIndex(int64_t index, int64_t extent);

/// The index that `tensor` holds at `index`, as wrapIndex has it; null where lanes would read different ones.
mlir::Value readIndex(ElementAccess &access, mlir::Value tensor, llvm::ArrayRef<LaneIndex> index, Count extent);

/// A coordinate on every lane, as integers of a signless type; they wrap.
mlir::Value laneIntegers(ElementAccess &access, LaneIndex index, mlir::Type integer);

/// The product of extents that is known not to overflow.
int64_t product(llvm::ArrayRef<int64_t> extents);

// Result types and checks, with errors in words.

/// Adds the tensor type that an op yields; an error where Smelt can't store it.
llvm::LogicalResult yieldTensor(std::optional<mlir::Location> location, llvm::ArrayRef<Extent> shape,
                                mlir::Type element, llvm::SmallVectorImpl<mlir::Type> &types);
template <typename Numbers, typename = std::enable_if_t<std::is_convertible_v<Numbers, llvm::ArrayRef<int64_t>>>>
llvm::LogicalResult yieldTensor(std::optional<mlir::Location> location, const Numbers &shape, mlir::Type element,
                                llvm::SmallVectorImpl<mlir::Type> &types) {
  return yieldTensor(location, llvm::ArrayRef<Extent>(toExtents(shape)), element, types);
}
llvm::LogicalResult checkAxis(std::optional<mlir::Location> location, int64_t axis, int64_t rank);
llvm::LogicalResult checkIndices(std::optional<mlir::Location> location, mlir::Value indices);
llvm::LogicalResult checkScalar(std::optional<mlir::Location> location, llvm::StringRef name, mlir::Value scalar,
                                mlir::Type element);
/// Whether indices say, for each of their places, where along `axis` of the data to go.
llvm::LogicalResult checkElementIndices(std::optional<mlir::Location> location, mlir::RankedTensorType data,
                                        mlir::RankedTensorType indices, int64_t axis);
/// Whether a result of this shape can be read from a dim.
llvm::LogicalResult checkNotEmpty(std::optional<mlir::Location> location, const Extent &extent,
                                  llvm::ArrayRef<Extent> result);

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_OPS_INDEXING_H
