// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/driver/Evaluate.h"
#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Location.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "tools/driver/Errors.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace smelt::driver {

namespace {
/// Values that are known, each until its last use.
class Values {
public:
  void set(Value value, graph::HostTensor tensor) {
    const auto uses = std::distance(value.use_begin(), value.use_end());
    if (uses > 0)
      known_[value] = {std::move(tensor), uses};
  }
  graph::HostTensor take(Value value) {
    auto entry = known_.find(value);
    graph::HostTensor tensor = entry->second.tensor;
    if (--entry->second.uses == 0)
      known_.erase(entry);
    return tensor;
  }

private:
  struct Entry {
    graph::HostTensor tensor;
    int64_t uses = 0;
  };
  llvm::DenseMap<Value, Entry> known_; // only asked, never walked
};
} // namespace

static llvm::Error noEvaluation(Operation *op) {
  const std::string where = graph::describeLocation(op->getLoc());
  if (isa<graph::CustomOp>(op))
    return toolError(kUnsupported, where +
                                       ": the C function of a custom operator has no reference; use --against with a "
                                       ".npz of what is expected");
  return toolError(kUnsupported,
                   (where.empty() ? "" : where + ": ") + op->getName().getStringRef() +
                       " has no reference evaluation for its types; use --against onnxruntime, litert or torch");
}

/// graph::evaluateOp, and the value of a constant.
static FailureOr<SmallVector<graph::HostTensor>> resultsOf(Operation *op, Values &values) {
  if (auto constant = dyn_cast<graph::ConstantOp>(op)) {
    std::optional<graph::HostTensor> tensor = graph::constantOf(constant.getResult());
    if (!tensor)
      return failure();
    return SmallVector<graph::HostTensor>{*tensor};
  }
  SmallVector<graph::HostTensor> operands;
  for (Value operand : op->getOperands())
    operands.push_back(values.take(operand));
  return graph::evaluateOp(op, operands);
}

llvm::Expected<std::vector<graph::HostTensor>> evaluate(ModuleOp module, ArrayRef<graph::HostTensor> inputs,
                                                        AfterOp afterOp) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main || main.getNumArguments() != inputs.size() || !llvm::hasSingleElement(main.getBody()))
    return toolError(kDefect, "the imported module has no function to evaluate");
  Values values;
  for (auto [argument, input] : llvm::zip_equal(main.getArguments(), inputs))
    values.set(argument, input);
  for (Operation &op : main.getBody().front().without_terminator()) {
    FailureOr<SmallVector<graph::HostTensor>> results = resultsOf(&op, values);
    if (failed(results))
      return noEvaluation(&op);
    for (auto [result, tensor] : llvm::zip_equal(op.getResults(), *results))
      values.set(result, tensor);
    afterOp(&op, *results);
  }
  std::vector<graph::HostTensor> outputs;
  for (Value output : main.getBody().front().getTerminator()->getOperands())
    outputs.push_back(values.take(output));
  return outputs;
}

static int64_t product(int64_t a, int64_t b) {
  int64_t result;
  return llvm::MulOverflow(a, b, result) ? std::numeric_limits<int64_t>::max() : result;
}

/// Of a convolution: a filter's elements for one of `channels`, for each element of `points`.
static int64_t convolved(Value points, Value filter, int64_t channels) {
  const int64_t perChannel = graph::typeOf(filter).getNumElements() / std::max<int64_t>(channels, 1);
  return product(graph::typeOf(points).getNumElements(), perChannel);
}

/// Of an op of fixed shapes.
static int64_t fixedMultiplyAdds(Operation *op) {
  return llvm::TypeSwitch<Operation *, int64_t>(op)
      .Case([](graph::MatMulOp matmul) {
        return product(graph::typeOf(matmul.getResult()).getNumElements(),
                       graph::typeOf(matmul.getLhs()).getShape().back());
      })
      .Case([](graph::ConvOp conv) {
        ArrayRef<int64_t> filter = graph::typeOf(conv.getFilter()).getShape();
        const bool first = conv.getLayout() == graph::Layout::ChannelsFirst;
        return convolved(conv.getResult(), conv.getFilter(), first ? filter.front() : filter.back());
      })
      .Case([](graph::ConvTransposeOp conv) {
        ArrayRef<int64_t> filter = graph::typeOf(conv.getFilter()).getShape();
        const bool first = conv.getLayout() == graph::Layout::ChannelsFirst;
        return convolved(conv.getInput(), conv.getFilter(), first ? filter.front() : filter[filter.size() - 2]);
      })
      .Default(int64_t(0));
}

std::optional<int64_t> multiplyAdds(Operation *op) {
  if (!isa<graph::MatMulOp, graph::ConvOp, graph::ConvTransposeOp>(op))
    return 0;
  auto isFixed = [](Type type) { return cast<RankedTensorType>(type).hasStaticShape(); };
  if (!llvm::all_of(op->getOperandTypes(), isFixed) || !llvm::all_of(op->getResultTypes(), isFixed))
    return std::nullopt;
  return fixedMultiplyAdds(op);
}

} // namespace smelt::driver
