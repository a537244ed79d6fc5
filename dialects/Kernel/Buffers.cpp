// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Kernel/Kernel.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using smelt::graph::Extent;
using smelt::graph::Extents;

namespace smelt::kernel {

namespace detail {
struct LayoutStorage : AttributeStorage {
  using KeyTy = std::pair<ArrayRef<Extent>, ArrayRef<Extent>>;

  explicit LayoutStorage(KeyTy key) : key(std::move(key)) {}
  bool operator==(const KeyTy &other) const { return key == other; }
  static llvm::hash_code hashKey(const KeyTy &key) {
    return llvm::hash_combine(llvm::hash_combine_range(key.first.begin(), key.first.end()),
                              llvm::hash_combine_range(key.second.begin(), key.second.end()));
  }
  static LayoutStorage *construct(AttributeStorageAllocator &allocator, const KeyTy &key) {
    KeyTy copy(allocator.copyInto(key.first), allocator.copyInto(key.second));
    return new (allocator.allocate<LayoutStorage>()) LayoutStorage(copy);
  }

  KeyTy key;
};
} // namespace detail

LayoutAttr LayoutAttr::get(MLIRContext *context, ArrayRef<Extent> extents, ArrayRef<Extent> strides) {
  return Base::get(context, detail::LayoutStorage::KeyTy(extents, strides));
}
ArrayRef<Extent> LayoutAttr::extents() const { return getImpl()->key.first; }
ArrayRef<Extent> LayoutAttr::strides() const { return getImpl()->key.second; }

AffineMap LayoutAttr::getAffineMap() const { return AffineMap::getMultiDimIdentityMap(extents().size(), getContext()); }

LogicalResult LayoutAttr::getStridesAndOffset(ArrayRef<int64_t>, SmallVectorImpl<int64_t> &numbers,
                                              int64_t &offset) const {
  for (const Extent &stride : strides())
    numbers.push_back(stride.asNumber().value_or(ShapedType::kDynamic));
  offset = 0;
  return success();
}

void KernelDialect::addLayoutAttribute() { addAttributes<LayoutAttr>(); }

Attribute KernelDialect::parseAttribute(DialectAsmParser &parser, Type) const {
  std::string extents, strides;
  if (parser.parseKeyword("layout") || parser.parseLess() || parser.parseString(&extents) || parser.parseComma() ||
      parser.parseString(&strides) || parser.parseGreater())
    return nullptr;
  std::optional<Extents> shape = graph::parseExtents(getContext(), extents),
                         steps = graph::parseExtents(getContext(), strides);
  if (!shape || !steps || shape->size() != steps->size()) {
    parser.emitError(parser.getNameLoc(), "needs two lists of as many extents and strides");
    return nullptr;
  }
  return LayoutAttr::get(getContext(), *shape, *steps);
}

void KernelDialect::printAttribute(Attribute attribute, DialectAsmPrinter &printer) const {
  auto layout = cast<LayoutAttr>(attribute);
  printer << "layout<\"" << graph::joined(layout.extents()) << "\", \"" << graph::joined(layout.strides()) << "\">";
}

MemRefType bufferType(ArrayRef<Extent> extents, ArrayRef<Extent> strides, Type element) {
  MLIRContext *context = element.getContext();
  auto shape = graph::asNumbers(extents), steps = graph::asNumbers(strides);
  if (shape && steps)
    return MemRefType::get(*shape, element, StridedLayoutAttr::get(context, 0, *steps));
  SmallVector<int64_t> mixed;
  for (const Extent &extent : extents)
    mixed.push_back(extent.asNumber().value_or(ShapedType::kDynamic));
  return MemRefType::get(mixed, element, LayoutAttr::get(context, extents, strides));
}

Extents extentsOf(MemRefType buffer) {
  if (auto layout = dyn_cast<LayoutAttr>(buffer.getLayout()))
    return Extents(layout.extents());
  return graph::toExtents(buffer.getShape());
}

Extents stridesOf(MemRefType buffer) {
  if (auto layout = dyn_cast<LayoutAttr>(buffer.getLayout()))
    return Extents(layout.strides());
  return graph::toExtents(cast<StridedLayoutAttr>(buffer.getLayout()).getStrides());
}

std::optional<int64_t> spanOf(MemRefType buffer) {
  auto layout = dyn_cast<StridedLayoutAttr>(buffer.getLayout());
  if (!layout || !buffer.hasStaticShape())
    return std::nullopt;
  int64_t span = 1;
  for (auto [extent, stride] : llvm::zip_equal(buffer.getShape(), layout.getStrides())) {
    int64_t reach = 0;
    if (llvm::MulOverflow(std::max<int64_t>(extent, 1) - 1, std::abs(stride), reach) ||
        llvm::AddOverflow(span, reach, span))
      return std::nullopt;
  }
  return span;
}

} // namespace smelt::kernel
