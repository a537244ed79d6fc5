// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a name of a source model stands for while it is imported. The graph dialect has tensors only: sequences and
// optional values are taken apart here.

#ifndef SMELT_FRONTENDS_COMMON_ITEM_H
#define SMELT_FRONTENDS_COMMON_ITEM_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"
#include <memory>

namespace smelt::frontend {

/// Several tensors of one element type. Either their number is known while importing, or the run finds it: then they
/// are a table.
struct Sequence {
  mlir::Type elementType; // null where nothing tells
  llvm::SmallVector<mlir::Value> elements;
  // A table: all elements of its tensors one after another, and a row of dims for each, of 64 bits.
  mlir::Value data, shapes;
  bool hasRanks = false; // a table whose tensors may have unlike ranks: dims that one lacks are -1, at the row's end

  bool isTable() const { return data != nullptr; }
};

struct Item {
  enum class Kind {
    Lost,   // a refused node should have made it
    Absent, // an optional value that is not there
    Tensor,
    Sequence
  };

  Item() = default;
  Item(mlir::Value tensor) : kind(tensor ? Kind::Tensor : Kind::Lost), tensor(tensor) {}
  Item(Sequence sequence) : kind(Kind::Sequence), sequence(std::make_shared<const Sequence>(std::move(sequence))) {}
  static Item absent() {
    Item item;
    item.kind = Kind::Absent;
    return item;
  }

  bool isTensor() const { return kind == Kind::Tensor && !isPresent; }

  Kind kind = Kind::Lost;
  mlir::Value tensor;
  std::shared_ptr<const Sequence> sequence;
  mlir::Value isPresent; // of an optional value, a bool of rank 0, where only the run tells; else null
};

using Items = llvm::SmallVector<Item>;

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_ITEM_H
