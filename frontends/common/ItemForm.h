// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Items as tensors, for branches and loops, which know nothing else: an item of a form is always so many tensors.

#ifndef SMELT_FRONTENDS_COMMON_ITEMFORM_H
#define SMELT_FRONTENDS_COMMON_ITEMFORM_H

#include "frontends/common/GraphBuilder.h"
#include "frontends/common/Item.h"

namespace smelt::frontend {

struct ItemForm {
  Item::Kind kind = Item::Kind::Absent;
  bool isOptional = false; // whether it is there only the run tells
  bool isTable = false;    // of a sequence
  bool hasRanks = false;   // of a table
  mlir::Type elementType;  // null where nothing tells
  /// Of a tensor, of those of a list, or how many dims rows of a table have; nothing of what is not known.
  llvm::SmallVector<int64_t> ranks;

  friend bool operator==(const ItemForm &a, const ItemForm &b) {
    return a.kind == b.kind && a.isOptional == b.isOptional && a.isTable == b.isTable && a.hasRanks == b.hasRanks &&
           a.elementType == b.elementType && a.ranks == b.ranks;
  }
};

ItemForm formOf(const Item &item);
/// One that items of both forms can be brought to; refuses where there is none.
ItemForm commonForm(const ItemForm &a, const ItemForm &b);

/// The tensors of an item, brought to a form.
llvm::SmallVector<mlir::Value> flattened(GraphBuilder &builder, const Item &item, const ItemForm &form);
/// The item that the first of `tensors` make, which are dropped.
Item itemOf(const ItemForm &form, llvm::ArrayRef<mlir::Value> &tensors);

/// The same for several, one after another.
llvm::SmallVector<ItemForm> formsOf(llvm::ArrayRef<Item> items);
llvm::SmallVector<ItemForm> commonForms(llvm::ArrayRef<ItemForm> a, llvm::ArrayRef<ItemForm> b);
llvm::SmallVector<mlir::Value> flattened(GraphBuilder &builder, llvm::ArrayRef<Item> items,
                                         llvm::ArrayRef<ItemForm> forms);
Items itemsOf(llvm::ArrayRef<ItemForm> forms, llvm::ArrayRef<mlir::Value> &tensors);

} // namespace smelt::frontend

#endif // SMELT_FRONTENDS_COMMON_ITEMFORM_H
