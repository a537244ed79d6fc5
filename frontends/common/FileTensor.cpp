// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/FileTensor.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringExtras.h"
#include <cstring>

using namespace mlir;

namespace smelt::frontend {

std::string blobName(StringRef name) {
  std::string result;
  for (char c : name.take_front(60))
    result += llvm::isAlnum(c) || c == '_' || c == '.' || c == '-' ? c : '_';
  return result.empty() || !(llvm::isAlpha(result.front()) || result.front() == '_') ? "w" + result : result;
}

ElementsAttr FileTensor::toAttribute(StringRef name) const {
  constexpr int64_t kLargestDense = 64; // as in HostTensor: dense attributes are printed in full
  graph::HostTensor tensor = view();
  if (tensor.size() <= kLargestDense)
    return tensor.toAttribute();
  auto keepAlive = [held = owner](void *, size_t, size_t) mutable { held.reset(); };
  return DenseResourceElementsAttr::get(
      type, name, AsmResourceBlob(bytes, tensor.bytesPerElement(), std::move(keepAlive), /*dataIsMutable=*/false));
}

std::pair<FileTensor, MutableArrayRef<char>> zeroTensor(RankedTensorType type) {
  auto owner = std::make_shared<graph::HostTensor>(graph::HostTensor::zeros(type));
  return {FileTensor{type, owner->bytes(), owner}, owner->mutableBytes()};
}

uint64_t rawBytes(RankedTensorType type) {
  int64_t count = type.getNumElements();
  return graph::isStoredOnly(type.getElementType()) ? graph::packedBytes(count, type.getElementType())
                                                    : count * graph::elementBytes(type.getElementType());
}

FileTensor tensorFromPacked(RankedTensorType type, ArrayRef<char> packed) {
  auto [tensor, to] = zeroTensor(type);
  graph::unpackElements(packed, type.getElementType(), to);
  return tensor;
}

static bool hasSmallElements(RankedTensorType type) {
  return graph::isStoredOnly(type.getElementType()) && type.getElementTypeBitWidth() < 8;
}

FileTensor tensorFromBytes(RankedTensorType type, ArrayRef<char> bytes, std::shared_ptr<const void> owner) {
  if (hasSmallElements(type))
    return tensorFromPacked(type, bytes);
  unsigned size = graph::elementBytes(type.getElementType());
  bool isAligned = reinterpret_cast<uintptr_t>(bytes.data()) % size == 0;
  bool isBool = type.getElementType().isInteger(1);
  bool isClean = !isBool || llvm::all_of(bytes, [](char byte) { return byte == 0 || byte == 1; });
  if (isAligned && isClean)
    return {type, bytes, std::move(owner)};
  auto [tensor, to] = zeroTensor(type);
  if (isBool)
    llvm::transform(bytes, to.begin(), [](char byte) { return byte != 0; });
  else if (!to.empty())
    std::memcpy(to.data(), bytes.data(), to.size());
  return tensor;
}

} // namespace smelt::frontend
