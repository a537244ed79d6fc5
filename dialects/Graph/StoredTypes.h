// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Element types that tensors are only stored in: floats of 8, 6 and 4 bits and integers of 4 and 2. They are moved,
// reinterpreted and cast; arithmetic happens in what they are cast to.
//
// In memory (of the host and of a model's arena) each element has a byte of its own: the code of a float in its low
// bits with zeros above, an integer extended by its sign or by zeros. Equal elements thus have equal bytes, and moving
// them is moving bytes. Only where bytes are counted do those of 4 and 2 bits lie packed, as in ONNX: in the weights of
// an artefact and in the inputs and outputs of a model, the first element in the low bits, zeros behind the last.

#ifndef SMELT_DIALECTS_GRAPH_STOREDTYPES_H
#define SMELT_DIALECTS_GRAPH_STOREDTYPES_H

#include "mlir/IR/BuiltinTypes.h"
#include <string>

namespace smelt::graph {

/// Whether an element type is one of these.
bool isStoredOnly(mlir::Type elementType);
/// The same, for floats alone.
bool isStoredFloat(mlir::Type elementType);

/// Whether elements lie packed where bytes are counted: those of which a byte holds several.
bool isPackable(mlir::Type elementType);
/// How many bytes `count` elements of any number of bits take side by side; `count` is not negative.
int64_t packedBytes(int64_t count, mlir::Type elementType);
/// One byte an element → side by side, for types of up to 8 bits.
std::string packElements(llvm::ArrayRef<char> elements, mlir::Type elementType);
/// Side by side → one byte an element, as many as `elements` has room for. `packed` has packedBytes of them.
void unpackElements(llvm::ArrayRef<char> packed, mlir::Type elementType, llvm::MutableArrayRef<char> elements);

/// The byte that the low bits of `code` are stored in.
uint8_t storedByte(uint64_t code, mlir::Type elementType);

} // namespace smelt::graph

#endif // SMELT_DIALECTS_GRAPH_STOREDTYPES_H
