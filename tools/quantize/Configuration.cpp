// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Configuration.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/Weights.h"
#include "tools/driver/Errors.h"
#include "tools/runner/Error.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace smelt::quantize {

double Configuration::shareBeside(const std::string &precision) const {
  double beside = 0, all = 0;
  for (const Layer &layer : layers) {
    all += static_cast<double>(layer.multiplyAdds);
    beside += layer.precision == precision ? 0 : static_cast<double>(layer.multiplyAdds);
  }
  return all > 0 ? beside / all : 0;
}

std::string inWords(const Configuration &configuration) {
  constexpr size_t kMostNames = 5;
  std::string text, names;
  llvm::raw_string_ostream os(text);
  size_t exact = 0, all = configuration.layers.size();
  for (const Layer &layer : configuration.layers) {
    if (layer.precision != "f32")
      continue;
    if (++exact <= kMostNames)
      names += (exact == 1 ? "" : ", ") + runner::quoted(layer.node);
  }
  os << "int8: " << all - exact << " of " << all << " layers";
  if (exact == 0)
    return text;
  os << llvm::format(", %.1f %% of multiply-adds are left in f32: ", configuration.shareBeside("int8") * 100) << names;
  if (exact > kMostNames)
    os << " and " << exact - kMostNames << " more (--report lists all)";
  return text;
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
  }
  return llvm::Error::success();
}

} // namespace smelt::quantize
