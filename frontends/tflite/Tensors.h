// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_TFLITE_TENSORS_H
#define SMELT_FRONTENDS_TFLITE_TENSORS_H

#include "frontends/common/FileTensor.h"
#include "frontends/tflite/Model.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace smelt::frontend::tflite {

/// Linear quantisation of a tensor: real = (integer - zero point) · scale.
struct Quantisation {
  llvm::SmallVector<float> scales;       // one, or one for each place along `axis`
  llvm::SmallVector<int64_t> zeroPoints; // as many
  int64_t axis = 0;

  bool isPerAxis() const { return scales.size() > 1; }
  float scale() const { return scales.front(); }
  int64_t zeroPoint() const { return zeroPoints.front(); }
  bool operator==(const Quantisation &other) const {
    return scales == other.scales && zeroPoints == other.zeroPoints && (!isPerAxis() || axis == other.axis);
  }
};

constexpr int8_t kFloat32 = 0, kComplex64 = 8;

/// "FLOAT16" of a TensorType; "type 99" of one that there is not.
std::string typeName(int8_t type);
/// The element type of a tensor; null for one that Smelt lacks.
mlir::Type elementTypeOf(int8_t type, mlir::MLIRContext *context);
/// The same, refused where Smelt lacks it; `where` begins the message.
mlir::Type elementTypeOf(int8_t type, mlir::MLIRContext *context, const llvm::Twine &where);

/// How a tensor is quantised; nothing where it is not. Refuses numbers that do not fit the tensor.
std::optional<Quantisation> quantisationOf(const schema::Tensor &tensor);

/// The dims that a tensor declares: -1 where they are open.
llvm::SmallVector<int64_t> declaredDims(const schema::Tensor &tensor);

/// What the file holds of a tensor, zeros of sparse ones written out, integers of 4 bits as such of 8; nothing where it
/// holds nothing.
struct Constant {
  FileTensor tensor;
  bool isComputed = false; // no view of the file
};
std::optional<Constant> constantOf(const Model &model, const schema::Tensor &tensor, mlir::MLIRContext *context);

} // namespace smelt::frontend::tflite

#endif // SMELT_FRONTENDS_TFLITE_TENSORS_H
