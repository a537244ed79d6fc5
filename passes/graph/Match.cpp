// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/graph/Match.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include <cmath>
#include <cstring>

using namespace mlir;

namespace smelt::graph {

std::optional<Scalar> splatOf(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  if (!constant)
    return std::nullopt;
  if (auto dense = dyn_cast<DenseElementsAttr>(constant.getValue())) {
    if (!dense.isSplat())
      return std::nullopt;
    auto type = RankedTensorType::get({}, dense.getElementType());
    return HostTensor::of(DenseElementsAttr::get(type, dense.getSplatValue<Attribute>()))->get(0);
  }
  std::optional<HostTensor> tensor = HostTensor::of(constant.getValue());
  if (!tensor || tensor->size() == 0)
    return std::nullopt;
  // Equal to itself moved by one element: the first difference ends the search.
  ArrayRef<char> bytes = tensor->bytes();
  unsigned step = tensor->bytesPerElement();
  if (std::memcmp(bytes.data(), bytes.data() + step, bytes.size() - step) != 0)
    return std::nullopt;
  return tensor->get(0);
}

bool isNumber(Value value, double number) {
  std::optional<Scalar> splat = splatOf(value);
  return splat && splat->asFloat() == number && std::signbit(splat->asFloat()) == std::signbit(number);
}

bool isNear(Value value, double number) {
  constexpr double kDigits = 1e-4; // relative: exporters round √2 to as few digits as 1.4142
  std::optional<Scalar> splat = splatOf(value);
  return splat && std::abs(splat->asFloat() - number) <= kDigits * std::abs(number);
}

static bool isKnown(Value value, unsigned depth) {
  if (isConstant(value))
    return true;
  if (!typeOf(value).hasStaticShape())
    return false;
  Operation *op = value.getDefiningOp();
  constexpr unsigned kMostOperands = 3; // so that the search stays small
  return op && depth > 0 && op->getNumOperands() > 0 && op->getNumOperands() <= kMostOperands &&
         isa<ScalarInterface, IndexedInterface>(op) &&
         llvm::all_of(op->getOperands(), [&](Value operand) { return isKnown(operand, depth - 1); });
}

bool isKnown(Value value) {
  constexpr unsigned kMostDepth = 4; // of the chains that patterns build: mul(reshape(mul(…)))
  return isKnown(value, kMostDepth);
}

std::optional<int64_t> knownAlong(Value value, int64_t rank, int64_t dim) {
  if (!isKnown(value) || typeOf(value).getRank() > rank)
    return std::nullopt;
  ArrayRef<int64_t> shape = shapeOf(value);
  int64_t lead = rank - typeOf(value).getRank(), extent = 1;
  for (auto [position, size] : llvm::enumerate(shape)) {
    if (lead + static_cast<int64_t>(position) == dim)
      extent = size;
    else if (size != 1)
      return std::nullopt;
  }
  return extent;
}

Value besideNumber(Operation *binary, double number) {
  for (unsigned side : {1u, 0u})
    if (isNear(binary->getOperand(side), number))
      return binary->getOperand(1 - side);
  return nullptr;
}

void applyTopDown(Operation *root, const FrozenRewritePatternSet &patterns, bool fold) {
  constexpr int64_t kMostRewritesPerOp = 100; // ten times what a chain takes; patterns that undo each other must end
  int64_t ops = 0;
  root->walk([&](Operation *) { ++ops; });
  GreedyRewriteConfig config;
  config.enableFolding(fold)
      .setUseTopDownTraversal()
      .setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled)
      .setMaxNumRewrites(kMostRewritesPerOp * ops);
  // The graph is right wherever the rewriting stops.
  (void)applyPatternsGreedily(root, patterns, config);
}

bool broadcastsTo(Value value, ArrayRef<Extent> shape) {
  FailureOr<Extents> both = broadcastExtents(extentsOf(value), shape);
  return succeeded(both) && ArrayRef<Extent>(*both) == shape;
}

LogicalResult replaceBroadcast(PatternRewriter &rewriter, Operation *op, Value value) {
  Extents shape = extentsOf(op->getResult(0));
  if (!broadcastsTo(value, shape))
    return rewriter.notifyMatchFailure(op, "is what checks that two dims agree");
  rewriter.replaceOp(op, broadcastTo(rewriter, op->getLoc(), value, ArrayRef<Extent>(shape)));
  return success();
}

} // namespace smelt::graph
