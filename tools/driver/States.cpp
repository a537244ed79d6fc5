// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/driver/States.h"
#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "passes/plan/States.h"
#include "tools/driver/Errors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <set>

using namespace mlir;

namespace smelt::driver {

namespace {
/// A model's inputs, or its outputs.
struct Values {
  StringRef kind; // "input"
  SmallVector<std::string> names;

  std::optional<size_t> find(const std::string &name) const {
    const auto *found = llvm::find(names, name);
    return found == names.end() ? std::nullopt : std::optional<size_t>(found - names.begin());
  }
};
} // namespace

/// "f32 [1, past, 64]"
static std::string inWords(RankedTensorType type) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << type.getElementType() << " [";
  llvm::interleaveComma(graph::extentsOf(type), stream, [&](const graph::Extent &extent) { stream << extent.str(); });
  stream << "]";
  return text;
}

template <typename NameOf> static Values valuesOf(StringRef kind, unsigned count, NameOf nameOf) {
  Values values{kind, {}};
  for (unsigned number = 0; number < count; ++number) {
    auto name = nameOf(number);
    values.names.push_back(name ? name.str() : "");
  }
  return values;
}

/// The dims of the output that its input has as numbers must have become those.
static llvm::Error fit(func::FuncOp main, size_t input, size_t output, const Twine &where) {
  OpOperand &result = main.getBody().front().getTerminator()->getOpOperand(output);
  RankedTensorType wanted = graph::typeOf(main.getArgument(input)), given = graph::typeOf(result.get());
  bool fits = wanted.getElementType() == given.getElementType() && wanted.getRank() == given.getRank();
  graph::Extents shape = graph::extentsOf(given);
  for (int64_t dim = 0; fits && dim < wanted.getRank(); ++dim) {
    graph::Extent before = graph::extentsOf(wanted)[dim];
    fits = !before.isNumber() || !shape[dim].isNumber() || before == shape[dim];
    shape[dim] = before.isNumber() ? before : shape[dim];
  }
  if (!fits)
    return toolError(kUsage, where + ": the input is " + inWords(wanted) + ", the output " + inWords(given) +
                                 "; types must be the same, and so must dims that are not left open");
  if (shape == graph::extentsOf(given))
    return llvm::Error::success();
  OpBuilder builder(result.getOwner());
  Type type = graph::tensorOf(shape, given.getElementType());
  result.set(graph::ReshapeOp::create(builder, result.get().getLoc(), type, result.get()));
  SmallVector<Type> results(main.getResultTypes());
  results[output] = type;
  main.setFunctionType(builder.getFunctionType(main.getArgumentTypes(), results));
  return llvm::Error::success();
}

/// States begin without elements along dims that no other input tells: those must be allowed to be 0.
static llvm::Error begins(func::FuncOp main, ArrayRef<int64_t> pairs, const std::string &model) {
  auto bounds = main->getParentOfType<ModuleOp>()->getAttrOfType<DictionaryAttr>("graph.bounds");
  llvm::SmallSetVector<StringRef, 4> told;
  SmallVector<bool> isState(main.getNumArguments(), false);
  for (size_t place = 0; place < pairs.size(); place += 2)
    isState[pairs[place]] = true;
  for (auto [number, type] : llvm::enumerate(main.getArgumentTypes()))
    if (!isState[number])
      for (const graph::Extent &extent : graph::extentsOf(cast<RankedTensorType>(type)))
        extent.walkSymbols([&](StringRef symbol) { told.insert(symbol); });
  for (size_t place = 0; place < pairs.size(); place += 2)
    for (const graph::Extent &extent : graph::extentsOf(graph::typeOf(main.getArgument(pairs[place])))) {
      const StringRef symbol = extent.asSymbol();
      auto range = bounds && !symbol.empty() ? bounds.getAs<DenseI64ArrayAttr>(symbol) : DenseI64ArrayAttr();
      if (!range || range.size() != 2 || range[0] < 1 || told.contains(symbol))
        continue;
      auto name = main.getArgAttrOfType<StringAttr>(pairs[place], "graph.name");
      return toolError(kUsage, model + ": --state: '" + (name ? name.getValue() : "") +
                                   "' begins without elements, but its dim '" + symbol + "' is " + Twine(range[0]) +
                                   " or more; export the model with a dim that may be 0, of torch.export Dim(\"" +
                                   symbol + "\", min=0), or give no bound");
    }
  return llvm::Error::success();
}

llvm::Error keepStates(ModuleOp module, const CompileOptions &options) {
  if (options.states.empty())
    return llvm::Error::success();
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main)
    return toolError(kUsage, options.model + ": --state goes with a model that has a function main");
  const Values inputs = valuesOf("input", main.getNumArguments(), [&](unsigned number) {
    return main.getArgAttrOfType<StringAttr>(number, "graph.name");
  });
  const Values outputs = valuesOf("output", main.getNumResults(), [&](unsigned number) {
    return main.getResultAttrOfType<StringAttr>(number, "graph.name");
  });
  SmallVector<int64_t> pairs; // those that the model has itself come first
  std::set<std::pair<StringRef, size_t>> taken;
  if (auto own = module->getAttrOfType<DenseI64ArrayAttr>(plan::kStates))
    pairs.append(own.asArrayRef().begin(), own.asArrayRef().end());
  for (auto [place, number] : llvm::enumerate(pairs))
    taken.insert({place % 2 == 0 ? inputs.kind : outputs.kind, static_cast<size_t>(number)});
  for (const auto &[input, output] : options.states) {
    const std::string where = (Twine(options.model) + ": --state " + input + "=" + output).str();
    std::pair<const Values *, const std::string *> sides[] = {{&inputs, &input}, {&outputs, &output}};
    for (const auto &[values, name] : sides) {
      std::optional<size_t> number = values->find(*name);
      if (!number)
        return toolError(kUsage, where + ": there is no " + values->kind + " '" + *name + "'; there are " +
                                     llvm::join(values->names, ", "));
      if (!taken.insert({values->kind, *number}).second)
        return toolError(kUsage, where + ": the " + values->kind + " '" + *name + "' is fed back already");
      pairs.push_back(static_cast<int64_t>(*number));
    }
    if (llvm::Error error = fit(main, pairs[pairs.size() - 2], pairs.back(), where))
      return error;
  }
  if (llvm::Error error = begins(main, pairs, options.model))
    return error;
  module->setAttr(plan::kStates, Builder(module.getContext()).getDenseI64ArrayAttr(pairs));
  return llvm::Error::success();
}

} // namespace smelt::driver
