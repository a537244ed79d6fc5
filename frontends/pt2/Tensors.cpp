// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/Tensors.h"
#include "frontends/common/FileTensor.h"
#include "frontends/common/Refusal.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::pt2 {

namespace {
struct Dtype {
  int64_t code;
  llvm::StringLiteral name, storage; // MLIR's name, or torch's; the class of storages that are pickled
  int64_t bytes;
  Type (*type)(Builder &); // null for one that Smelt lacks
};
} // namespace

template <typename Float> static Type make(Builder &builder) { return Float::get(builder.getContext()); }

/// torch/_export/serde/schema.py, ScalarType.
static constexpr Dtype kDtypes[] = {
    {1, "ui8", "ByteStorage", 1, [](Builder &b) -> Type { return b.getIntegerType(8, false); }},
    {2, "i8", "CharStorage", 1, [](Builder &b) -> Type { return b.getI8Type(); }},
    {3, "i16", "ShortStorage", 2, [](Builder &b) -> Type { return b.getI16Type(); }},
    {4, "i32", "IntStorage", 4, [](Builder &b) -> Type { return b.getI32Type(); }},
    {5, "i64", "LongStorage", 8, [](Builder &b) -> Type { return b.getI64Type(); }},
    {6, "f16", "HalfStorage", 2, [](Builder &b) -> Type { return b.getF16Type(); }},
    {7, "f32", "FloatStorage", 4, [](Builder &b) -> Type { return b.getF32Type(); }},
    {8, "f64", "DoubleStorage", 8, [](Builder &b) -> Type { return b.getF64Type(); }},
    {9, "complex32", "ComplexHalfStorage", 4, nullptr},
    {10, "complex64", "ComplexFloatStorage", 8, nullptr},
    {11, "complex128", "ComplexDoubleStorage", 16, nullptr},
    {12, "i1", "BoolStorage", 1, [](Builder &b) -> Type { return b.getI1Type(); }},
    {13, "bf16", "BFloat16Storage", 2, [](Builder &b) -> Type { return b.getBF16Type(); }},
    {28, "ui16", "", 2, [](Builder &b) -> Type { return b.getIntegerType(16, false); }},
    {29, "f8E4M3FN", "", 1, make<Float8E4M3FNType>},
    {30, "f8E5M2", "", 1, make<Float8E5M2Type>},
    {31, "f8E4M3FNUZ", "", 1, make<Float8E4M3FNUZType>},
    {32, "f8E5M2FNUZ", "", 1, make<Float8E5M2FNUZType>},
    {34, "ui32", "", 4, [](Builder &b) -> Type { return b.getIntegerType(32, false); }},
    {35, "ui64", "", 8, [](Builder &b) -> Type { return b.getIntegerType(64, false); }},
};

static const Dtype *find(int64_t code) {
  const auto *found = llvm::find_if(kDtypes, [&](const Dtype &dtype) { return dtype.code == code; });
  return found == std::end(kDtypes) ? nullptr : found;
}

std::string dtypeName(int64_t dtype) {
  const Dtype *known = find(dtype);
  return known ? known->name.str() : "dtype " + std::to_string(dtype);
}

int64_t dtypeBytes(int64_t dtype) {
  const Dtype *known = find(dtype);
  return known ? known->bytes : 0;
}

Type dtypeOf(int64_t dtype, MLIRContext *context, const Twine &where) {
  const Dtype *known = find(dtype);
  if (!known)
    malformed(where + ": there is no dtype " + Twine(dtype));
  if (!known->type)
    unsupported(where + ": elements of type " + known->name + " are not supported");
  Builder builder(context);
  return known->type(builder);
}

std::optional<int64_t> partOfComplex(int64_t dtype) {
  constexpr int64_t kFirst = 9, kLast = 11, kPart = 6; // complex32, …; f16, …
  return dtype >= kFirst && dtype <= kLast ? std::optional(dtype - kFirst + kPart) : std::nullopt;
}

std::optional<int64_t> dtypeOfStorage(StringRef name) {
  for (const Dtype &dtype : kDtypes)
    if (!name.empty() && dtype.storage == name)
      return dtype.code;
  return std::nullopt;
}

/// Refuses a tensor that its storage does not hold.
static void checkWithin(const StoredTensor &tensor) {
  if (tensor.strides.size() != tensor.sizes.size())
    malformed("has " + Twine(tensor.sizes.size()) + " sizes and " + Twine(tensor.strides.size()) + " strides");
  if (tensor.offset < 0 || llvm::any_of(tensor.strides, [](int64_t stride) { return stride < 0; }))
    malformed("has a negative offset or stride");
  if (llvm::is_contained(tensor.sizes, 0))
    return;
  int64_t last = tensor.offset, held = static_cast<int64_t>(tensor.storage.size()) / dtypeBytes(tensor.dtype);
  for (auto [size, stride] : llvm::zip_equal(tensor.sizes, tensor.strides))
    last = checkedAdd(last, checkedMul(size - 1, stride));
  if (last >= held)
    malformed("reaches to element " + Twine(last) + " of a storage that holds " + Twine(held));
}

/// The dims in the order of their strides, if the tensor is dense in that order.
static std::optional<SmallVector<int64_t>> denseOrder(const StoredTensor &tensor) {
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, static_cast<int64_t>(tensor.sizes.size())));
  llvm::stable_sort(order, [&](int64_t a, int64_t b) {
    bool isOne = tensor.sizes[a] == 1, isOther = tensor.sizes[b] == 1; // their strides say nothing
    return isOne || isOther ? false : tensor.strides[a] > tensor.strides[b];
  });
  int64_t expected = 1;
  for (int64_t dim : llvm::reverse(order)) {
    if (tensor.sizes[dim] != 1 && tensor.strides[dim] != expected)
      return std::nullopt;
    expected *= std::max<int64_t>(tensor.sizes[dim], 1);
  }
  return order;
}

/// The elements in row-major order, wherever they lie.
static FileTensor gathered(const StoredTensor &tensor, RankedTensorType type) {
  auto [result, to] = zeroTensor(type);
  const int64_t bytes = dtypeBytes(tensor.dtype);
  SmallVector<int64_t> index(tensor.sizes.size(), 0);
  char *next = to.data();
  if (type.getNumElements() > 0)
    do {
      int64_t from = tensor.offset;
      for (auto [at, stride] : llvm::zip_equal(index, tensor.strides))
        from += at * stride;
      std::memcpy(next, tensor.storage.data() + from * bytes, bytes);
      next += bytes;
    } while (graph::advance(index, type.getShape()));
  return tensorFromBytes(type, result.bytes, result.owner); // bools are made 0 and 1
}

StoredTensor partsOf(const StoredTensor &tensor) {
  StoredTensor parts = tensor;
  parts.dtype = partOfComplex(tensor.dtype).value_or(tensor.dtype);
  parts.offset = checkedMul(tensor.offset, 2);
  for (int64_t &stride : parts.strides)
    stride = checkedMul(stride, 2);
  parts.sizes.push_back(2);
  parts.strides.push_back(1);
  return parts;
}

Value constantOf(GraphBuilder &b, const StoredTensor &tensor, StringRef name, std::shared_ptr<const void> owner) {
  const std::string where = "tensor '" + printable(name) + "'";
  if (!tensor.refusal.empty())
    unsupported(where + ": " + tensor.refusal);
  Type element = dtypeOf(tensor.dtype, b.builder().getContext(), where);
  RankedTensorType type = within(where, [&] { return checkedType(tensor.sizes, element); });
  within(where, [&] { checkWithin(tensor); });
  std::optional<SmallVector<int64_t>> order = denseOrder(tensor);
  if (!order) {
    b.countComputed(type.getNumElements() * dtypeBytes(tensor.dtype));
    return b.constant(gathered(tensor, type).toAttribute(blobName(name)));
  }
  SmallVector<int64_t> sizes, back(order->size());
  for (auto [place, dim] : llvm::enumerate(*order)) {
    sizes.push_back(tensor.sizes[dim]);
    back[dim] = static_cast<int64_t>(place);
  }
  auto stored = RankedTensorType::get(sizes, element);
  ArrayRef<char> bytes;
  if (type.getNumElements() > 0)
    bytes = tensor.storage.slice(tensor.offset * dtypeBytes(tensor.dtype), rawBytes(stored));
  Value value = b.constant(tensorFromBytes(stored, bytes, std::move(owner)).toAttribute(blobName(name)));
  return b.transpose(value, back);
}

} // namespace smelt::frontend::pt2
