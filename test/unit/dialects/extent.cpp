// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Graph.h"
#include "dialects/Graph/SymbolRanges.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/MLIRContext.h"
#include "gmock/gmock.h"

using namespace mlir;
using namespace smelt::graph;

namespace {

class ExtentTest : public testing::Test {
protected:
  ExtentTest() { context.loadDialect<GraphDialect>(); }
  Extent of(StringRef text) { return Extent::parse(&context, text).value_or(Extent::tooLarge()); }
  std::string normal(StringRef text) { return of(text).str(); }

  MLIRContext context;
};

TEST_F(ExtentTest, SumsAndProductsHaveOneForm) {
  EXPECT_EQ(normal("seq*2 + 4 + batch*seq - 1 + seq"), "batch*seq + 3*seq + 3");
  EXPECT_EQ(of("(a + b)*(a - b)"), of("a*a - b*b"));
  EXPECT_EQ(normal("a - a"), "0");
  EXPECT_EQ(normal("-a + 2"), "-a + 2");
}

TEST_F(ExtentTest, QuotientsTakeWholeMultiplesOut) {
  EXPECT_EQ(normal("floordiv(4*n + 3, 2)"), "2*n + 1");
  EXPECT_EQ(normal("floordiv(n + 5, 2)"), "floordiv(n + 1, 2) + 2");
  EXPECT_EQ(normal("floordiv(n - 1, 2)"), "floordiv(n + 1, 2) - 1");
  EXPECT_EQ(normal("floordiv(3*n, 2)"), "n + floordiv(n, 2)");
  EXPECT_EQ(normal("floordiv(0 - n, 2)"), "-n + floordiv(n, 2)");
  EXPECT_EQ(normal("floordiv(64*a*b, a*8)"), "8*b");
  EXPECT_EQ(of("6*a*b + 3*b").dividedBy(of("2*a + 1")), of("3*b"));
  EXPECT_EQ(of("a + 1").dividedBy(of("a")), std::nullopt);
  EXPECT_EQ(normal("floordiv(0 - 7, 2)"), "-4");
}

// Five convolutions with strides of 2 and padding of 1, and the quotient that they are together.
TEST_F(ExtentTest, QuotientsOfQuotientsAreOne) {
  Extent extent = of("h");
  for (int i = 0; i < 5; ++i)
    extent = (extent - 1).floorDiv(2) + 1;
  EXPECT_EQ(extent, of("floordiv(h + 31, 32)"));
  EXPECT_EQ(normal("floordiv(floordiv(n, 3) + 4, 5)"), "floordiv(n + 12, 15)");
  for (int64_t n = 0; n < 100; ++n) {
    auto valueOf = [n](StringRef) { return std::optional(n); };
    EXPECT_EQ(of("floordiv(floordiv(n - 7, 3) - 4, 5)").evaluate(valueOf),
              ((n - 7 + 300) / 3 - 100 - 4 + 500) / 5 - 100);
  }
  EXPECT_EQ(of("floordiv(h + 31, 32)").lowerBound(), 0);
}

TEST_F(ExtentTest, BoundsDecideMinimaAndBroadcasts) {
  EXPECT_EQ(normal("min(1000000000, n)"), "n");
  EXPECT_EQ(normal("min(999999999, n)"), "min(999999999, n)");
  EXPECT_EQ(normal("min(1000000000, 2*n)"), "min(1000000000, 2*n)");
  EXPECT_EQ(normal("min(n + 2, n)"), "n");
  EXPECT_EQ(normal("max(n + 2, 2)"), "n + 2");
  EXPECT_EQ(normal("min(n, 4)"), "min(4, n)");
  EXPECT_EQ(normal("broadcast(n, 1)"), "n");
  EXPECT_EQ(normal("broadcast(n, m)"), normal("broadcast(m, n)"));
  EXPECT_EQ(Extent::broadcast(of("n"), of("broadcast(n, m)")), of("broadcast(n, m)"));
  EXPECT_EQ(Extent::broadcast(of("2"), of("3")), std::nullopt);
}

TEST_F(ExtentTest, WhatOverflowsIsTooLarge) {
  EXPECT_TRUE(of("9223372036854775807*n*2").isTooLarge());
  EXPECT_TRUE(of("floordiv(n, 0)").isTooLarge());
  Extent sum = of("a + b + c + d");
  for (int i = 0; i < 10; ++i)
    sum *= sum;
  EXPECT_TRUE(sum.isTooLarge());
  Extent nested = of("n");
  for (int i = 0; i < 100; ++i)
    nested = (nested * 2 + 1).floorDiv(3);
  EXPECT_TRUE(nested.isTooLarge());
}

TEST_F(ExtentTest, Values) {
  auto valueOf = [](StringRef name) -> std::optional<int64_t> {
    return name == "n" ? std::optional<int64_t>(7) : name == "huge" ? std::optional<int64_t>(INT64_MAX) : std::nullopt;
  };
  EXPECT_EQ(of("floordiv(n, 2)*n + min(n, 3)").evaluate(valueOf), 24);
  EXPECT_EQ(of("broadcast(n, floordiv(n, 4))").evaluate(valueOf), 7);
  EXPECT_EQ(of("huge*2").evaluate(valueOf), std::nullopt);
  EXPECT_EQ(of("other").evaluate(valueOf), std::nullopt);
  EXPECT_EQ(of("floordiv(n, m)").substitute([&](StringRef name) { return name == "m" ? Extent(2) : of("4*k"); }),
            of("2*k"));
}

TEST_F(ExtentTest, TextRoundTripsAndRefusesTheRest) {
  for (const char *text : {"n", "batch*seq - 2", "floordiv(h - 3, 2) + 1", "max(a, b)*64"})
    EXPECT_EQ(of(normal(text)), of(text)) << text;
  for (const char *text : {"", "1 +", "f(a, b)", "a b", "2n", "99999999999999999999", "(a", "min(a)"})
    EXPECT_EQ(Extent::parse(&context, text), std::nullopt) << text;
  EXPECT_EQ(Extent::parse(&context, std::string(1000, '(')), std::nullopt);
}

TEST_F(ExtentTest, TypesCarryExtents) {
  RankedTensorType type = tensorOf({of("n*2"), 384}, Float32Type::get(&context));
  std::string text;
  llvm::raw_string_ostream(text) << type;
  EXPECT_EQ(text, "tensor<?x384xf32, #graph.extents<\"2*n, 384\">>");
  EXPECT_EQ(parseType(text, &context), type);
  EXPECT_EQ(extentsOf(type), Extents({of("2*n"), 384}));
  EXPECT_EQ(tensorOf({2, 3}, type.getElementType()).getEncoding(), Attribute());
}

TEST_F(ExtentTest, RangesOfSymbolsDecideWhatDimsAloneDoNot) {
  SymbolRanges none, ranges;
  ranges.set("t", 2, INT64_MAX);
  ranges.set("n", 1, 8);
  auto isAtLeast = [&](StringRef a, StringRef b) { return ranges.isAtLeast(of(a), of(b)); };
  EXPECT_TRUE(isAtLeast("t", "2"));
  EXPECT_FALSE(isAtLeast("t", "3"));
  EXPECT_FALSE(none.isAtLeast(of("t"), of("1")));
  EXPECT_TRUE(isAtLeast("8", "n"));
  EXPECT_FALSE(isAtLeast("7", "n"));
  EXPECT_TRUE(isAtLeast("-1", "0 - floordiv(t, 2)"));
  EXPECT_TRUE(isAtLeast("-1", "floordiv(t, 2) - t"));
  EXPECT_TRUE(isAtLeast("floordiv(t + 1, 2)", "floordiv(t, 2)"));
  EXPECT_FALSE(isAtLeast("floordiv(t, 2)", "floordiv(t + 1, 2)"));
  EXPECT_TRUE(isAtLeast("m*t", "2*m"));
  EXPECT_TRUE(isAtLeast("t", "min(t, m)"));
  EXPECT_FALSE(isAtLeast("m", "max(t, m)"));
  EXPECT_EQ(ranges.min(1, of("t")).str(), "1");
  EXPECT_EQ(ranges.max(of("t - 1"), 0).str(), "t - 1");
  EXPECT_EQ(ranges.max(of("8 - n"), 0).str(), "-n + 8");
  EXPECT_EQ(ranges.max(of("8 - t"), 0).str(), "max(0, -t + 8)");
}

// Whatever is said to hold does, for all values that the ranges leave.
TEST_F(ExtentTest, WhatRangesDecideIsSo) {
  SymbolRanges ranges;
  ranges.set("a", 1, 9);
  ranges.set("b", 2, INT64_MAX);
  const StringRef parts[] = {"a",
                             "b",
                             "c",
                             "floordiv(a, 2)",
                             "floordiv(b + c, 3)",
                             "min(a, b)",
                             "max(b - 3, c)",
                             "floordiv(b - a, 4)",
                             "a*c",
                             "min(floordiv(b, 2), c + 1)"};
  for (StringRef left : parts)
    for (StringRef right : parts)
      for (int64_t factor : {-2, -1, 1, 3})
        for (int64_t offset : {-3, 0, 2}) {
          const Extent extent = of(left) + of(right) * factor + offset;
          if (!ranges.isAtLeast(extent, 0))
            continue;
          for (int64_t a = 1; a <= 9; ++a)
            for (int64_t b = 2; b <= 14; ++b)
              for (int64_t c = 0; c <= 6; ++c) {
                auto valueOf = [&](StringRef name) { return std::optional(name == "a" ? a : name == "b" ? b : c); };
                ASSERT_GE(*extent.evaluate(valueOf), 0) << extent.str() << " at " << a << ", " << b << ", " << c;
              }
        }
}

} // namespace
