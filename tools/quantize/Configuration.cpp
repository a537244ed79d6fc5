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
#include <map>

using namespace mlir;

namespace smelt::quantize {

std::string inWords(const Configuration &configuration) {
  constexpr size_t kMostNames = 5;
  std::map<std::string, double> beside; // the multiply-adds of each other precision
  std::string text, names;
  llvm::raw_string_ostream os(text);
  size_t others = 0, all = configuration.layers.size();
  double sum = 0;
  for (const Layer &layer : configuration.layers) {
    sum += static_cast<double>(layer.multiplyAdds);
    if (layer.precision == "int8")
      continue;
    beside[layer.precision] += static_cast<double>(layer.multiplyAdds);
    if (++others <= kMostNames)
      names += (others == 1 ? "" : ", ") + runner::quoted(layer.node);
  }
  os << "int8: " << all - others << " of " << all << " layers";
  if (others == 0)
    return text;
  for (const auto &[precision, multiplyAdds] : beside)
    os << llvm::format(", %.1f %% of multiply-adds are left in ", multiplyAdds / std::max(sum, 1.0) * 100) << precision;
  os << ": " << names;
  if (others > kMostNames)
    os << " and " << others - kMostNames << " more (--report lists all)";
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
    if (!layer.means.empty())
      product.op()->setAttr(kMeans, builder.getDenseF32ArrayAttr(layer.means));
  }
  if (!configuration.rest.empty())
    markRest(module, configuration.rest);
  return llvm::Error::success();
}

} // namespace smelt::quantize
