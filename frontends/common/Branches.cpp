// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/Branches.h"
#include "frontends/common/Parts.h"
#include "frontends/common/Refusal.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend {

using graph::Extent, graph::Extents;

namespace {
struct Branch {
  func::FuncOp function;
  llvm::StringSet<> symbols; // that only it knows
};

/// The types of what two branches make: extents in which they differ become symbols.
class Merge {
public:
  Merge(GraphBuilder &b, const Extent &condition, const Branch &first, const Branch &second)
      : b_(b), condition_(condition), first_(first), second_(second) {
    for (auto [left, right] : llvm::zip_equal(first_.function.getFunctionType().getResults(),
                                              second_.function.getFunctionType().getResults()))
      types.push_back(merged(cast<RankedTensorType>(left), cast<RankedTensorType>(right)));
  }

  SmallVector<Type> types;
  SmallVector<StringRef> symbols() const { return SmallVector<StringRef>(names_.begin(), names_.end()); }
  Extents firstSizes, secondSizes;

private:
  Type merged(RankedTensorType left, RankedTensorType right);

  GraphBuilder &b_;
  Extent condition_;
  Branch first_, second_;
  std::vector<std::string> names_;
};
} // namespace

static bool mentions(const Extent &extent, const llvm::StringSet<> &symbols) {
  bool found = false;
  extent.walkSymbols([&](StringRef symbol) { found |= symbols.contains(symbol); });
  return found;
}

/// Whether the shapes of the inputs tell a value.
static bool isOfShapes(Value value) {
  constexpr size_t kMostOps = 256; // of a condition
  llvm::SetVector<Operation *> ops;
  auto add = [&](Value operand) { return operand.getDefiningOp() && (ops.insert(operand.getDefiningOp()), true); };
  bool isKnown = add(value);
  for (size_t next = 0; isKnown && next < ops.size(); ++next) {
    if (auto sizes = dyn_cast<graph::SizesOp>(ops[next]))
      isKnown = llvm::none_of(sizes.getExtents(), [](const Extent &extent) { return extent.isFoundAtRunTime(); });
    isKnown &= ops.size() < kMostOps && llvm::all_of(ops[next]->getOperands(), add);
  }
  return isKnown;
}

/// Whether the shapes of the inputs tell a condition.
static bool asksForShapes(GraphBuilder &b, const Extent &condition) {
  llvm::StringSet<> found;
  condition.walkSymbols([&](StringRef symbol) {
    if (graph::isFoundAtRunTime(symbol))
      found.insert(symbol);
  });
  for (auto bound : b.builder().getInsertionBlock()->getOps<graph::BindSizesOp>())
    if (isOfShapes(bound.getValues()))
      for (auto symbol : bound.getSymbols().getAsRange<StringAttr>())
        found.erase(symbol.getValue());
  return found.empty();
}

/// A scalar is as good as a tensor of one element wherever it broadcasts: the branch makes it of the other's rank.
static void matchRanks(Branch &branch, Branch &other) {
  auto end = cast<func::ReturnOp>(branch.function.getBody().front().getTerminator());
  OpBuilder b(end);
  SmallVector<Type> types(branch.function.getResultTypes());
  for (auto [number, wanted] : llvm::enumerate(other.function.getResultTypes())) {
    auto type = cast<RankedTensorType>(types[number]), shape = cast<RankedTensorType>(wanted);
    bool isOne = shape.hasStaticShape() && shape.getNumElements() == 1;
    if (type.getRank() != 0 || shape.getRank() == 0 || !isOne)
      continue;
    types[number] = RankedTensorType::get(shape.getShape(), type.getElementType());
    end.setOperand(number, graph::ReshapeOp::create(b, end.getLoc(), types[number], end.getOperand(number)));
  }
  branch.function.setFunctionType(b.getFunctionType(branch.function.getArgumentTypes(), types));
}

Type Merge::merged(RankedTensorType left, RankedTensorType right) {
  if (left.getElementType() != right.getElementType() || left.getRank() != right.getRank())
    unsupported("its branches make tensors of different types, " + inWords(Type(left)) + " and " +
                inWords(Type(right)) +
                (asksForShapes(b_, condition_) ? "; give the shapes that the condition asks for with --shape" : ""));
  Extents shape;
  for (auto [a, c] : llvm::zip_equal(graph::extentsOf(left), graph::extentsOf(right))) {
    if (a == c && !mentions(a, first_.symbols) && !mentions(c, second_.symbols)) {
      shape.push_back(a);
      continue;
    }
    names_.push_back(b_.newSymbol(GraphBuilder::Sign::NotNegative));
    firstSizes.push_back(a);
    secondSizes.push_back(c);
    shape.push_back(Extent::symbol(b_.builder().getContext(), names_.back()));
  }
  return checkedType(shape, left.getElementType());
}

Extent conditionFrom(GraphBuilder &b, Value condition) {
  if (!isSingle(condition) || !elementOf(condition).isInteger(1))
    malformed("needs a condition of one bool");
  if (std::optional<graph::HostTensor> known = graph::constantOf(condition))
    return known->get(0).asBool() ? 1 : 0;
  return b.sizesFrom(b.cast(condition, b.builder().getI64Type()), GraphBuilder::Sign::NotNegative).front();
}

SmallVector<Value> buildBranches(GraphBuilder &b, const Extent &condition,
                                 llvm::function_ref<SmallVector<Value>()> makeFirst,
                                 llvm::function_ref<SmallVector<Value>()> makeSecond) {
  SmallVector<Value> captures;
  Extents uses;
  auto import = [&](llvm::function_ref<SmallVector<Value>()> make) {
    PartBuilder part(b);
    SmallVector<Value> results = make();
    llvm::StringSet<> symbols = part.symbols();
    return Branch{part.outline(results, captures, uses), std::move(symbols)};
  };
  Branch first = import(makeFirst), second = import(makeSecond);
  func::FuncOp function = first.function;
  if (function.getNumResults() != second.function.getNumResults())
    malformed("its branches make " + Twine(function.getNumResults()) + " and " +
              Twine(second.function.getNumResults()) + " values");
  for (Value capture : ArrayRef(captures).drop_front(function.getNumArguments())) // what only the second uses
    (void)function.insertArgument(function.getNumArguments(), capture.getType(), {}, capture.getLoc());
  matchRanks(first, second);
  matchRanks(second, first);
  Merge merge(b, condition, first, second);
  ArrayAttr symbols = b.builder().getStrArrayAttr(merge.symbols());
  return b.makeMany<graph::IfOp>(merge.types, captures, condition, function.getSymName(), second.function.getSymName(),
                                 symbols, merge.firstSizes, merge.secondSizes, uses);
}

} // namespace smelt::frontend
