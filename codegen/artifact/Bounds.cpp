// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/Bounds.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "smelt/smelt.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

namespace smelt::artifact {

llvm::Expected<std::vector<Symbol>> symbolsOf(llvm::ArrayRef<graph::Extents> inputs, mlir::DictionaryAttr bounds,
                                              SizeProgram &sizes) {
  llvm::SetVector<llvm::StringRef> names; // in order
  for (const graph::Extents &extents : inputs)
    for (const graph::Extent &extent : extents)
      extent.walkSymbols([&](llvm::StringRef name) { names.insert(name); });
  std::vector<Symbol> symbols;
  for (llvm::StringRef name : names) {
    Symbol &symbol = symbols.emplace_back();
    symbol.name = name.str();
    auto range = bounds ? bounds.getAs<mlir::DenseI64ArrayAttr>(name) : mlir::DenseI64ArrayAttr();
    if (range && range.size() == 2)
      std::tie(symbol.least, symbol.most) = std::pair(range[0], range[1]);
    if (llvm::Error error = sizes.limit(name, symbol.least, std::min(symbol.most, graph::kMostExtent)))
      return std::move(error);
  }
  return symbols;
}

namespace {
/// All values of a size lie between these.
struct Range {
  int64_t least, most;
};
} // namespace

// Beyond these the runtime refuses: then there is no value.
static int64_t saturated(__int128 value) {
  return static_cast<int64_t>(std::clamp<__int128>(value, INT64_MIN, INT64_MAX));
}

static Range product(Range a, Range b) {
  const __int128 corners[] = {static_cast<__int128>(a.least) * b.least, static_cast<__int128>(a.least) * b.most,
                              static_cast<__int128>(a.most) * b.least, static_cast<__int128>(a.most) * b.most};
  return {saturated(*std::min_element(corners, std::end(corners))),
          saturated(*std::max_element(corners, std::end(corners)))};
}

/// Only divisors above zero have a quotient.
static Range quotient(Range a, Range b) {
  const int64_t least = std::max<int64_t>(b.least, 1), most = std::max(b.most, least);
  return {std::min(llvm::divideFloorSigned(a.least, least), llvm::divideFloorSigned(a.least, most)),
          std::max(llvm::divideFloorSigned(a.most, least), llvm::divideFloorSigned(a.most, most))};
}

static Range rangeOf(const Size &size, const std::vector<Range> &ranges) {
  if (size.kind == SMELT_SIZE_NUMBER)
    return {size.number, size.number};
  if (size.kind == SMELT_SIZE_DIM || size.kind == SMELT_SIZE_COUNT || size.kind == SMELT_SIZE_STATE)
    return {0, INT64_MAX};
  if (size.kind == SMELT_SIZE_VALUE)
    return {INT64_MIN, INT64_MAX};
  const Range a = ranges[size.a], b = ranges[size.b];
  switch (size.kind) {
  case SMELT_SIZE_ADD:
    return {saturated(static_cast<__int128>(a.least) + b.least), saturated(static_cast<__int128>(a.most) + b.most)};
  case SMELT_SIZE_MULTIPLY:
    return product(a, b);
  case SMELT_SIZE_DIVIDE:
    return quotient(a, b);
  case SMELT_SIZE_MIN:
    return {std::min(a.least, b.least), std::min(a.most, b.most)};
  case SMELT_SIZE_MAX:
    return {std::max(a.least, b.least), std::max(a.most, b.most)};
  case SMELT_SIZE_BROADCAST:
    return {std::min(a.least, b.least), std::max(a.most, b.most)};
  case SMELT_SIZE_EQUAL:
    return {std::max(a.least, b.least), std::min(a.most, b.most)};
  default:
    return {INT64_MIN, INT64_MAX};
  }
}

uint64_t headBytes(const Model &model) {
  constexpr uint64_t kBlockBytes = 16;
  uint64_t words = model.sizes.empty() ? 0 : model.sizes.size() + 1; // and which one cannot be computed
  for (const State &state : model.states)
    words += 1 + state.input.shape.size();
  return llvm::alignTo(words * sizeof(int64_t) + model.blockCount * kBlockBytes, SMELT_ALIGNMENT) + model.stateBytes;
}

std::optional<uint64_t> mostArenaBytes(const Model &model) {
  if (model.symbols.empty())
    return model.arenaBytes;
  std::vector<Range> ranges;
  ranges.reserve(model.sizes.size());
  for (const Size &size : model.sizes)
    ranges.push_back(rangeOf(size, ranges));
  const int64_t most = ranges[model.arenaSize].most;
  constexpr int64_t kMost = int64_t(1) << 48; // beyond what any device has, and far from where numbers end
  if (most < 0 || most > kMost)
    return std::nullopt;
  return headBytes(model) + static_cast<uint64_t>(most);
}

} // namespace smelt::artifact
