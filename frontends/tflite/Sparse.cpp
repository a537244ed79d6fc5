// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Sparse constants. Their dims, in an order of their own and perhaps divided into blocks, are levels of a tree: of a
// dense level all places are there, of a sparse one (CSR) those that `indices` lists between two `segments`.

#include "frontends/tflite/Sparse.h"
#include "frontends/common/GraphBuilder.h"
#include "frontends/common/Refusal.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

namespace {
struct Level {
  bool isSparse = false;
  int64_t extent = 0;                     // of a dense one
  SmallVector<int64_t> segments, indices; // of a sparse one
};

class Densifier {
public:
  Densifier(const Model &model, const schema::SparsityParameters &sparsity, RankedTensorType type,
            ArrayRef<char> bytes);
  graph::HostTensor run() {
    visit(0, 0);
    if (read_ != from_.size())
      malformed("states " + Twine(from_.size()) + " elements, of which its dims name " + Twine(read_));
    return to_;
  }

private:
  SmallVector<int64_t> numbers(uint8_t tag, const schema::Any *any) const;
  void readLevels(const schema::SparsityParameters &sparsity);
  void readOrder(const schema::SparsityParameters &sparsity);
  void visit(size_t level, int64_t place);
  void enter(size_t level, int64_t index, int64_t place);
  int64_t position() const;

  const Model &model_;
  RankedTensorType type_;
  graph::HostTensor from_, to_;
  SmallVector<Level> levels_;
  SmallVector<int64_t> dims_;   // which dim of the tensor each level is of
  SmallVector<int64_t> blocks_; // by how much a place of a level counts of its dim
  SmallVector<int64_t> index_;  // of each level
  int64_t read_ = 0, visits_ = 0, mostVisits_ = 0;
};
} // namespace

/// How many elements so many bytes hold.
static RankedTensorType listOf(ArrayRef<char> bytes, Type element) {
  const int64_t size = graph::elementBytes(element);
  if (bytes.size() % size != 0)
    malformed("has " + Twine(bytes.size()) + " bytes of elements of " + Twine(size));
  return RankedTensorType::get({static_cast<int64_t>(bytes.size()) / size}, element);
}

Densifier::Densifier(const Model &model, const schema::SparsityParameters &sparsity, RankedTensorType type,
                     ArrayRef<char> bytes)
    : model_(model), type_(type) {
  constexpr int64_t kMostBytes = 1 << 27; // a small file must not take much memory
  if (type.getNumElements() * graph::elementBytes(type.getElementType()) > kMostBytes)
    unsupported("takes more than " + Twine(kMostBytes >> 20) + " MiB when it is not sparse");
  from_ = graph::HostTensor::viewOf(listOf(bytes, type.getElementType()), bytes);
  to_ = graph::HostTensor::zeros(type);
  readLevels(sparsity);
  readOrder(sparsity);
  index_.assign(levels_.size(), 0);
  mostVisits_ = (type.getNumElements() + 1) * static_cast<int64_t>(levels_.size() + 1);
}

SmallVector<int64_t> Densifier::numbers(uint8_t tag, const schema::Any *any) const {
  auto read = [&](const auto *table) {
    if (!table || !table->values())
      malformed("has sparse dims without their numbers");
    return llvm::to_vector_of<int64_t>(numbersOf(table->values()));
  };
  if (!any)
    malformed("has sparse dims without their numbers");
  switch (tag) {
  case 1:
    return read(model_.as<schema::Int32Vector>(any));
  case 2:
    return read(model_.as<schema::Uint16Vector>(any));
  case 3:
    return read(model_.as<schema::Uint8Vector>(any));
  default:
    malformed("has sparse dims whose numbers are of no known type");
  }
}

void Densifier::readLevels(const schema::SparsityParameters &sparsity) {
  const size_t count = sizeOf(sparsity.dim_metadata());
  if (count != sizeOf(sparsity.traversal_order()) ||
      count != static_cast<size_t>(type_.getRank()) + sizeOf(sparsity.block_map()))
    malformed("has " + Twine(count) + " sparse dims for " + Twine(type_.getRank()));
  for (size_t number = 0; number < count; ++number) {
    const schema::DimensionMetadata &dim = *sparsity.dim_metadata()->Get(static_cast<unsigned>(number));
    Level &level = levels_.emplace_back();
    level.isSparse = dim.format() == 1;
    level.extent = dim.dense_size();
    if (level.isSparse) {
      level.segments = numbers(dim.array_segments_type(), dim.array_segments());
      level.indices = numbers(dim.array_indices_type(), dim.array_indices());
    } else if (level.extent < 1) {
      malformed("has a dense dim of " + Twine(level.extent));
    }
  }
}

void Densifier::readOrder(const schema::SparsityParameters &sparsity) {
  ArrayRef<int32_t> order = numbersOf(sparsity.traversal_order()), map = numbersOf(sparsity.block_map());
  const int64_t rank = type_.getRank();
  SmallVector<bool> seen(order.size(), false);
  SmallVector<int64_t> block(rank, 1);
  for (auto [level, at] : llvm::enumerate(order)) {
    if (at < 0 || static_cast<size_t>(at) >= order.size() || seen[at])
      malformed("has an order of sparse dims that is no permutation");
    seen[at] = true;
    const int64_t dim = at < rank ? at : map[at - rank];
    if (dim < 0 || dim >= rank)
      malformed("has blocks of dim " + Twine(dim) + " of " + Twine(rank));
    if (at >= rank && levels_[level].isSparse)
      malformed("has sparse blocks");
    dims_.push_back(dim);
    if (at >= rank)
      block[dim] = checkedMul(block[dim], levels_[level].extent);
  }
  for (auto [level, at] : llvm::enumerate(order))
    blocks_.push_back(at < rank ? block[at] : 1);
}

int64_t Densifier::position() const {
  SmallVector<int64_t> place(type_.getRank(), 0), strides = graph::rowMajorStrides(type_.getShape());
  for (auto [level, index] : llvm::enumerate(index_))
    place[dims_[level]] = checkedAdd(place[dims_[level]], checkedMul(index, blocks_[level]));
  int64_t position = 0;
  for (auto [dim, at] : llvm::enumerate(place)) {
    if (at < 0 || at >= type_.getDimSize(static_cast<unsigned>(dim)))
      malformed("names an element outside its dims");
    position += at * strides[dim];
  }
  return position;
}

void Densifier::enter(size_t level, int64_t index, int64_t place) {
  if (++visits_ > mostVisits_)
    malformed("has sparse dims that name more than all of its elements");
  index_[level] = index;
  visit(level + 1, place);
}

void Densifier::visit(size_t level, int64_t place) {
  if (level == levels_.size()) {
    if (read_ >= from_.size())
      malformed("states " + Twine(from_.size()) + " elements, fewer than its dims name");
    to_.copyElement(position(), from_, read_++);
    return;
  }
  const Level &here = levels_[level];
  if (!here.isSparse) {
    for (int64_t index = 0; index < here.extent; ++index)
      enter(level, index, checkedAdd(checkedMul(place, here.extent), index));
    return;
  }
  if (place < 0 || place + 1 >= static_cast<int64_t>(here.segments.size()))
    malformed("has fewer segments than sparse rows");
  for (int64_t at = here.segments[place]; at < here.segments[place + 1]; ++at) {
    if (at < 0 || at >= static_cast<int64_t>(here.indices.size()))
      malformed("has a segment beyond its indices");
    enter(level, here.indices[at], at);
  }
}

graph::HostTensor densify(const Model &model, const schema::SparsityParameters &sparsity, RankedTensorType type,
                          ArrayRef<char> bytes) {
  if (sizeOf(sparsity.dim_metadata()) > 2 * kMostDims)
    malformed("has " + Twine(sizeOf(sparsity.dim_metadata())) + " sparse dims");
  return Densifier(model, sparsity, type, bytes).run();
}

} // namespace smelt::frontend::tflite
