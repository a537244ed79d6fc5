// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Text → expressions of symbols, and what is computed with them: "a; b" with the values of symbols that follow from
// their names.

#include "dialects/Graph/Extent.h"
#include "dialects/Graph/Graph.h"
#include "test/fuzz/Context.h"
#include "test/fuzz/Fuzz.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/Support/MathExtras.h"

using namespace smelt;
using graph::Extent;
using Number = std::optional<int64_t>;

constexpr size_t kMostBytes = 2048;

/// From 0 to 12, by name.
static Number valueOf(llvm::StringRef name) {
  uint64_t sum = 0;
  for (char c : name)
    sum = sum * 31 + static_cast<unsigned char>(c);
  return static_cast<int64_t>(sum % 13);
}

/// A result has the value that its operands give, wherever all of them have one.
static void requireValue(const Extent &result, Number want, const std::string &what) {
  Number got = result.isTooLarge() ? std::nullopt : result.evaluate(valueOf);
  fuzz::require(!got || !want || *got == *want, what);
}

static Number divided(int64_t a, int64_t b) { return b > 0 ? Number(llvm::divideFloorSigned(a, b)) : std::nullopt; }

static Number sum(int64_t a, int64_t b) {
  int64_t result = 0;
  return llvm::AddOverflow(a, b, result) ? std::nullopt : Number(result);
}

static Number product(int64_t a, int64_t b) {
  int64_t result = 0;
  return llvm::MulOverflow(a, b, result) ? std::nullopt : Number(result);
}

static void combine(const Extent &a, const Extent &b) {
  if (a.isTooLarge() || b.isTooLarge())
    return;
  Number x = a.evaluate(valueOf), y = b.evaluate(valueOf);
  if (!x || !y)
    return;
  requireValue(a + b, sum(*x, *y), "a sum");
  requireValue(a * b, product(*x, *y), "a product");
  requireValue(Extent::min(a, b), std::min(*x, *y), "the smaller");
  requireValue(Extent::max(a, b), std::max(*x, *y), "the larger");
  requireValue(a.floorDiv(b), divided(*x, *y), "a quotient");
  if (std::optional<Extent> exact = a.dividedBy(b))
    if (Number quotient = exact->evaluate(valueOf))
      if (Number back = product(*quotient, *y))
        fuzz::require(*back == *x, "an exact quotient");
  if (std::optional<int64_t> bound = a.lowerBound())
    fuzz::require(*bound <= *x, "a lower bound");
  if (a.isAtLeast(b))
    fuzz::require(*x >= *y, "at least");
  fuzz::require(graph::Extent::compare(a, b) == -graph::Extent::compare(b, a), "an order");
}

static void print(const Extent &extent, mlir::MLIRContext &context) {
  std::optional<Extent> again = Extent::parse(&context, extent.str());
  fuzz::require(again && *again == extent, "what is printed is read: " + extent.str());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > kMostBytes)
    return 0;
  mlir::MLIRContext &context = fuzz::contextFrom([] {
    auto made = std::make_unique<mlir::MLIRContext>(mlir::MLIRContext::Threading::DISABLED);
    made->loadDialect<graph::GraphDialect>();
    return made;
  });
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  auto [left, right] = text.split(';');
  (void)graph::parseExtents(&context, text);
  std::optional<Extent> a = Extent::parse(&context, left), b = Extent::parse(&context, right);
  for (const std::optional<Extent> &one : {a, b})
    if (one && !one->isTooLarge())
      print(*one, context);
  if (a && b)
    combine(*a, *b);
  return 0;
}
