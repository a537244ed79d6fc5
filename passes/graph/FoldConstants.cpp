// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fold-constants: replaces ops whose operands are all constant by their value, so that what depends on no input is
// computed once, here. One walk in order of execution folds whole chains.
//   op(c…)   →   constant   when the value is not much larger than c… and the work is bounded

#include "dialects/Graph/Graph.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Pass/Pass.h"
#include "passes/graph/Passes.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace smelt;

namespace {

constexpr uint64_t kFoldLimitBytes = 1 << 20;      // larger constants cost more in the artefact than the ops they save
constexpr uint64_t kMostGrowth = 4;                // times the operands' bytes: int8 weights that are cast to f32
constexpr uint64_t kBroadcastLimitBytes = 1 << 14; // a broadcast is a view, which costs no memory at all
// What a file may ask for, beyond what its own constants explain: the bytes of all values made, the elements computed.
constexpr uint64_t kMostBytesMade = 1 << 28;
constexpr uint64_t kMostWork = 1 << 24;
constexpr uint64_t kMostPasses = 32; // over each byte of the constants

using BlobEntry = DialectResourceBlobManager::BlobEntry;

class Folder {
public:
  explicit Folder(Operation *root);
  void run();

private:
  bool isWorthIt(Operation *op, ArrayRef<graph::HostTensor> operands);
  void fold(Operation *op);
  ElementsAttr attributeFor(const graph::HostTensor &result, ValueRange operands, ArrayRef<graph::HostTensor> tensors);
  void eraseUnused(graph::ConstantOp constant);

  Operation *root_;
  bool ownsBlobs_;
  uint64_t bytesLeft_ = kMostBytesMade;
  uint64_t workLeft_ = kMostWork;
  DenseMap<BlobEntry *, int> uses_; // by constants
};

} // namespace

static BlobEntry *blobOf(graph::ConstantOp constant) {
  auto resource = dyn_cast<DenseResourceElementsAttr>(constant.getValue());
  return resource ? resource.getRawHandle().getResource() : nullptr;
}

/// Bytes of the tensor of a type; nothing where they can't be counted or stored.
static std::optional<uint64_t> bytesOf(RankedTensorType type) {
  std::optional<int64_t> count = type.hasStaticShape() ? graph::elementCount(type.getShape()) : std::nullopt;
  uint64_t bytes = graph::elementBytes(type.getElementType());
  if (!count || bytes == 0)
    return std::nullopt;
  return llvm::SaturatingMultiply<uint64_t>(bytes, *count);
}

// Only a module is known to hold all uses of a blob.
Folder::Folder(Operation *root) : root_(root), ownsBlobs_(isa<ModuleOp>(root)) {
  root->walk([&](graph::ConstantOp constant) {
    if (BlobEntry *blob = blobOf(constant))
      if (++uses_[blob] == 1 && blob->getBlob()) {
        uint64_t bytes = blob->getBlob()->getData().size();
        bytesLeft_ = llvm::SaturatingMultiplyAdd(bytes, kMostGrowth, bytesLeft_);
        workLeft_ = llvm::SaturatingMultiplyAdd(bytes, kMostPasses, workLeft_);
      }
  });
}

/// No fewer than the elements that computing `op` touches.
static uint64_t workOf(Operation *op, uint64_t results, ArrayRef<graph::HostTensor> operands) {
  if (isa<graph::ScalarInterface, graph::IndexedInterface, kernel::WinogradFilterOp>(op))
    return results; // a handful of operations for each
  uint64_t largest = 1;
  for (const graph::HostTensor &operand : operands)
    largest = std::max<uint64_t>(largest, operand.size());
  return llvm::SaturatingMultiply(results, largest);
}

bool Folder::isWorthIt(Operation *op, ArrayRef<graph::HostTensor> operands) {
  uint64_t taken = 0, made = 0, elements = 0;
  for (const graph::HostTensor &operand : operands)
    taken += graph::isPackable(operand.elementType()) ? graph::packedBytes(operand.size(), operand.elementType())
                                                      : static_cast<int64_t>(operand.bytes().size());
  for (Value result : op->getResults()) {
    std::optional<uint64_t> bytes = bytesOf(graph::typeOf(result));
    if (!bytes)
      return false;
    made = llvm::SaturatingAdd(made, *bytes);
    elements += *bytes / graph::elementBytes(graph::typeOf(result).getElementType());
  }
  bool isBroadcast = isa<graph::BroadcastOp>(op);
  bool isSmall = made <= (isBroadcast ? kBroadcastLimitBytes : kFoldLimitBytes);
  bool isLikeOperands = !isBroadcast && made / kMostGrowth <= taken;
  uint64_t work = workOf(op, elements, operands);
  if (!(isSmall || isLikeOperands) || made > bytesLeft_ || work > workLeft_)
    return false;
  workLeft_ -= work;
  return true;
}

/// A result that only renames its operand's bytes shares the operand's blob: the bytes live as long as one of both.
/// Null where they belong to neither.
ElementsAttr Folder::attributeFor(const graph::HostTensor &result, ValueRange operands,
                                  ArrayRef<graph::HostTensor> tensors) {
  for (auto [value, tensor] : llvm::zip_equal(operands, tensors)) {
    auto constant = value.getDefiningOp<graph::ConstantOp>();
    BlobEntry *blob = blobOf(constant);
    if (!blob || result.bytes().data() != tensor.bytes().data() || result.bytes().size() != tensor.bytes().size())
      continue;
    ++uses_[blob];
    return DenseResourceElementsAttr::get(result.type(),
                                          cast<DenseResourceElementsAttr>(constant.getValue()).getRawHandle());
  }
  if (result.size() > 0 && result.mutableBytes().empty())
    return nullptr; // part of an operand: who owns it?
  bytesLeft_ -= result.bytes().size();
  ElementsAttr attribute = result.toAttribute();
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute))
    ++uses_[resource.getRawHandle().getResource()];
  return attribute;
}

void Folder::eraseUnused(graph::ConstantOp constant) {
  BlobEntry *blob = blobOf(constant);
  constant.erase();
  if (!blob || --uses_[blob] > 0 || !ownsBlobs_)
    return;
  uses_.erase(blob);
  if (blob->getBlob())
    bytesLeft_ += blob->getBlob()->getData().size();
  blob->setBlob(AsmResourceBlob());
}

void Folder::fold(Operation *op) {
  SmallVector<graph::HostTensor> operands;
  for (Value operand : op->getOperands()) {
    std::optional<graph::HostTensor> tensor = graph::constantOf(operand);
    if (!tensor)
      return;
    operands.push_back(*tensor);
  }
  if (!isWorthIt(op, operands))
    return;
  FailureOr<SmallVector<graph::HostTensor>> results = graph::evaluateOp(op, operands);
  if (failed(results))
    return;
  OpBuilder builder(op);
  for (auto [result, tensor] : llvm::zip_equal(op->getResults(), *results)) {
    ElementsAttr value = attributeFor(tensor, op->getOperands(), operands);
    if (!value)
      return;
    result.replaceAllUsesWith(graph::ConstantOp::create(builder, op->getLoc(), value));
  }
  llvm::SmallSetVector<Value, 4> constants(op->operand_begin(), op->operand_end());
  op->erase();
  for (Value value : constants)
    if (value.use_empty())
      eraseUnused(value.getDefiningOp<graph::ConstantOp>());
}

/// Codes that products and gathers read as they are: they stay until kernels are chosen.
static bool isReadAsCodes(Operation *op) {
  return isa<graph::DequantizeBlocksOp>(op) && llvm::any_of(op->getUsers(), [](Operation *user) {
           return isa<graph::MatMulOp, graph::GatherOp, graph::TransposeOp>(user);
         });
}

void Folder::run() {
  root_->walk<WalkOrder::PreOrder>([&](Block *block) {
    for (Operation &op : llvm::make_early_inc_range(*block)) {
      if (auto constant = dyn_cast<graph::ConstantOp>(op)) {
        if (constant->use_empty())
          eraseUnused(constant);
        continue;
      }
      bool isConstant = llvm::all_of(op.getOperands(), [](Value operand) {
        return static_cast<bool>(operand.getDefiningOp<graph::ConstantOp>());
      });
      if (isConstant && op.getNumResults() > 0 && !isReadAsCodes(&op) &&
          isa<graph::ScalarInterface, graph::EvaluateInterface>(op))
        fold(&op);
    }
  });
}

namespace {
struct FoldConstants : PassWrapper<FoldConstants, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FoldConstants)
  StringRef getArgument() const override { return "fold-constants"; }
  StringRef getDescription() const override { return "compute what depends on no input"; }

  void runOnOperation() override { Folder(getOperation()).run(); }
};
} // namespace

std::unique_ptr<Pass> graph::createFoldConstantsPass() { return std::make_unique<FoldConstants>(); }
