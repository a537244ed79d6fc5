// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_DIALECTS_GRAPH_HOSTTENSOR_H
#define SMELT_DIALECTS_GRAPH_HOSTTENSOR_H

#include "dialects/Graph/StoredTypes.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include <memory>
#include <optional>

namespace smelt::graph {

/// One tensor element: floats as double, integers at 64 bits, bool as unsigned 0 or 1.
class Scalar {
public:
  enum class Kind { Float, Signed, Unsigned };

  static Scalar ofFloat(double value) { return Scalar(Kind::Float, value, 0); }
  static Scalar ofSigned(int64_t value) { return Scalar(Kind::Signed, 0, static_cast<uint64_t>(value)); }
  static Scalar ofUnsigned(uint64_t value) { return Scalar(Kind::Unsigned, 0, value); }
  static Scalar ofBool(bool value) { return ofUnsigned(value); }

  Kind kind() const { return kind_; }
  bool isFloat() const { return kind_ == Kind::Float; }
  bool isSigned() const { return kind_ == Kind::Signed; }
  bool isUnsigned() const { return kind_ == Kind::Unsigned; }

  /// The value converted to another representation. A float goes to an integer towards zero, saturating; NaN gives 0.
  double asFloat() const;
  int64_t asSigned() const;
  uint64_t asUnsigned() const;
  bool asBool() const { return isFloat() ? float_ != 0 : bits_ != 0; }

private:
  Scalar(Kind kind, double number, uint64_t bits) : kind_(kind), float_(number), bits_(bits) {}

  Kind kind_;
  double float_;
  uint64_t bits_;
};

/// How many bytes an element takes in memory: bool takes one, and so does each of the types of StoredTypes.h. 0 for a
/// type that Smelt does not store.
unsigned elementBytes(mlir::Type elementType);

/// Elements of a static shape; nothing where the product of the extents overflows int64.
std::optional<int64_t> elementCount(llvm::ArrayRef<int64_t> shape);

/// A dense row-major tensor in host memory. Copies are cheap and share the bytes.
class HostTensor {
public:
  HostTensor() = default;

  /// Zero-filled, owned. `type` has a static shape.
  static HostTensor zeros(mlir::RankedTensorType type);
  /// Refers to `bytes`, which must outlive the tensor and hold exactly the elements.
  static HostTensor viewOf(mlir::RankedTensorType type, llvm::ArrayRef<char> bytes);
  /// The value of a constant, without a copy where it is a resource blob. Nothing for attributes other than dense and
  /// resource ones.
  static std::optional<HostTensor> of(mlir::ElementsAttr attribute);

  /// As an attribute: dense for up to 64 elements, else a resource blob that keeps these bytes alive.
  mlir::ElementsAttr toAttribute() const;

  mlir::RankedTensorType type() const { return type_; }
  mlir::Type elementType() const { return type_.getElementType(); }
  llvm::ArrayRef<int64_t> shape() const { return type_.getShape(); }
  int64_t rank() const { return type_.getRank(); }
  int64_t size() const { return size_; }
  unsigned bytesPerElement() const { return bytesPerElement_; }

  llvm::ArrayRef<char> bytes() const { return bytes_; }
  /// Only for tensors made by zeros().
  llvm::MutableArrayRef<char> mutableBytes() const;
  template <typename T> llvm::ArrayRef<T> as() const {
    return {reinterpret_cast<const T *>(bytes_.data()), static_cast<size_t>(size_)};
  }
  template <typename T> llvm::MutableArrayRef<T> asMutable() const {
    return {reinterpret_cast<T *>(mutableBytes().data()), static_cast<size_t>(size_)};
  }

  /// The element at a row-major position.
  Scalar get(int64_t position) const;
  /// The byte of an element of a type of StoredTypes.h.
  uint8_t code(int64_t position) const { return static_cast<uint8_t>(bytes_[position]); }
  /// Stores an element, rounded to the element type to nearest even, beyond it to infinity or NaN; integers wrap.
  void set(int64_t position, Scalar value) const;
  /// Copies one element's bytes from a tensor of the same element type.
  void copyElement(int64_t to, const HostTensor &source, int64_t from) const;
  /// All elements as int64, for shapes, axes and indices.
  llvm::SmallVector<int64_t> toIntegers() const;
  /// The same bytes under another shape of equal element count.
  HostTensor reshaped(llvm::ArrayRef<int64_t> shape) const;

private:
  mlir::RankedTensorType type_;
  int64_t size_ = 0;
  unsigned bytesPerElement_ = 0;
  llvm::ArrayRef<char> bytes_;
  std::shared_ptr<char> owned_; // null for views
};

/// Row-major strides, in elements.
llvm::SmallVector<int64_t> rowMajorStrides(llvm::ArrayRef<int64_t> shape);

/// Moves `index` to the next one in row-major order; false after the last.
bool advance(llvm::MutableArrayRef<int64_t> index, llvm::ArrayRef<int64_t> shape);

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_HOSTTENSOR_H
