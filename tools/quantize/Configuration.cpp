// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Configuration.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/Weights.h"
#include "tools/driver/Errors.h"
#include "tools/runner/Error.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <map>

using namespace mlir;

namespace smelt::quantize {

/// "1.2 % of multiply-adds in f32"
static std::string share(double part, double all, const std::string &precision) {
  return llvm::formatv("{0:F1} % of multiply-adds in ", part / std::max(all, 1.0) * 100).str() + precision;
}

std::vector<driver::LayerPrecision> layersInParts(ModuleOp module) {
  std::vector<driver::LayerPrecision> layers;
  for (const PartProduct &product : productsInParts(module)) {
    driver::LayerPrecision &layer = layers.emplace_back();
    layer.node = product.name;
    layer.precision = nameOf(Precision::F32).str();
    layer.multiplyAdds = product.multiplyAdds;
  }
  return layers;
}

/// "1 product that runs in a loop or under a condition"
static std::string partsInWords(size_t count) {
  return count == 1 ? "1 product that runs in a loop or under a condition"
                    : std::to_string(count) + " products that run in loops or under conditions";
}

std::string inWords(const Configuration &configuration) {
  constexpr size_t kMostNames = 5;
  if (configuration.layers.empty())
    return "nothing was lowered: " + (configuration.whyNone.empty() ? "there are no layers" : configuration.whyNone);
  std::map<std::string, double> multiplyAdds; // of each precision
  std::string others;
  size_t lowered = 0, all = configuration.layers.size();
  double sum = 0;
  for (const Layer &layer : configuration.layers) {
    sum += static_cast<double>(layer.multiplyAdds);
    multiplyAdds[layer.precision] += static_cast<double>(layer.multiplyAdds);
    lowered += layer.precision == "int8";
    const size_t other = &layer - configuration.layers.data() - lowered;
    if (layer.precision != "int8" && other < kMostNames)
      others += (other == 0 ? "" : ", ") + runner::quoted(layer.node);
  }
  for (const driver::LayerPrecision &layer : configuration.inParts) {
    sum += static_cast<double>(layer.multiplyAdds);
    multiplyAdds[layer.precision] += static_cast<double>(layer.multiplyAdds);
  }
  std::vector<std::string> shares;
  for (const auto &[precision, part] : multiplyAdds)
    if (precision != "int8")
      shares.push_back(share(part, sum, precision));
  if (lowered == 0) // as a file says
    return std::to_string(all) + " layers: " + llvm::join(shares, ", ");
  std::string text = "int8: " + std::to_string(lowered) + " of " + std::to_string(all) + " layers";
  if (shares.empty())
    return text;
  text += "; " + llvm::join(shares, ", ") + ": " + others;
  if (all - lowered > kMostNames)
    text += " and " + std::to_string(all - lowered - kMostNames) + " more (--report lists all)";
  if (!configuration.inParts.empty())
    text += (others.empty() ? "" : ", and ") + partsInWords(configuration.inParts.size());
  return text;
}

/// What lower-precision looks at, and no layer is.
static void markRest(ModuleOp module, StringRef precision) {
  StringAttr name = StringAttr::get(module.getContext(), precision);
  module.walk([&](Operation *op) {
    if (isa<graph::MatMulOp, graph::ConvOp, graph::GatherOp>(op) && !op->hasAttr(kPrecision))
      op->setAttr(kPrecision, name);
  });
}

llvm::Error mark(ModuleOp module, const Configuration &configuration) {
  std::vector<WeightedProduct> products = weightedProducts(module);
  if (products.size() != configuration.layers.size())
    return driver::toolError(driver::kUsage, "the configuration has " + llvm::Twine(configuration.layers.size()) +
                                                 " layers, the model " + llvm::Twine(products.size()));
  Builder builder(module.getContext());
  for (auto [product, layer] : llvm::zip_equal(products, configuration.layers)) {
    if (product.name() != layer.node)
      return driver::toolError(driver::kUsage, "the configuration has a layer '" + layer.node +
                                                   "' where the model has '" + product.name() + "'");
    product.op()->setAttr(kPrecision, builder.getStringAttr(layer.precision));
    product.op()->setAttr(kRange, builder.getDenseF64ArrayAttr({layer.range.low, layer.range.high}));
    if (!layer.smoothing.empty())
      product.op()->setAttr(kSmoothing, builder.getDenseF32ArrayAttr(layer.smoothing));
    if (layer.isDynamic)
      product.op()->setAttr(kDynamic, builder.getUnitAttr());
    if (!layer.rounding.empty())
      product.op()->setAttr(kRounding, builder.getStringAttr(layer.rounding));
    if (!layer.means.empty())
      product.op()->setAttr(kMeans, builder.getDenseF32ArrayAttr(layer.means));
  }
  if (!configuration.rest.empty())
    markRest(module, configuration.rest);
  return llvm::Error::success();
}

} // namespace smelt::quantize
