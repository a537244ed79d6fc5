// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_TFLITE_SPARSE_H
#define SMELT_FRONTENDS_TFLITE_SPARSE_H

#include "dialects/Graph/HostTensor.h"
#include "frontends/tflite/Model.h"

namespace smelt::frontend::tflite {

/// A sparse tensor with its zeros written out. `bytes` are the elements that it states, in the order of its dims.
graph::HostTensor densify(const Model &model, const schema::SparsityParameters &sparsity, mlir::RankedTensorType type,
                          llvm::ArrayRef<char> bytes);

} // namespace smelt::frontend::tflite

#endif // SMELT_FRONTENDS_TFLITE_SPARSE_H
