// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Tensors.h"
#include "frontends/common/GraphBuilder.h"
#include "frontends/common/Refusal.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

// Element types.

/// Where a TensorProto without raw data keeps its elements.
enum class Typed : uint8_t { None, Float, Int32, Int64, Double, Uint64 };

struct ElementType {
  int64_t code;
  llvm::StringLiteral name;
  int64_t bits;            // in raw data; 0 where elements differ
  Type (*type)(Builder &); // null for one that Smelt lacks
  Typed typed;
};
template <typename Float> static Type make(Builder &builder) { return Float::get(builder.getContext()); }

constexpr ElementType kElementTypes[] = {
    {TensorProto::FLOAT, "f32", 32, [](Builder &b) -> Type { return b.getF32Type(); }, Typed::Float},
    {TensorProto::UINT8, "ui8", 8, [](Builder &b) -> Type { return b.getIntegerType(8, false); }, Typed::Int32},
    {TensorProto::INT8, "i8", 8, [](Builder &b) -> Type { return b.getI8Type(); }, Typed::Int32},
    {TensorProto::UINT16, "ui16", 16, [](Builder &b) -> Type { return b.getIntegerType(16, false); }, Typed::Int32},
    {TensorProto::INT16, "i16", 16, [](Builder &b) -> Type { return b.getI16Type(); }, Typed::Int32},
    {TensorProto::INT32, "i32", 32, [](Builder &b) -> Type { return b.getI32Type(); }, Typed::Int32},
    {TensorProto::INT64, "i64", 64, [](Builder &b) -> Type { return b.getI64Type(); }, Typed::Int64},
    {TensorProto::STRING, "string", 0, nullptr, Typed::None},
    {TensorProto::BOOL, "i1", 8, [](Builder &b) -> Type { return b.getI1Type(); }, Typed::Int32},
    {TensorProto::FLOAT16, "f16", 16, [](Builder &b) -> Type { return b.getF16Type(); }, Typed::Int32},
    {TensorProto::DOUBLE, "f64", 64, [](Builder &b) -> Type { return b.getF64Type(); }, Typed::Double},
    {TensorProto::UINT32, "ui32", 32, [](Builder &b) -> Type { return b.getIntegerType(32, false); }, Typed::Uint64},
    {TensorProto::UINT64, "ui64", 64, [](Builder &b) -> Type { return b.getIntegerType(64, false); }, Typed::Uint64},
    {TensorProto::COMPLEX64, "complex64", 64, nullptr, Typed::None},
    {TensorProto::COMPLEX128, "complex128", 128, nullptr, Typed::None},
    {TensorProto::BFLOAT16, "bf16", 16, [](Builder &b) -> Type { return b.getBF16Type(); }, Typed::Int32},
    {TensorProto::FLOAT8E4M3FN, "f8E4M3FN", 8, make<Float8E4M3FNType>, Typed::Int32},
    {TensorProto::FLOAT8E4M3FNUZ, "f8E4M3FNUZ", 8, make<Float8E4M3FNUZType>, Typed::Int32},
    {TensorProto::FLOAT8E5M2, "f8E5M2", 8, make<Float8E5M2Type>, Typed::Int32},
    {TensorProto::FLOAT8E5M2FNUZ, "f8E5M2FNUZ", 8, make<Float8E5M2FNUZType>, Typed::Int32},
    {TensorProto::UINT4, "ui4", 4, [](Builder &b) -> Type { return b.getIntegerType(4, false); }, Typed::Int32},
    {TensorProto::INT4, "i4", 4, [](Builder &b) -> Type { return b.getIntegerType(4); }, Typed::Int32},
    {TensorProto::FLOAT4E2M1, "f4E2M1FN", 4, make<Float4E2M1FNType>, Typed::Int32},
    {TensorProto::FLOAT8E8M0, "f8E8M0FNU", 8, make<Float8E8M0FNUType>, Typed::Int32},
    {TensorProto::UINT2, "ui2", 2, [](Builder &b) -> Type { return b.getIntegerType(2, false); }, Typed::Int32},
    {TensorProto::INT2, "i2", 2, [](Builder &b) -> Type { return b.getIntegerType(2); }, Typed::Int32},
    {TensorProto::FLOAT6E2M3, "f6E2M3FN", 6, make<Float6E2M3FNType>, Typed::Int32},
    {TensorProto::FLOAT6E3M2, "f6E3M2FN", 6, make<Float6E3M2FNType>, Typed::Int32},
};

static const ElementType *find(int64_t code) {
  const auto *found = llvm::find_if(kElementTypes, [&](const ElementType &type) { return type.code == code; });
  return found == std::end(kElementTypes) ? nullptr : found;
}

std::string elementTypeName(int64_t dataType) {
  const ElementType *known = find(dataType);
  return known ? known->name.str() : "element type " + std::to_string(dataType);
}

std::optional<int64_t> elementBits(int64_t dataType) {
  const ElementType *known = find(dataType);
  return known ? std::optional(known->bits) : std::nullopt;
}

SmallVector<std::pair<std::string, StringRef>> supportedElementTypes() {
  SmallVector<std::pair<std::string, StringRef>> names;
  for (const ElementType &type : kElementTypes)
    if (type.type)
      names.emplace_back(TensorProto::DataType_Name(static_cast<TensorProto::DataType>(type.code)), type.name);
  return names;
}

bool isSupported(int64_t dataType) {
  const ElementType *known = find(dataType);
  return known && known->type;
}

Type elementTypeOf(int64_t dataType, MLIRContext *context, const Twine &where) {
  const ElementType *known = find(dataType);
  if (!known)
    malformed(where + ": there is no element type " + Twine(dataType));
  if (!known->type)
    unsupported(where + ": the element type " + known->name + " is not supported");
  Builder builder(context);
  return known->type(builder);
}

// Data.

/// Bytes of the file as a tensor.
static Tensor fromBytes(RankedTensorType type, const Model::Bytes &bytes) {
  return tensorFromBytes(type, bytes.data, bytes.file);
}

/// The low bytes of each number. Of types of less than a byte, the low one holds as many elements as fit.
template <typename Numbers> static Tensor fromNumbers(RankedTensorType type, const Numbers &numbers) {
  if (graph::isPackable(type.getElementType())) {
    std::string packed;
    for (auto number : numbers)
      packed += static_cast<char>(static_cast<int64_t>(number));
    return tensorFromPacked(type, packed);
  }
  auto [tensor, to] = zeroTensor(type);
  unsigned size = graph::elementBytes(type.getElementType());
  bool isBool = type.getElementType().isInteger(1), isStored = graph::isStoredOnly(type.getElementType());
  for (auto [position, number] : llvm::enumerate(numbers)) {
    auto value = number;
    if (isBool)
      value = value != 0;
    if (isStored)
      value = graph::storedByte(static_cast<uint64_t>(value), type.getElementType());
    std::memcpy(to.data() + position * size, &value, size);
  }
  return tensor;
}

/// How many numbers each typed field holds.
static std::pair<Typed, int64_t> typedData(const TensorProto &proto, const Twine &where) {
  const std::pair<Typed, int64_t> fields[] = {
      {Typed::Float, proto.float_data_size()},   {Typed::Int32, proto.int32_data_size()},
      {Typed::Int64, proto.int64_data_size()},   {Typed::Double, proto.double_data_size()},
      {Typed::Uint64, proto.uint64_data_size()}, {Typed::None, proto.string_data_size()}};
  std::pair<Typed, int64_t> found = {Typed::None, 0};
  for (const auto &field : fields) {
    if (field.second > 0 && found.second > 0)
      malformed(where + ": holds its elements twice");
    if (field.second > 0)
      found = field;
  }
  return found;
}

static Tensor fromTyped(const TensorProto &proto, RankedTensorType type, Typed field) {
  switch (field) {
  case Typed::Float:
    return fromNumbers(type, proto.float_data());
  case Typed::Int32:
    return fromNumbers(type, proto.int32_data());
  case Typed::Int64:
    return fromNumbers(type, proto.int64_data());
  case Typed::Double:
    return fromNumbers(type, proto.double_data());
  case Typed::Uint64:
    return fromNumbers(type, proto.uint64_data());
  case Typed::None:
    break;
  }
  return zeroTensor(type).first;
}

/// The type that a (sparse) tensor's dims give.
template <typename Proto> static RankedTensorType dimsOf(const Proto &proto, Type elementType, const Twine &where) {
  return within(where, [&] {
    return checkedType(ArrayRef<int64_t>(proto.dims().data(), static_cast<size_t>(proto.dims_size())), elementType);
  });
}

Tensor readTensor(const TensorProto &proto, Model &model, MLIRContext *context) {
  std::string where = "tensor '" + printable(proto.name()) + "'";
  Type elementType = elementTypeOf(proto.data_type(), context, where);
  RankedTensorType type = dimsOf(proto, elementType, where);
  int64_t count = type.getNumElements();
  uint64_t bytes = rawBytes(type);
  auto [field, numbers] = typedData(proto, where);
  bool isExternal = proto.data_location() == TensorProto::EXTERNAL;
  if (proto.has_segment())
    unsupported(where + ": is a segment of a tensor");
  if (numbers > 0 && (isExternal || proto.has_raw_data()))
    malformed(where + ": holds its elements twice");
  if (isExternal)
    return fromBytes(type, model.external(proto, bytes));
  if (proto.has_raw_data()) {
    Model::Bytes raw = model.raw(proto);
    if (raw.data.size() != bytes)
      malformed(where + ": has " + Twine(raw.data.size()) + " bytes of data, its dims need " + Twine(bytes));
    return fromBytes(type, raw);
  }
  int64_t wanted = graph::isPackable(elementType) ? graph::packedBytes(count, elementType) : count;
  if (numbers != wanted)
    malformed(where + ": has " + Twine(numbers) + " elements, its dims need " + Twine(wanted));
  if (count > 0 && field != find(proto.data_type())->typed)
    malformed(where + ": holds its elements in a field of another type than " + elementTypeName(proto.data_type()));
  return fromTyped(proto, type, field);
}

/// Row-major positions of the elements that a sparse tensor states: numbers, or coordinates [count, rank].
static SmallVector<int64_t> positionsOf(const graph::HostTensor &indices, RankedTensorType type, int64_t count,
                                        const Twine &where) {
  SmallVector<int64_t> numbers = indices.toIntegers(), positions;
  bool isLinear = indices.rank() == 1;
  auto perElement = static_cast<size_t>(isLinear ? 1 : type.getRank());
  if (!indices.elementType().isInteger(64) || indices.rank() > 2 || indices.shape().empty() ||
      indices.shape().front() != count || numbers.size() != count * perElement)
    malformed(where + ": its indices do not fit its values");
  SmallVector<int64_t> strides = isLinear ? SmallVector<int64_t>{1} : graph::rowMajorStrides(type.getShape());
  SmallVector<int64_t> limits = isLinear ? SmallVector<int64_t>{type.getNumElements()} : to_vector(type.getShape());
  for (int64_t element = 0; element < count; ++element) {
    int64_t position = 0;
    for (size_t dim = 0; dim < perElement; ++dim) {
      int64_t index = numbers[element * perElement + dim];
      if (index < 0 || index >= limits[dim])
        malformed(where + ": an index lies outside its dims");
      position += index * strides[dim];
    }
    positions.push_back(position);
  }
  return positions;
}

Tensor readSparseTensor(const SparseTensorProto &proto, Model &model, MLIRContext *context) {
  std::string where = "sparse tensor '" + printable(proto.values().name()) + "'";
  constexpr int64_t kMostBytes = 1 << 27; // a small file must not take much memory
  Tensor values = readTensor(proto.values(), model, context), indices = readTensor(proto.indices(), model, context);
  RankedTensorType type = dimsOf(proto, values.type.getElementType(), where);
  if (type.getNumElements() * graph::elementBytes(type.getElementType()) > kMostBytes)
    unsupported(where + ": takes more than " + Twine(kMostBytes >> 20) + " MiB when it is not sparse");
  if (values.type.getRank() != 1)
    malformed(where + ": its values are no list");
  auto dense = std::make_shared<graph::HostTensor>(graph::HostTensor::zeros(type));
  SmallVector<int64_t> positions = positionsOf(indices.view(), type, values.type.getDimSize(0), where);
  graph::HostTensor from = values.view();
  for (auto [element, position] : llvm::enumerate(positions))
    dense->copyElement(position, from, static_cast<int64_t>(element));
  return {type, dense->bytes(), dense};
}

} // namespace smelt::frontend::onnx
