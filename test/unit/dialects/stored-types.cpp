// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Element types of a byte and less: cast, bit_cast, pack, unpack, and movement. test/frontends/onnx/test_types.py
// compares all casts with ml_dtypes; here code is compared with the reference, bit by bit.

#include "OperatorHarness.h"
#include "gmock/gmock.h"
#include <cmath>
#include <limits>

using namespace smelt;
using namespace smelt::test;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

constexpr const char *kFloats[] = {"f8E4M3FN",  "f8E4M3FNUZ", "f8E5M2",   "f8E5M2FNUZ",
                                   "f8E8M0FNU", "f6E2M3FN",   "f6E3M2FN", "f4E2M1FN"};
constexpr const char *kIntegers[] = {"i4", "ui4", "i2", "ui2"};

std::string of(int64_t count, llvm::StringRef element) {
  return ("tensor<" + llvm::Twine(count) + "x" + element + ">").str();
}

/// Every code of a type, over and over.
graph::HostTensor codes(mlir::RankedTensorType type) {
  graph::HostTensor tensor = graph::HostTensor::zeros(type);
  for (int64_t i = 0; i < tensor.size(); ++i)
    tensor.mutableBytes()[i] = static_cast<char>(graph::storedByte(static_cast<uint64_t>(i), type.getElementType()));
  return tensor;
}

/// Code and reference agree in every byte, but for those of NaNs of wide types.
void expectSameBytes(const std::string &text, llvm::ArrayRef<graph::HostTensor> inputs) {
  SCOPED_TRACE(text);
  Operator op(text);
  ASSERT_TRUE(op.isValid());
  Tensors expected = op.evaluate(inputs);
  ASSERT_EQ(expected.size(), 1U);
  for (const std::string &target : Operator::runnableTargets())
    for (Fusion fusion : {Fusion::Planned, Fusion::Whole}) {
      Tensors actual = op.compileAndRun(inputs, target, fusion);
      ASSERT_EQ(actual.size(), 1U);
      unsigned size = expected[0].bytesPerElement();
      for (int64_t i = 0; i < expected[0].size(); ++i) {
        if (size > 1 && std::isnan(expected[0].get(i).asFloat()) && std::isnan(actual[0].get(i).asFloat()))
          continue;
        ASSERT_EQ(actual[0].bytes().slice(i * size, size), expected[0].bytes().slice(i * size, size))
            << "element " << i << " for " << target;
      }
    }
}

std::string cast(int64_t count, llvm::StringRef from, llvm::StringRef to, llvm::StringRef rules = "") {
  return oneOp("graph.cast", ("{to = " + to + rules + "}").str(), {of(count, from)}, of(count, to));
}

/// Numbers of every size, ties between those of the small types among them, and what lies beyond.
graph::HostTensor manyNumbers(mlir::RankedTensorType type) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double special[] = {0.0, -0.0, kInfinity, -kInfinity, std::nan(""), -std::nan(""),
                            448, 464,  465,       240,        248,          1e30};
  graph::HostTensor tensor = graph::HostTensor::zeros(type);
  for (int64_t i = 0; i < tensor.size(); ++i) {
    double number =
        std::ldexp(16 + static_cast<double>(i % 16) + (i / 16 % 3 - 1) * 0.25, static_cast<int>(i / 48) - 30);
    tensor.set(i, graph::Scalar::ofFloat(i < 12 ? special[i] : i % 2 ? -number : number));
  }
  return tensor;
}

} // namespace

TEST(StoredTypes, CodesToNumbers) {
  for (const char *from : kFloats)
    for (const char *to : {"f32", "f16", "bf16", "f64"}) {
      std::string text = cast(256, from, to);
      expectSameBytes(text, {codes(Operator(text).inputType(0))});
    }
}

TEST(StoredTypes, NumbersToCodes) {
  for (const char *to : kFloats)
    for (const char *from : {"f32", "f16", "bf16", "f64"})
      for (const char *rules : {"", ", saturate = false"}) {
        std::string text = cast(1999, from, to, rules);
        expectSameBytes(text, {manyNumbers(Operator(text).inputType(0))});
      }
}

TEST(StoredTypes, PowersOfTwo) {
  for (const char *rounding : {"0", "1", "2"})
    for (const char *saturate : {"true", "false"}) {
      std::string rules = std::string(", rounding = ") + rounding + " : i32, saturate = " + saturate;
      std::string text = cast(1999, "f32", "f8E8M0FNU", rules);
      expectSameBytes(text, {manyNumbers(Operator(text).inputType(0))});
    }
}

TEST(StoredTypes, Integers) {
  for (const char *small : kIntegers)
    for (const char *wide : {"f32", "f16", "i8", "ui8", "i64", "i1", "f8E5M2", "i4", "ui2"}) {
      std::string up = cast(61, small, wide), down = cast(61, wide, small);
      expectSameBytes(up, {codes(Operator(up).inputType(0))});
      expectSameBytes(down, {randomTensor(Operator(down).inputType(0), 1)});
    }
}

// Numbers worked out by hand: 2 1/8 lies between 2 and 2 1/4, and goes to the even of them.
TEST(StoredTypes, Values) {
  expectValues(cast(4, "f32", "f8E4M3FN"), {{2.125, 2.375, 1e9, -17}}, {2, 2.5, 448, -16});
  expectValues(cast(3, "f32", "f8E5M2", ", saturate = false"), {{3.5, 1e9, 1e-9}},
               {3.5, std::numeric_limits<double>::infinity(), 0});
  expectValues(cast(5, "f32", "f4E2M1FN"), {{0.25, 0.75, 2.5, 5, -100}}, {0, 1, 2, 4, -6});
  expectValues(cast(3, "f32", "f8E8M0FNU"), {{1, 1.1, 3}}, {1, 2, 4});
  expectValues(cast(5, "i32", "i4"), {{7, 8, -8, -9, 16}}, {7, -8, -8, 7, 0});
  expectValues(cast(3, "f32", "ui2"), {{3.9, 4, 1}}, {3, 0, 1});
}

// Seven elements of two bits: the last byte is not full.
TEST(StoredTypes, MovedAcrossBytes) {
  for (const char *type : {"i4", "ui4", "i2", "ui2", "f4E2M1FN", "f8E5M2"}) {
    std::string element = type,
                text = "func.func @f(%x: tensor<7x5x" + element + ">, %y: tensor<2x7x" + element + ">) -> tensor<7x7x" +
                       element + "> {\n %0 = graph.transpose %y {permutation = array<i64: 1, 0>} : (tensor<2x7x" +
                       element + ">) -> tensor<7x2x" + element +
                       ">\n %1 = graph.concat %x, %0 {axis = 1 : i64} : (tensor<7x5x" + element + ">, tensor<7x2x" +
                       element + ">) -> tensor<7x7x" + element + ">\n return %1 : tensor<7x7x" + element + ">\n}\n";
    Operator op(text);
    expectSameBytes(text, {codes(op.inputType(0)), codes(op.inputType(1))});
  }
}

// A tensor of many tiles.
TEST(StoredTypes, LargeOutputs) {
  for (const char *to : kIntegers) {
    std::string text = cast(100003, "i32", to);
    expectSameBytes(text, {randomTensor(Operator(text).inputType(0), 3)});
  }
}

TEST(StoredTypes, BitCast) {
  for (auto [from, to] :
       {std::pair("f32", "i32"), std::pair("i16", "bf16"), std::pair("f8E4M3FN", "i8"), std::pair("i64", "f64")}) {
    std::string text = "func.func @f(%x: " + of(33, from) + ") -> " + of(33, to) + " {\n %0 = graph.bit_cast %x : (" +
                       of(33, from) + ") -> " + of(33, to) + "\n return %0 : " + of(33, to) + "\n}\n";
    Operator op(text);
    Tensors inputs = op.randomInputs();
    op.expectCompiledMatches(inputs);
    EXPECT_EQ(op.evaluate(inputs)[0].bytes(), inputs[0].bytes());
  }
  EXPECT_THAT(diagnosticOf(oneOp("graph.bit_cast", "", {"tensor<2xf32>"}, "tensor<2xi16>")),
              HasSubstr("cannot take the bytes of"));
}

TEST(StoredTypes, Packing) {
  std::string text = oneOp("graph.pack", "", {"tensor<8xui2>"}, "tensor<2xui8>");
  expectValues(text, {{1, 2, 3, 0, 0, 0, 0, 3}}, {0b00111001, 0b11000000});
  expectValues(oneOp("graph.pack", "", {"tensor<4xi4>"}, "tensor<2xui8>"), {{-1, 1, 7, -8}}, {0x1f, 0x87});
  expectValues(oneOp("graph.unpack", "", {"tensor<2xui8>"}, "tensor<3x1xi4>"), {{0x1f, 0x07}}, {-1, 1, 7});
  EXPECT_THAT(diagnosticOf(oneOp("graph.pack", "", {"tensor<3xi4>"}, "tensor<2xui8>")), HasSubstr("whole bytes"));
  EXPECT_THAT(diagnosticOf(oneOp("graph.unpack", "", {"tensor<3xui8>"}, "tensor<4xi4>")), HasSubstr("not"));
}

TEST(StoredTypes, SideBySide) {
  mlir::MLIRContext context;
  mlir::Builder b(&context);
  const char elements[] = {1, -1, -8};
  std::string packed = graph::packElements(elements, b.getIntegerType(4));
  EXPECT_THAT(packed, ElementsAre('\xf1', '\x08'));
  EXPECT_EQ(graph::packedBytes(3, b.getIntegerType(2)), 1);
  // Four elements of six bits in three bytes.
  mlir::Type f6 = mlir::Float6E2M3FNType::get(&context);
  const char six[] = {0x3f, 0, 0x2a, 1, 0x15};
  packed = graph::packElements(six, f6);
  EXPECT_EQ(static_cast<int64_t>(packed.size()), graph::packedBytes(5, f6));
  char back[5];
  graph::unpackElements(packed, f6, back);
  EXPECT_EQ(llvm::ArrayRef<char>(back), llvm::ArrayRef<char>(six));
}

TEST(StoredTypes, NoArithmetic) {
  for (const char *type : {"f8E4M3FN", "i4", "f4E2M1FN"}) {
    std::string tensor = of(4, type);
    EXPECT_THAT(diagnosticOf(oneOp("graph.add", "", {tensor, tensor}, tensor)), HasSubstr("moved and cast"));
    EXPECT_THAT(diagnosticOf(oneOp("graph.scatter_nd", "{reduction = 1 : i32}",
                                   {tensor, "tensor<2x1xi64>", of(2, type)}, tensor)),
                HasSubstr("moved and cast"));
    EXPECT_THAT(diagnosticOf(oneOp("graph.softmax", "{axis = 0 : i64}", {tensor}, tensor)),
                HasSubstr("not defined on"));
  }
}
