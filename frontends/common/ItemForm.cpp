// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/ItemForm.h"
#include "frontends/common/Refusal.h"
#include "frontends/common/Sequences.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace smelt::frontend {

using graph::Extents;
using Kind = Item::Kind;

ItemForm formOf(const Item &item) {
  ItemForm form;
  form.kind = item.kind;
  form.isOptional = static_cast<bool>(item.isPresent);
  if (item.kind == Kind::Tensor) {
    form.elementType = elementOf(item.tensor);
    form.ranks = {rankOf(item.tensor)};
  }
  if (item.kind != Kind::Sequence)
    return form;
  const Sequence &sequence = *item.sequence;
  form.elementType = sequence.elementType;
  form.isTable = sequence.isTable();
  form.hasRanks = sequence.hasRanks;
  if (form.isTable)
    form.ranks = {*rowOf(sequence)};
  for (Value element : sequence.elements)
    form.ranks.push_back(rankOf(element));
  return form;
}

/// A table with rows that both have room in.
static void setTable(ItemForm &form, const ItemForm &a, const ItemForm &b) {
  llvm::SmallSetVector<int64_t, 4> ranks;
  ranks.insert(a.ranks.begin(), a.ranks.end());
  ranks.insert(b.ranks.begin(), b.ranks.end());
  form.isTable = true;
  form.hasRanks = a.hasRanks || b.hasRanks || ranks.size() > 1;
  form.ranks.clear();
  if (!ranks.empty())
    form.ranks = {*llvm::max_element(ranks)};
}

ItemForm commonForm(const ItemForm &a, const ItemForm &b) {
  if (a.kind == Kind::Absent || b.kind == Kind::Absent) {
    ItemForm form = a.kind == Kind::Absent ? b : a;
    form.isOptional = a.kind != b.kind;
    return form;
  }
  if (a.kind != b.kind)
    malformed("makes a sequence in one case, and a tensor in another");
  if (a.kind == Kind::Tensor && !a.isOptional && !b.isOptional)
    return a; // whoever brings them together knows more of tensors
  if (a.elementType && b.elementType && a.elementType != b.elementType)
    unsupported("makes elements of " + inWords(a.elementType) + " in one case, and of " + inWords(b.elementType) +
                " in another");
  ItemForm form = a;
  form.isOptional = a.isOptional || b.isOptional;
  if (!form.elementType)
    form.elementType = b.elementType;
  if (a.kind == Kind::Sequence && (a.isTable != b.isTable || a.hasRanks != b.hasRanks || a.ranks != b.ranks))
    setTable(form, a, b);
  return form;
}

/// Something for the place of what is absent: a tensor of nothing, or a scalar.
static Value placeholder(GraphBuilder &b, Type elementType, int64_t rank) {
  return b.constant(graph::HostTensor::zeros(checkedType(SmallVector<int64_t>(rank, 0), elementType)));
}

static Item placeholder(GraphBuilder &b, const ItemForm &form) {
  if (!form.elementType)
    unsupported("makes an optional value whose type nothing tells");
  if (form.kind == Kind::Tensor)
    return placeholder(b, form.elementType, form.ranks.front());
  SmallVector<Value> elements;
  for (int64_t rank : form.isTable ? ArrayRef<int64_t>() : ArrayRef<int64_t>(form.ranks))
    elements.push_back(placeholder(b, form.elementType, rank));
  return sequenceOf(b, elements, form.elementType);
}

SmallVector<Value> flattened(GraphBuilder &b, const Item &given, const ItemForm &form) {
  if (form.kind == Kind::Absent)
    return {};
  SmallVector<Value> tensors;
  if (form.isOptional) {
    Type i1 = b.builder().getI1Type();
    bool isPresent = given.kind != Kind::Absent;
    tensors.push_back(given.isPresent ? given.isPresent : b.scalar(i1, graph::Scalar::ofSigned(isPresent)));
  }
  Item item = given.kind == Kind::Absent ? placeholder(b, form) : given;
  if (form.kind == Kind::Tensor) {
    tensors.push_back(item.tensor);
    return tensors;
  }
  Sequence sequence = *item.sequence;
  if (!form.isTable) {
    llvm::append_range(tensors, sequence.elements);
    return tensors;
  }
  if (!sequence.elementType)
    sequence.elementType = form.elementType;
  sequence = asTable(b, sequence, form.ranks.empty() ? 0 : form.ranks.front());
  tensors.append({sequence.data, sequence.shapes});
  return tensors;
}

Item itemOf(const ItemForm &form, ArrayRef<Value> &tensors) {
  auto take = [&] {
    Value value = tensors.front();
    tensors = tensors.drop_front();
    return value;
  };
  if (form.kind == Kind::Absent)
    return Item::absent();
  Value isPresent = form.isOptional ? take() : nullptr;
  Item item;
  if (form.kind == Kind::Tensor) {
    item = take();
  } else {
    Sequence sequence;
    sequence.elementType = form.elementType;
    sequence.hasRanks = form.hasRanks;
    if (form.isTable) {
      sequence.data = take();
      sequence.shapes = take();
    } else {
      for (size_t number = 0; number < form.ranks.size(); ++number)
        sequence.elements.push_back(take());
    }
    item = sequence;
  }
  item.isPresent = isPresent;
  return item;
}

SmallVector<ItemForm> formsOf(ArrayRef<Item> items) {
  return llvm::map_to_vector(items, [](const Item &item) { return formOf(item); });
}

SmallVector<ItemForm> commonForms(ArrayRef<ItemForm> a, ArrayRef<ItemForm> b) {
  SmallVector<ItemForm> forms;
  for (auto [left, right] : llvm::zip_equal(a, b))
    forms.push_back(commonForm(left, right));
  return forms;
}

SmallVector<Value> flattened(GraphBuilder &b, ArrayRef<Item> items, ArrayRef<ItemForm> forms) {
  SmallVector<Value> tensors;
  for (auto [item, form] : llvm::zip_equal(items, forms))
    llvm::append_range(tensors, flattened(b, item, form));
  return tensors;
}

Items itemsOf(ArrayRef<ItemForm> forms, ArrayRef<Value> &tensors) {
  Items items;
  for (const ItemForm &form : forms)
    items.push_back(itemOf(form, tensors));
  return items;
}

} // namespace smelt::frontend
