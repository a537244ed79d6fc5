// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_FRONTENDS_PT2_TENSORS_H
#define SMELT_FRONTENDS_PT2_TENSORS_H

#include "frontends/common/GraphBuilder.h"
#include <memory>

namespace smelt::frontend::pt2 {

/// A tensor as an archive holds it: a part of a storage, which others may share.
struct StoredTensor {
  int64_t dtype = 0; // torch's ScalarType, as the format numbers it
  llvm::SmallVector<int64_t> sizes, strides;
  int64_t offset = 0; // of its first element, in elements
  llvm::ArrayRef<char> storage;
  std::string refusal; // why it cannot be read, where it cannot: it matters only if it is used
};

/// The name that messages use for a dtype: MLIR's, or torch's for one that Smelt lacks.
std::string dtypeName(int64_t dtype);
/// How many bytes an element takes; 0 where there is no such dtype.
int64_t dtypeBytes(int64_t dtype);
/// The element type of a dtype. Refuses what Smelt lacks, or torch does; `where` begins the message.
mlir::Type dtypeOf(int64_t dtype, mlir::MLIRContext *context, const llvm::Twine &where);
/// The dtype of a complex dtype's parts; nothing of others.
std::optional<int64_t> partOfComplex(int64_t dtype);
/// The dtype that a storage of pickled tensors has by its class: "FloatStorage".
std::optional<int64_t> dtypeOfStorage(llvm::StringRef name);

/// A stored tensor as a constant: a view of its storage, behind a transpose where its dims lie in another order; a copy
/// where it is neither. `owner` keeps the storage. Refuses one that reaches beyond its storage.
mlir::Value constantOf(GraphBuilder &builder, const StoredTensor &tensor, llvm::StringRef name,
                       std::shared_ptr<const void> owner);
/// The same of complex numbers: both parts along a last dim.
StoredTensor partsOf(const StoredTensor &tensor);

} // namespace smelt::frontend::pt2

#endif // SMELT_FRONTENDS_PT2_TENSORS_H
