// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Blocks of pixels as channels or as a batch, and back.

#include "frontends/tflite/Operators.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

using graph::Extent, graph::Extents;

static Value checkedImage(OperatorReader &node, int64_t block) {
  Value x = node.moved(0);
  if (rankOf(x) != 4 || block < 1)
    malformed("needs an input of four dims and blocks, not " + inWords(extentsOf(x)) + " and " + Twine(block));
  return x;
}

// DEPTH_TO_SPACE: [n, h, w, b · b · c] → [n, h · b, w · b, c]
static Values depthToSpace(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  const int64_t block = node.options<schema::DepthToSpaceOptions>().block_size();
  Value x = checkedImage(node, block);
  const Extents from = extentsOf(x);
  const Extent channels = dividedBy(from[3], checkedMul(block, block));
  Value split = b.reshape(x, {from[0], from[1], from[2], block, block, channels});
  return {b.reshape(b.transpose(split, {0, 1, 3, 2, 4, 5}), {from[0], from[1] * block, from[2] * block, channels})};
}

static Values spaceToDepth(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  const int64_t block = node.options<schema::SpaceToDepthOptions>().block_size();
  Value x = checkedImage(node, block);
  const Extents from = extentsOf(x);
  const Extent height = dividedBy(from[1], block), width = dividedBy(from[2], block);
  Value split = b.reshape(x, {from[0], height, block, width, block, from[3]});
  return {
      b.reshape(b.transpose(split, {0, 1, 3, 2, 4, 5}), {from[0], height, width, from[3] * checkedMul(block, block)})};
}

/// What SPACE_TO_BATCH_ND and its inverse say: blocks of the dims behind the first, and padding or crops of each.
namespace {
struct Blocks {
  Integers sizes, before, after;
};
} // namespace

static Blocks readBlocks(OperatorReader &node, Value x) {
  Blocks blocks;
  blocks.sizes = node.integersInput(1);
  Integers ends = node.integersInput(2);
  if (blocks.sizes.empty() || static_cast<int64_t>(blocks.sizes.size()) >= rankOf(x) ||
      ends.size() != 2 * blocks.sizes.size() || llvm::any_of(blocks.sizes, [](int64_t size) { return size < 1; }) ||
      llvm::any_of(ends, [](int64_t count) { return count < 0; }))
    malformed("has blocks " + inWords(blocks.sizes) + " with ends " + inWords(ends) + " of " + inWords(extentsOf(x)));
  for (size_t dim = 0; dim < blocks.sizes.size(); ++dim) {
    blocks.before.push_back(ends[2 * dim]);
    blocks.after.push_back(ends[2 * dim + 1]);
  }
  return blocks;
}

// SPACE_TO_BATCH_ND: [n, s…, r…] → [b… · n, s / b…, r…]
static Values spaceToBatch(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.moved(0);
  Blocks blocks = readBlocks(node, x);
  std::optional<Quantisation> how = node.quantisation(0);
  const bool isReal = isa<FloatType>(elementOf(x)) || !how;
  Value number = b.scalar(elementOf(x), graph::Scalar::ofSigned(isReal ? 0 : how->zeroPoint()));
  const auto count = static_cast<int64_t>(blocks.sizes.size());
  for (int64_t dim = 0; dim < count; ++dim)
    x = b.padDim(x, dim + 1, blocks.before[dim], blocks.after[dim], number);
  const Extents from = extentsOf(x);
  Extents split = {from[0]}, result = {from[0]};
  Integers order, spatial;
  for (int64_t dim = 0; dim < count; ++dim) {
    const Extent extent = dividedBy(from[dim + 1], blocks.sizes[dim]);
    split.append({extent, blocks.sizes[dim]});
    order.push_back(2 * dim + 2);
    spatial.push_back(2 * dim + 1);
    result[0] = result[0] * blocks.sizes[dim];
    result.push_back(extent);
  }
  order.push_back(0);
  llvm::append_range(order, spatial);
  for (int64_t dim = count + 1; dim < rankOf(x); ++dim) {
    order.push_back(static_cast<int64_t>(split.size()));
    split.push_back(from[dim]);
    result.push_back(from[dim]);
  }
  return {b.reshape(b.transpose(b.reshape(x, split), order), result)};
}

// BATCH_TO_SPACE_ND: [b… · n, s…, r…] → [n, s · b…, r…]
static Values batchToSpace(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.moved(0);
  Blocks blocks = readBlocks(node, x);
  const auto count = static_cast<int64_t>(blocks.sizes.size());
  const Extents from = extentsOf(x);
  int64_t product = 1;
  for (int64_t size : blocks.sizes)
    product = checkedMul(product, size);
  const Extent batch = dividedBy(from[0], product);
  Extents split = graph::toExtents(blocks.sizes), result = {batch};
  split.push_back(batch);
  Integers order = {count};
  for (int64_t dim = 0; dim < count; ++dim) {
    order.append({count + 1 + dim, dim});
    split.push_back(from[dim + 1]);
    result.push_back(from[dim + 1] * blocks.sizes[dim]);
  }
  for (int64_t dim = count + 1; dim < rankOf(x); ++dim) {
    order.push_back(static_cast<int64_t>(split.size()));
    split.push_back(from[dim]);
    result.push_back(from[dim]);
  }
  Value whole = b.reshape(b.transpose(b.reshape(x, split), order), result);
  for (int64_t dim = 0; dim < count; ++dim) {
    const Extent left = result[dim + 1] - blocks.before[dim] - blocks.after[dim];
    if (left.isNumber() && left.number() < 0)
      malformed("crops more than " + result[dim + 1].str());
    whole = b.sliceDim(whole, dim + 1, blocks.before[dim], left);
  }
  return {whole};
}

// DILATE: input 2 so many times between neighbours along each dim that they are input 1 apart
static Values dilate(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.moved(0), number = b.reshape(node.moved(2), ArrayRef<Extent>());
  const Integers apart = node.integersInput(1);
  if (static_cast<int64_t>(apart.size()) != rankOf(x) || elementOf(number) != elementOf(x))
    malformed("needs a distance for each dim of " + inWords(extentsOf(x)) + ", and a number of its type");
  for (auto [position, distance] : llvm::enumerate(apart)) {
    const auto dim = static_cast<int64_t>(position);
    if (distance < 1)
      malformed("puts neighbours " + Twine(distance) + " apart");
    Extents shape = extentsOf(x), split = shape;
    if (distance == 1 || shape[dim] == Extent(0))
      continue;
    split.insert(split.begin() + dim + 1, 1);
    shape[dim] = shape[dim] * distance;
    x = b.reshape(b.padDim(b.reshape(x, split), dim + 1, 0, distance - 1, number), shape);
    x = b.sliceDim(x, dim, 0, shape[dim] - (distance - 1));
  }
  return {x};
}

static constexpr Operator kOperators[] = {
    {"BATCH_TO_SPACE_ND", batchToSpace}, {"DEPTH_TO_SPACE", depthToSpace}, {"DILATE", dilate},
    {"SPACE_TO_BATCH_ND", spaceToBatch}, {"SPACE_TO_DEPTH", spaceToDepth},
};

ArrayRef<Operator> spatialOperators() { return kOperators; }

} // namespace smelt::frontend::tflite
