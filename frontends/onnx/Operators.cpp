// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Operators.h"
#include "llvm/ADT/STLExtras.h"
#include <tuple>

using llvm::StringRef;

namespace smelt::frontend::onnx {

constexpr llvm::ArrayRef<Operator> (*kFamilies[])() = {
    activationOperators,     attentionOperators,    castOperators,
    constantOperators,       contribOperators,      contribAttentionOperators,
    contribExpertOperators,  contribGateOperators,  contribQuantizationOperators,
    contribSpatialOperators, controlOperators,      convolutionOperators,
    dataOperators,           detectionOperators,    einsumOperators,
    elementwiseOperators,    experimentalOperators, featureOperators,
    indexingOperators,       linearOperators,       linearAttentionOperators,
    lossOperators,           matMulOperators,       normalizationOperators,
    optionalOperators,       poolingOperators,      quantizationOperators,
    randomOperators,         recurrentOperators,    reductionOperators,
    resizeOperators,         shapeOperators,        signalOperators,
    selectionOperators,      sequenceOperators,     spatialOperators,
    supportVectorOperators,  textOperators,         treeOperators,
};

constexpr llvm::StringLiteral kText = "tensors hold no text; prepare text before the model, and give it numbers";
constexpr llvm::StringLiteral kMaps =
    "no value is a map; give the model a tensor, and take the scores as one: skl2onnx has the option zipmap=False";
constexpr llvm::StringLiteral kTraining = "models are compiled to be run, not trained; export the model for inference";

constexpr ExcludedOperator kExcluded[] = {
    {"", "ImageDecoder",
     "it reads files of JPEG, JPEG 2000, PNG, TIFF, WebP, BMP and PNM, whose decoders are libraries of megabytes and "
     "no "
     "kernels; decode images before the model, and give it pixels [height, width, channels]"},
    {"", "RegexFullMatch", kText},
    {"", "StringConcat", kText},
    {"", "StringNormalizer", kText},
    {"", "StringSplit", kText},
    {"ai.onnx.preview.training", "Adagrad", kTraining},
    {"ai.onnx.preview.training", "Adam", kTraining},
    {"ai.onnx.preview.training", "Gradient", kTraining},
    {"ai.onnx.preview.training", "Momentum", kTraining},
    {"ai.onnx.ml", "CastMap", kMaps},
    {"ai.onnx.ml", "CategoryMapper", kText},
    {"ai.onnx.ml", "DictVectorizer", kMaps},
    {"ai.onnx.ml", "ZipMap", kMaps},
    {"com.microsoft", "Tokenizer", kText},
};

llvm::ArrayRef<ExcludedOperator> excludedOperators() { return kExcluded; }

StringRef exclusionOf(StringRef domain, StringRef name) {
  for (const ExcludedOperator &excluded : kExcluded)
    if (excluded.domain == domain && excluded.name == name)
      return excluded.reason;
  return "";
}

OperatorTable::OperatorTable(const CustomOperators &custom) : custom_(custom) {
  for (auto family : kFamilies)
    for (const Operator &row : family())
      byName_[row.name].push_back(&row);
}

const CustomOperator *OperatorTable::findCustom(StringRef domain, StringRef name) const {
  auto found = custom_.find({domain.str(), name.str()});
  return found == custom_.end() ? nullptr : &found->second;
}

const Operator *OperatorTable::find(StringRef domain, StringRef name, int64_t version) const {
  auto rows = byName_.find(name);
  const Operator *found = nullptr;
  if (rows == byName_.end())
    return found;
  for (const Operator *row : rows->second)
    if (row->domain == domain && row->since <= version && (!found || row->since > found->since))
      found = row;
  return found;
}

llvm::SmallVector<const Operator *> OperatorTable::oldest() const {
  llvm::SmallVector<const Operator *> all;
  for (auto family : kFamilies)
    for (const Operator &row : family())
      all.push_back(&row);
  llvm::sort(all, [](const Operator *a, const Operator *b) {
    return std::tie(a->domain, a->name, a->since) < std::tie(b->domain, b->name, b->since);
  });
  auto same = [](const Operator *a, const Operator *b) { return a->domain == b->domain && a->name == b->name; };
  all.erase(llvm::unique(all, same), all.end());
  return all;
}

} // namespace smelt::frontend::onnx
