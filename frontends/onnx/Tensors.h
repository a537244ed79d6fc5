// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_ONNX_TENSORS_H
#define SMELT_FRONTENDS_ONNX_TENSORS_H

#include "frontends/common/FileTensor.h"
#include "frontends/onnx/Model.h"

namespace smelt::frontend::onnx {

/// The name that messages and `smelt inspect` use for an element type: MLIR's, or ONNX's for one that Smelt lacks.
std::string elementTypeName(int64_t dataType);

/// How much room an element takes in raw data, 0 for strings; nothing where ONNX has no such type.
std::optional<int64_t> elementBits(int64_t dataType);

/// The element types that Smelt has: ONNX's names and those of messages.
llvm::SmallVector<std::pair<std::string, llvm::StringRef>> supportedElementTypes();

/// Whether Smelt has the element type.
bool isSupported(int64_t dataType);

/// The element type of a TensorProto.DataType. Refuses what Smelt lacks, or ONNX does; `where` begins the message.
mlir::Type elementTypeOf(int64_t dataType, mlir::MLIRContext *context, const llvm::Twine &where);

using Tensor = FileTensor;

/// Refuses a tensor whose dims, element type and data do not agree.
Tensor readTensor(const TensorProto &proto, Model &model, mlir::MLIRContext *context);
/// The same tensor with its zeros written out.
Tensor readSparseTensor(const SparseTensorProto &proto, Model &model, mlir::MLIRContext *context);

} // namespace smelt::frontend::onnx

#endif // SMELT_FRONTENDS_ONNX_TENSORS_H
