// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/SizeProgram.h"

using smelt::graph::Atom;
using smelt::graph::Extent;

namespace smelt::artifact {

uint32_t SizeProgram::row(const Size &size) {
  for (auto [number, known] : llvm::enumerate(rows_))
    if (known.number == size.number && known.kind == size.kind && known.a == size.a && known.b == size.b &&
        !isHidden_[number])
      return number;
  rows_.push_back(size);
  isHidden_.push_back(false);
  return rows_.size() - 1;
}

void SizeProgram::add(uint32_t kind, uint32_t input, llvm::ArrayRef<Extent> extents) {
  for (auto [dim, extent] : llvm::enumerate(extents)) {
    if (extent.isNumber())
      continue;
    llvm::StringRef symbol = extent.asSymbol();
    if (!symbol.empty() && !symbols_.count(symbol))
      symbols_[symbol] = row({kind == SMELT_SIZE_STATE ? -1 : 0, kind, input, static_cast<uint32_t>(dim)});
    else
      computed_.push_back({kind, input, static_cast<uint32_t>(dim), extent});
  }
}

llvm::Error SizeProgram::checkInputs() {
  for (const Dim &dim : computed_) {
    llvm::Expected<uint32_t> wanted = sizeOf(dim.extent);
    if (!wanted)
      return wanted.takeError();
    uint32_t given = row({dim.kind == SMELT_SIZE_STATE ? *wanted : 0, dim.kind, dim.input, dim.dim});
    row({0, SMELT_SIZE_EQUAL, given, *wanted});
  }
  return llvm::Error::success();
}

llvm::Error SizeProgram::limit(llvm::StringRef symbol, int64_t least, int64_t most) {
  auto found = symbols_.find(symbol);
  if (found == symbols_.end())
    return llvm::Error::success(); // whoever needs it says so
  uint32_t value = found->second;
  for (auto [kind, bound, nothing] : {std::tuple(SMELT_SIZE_MAX, least, int64_t(0)),
                                      std::tuple(SMELT_SIZE_MIN, most, std::numeric_limits<int64_t>::max())}) {
    if (bound == nothing)
      continue;
    uint32_t limited = row({0, static_cast<uint32_t>(kind), value, row({bound, SMELT_SIZE_NUMBER, 0, 0})});
    value = row({0, SMELT_SIZE_EQUAL, limited, value});
  }
  found->second = value;
  return llvm::Error::success();
}

llvm::Error SizeProgram::define(llvm::StringRef symbol, const Extent &value) {
  llvm::Expected<uint32_t> size = sizeOf(value);
  if (!size)
    return size.takeError();
  symbols_[symbol] = *size;
  return llvm::Error::success();
}

uint32_t SizeProgram::defineValues(mlir::ArrayAttr symbols) {
  uint32_t first = rows_.size();
  for (mlir::Attribute symbol : symbols) {
    llvm::StringRef name = llvm::cast<mlir::StringAttr>(symbol).getValue();
    symbols_[name] = rows_.size();
    rows_.push_back({0, graph::mayBeNegative(name) ? SMELT_SIZE_VALUE : SMELT_SIZE_COUNT, 0, 0});
    isHidden_.push_back(true); // each is one of its own
  }
  return first;
}

uint32_t SizeProgram::defineVariables(mlir::ArrayAttr symbols) {
  uint32_t first = defineValues(symbols);
  if (!symbols.empty())
    variables_[llvm::cast<mlir::StringAttr>(symbols[0]).getValue()] = first;
  return first;
}

std::optional<uint32_t> SizeProgram::variable(llvm::StringRef symbol) const {
  auto found = variables_.find(symbol);
  return found == variables_.end() ? std::nullopt : std::optional(found->second);
}

bool SizeProgram::isKnown(const Extent &extent) const {
  bool isKnown = true;
  extent.walkSymbols([&](llvm::StringRef symbol) { isKnown &= symbols_.count(symbol) > 0; });
  return isKnown;
}

llvm::Expected<uint32_t> SizeProgram::combine(uint32_t kind, llvm::Expected<uint32_t> a, llvm::Expected<uint32_t> b) {
  if (!a) {
    llvm::consumeError(b.takeError());
    return a.takeError();
  }
  if (!b)
    return b.takeError();
  return row({0, kind, *a, *b});
}

llvm::Expected<uint32_t> SizeProgram::sizeOf(Atom atom) {
  switch (atom.kind()) {
  case Atom::Kind::Symbol: {
    auto found = symbols_.find(atom.symbol());
    if (found == symbols_.end())
      return defect("the size '" + atom.symbol() + "' has no value");
    return found->second;
  }
  case Atom::Kind::FloorDiv:
    return combine(SMELT_SIZE_DIVIDE, sizeOf(atom.lhs()), sizeOf(atom.rhs()));
  case Atom::Kind::Min:
    return combine(SMELT_SIZE_MIN, sizeOf(atom.lhs()), sizeOf(atom.rhs()));
  case Atom::Kind::Max:
    return combine(SMELT_SIZE_MAX, sizeOf(atom.lhs()), sizeOf(atom.rhs()));
  case Atom::Kind::Broadcast:
    return combine(SMELT_SIZE_BROADCAST, sizeOf(atom.lhs()), sizeOf(atom.rhs()));
  case Atom::Kind::Equal:
    return combine(SMELT_SIZE_EQUAL, sizeOf(atom.lhs()), sizeOf(atom.rhs()));
  }
  return defect("a size is of no known kind");
}

llvm::Expected<uint32_t> SizeProgram::sizeOf(const Extent &extent) {
  if (extent.isTooLarge())
    return unsupportedError(
        "sizes that follow from the open dims are too large, or too long expressions; fix some dims "
        "with --shape");
  if (extent.isNumber())
    return row({extent.number(), SMELT_SIZE_NUMBER, 0, 0});
  std::optional<uint32_t> sum;
  for (const graph::Term &term : extent.terms()) {
    std::optional<uint32_t> product;
    if (term.factor != 1 || term.atoms.empty())
      product = row({term.factor, SMELT_SIZE_NUMBER, 0, 0});
    for (Atom atom : term.atoms) {
      llvm::Expected<uint32_t> factor = sizeOf(atom);
      if (!factor)
        return factor.takeError();
      product = product ? row({0, SMELT_SIZE_MULTIPLY, *product, *factor}) : *factor;
    }
    sum = sum ? row({0, SMELT_SIZE_ADD, *sum, *product}) : *product;
  }
  return *sum;
}

} // namespace smelt::artifact
