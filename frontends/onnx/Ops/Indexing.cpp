// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that read or write elements at indices that a tensor holds.

#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Tensors.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::onnx {

/// Refuses indices into nothing, and constant ones outside [-extent, extent); others are the compiled model's to check.
/// Of coordinates, the last dim of `indices` has one for each of `dims`.
static void checkIndices(Value indices, ArrayRef<graph::Extent> dims) {
  std::optional<graph::HostTensor> constant = graph::constantOf(indices);
  bool isEmpty = llvm::is_contained(graph::typeOf(indices).getShape(), 0);
  for (auto [coordinate, dim] : llvm::enumerate(dims)) {
    if (!dim.isNumber())
      continue;
    int64_t extent = dim.number(), step = static_cast<int64_t>(dims.size());
    if (extent == 0 && !isEmpty)
      malformed("has indices into a dim of 0");
    for (auto i = static_cast<int64_t>(coordinate); constant && i < constant->size(); i += step)
      if (int64_t index = constant->get(i).asSigned(); index < -extent || index >= extent)
        malformed("index " + Twine(index) + " lies outside a dim of " + Twine(extent));
  }
}

static Values gather(NodeReader &node) {
  Value data = node.input(0), indices = node.input(1, SignedIntegers);
  int64_t axis = normalAxis(node.integer("axis", 0), rankOf(data));
  checkIndices(indices, extentsOf(data)[axis]);
  return {node.builder().make<graph::GatherOp>(data, indices, axis)};
}

// ArrayFeatureExtractor: elements of the last dim             ai.onnx.ml ArrayFeatureExtractor, version 1
static Values arrayFeatureExtractor(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value data = node.input(0), indices = node.input(1, SignedIntegers);
  if (rankOf(data) == 1) // one example
    data = b.reshape(data, {1, extentsOf(data)[0]});
  if (rankOf(data) < 1)
    malformed("needs an input of one dim or more");
  indices = b.flat(indices);
  checkIndices(indices, extentsOf(data).back());
  return {b.make<graph::GatherOp>(data, indices, rankOf(data) - 1)};
}

static Values gatherElements(NodeReader &node) {
  Value data = node.input(0), indices = node.input(1, SignedIntegers);
  int64_t axis = normalAxis(node.integer("axis", 0), rankOf(data));
  if (rankOf(indices) != rankOf(data))
    malformed("needs indices of as many dims as its data");
  checkIndices(indices, extentsOf(data)[axis]);
  return {node.builder().make<graph::GatherElementsOp>(data, indices, axis)};
}

static Values gatherNd(NodeReader &node) {
  Value data = node.input(0), indices = node.input(1, SignedIntegers);
  int64_t batchDims = node.opset() < 12 ? 0 : node.integer("batch_dims", 0);
  if (rankOf(data) < 1 || rankOf(indices) < 1 || batchDims < 0 || batchDims >= std::min(rankOf(data), rankOf(indices)))
    malformed("has batch_dims " + Twine(batchDims) + ", which its operands lack");
  int64_t depth = fixedDim(indices, rankOf(indices) - 1);
  if (depth < 1 || depth > rankOf(data) - batchDims)
    malformed("has indices of " + Twine(depth) + " coordinates for " + Twine(rankOf(data) - batchDims) + " dims");
  checkIndices(indices, ArrayRef(extentsOf(data)).slice(batchDims, depth));
  indices = node.builder().withShape(indices, ArrayRef(extentsOf(data)).take_front(batchDims));
  return {node.builder().make<graph::GatherNdOp>(data, indices, batchDims)};
}

using Reduction = graph::ScatterReduction;

static Reduction reductionOf(NodeReader &node, int64_t since) {
  if (node.opset() < since)
    return Reduction::None;
  return node.choice<Reduction>("reduction", "none",
                                {{"none", Reduction::None},
                                 {"add", Reduction::Add},
                                 {"mul", Reduction::Mul},
                                 {"max", Reduction::Max},
                                 {"min", Reduction::Min}});
}

static Values scatterElements(NodeReader &node) {
  Value data = node.input(0), indices = node.input(1, SignedIntegers), updates = node.input(2);
  int64_t axis = normalAxis(node.integer("axis", 0), rankOf(data));
  Reduction reduction = reductionOf(node, 16);
  if (rankOf(indices) != rankOf(data))
    malformed("needs indices of as many dims as its data");
  updates = node.builder().expect(updates, extentsOf(indices), "updates");
  checkIndices(indices, extentsOf(data)[axis]);
  return {node.builder().make<graph::ScatterElementsOp>(data, indices, updates, axis, reduction)};
}

static Values scatterNd(NodeReader &node) {
  Value data = node.input(0), indices = node.input(1, SignedIntegers), updates = node.input(2);
  Reduction reduction = reductionOf(node, 16);
  int64_t depth = rankOf(indices) < 1 ? 0 : fixedDim(indices, rankOf(indices) - 1);
  if (depth < 1 || depth > rankOf(data))
    malformed("needs indices whose last dim holds coordinates of its data");
  graph::Extents needed(llvm::drop_end(extentsOf(indices)));
  llvm::append_range(needed, llvm::drop_begin(extentsOf(data), depth));
  updates = node.builder().expect(updates, needed, "updates");
  checkIndices(indices, ArrayRef(extentsOf(data)).take_front(depth));
  return {node.builder().make<graph::ScatterNdOp>(data, indices, updates, reduction)};
}

// OneHot(indices, depth, [off, on])                                                       ONNX OneHot, versions 9–11
static Values oneHot(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value indices = node.input(0, Numbers), values = b.expect(node.input(2), {2}, "values");
  Value given = node.input(1, Numbers);
  int64_t axis = normalAxis(node.integer("axis", -1), rankOf(indices) + 1);
  if (graph::productOf(extentsOf(given)) != graph::Extent(1))
    malformed("needs a depth of one number");
  graph::Extent depth = b.sizesFrom(b.cast(given, b.builder().getI64Type()), GraphBuilder::Sign::NotNegative).front();
  if (depth.isNumber() && depth.number() < 0)
    malformed("has a depth of " + depth.str());
  graph::Extents shape = extentsOf(indices);
  shape.insert(shape.begin() + axis, depth);
  Value off = b.reshape(b.sliceDim(values, 0, 0, 1), {}), on = b.reshape(b.sliceDim(values, 0, 1, 1), {});
  indices = b.cast(indices, b.builder().getI64Type());
  return {b.makeAs<graph::OneHotOp>(checkedType(shape, elementOf(values)), indices, on, off, axis)};
}

static constexpr Operator kOperators[] = {
    {"Gather", 1, gather, "", 0,
     "an index outside the dim, which is not allowed, counts as the nearest inside; so does one of GatherElements, "
     "GatherND and the Scatters."},
    {"GatherElements", 11, gatherElements},
    {"GatherND", 11, gatherNd},
    {"OneHot", 9, oneHot},
    {"Scatter", 9, scatterElements},
    {"ScatterElements", 11, scatterElements},
    {"ScatterND", 11, scatterNd},
    {"GatherND", 1, gatherNd, "com.microsoft", 11},
    {"ArrayFeatureExtractor", 1, arrayFeatureExtractor, "ai.onnx.ml"},
};

ArrayRef<Operator> indexingOperators() { return kOperators; }

} // namespace smelt::frontend::onnx
