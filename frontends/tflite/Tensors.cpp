// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// What tensors of the file declare and hold, checked against each other.

#include "frontends/tflite/Tensors.h"
#include "frontends/common/GraphBuilder.h"
#include "frontends/common/Refusal.h"
#include "frontends/tflite/Sparse.h"
#include "mlir/IR/Builders.h"
#include <cmath>
#include <cstring>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

namespace {
struct ElementType {
  llvm::StringLiteral name;
  Type (*make)(Builder &); // null: Smelt has none
};
} // namespace

template <unsigned width> static Type makeSigned(Builder &b) { return b.getIntegerType(width); }
template <unsigned width> static Type makeUnsigned(Builder &b) { return b.getIntegerType(width, /*isSigned=*/false); }

// By TensorType. Integers of 4 bits are constants only, and held as such of 8.
constexpr ElementType kTypes[] = {
    {"FLOAT32", [](Builder &b) -> Type { return b.getF32Type(); }},
    {"FLOAT16", [](Builder &b) -> Type { return b.getF16Type(); }},
    {"INT32", makeSigned<32>},
    {"UINT8", makeUnsigned<8>},
    {"INT64", makeSigned<64>},
    {"STRING", nullptr},
    {"BOOL", makeSigned<1>},
    {"INT16", makeSigned<16>},
    {"COMPLEX64", nullptr},
    {"INT8", makeSigned<8>},
    {"FLOAT64", [](Builder &b) -> Type { return b.getF64Type(); }},
    {"COMPLEX128", nullptr},
    {"UINT64", makeUnsigned<64>},
    {"RESOURCE", nullptr},
    {"VARIANT", nullptr},
    {"UINT32", makeUnsigned<32>},
    {"UINT16", makeUnsigned<16>},
    {"INT4", makeSigned<8>},
    {"BFLOAT16", [](Builder &b) -> Type { return b.getBF16Type(); }},
};
constexpr int8_t kInt4 = 17;
static_assert(kTypes[kComplex64].make == nullptr);

static const ElementType *find(int8_t type) {
  return type >= 0 && static_cast<size_t>(type) < std::size(kTypes) ? &kTypes[type] : nullptr;
}

std::string typeName(int8_t type) {
  const ElementType *known = find(type);
  return known ? known->name.str() : "type " + std::to_string(type);
}

Type elementTypeOf(int8_t type, MLIRContext *context) {
  const ElementType *known = find(type);
  Builder builder(context);
  return known && known->make ? known->make(builder) : Type();
}

Type elementTypeOf(int8_t type, MLIRContext *context, const Twine &where) {
  Type element = elementTypeOf(type, context);
  if (!element)
    unsupported(where + " has elements of " + typeName(type) + ", which are not supported");
  return element;
}

SmallVector<int64_t> declaredDims(const schema::Tensor &tensor) {
  // The signature is the shape with -1 where it is open; older files have the shape alone.
  ArrayRef<int32_t> signature = numbersOf(tensor.shape_signature()), shape = numbersOf(tensor.shape());
  return llvm::to_vector_of<int64_t>(signature.size() == shape.size() ? signature : shape);
}

std::optional<Quantisation> quantisationOf(const schema::Tensor &tensor) {
  const schema::QuantizationParameters *given = tensor.quantization();
  if (!given || sizeOf(given->scale()) == 0)
    return std::nullopt;
  if (given->details_type() != 0)
    unsupported("tensor '" + printable(textOf(tensor.name())) +
                "' is quantised in blocks or in a way of its own; Smelt reads one scale a tensor or a channel");
  Quantisation found;
  found.scales = llvm::to_vector(numbersOf(given->scale()));
  SmallVector<int64_t> zeroPoints(sizeOf(given->zero_point())); // which may lie at any multiple of 4
  if (!zeroPoints.empty())
    std::memcpy(zeroPoints.data(), given->zero_point()->Data(), zeroPoints.size() * sizeof(int64_t));
  found.zeroPoints.assign(found.scales.size(), zeroPoints.size() == 1 ? zeroPoints.front() : 0);
  if (zeroPoints.size() == found.scales.size())
    found.zeroPoints = zeroPoints;
  found.axis = given->quantized_dimension();
  const std::string where = "tensor '" + printable(textOf(tensor.name())) + "'";
  if (zeroPoints.size() > 1 && zeroPoints.size() != found.scales.size())
    malformed(where + " has " + Twine(found.scales.size()) + " scales and " + Twine(zeroPoints.size()) +
              " zero points");
  for (auto [scale, zeroPoint] : llvm::zip_equal(found.scales, found.zeroPoints)) {
    if (!std::isfinite(scale) || scale < 0)
      malformed(where + " has a scale that is negative or no number");
    if (zeroPoint < INT32_MIN || zeroPoint > INT32_MAX)
      malformed(where + " has the zero point " + Twine(zeroPoint));
  }
  if (found.isPerAxis()) {
    ArrayRef<int32_t> shape = numbersOf(tensor.shape());
    if (found.axis < 0 || found.axis >= static_cast<int64_t>(shape.size()) ||
        shape[found.axis] != static_cast<int64_t>(found.scales.size()))
      malformed(where + " has " + Twine(found.scales.size()) + " scales along axis " + Twine(found.axis) + " of " +
                inWords(llvm::to_vector_of<int64_t>(shape)));
  }
  return found;
}

// Data.

static Constant owned(const graph::HostTensor &tensor) {
  auto owner = std::make_shared<graph::HostTensor>(tensor);
  return {{tensor.type(), owner->bytes(), owner}, /*isComputed=*/true};
}

/// Two in a byte, the low half first, as bytes of their own.
static Constant fromNibbles(RankedTensorType type, ArrayRef<char> packed) {
  graph::HostTensor tensor = graph::HostTensor::zeros(type);
  MutableArrayRef<int8_t> to = tensor.asMutable<int8_t>();
  for (size_t at = 0; at < to.size(); ++at) {
    auto nibble = static_cast<uint8_t>(static_cast<uint8_t>(packed[at / 2]) >> (4 * (at % 2)) & 15);
    to[at] = static_cast<int8_t>(nibble < 8 ? nibble : nibble - 16);
  }
  return owned(tensor);
}

std::optional<Constant> constantOf(const Model &model, const schema::Tensor &tensor, MLIRContext *context) {
  const std::string where = "tensor '" + printable(textOf(tensor.name())) + "'";
  ArrayRef<char> bytes = tensor.buffer() == 0 ? ArrayRef<char>() : model.buffer(tensor.buffer());
  SmallVector<int64_t> dims = llvm::to_vector_of<int64_t>(numbersOf(tensor.shape()));
  if (bytes.empty() && (tensor.buffer() == 0 || !llvm::is_contained(dims, 0)))
    return std::nullopt;
  Type element = elementTypeOf(tensor.type(), context, where);
  RankedTensorType type = within(where, [&] { return checkedType(dims, element); });
  const auto count = static_cast<uint64_t>(type.getNumElements());
  if (tensor.sparsity())
    return within(where, [&] { return owned(densify(model, *tensor.sparsity(), type, bytes)); });
  const uint64_t wanted = tensor.type() == kInt4 ? (count + 1) / 2 : count * graph::elementBytes(element);
  if (bytes.size() != wanted)
    malformed(where + ": has " + Twine(bytes.size()) + " bytes of data, its dims " + inWords(dims) + " need " +
              Twine(wanted));
  if (tensor.type() == kInt4)
    return fromNibbles(type, bytes);
  FileTensor read = tensorFromBytes(type, bytes, model.file());
  const bool isComputed = read.bytes.data() != bytes.data();
  return Constant{std::move(read), isComputed};
}

} // namespace smelt::frontend::tflite
