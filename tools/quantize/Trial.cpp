// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Trial.h"
#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/Weights.h"
#include "tools/driver/Errors.h"
#include "tools/driver/Outputs.h"
#include "tools/quantize/Samples.h"
#include <cstring>

using namespace mlir;

namespace smelt::quantize {

constexpr const char *kChoices = "smelt.choices";

/// Makes what goes into layers and what comes out of them outputs.
static void observe(ModuleOp module, const std::vector<WeightedProduct> &layers, const std::vector<Value> &results) {
  std::vector<driver::Output> outputs;
  for (size_t i = 0; i < layers.size(); ++i) {
    outputs.push_back({"smelt.input." + std::to_string(i), layers[i].input()});
    outputs.push_back({"smelt.result." + std::to_string(i), results[i]});
  }
  driver::addOutputs(module, outputs);
}

/// y → select(choices[i] != 0, lowered(y), y) for each layer i that has another precision than f32.
static llvm::Error addAlternatives(ModuleOp module, const Configuration &layers, bool isObserved) {
  std::vector<WeightedProduct> products = weightedProducts(module); // before they are twice as many
  if (llvm::Error error = mark(module, layers))
    return error;
  auto main = module.lookupSymbol<func::FuncOp>("main");
  OpBuilder builder(module.getContext());
  Type f32 = builder.getF32Type();
  auto count = static_cast<int64_t>(products.size());
  std::vector<Value> results;
  unsigned place = main.getNumArguments();
  DictionaryAttr name = builder.getDictionaryAttr(builder.getNamedAttr("graph.name", builder.getStringAttr(kChoices)));
  if (failed(main.insertArgument(place, RankedTensorType::get({count}, f32), name, main.getLoc())))
    return driver::toolError(driver::kDefect, "no input can be added to the model");
  for (int64_t i = 0; i < count; ++i) {
    Operation *exact = products[i].op();
    results.push_back(exact->getResult(0));
    if (layers.layers[i].precision == "f32")
      continue;
    Location loc = exact->getLoc();
    builder.setInsertionPointAfter(exact);
    Operation *lowered = builder.clone(*exact);
    exact->setAttr(kPrecision, builder.getStringAttr(nameOf(Precision::F32)));
    Value choice = graph::SliceOp::create(builder, loc, RankedTensorType::get({1}, f32), main.getArgument(place),
                                          ArrayRef<int64_t>{i}, ArrayRef<int64_t>{1});
    choice = graph::reshapeTo(builder, loc, choice, ArrayRef<int64_t>());
    Value isLowered = graph::CastOp::create(builder, loc, choice, builder.getI1Type());
    Value chosen = graph::SelectOp::create(builder, loc, isLowered, lowered->getResult(0), exact->getResult(0));
    exact->getResult(0).replaceAllUsesExcept(chosen, chosen.getDefiningOp());
    results.back() = chosen;
  }
  if (isObserved)
    observe(module, products, results);
  return llvm::Error::success();
}

llvm::Expected<Trial> Trial::compile(const driver::CompileOptions &given, const Configuration &layers,
                                     bool isObserved) {
  llvm::Expected<TemporaryFolder> folder = TemporaryFolder::create();
  if (!folder)
    return folder.takeError();
  driver::CompileOptions options = driver::forThisMachine(given, given.precision, folder->file("trial.so"));
  options.afterLayout = [&](ModuleOp module) { return addAlternatives(module, layers, isObserved); };
  driver::CompileReport report;
  if (llvm::Error error = driver::compile(options, report))
    return std::move(error);
  auto artifact = std::make_unique<runner::Artifact>(options.output, options.model);
  return Trial(std::move(*folder), std::move(artifact));
}

std::vector<runner::Tensor> Trial::run(const std::string &sample, const std::vector<bool> &lowered) const {
  runner::Instance instance(*artifact_);
  const smelt_model &model = artifact_->model();
  runner::Buffers buffers = inputsOf(instance, sample, {kChoices});
  for (uint32_t i = 0; i < model.input_count; ++i)
    if (std::strcmp(model.inputs[i].name, kChoices) == 0) {
      auto *choices = reinterpret_cast<float *>(buffers.inputs()[i].data());
      std::fill_n(choices, buffers.inputs()[i].size() / sizeof(float), 0.0F);
      std::copy(lowered.begin(), lowered.end(), choices);
    }
  buffers.run(instance);
  std::vector<runner::Tensor> outputs;
  for (uint32_t i = 0; i < model.output_count; ++i) {
    runner::Tensor output{model.outputs[i].name, static_cast<smelt_dtype>(model.outputs[i].dtype),
                          instance.shapeOf(model.outputs[i]), runner::AlignedBytes(buffers.outputs()[i].size())};
    std::memcpy(output.bytes.data(), buffers.outputs()[i].data(), output.bytes.size());
    outputs.push_back(std::move(output));
  }
  return outputs;
}

} // namespace smelt::quantize
