// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/HostTensor.h"
#include "dialects/Graph/Ops/SmallFloats.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemAlloc.h"
#include <cmath>
#include <cstring>
#include <limits>
#include <sys/mman.h>
#include <utility>

using namespace mlir;
using llvm::APFloat;

namespace smelt::graph {

double Scalar::asFloat() const {
  switch (kind_) {
  case Kind::Float:
    return float_;
  case Kind::Signed:
    return static_cast<double>(static_cast<int64_t>(bits_));
  case Kind::Unsigned:
    return static_cast<double>(bits_);
  }
  return 0;
}

int64_t Scalar::asSigned() const {
  if (!isFloat())
    return static_cast<int64_t>(bits_);
  if (std::isnan(float_))
    return 0;
  if (float_ >= 0x1p63)
    return std::numeric_limits<int64_t>::max();
  return float_ <= -0x1p63 ? std::numeric_limits<int64_t>::min() : static_cast<int64_t>(float_);
}

uint64_t Scalar::asUnsigned() const {
  if (!isFloat())
    return bits_;
  if (!(float_ > -1))
    return 0;
  return float_ >= 0x1p64 ? std::numeric_limits<uint64_t>::max() : static_cast<uint64_t>(float_);
}

unsigned elementBytes(Type elementType) {
  if (!elementType.isIntOrFloat())
    return 0;
  unsigned bits = elementType.getIntOrFloatBitWidth();
  if (bits == 1 || isStoredOnly(elementType))
    return 1;
  return bits == 8 || bits == 16 || bits == 32 || bits == 64 ? bits / 8 : 0;
}

std::optional<int64_t> elementCount(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  if (llvm::is_contained(shape, 0))
    return 0;
  for (int64_t extent : shape)
    if (extent < 0 || llvm::MulOverflow(count, extent, count))
      return std::nullopt;
  return count;
}

SmallVector<int64_t> rowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t dim = shape.size(); dim > 1; --dim)
    strides[dim - 2] = strides[dim - 1] * shape[dim - 1];
  return strides;
}

bool advance(MutableArrayRef<int64_t> index, ArrayRef<int64_t> shape) {
  for (size_t dim = shape.size(); dim > 0; --dim) {
    if (++index[dim - 1] < shape[dim - 1])
      return true;
    index[dim - 1] = 0;
  }
  return false;
}

/// Memory of many pages is zero as it comes from the system, which takes less time for it in huge ones.
static std::shared_ptr<char> allocateZeros(size_t bytes) {
  constexpr uintptr_t kHuge = 2 << 20, kAlignment = 64; // 64: the widest vector load
  std::shared_ptr<char> block(static_cast<char *>(llvm::safe_calloc(bytes + kAlignment, 1)), std::free);
  const auto at = reinterpret_cast<uintptr_t>(block.get());
  const uintptr_t first = llvm::alignTo(at, kHuge), end = llvm::alignDown(at + bytes, kHuge);
  if (first < end)
    (void)madvise(reinterpret_cast<void *>(first), end - first, MADV_HUGEPAGE); // no more than a hint
  return std::shared_ptr<char>(block, block.get() + (llvm::alignTo(at, kAlignment) - at));
}

HostTensor HostTensor::zeros(RankedTensorType type) {
  HostTensor tensor;
  tensor.type_ = type;
  tensor.size_ = elementCount(type.getShape()).value_or(0);
  tensor.bytesPerElement_ = elementBytes(type.getElementType());
  size_t bytes = static_cast<size_t>(tensor.size_) * tensor.bytesPerElement_;
  tensor.owned_ = allocateZeros(bytes);
  tensor.bytes_ = {tensor.owned_.get(), bytes};
  return tensor;
}

HostTensor HostTensor::viewOf(RankedTensorType type, ArrayRef<char> bytes) {
  HostTensor tensor;
  tensor.type_ = type;
  tensor.size_ = elementCount(type.getShape()).value_or(0);
  tensor.bytesPerElement_ = elementBytes(type.getElementType());
  tensor.bytes_ = bytes;
  return tensor;
}

std::optional<HostTensor> HostTensor::of(ElementsAttr attribute) {
  auto type = dyn_cast<RankedTensorType>(attribute.getType());
  if (!type || !type.hasStaticShape() || elementBytes(type.getElementType()) == 0)
    return std::nullopt;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    int64_t size = elementCount(type.getShape()).value_or(-1);
    if (!blob || size < 0 ||
        blob->getData().size() != static_cast<uint64_t>(size) * elementBytes(type.getElementType()))
      return std::nullopt;
    return viewOf(type, blob->getData());
  }
  auto dense = dyn_cast<DenseElementsAttr>(attribute);
  if (!dense)
    return std::nullopt;
  HostTensor tensor = zeros(type);
  if (isa<FloatType>(type.getElementType())) {
    for (auto [position, value] : llvm::enumerate(dense.getValues<APFloat>())) {
      uint64_t bits = value.bitcastToAPInt().getZExtValue();
      std::memcpy(tensor.owned_.get() + position * tensor.bytesPerElement_, &bits, tensor.bytesPerElement_);
    }
    return tensor;
  }
  for (auto [position, value] : llvm::enumerate(dense.getValues<llvm::APInt>())) {
    uint64_t bits = isStoredOnly(type.getElementType()) ? storedByte(value.getZExtValue(), type.getElementType())
                                                        : value.getZExtValue();
    std::memcpy(tensor.owned_.get() + position * tensor.bytesPerElement_, &bits, tensor.bytesPerElement_);
  }
  return tensor;
}

/// A name that no resource has. MLIR finds one by trying constant_1, constant_2, …, which takes long where there are
/// thousands: as they are taken in this order, a search among powers of two and then between two of them finds the end.
static std::string freeName(MLIRContext *context) {
  auto &resources = DenseResourceElementsHandle::getManagerInterface(context).getBlobManager();
  auto isFree = [&](uint64_t number) { return !resources.lookup("constant_" + std::to_string(number)); };
  uint64_t least = 0, most = 1; // a taken number, a free one
  while (!isFree(most))
    least = std::exchange(most, 2 * most);
  while (most - least > 1) {
    const uint64_t middle = (least + most) / 2;
    (isFree(middle) ? most : least) = middle;
  }
  return "constant_" + std::to_string(most);
}

ElementsAttr HostTensor::toAttribute() const {
  constexpr int64_t kLargestDense = 64; // a dense attribute is printed in full and uniqued by content
  Type element = elementType();
  if (size_ > kLargestDense) {
    // The deleter holds the bytes; the blob manager frees it with the context.
    auto keepAlive = [owner = owned_](void *, size_t, size_t) mutable { owner.reset(); };
    return DenseResourceElementsAttr::get(type_, freeName(type_.getContext()),
                                          AsmResourceBlob(bytes_, 64, std::move(keepAlive), /*dataIsMutable=*/false));
  }
  if (auto floating = dyn_cast<FloatType>(element)) {
    SmallVector<APFloat> values;
    for (int64_t position = 0; position < size_; ++position) {
      uint64_t bits = 0;
      std::memcpy(&bits, bytes_.data() + position * bytesPerElement_, bytesPerElement_);
      values.emplace_back(floating.getFloatSemantics(),
                          llvm::APInt(floating.getWidth(), bits, /*isSigned=*/false, /*implicitTrunc=*/true));
    }
    return DenseElementsAttr::get(type_, values);
  }
  SmallVector<llvm::APInt> values;
  for (int64_t position = 0; position < size_; ++position) {
    uint64_t bits = 0;
    std::memcpy(&bits, bytes_.data() + position * bytesPerElement_, bytesPerElement_);
    values.emplace_back(element.getIntOrFloatBitWidth(), bits, /*isSigned=*/false, /*implicitTrunc=*/true);
  }
  return DenseElementsAttr::get(type_, values);
}

MutableArrayRef<char> HostTensor::mutableBytes() const {
  return owned_ ? MutableArrayRef<char>(owned_.get(), bytes_.size()) : MutableArrayRef<char>();
}

Scalar HostTensor::get(int64_t position) const {
  Type element = elementType();
  const char *data = bytes_.data() + position * bytesPerElement_;
  if (element.isF32()) {
    float value;
    std::memcpy(&value, data, sizeof value);
    return Scalar::ofFloat(value);
  }
  if (element.isF64()) {
    double value;
    std::memcpy(&value, data, sizeof value);
    return Scalar::ofFloat(value);
  }
  uint64_t bits = 0;
  std::memcpy(&bits, data, bytesPerElement_);
  if (isStoredFloat(element))
    return Scalar::ofFloat(decodeSmallFloat(storedByte(bits, element), element));
  if (auto floating = dyn_cast<FloatType>(element)) {
    APFloat value(floating.getFloatSemantics(), llvm::APInt(floating.getWidth(), bits));
    return Scalar::ofFloat(value.convertToDouble());
  }
  if (element.isInteger(1))
    return Scalar::ofBool(bits != 0);
  if (element.isUnsignedInteger())
    return Scalar::ofUnsigned(bits);
  return Scalar::ofSigned(llvm::SignExtend64(bits, bytesPerElement_ * 8));
}

static uint64_t bitsOf(Type element, Scalar value) {
  if (isStoredFloat(element))
    return encodeSmallFloat(value.asFloat(), element, {/*saturate=*/false, ScaleRounding::Nearest});
  if (auto floating = dyn_cast<FloatType>(element)) {
    APFloat number(value.asFloat());
    bool losesInformation;
    number.convert(floating.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInformation);
    return number.bitcastToAPInt().getZExtValue();
  }
  if (element.isInteger(1))
    return value.asBool();
  if (isStoredOnly(element))
    return storedByte(value.isUnsigned() ? value.asUnsigned() : static_cast<uint64_t>(value.asSigned()), element);
  if (element.isUnsignedInteger())
    return value.asUnsigned();
  return static_cast<uint64_t>(value.asSigned());
}

void HostTensor::set(int64_t position, Scalar value) const {
  char *data = mutableBytes().data() + position * bytesPerElement_;
  if (elementType().isF32()) {
    auto number = static_cast<float>(value.asFloat());
    std::memcpy(data, &number, sizeof number);
    return;
  }
  uint64_t bits = bitsOf(elementType(), value);
  std::memcpy(data, &bits, bytesPerElement_);
}

void HostTensor::copyElement(int64_t to, const HostTensor &source, int64_t from) const {
  std::memcpy(mutableBytes().data() + to * bytesPerElement_, source.bytes().data() + from * bytesPerElement_,
              bytesPerElement_);
}

SmallVector<int64_t> HostTensor::toIntegers() const {
  SmallVector<int64_t> values;
  for (int64_t position = 0; position < size_; ++position)
    values.push_back(get(position).asSigned());
  return values;
}

HostTensor HostTensor::reshaped(ArrayRef<int64_t> shape) const {
  HostTensor tensor = *this;
  tensor.type_ = RankedTensorType::get(shape, elementType());
  return tensor;
}

} // namespace smelt::graph
