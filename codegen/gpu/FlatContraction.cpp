// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/FlatContraction.h"
#include "codegen/gpu/GroupMemory.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using smelt::graph::Extent;
using smelt::graph::LaneIndex;

namespace smelt::gpu {

FlatContraction::FlatContraction(Body &body, kernel::ContractOp root, func::FuncOp function)
    : Counting(body), root_(root), function_(function), shape_(graph::extentsOf(root.getResult())),
      packed_(graph::extentsOf(root.getPacked())), type_(VectorType::get({kLanes}, b_.getF32Type())),
      groups_(static_cast<int64_t>(root.getGroups())),
      depth_(graph::extentsOf(root.getInput()).back().asNumber().value_or(0) / groups_),
      width_(packed_.back().asNumber().value_or(1)), k_(depth_), channels_(shape_.back().floorDiv(groups_)),
      panels_(packed_.size() < 3 ? Extent(0) : packed_[packed_.size() - 3]) {
  const size_t others = 3 + size_t(groups_ > 1), batches = packed_.size() > others ? packed_.size() - others : 0;
  for (int64_t extent : root.getWindow())
    k_ *= extent;
  for (size_t dim = 0; dim + 1 < shape_.size(); ++dim) {
    (dim < batches ? batches_ : points_) *= shape_[dim];
    (dim < batches ? batchDims_ : pointDims_).push_back(shape_[dim]);
  }
  const size_t spatial = root.getWindow().size();
  auto typical = spatial > 1 ? kernel::typicalSide : kernel::typicalLength;
  for (auto [dim, extent] : llvm::enumerate(pointDims_))
    typicalPoints_ *= dim + spatial < pointDims_.size() ? kernel::typicalBatch(extent) : typical(extent);
}

bool FlatContraction::isShaped() {
  return root_.getTogether() == 1 && root_.getBlock() == 0 && width_ % kLanes == 0 && depth_ > 0 &&
         packed_.size() >= 3 + size_t(groups_ > 1) && !pointDims_.empty() &&
         root_.getWindow().size() <= pointDims_.size();
}

bool FlatContraction::isPlain() {
  auto isPlain = [](Value value) { return isComputedInF32(graph::typeOf(value)); };
  return isShaped() && isPlain(root_.getInput()) && isPlain(root_.getPacked()) && isPlain(root_.getResult());
}

Value FlatContraction::orZero(Value condition, Value value) {
  Value nothing = arith::ConstantOp::create(b_, b_.getZeroAttr(value.getType()));
  return arith::SelectOp::create(b_, condition, value, nothing);
}

constexpr int64_t kArrayAlignment = kLanes * sizeof(float);

Value FlatContraction::makeShared(StringRef name, int64_t elements) {
  return makeGroupArray(b_, function_, name, elements, b_.getF32Type(), kArrayAlignment);
}

Value FlatContraction::makeSharedBytes(StringRef name, int64_t bytes) {
  return makeGroupArray(b_, function_, name, bytes, b_.getI8Type(), kArrayAlignment);
}

Value FlatContraction::loadShared(Value buffer, Value place) { return loadGroupArray(b_, buffer, place, type_); }

void FlatContraction::storeShared(Value vector, Value buffer, Value place) {
  storeGroupArray(b_, vector, buffer, place);
}

SmallVector<LaneIndex> FlatContraction::inputIndex(Value point, Value k) {
  SmallVector<LaneIndex> index;
  for (Value at : batch_)
    index.push_back({at, 0});
  SmallVector<Value> place = indexOf(body_, point, pointDims_);
  const size_t spatial = root_.getWindow().size(), before = place.size() - spatial;
  const bool isOne = k_ == depth_;
  SmallVector<Value> taps(spatial, body_.constant(0));
  if (!isOne)
    taps = indexOf(body_, over(k, depth_), root_.getWindow());
  for (auto [dim, at] : llvm::enumerate(place)) {
    if (dim >= before)
      at = body_.add(body_.scale(at, root_.getStrides()[dim - before]),
                     body_.scale(taps[dim - before], root_.getDilations()[dim - before]));
    index.push_back({at, 0});
  }
  index.push_back({body_.add(body_.scale(group_, depth_), isOne ? k : part(k, depth_)), 1});
  return index;
}

SmallVector<LaneIndex> FlatContraction::panelIndex(Value panel, Value k, Value column, bool mayEnd) {
  SmallVector<LaneIndex> index;
  for (Value at : batch_)
    index.push_back({at, 0});
  if (groups_ > 1)
    index.push_back({group_, 0});
  index.push_back({panel, 0});
  index.push_back({mayEnd ? atMost(k, k_ - 1) : k, 0});
  index.push_back({column, 1});
  return index;
}

Value FlatContraction::readInput(Value point, Value k, bool mayEnd) {
  if (depth_ % kLanes == 0) { // vectors lie within a tap
    body_.startPoint();
    Value vector = body_.read(root_.getInput(), inputIndex(point, mayEnd ? atMost(k, k_ - kLanes) : k), kLanes);
    if (vector)
      return mayEnd ? orZero(isBelow(k, k_), vector) : vector;
  }
  return readElements(point, k, mayEnd);
}

Value FlatContraction::readElements(Value point, Value k, bool mayEnd) {
  SmallVector<Value> elements;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    Value at = body_.add(k, body_.constant(lane));
    SmallVector<LaneIndex> index = inputIndex(point, mayEnd ? atMost(at, k_ - 1) : at);
    index.back().laneStride = 0;
    body_.startPoint();
    Value element = body_.read(root_.getInput(), index, 1);
    if (!element)
      return nullptr;
    elements.push_back(mayEnd ? orZero(isBelow(at, k_), element) : element);
  }
  return vector::FromElementsOp::create(b_, VectorType::get({kLanes}, elements.front().getType()), elements);
}

LogicalResult FlatContraction::storePoint(Value point, Value inGroup, Value sum, int64_t channels) {
  SmallVector<LaneIndex> outer;
  for (Value at : batch_)
    outer.push_back({at, 0});
  for (Value at : indexOf(body_, point, pointDims_))
    outer.push_back({at, 0});
  Value first = body_.add(body_.scale(group_, channels_), inGroup);
  return body_.storeChannels(root_.getResult(), sum, outer, first, channels);
}

} // namespace smelt::gpu
