// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Indexing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace smelt::graph {

LaneIndex affine(ElementAccess &access, LaneIndex index, int64_t scale, int64_t offset) {
  ImplicitLocOpBuilder &b = access.builder();
  Value base = index.base;
  if (scale != 1)
    base = arith::MulIOp::create(b, base, access.indexConstant(scale));
  if (offset != 0)
    base = arith::AddIOp::create(b, base, access.indexConstant(offset));
  return {base, index.laneStride * scale};
}

Value clampIndex(ElementAccess &access, Value index, int64_t extent) {
  ImplicitLocOpBuilder &b = access.builder();
  Value least = arith::MaxSIOp::create(b, index, access.indexConstant(0));
  return arith::MinSIOp::create(b, least, access.indexConstant(extent - 1));
}

Value isWithin(ElementAccess &access, Value index, int64_t low, int64_t high) {
  ImplicitLocOpBuilder &b = access.builder();
  Value from = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, index, access.indexConstant(low));
  Value to = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, index, access.indexConstant(high));
  return arith::AndIOp::create(b, from, to);
}

Value choose(ElementAccess &access, Value condition, Value yes, Value no) {
  return arith::SelectOp::create(access.builder(), condition, yes, no);
}

template <typename Element>
static void copyElements(const HostTensor &source, int64_t offset, ArrayRef<int64_t> strides,
                         const HostTensor &result) {
  ArrayRef<Element> from = source.as<Element>();
  MutableArrayRef<Element> to = result.asMutable<Element>();
  if (to.empty())
    return;
  if (strides.empty()) {
    to[0] = from[offset];
    return;
  }
  // The last dim is one run; only the others are counted through.
  ArrayRef<int64_t> outer = result.shape().drop_back();
  int64_t run = result.shape().back(), step = strides.back(), position = 0;
  SmallVector<int64_t> index(outer.size(), 0);
  do {
    int64_t start = offset;
    for (auto [i, stride] : llvm::zip(index, strides))
      start += i * stride;
    for (int64_t i = 0; i < run; ++i)
      to[position++] = from[start + i * step];
  } while (advance(index, outer));
}

void copyStrided(const HostTensor &source, int64_t offset, ArrayRef<int64_t> strides, const HostTensor &result) {
  switch (source.bytesPerElement()) {
  case 1:
    return copyElements<uint8_t>(source, offset, strides, result);
  case 2:
    return copyElements<uint16_t>(source, offset, strides, result);
  case 4:
    return copyElements<uint32_t>(source, offset, strides, result);
  default:
    return copyElements<uint64_t>(source, offset, strides, result);
  }
}

} // namespace smelt::graph
