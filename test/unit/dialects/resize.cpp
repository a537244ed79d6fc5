// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// resize and grid_sample. Expected values are those of ONNX's reference implementation.

#include "OperatorHarness.h"
#include "gmock/gmock.h"

using namespace smelt::test;
using testing::HasSubstr;

namespace {

constexpr int kNearest = 0, kLinear = 1, kCubic = 2;
constexpr int kHalfPixel = 0, kAlignCorners = 3, kAsymmetric = 4; // of ResizeCoordinates
constexpr Tolerance kTolerance{2e-5, 1e-5};

std::string of(llvm::StringRef shape, llvm::StringRef element) { return ("tensor<" + shape + element + ">").str(); }

struct Resize {
  int mode = kLinear;
  int coordinates = kHalfPixel;
  int nearest = 0;
  double cubicA = -0.75;
  bool excludeOutside = false;
};

std::string resize(const Resize &how, llvm::StringRef scales, llvm::StringRef input, llvm::StringRef result) {
  std::string attributes =
      ("{scales = array<f64: " + scales + ">, mode = " + llvm::Twine(how.mode) +
       " : i32, coordinates = " + llvm::Twine(how.coordinates) + " : i32, nearest = " + llvm::Twine(how.nearest) +
       " : i32, cubic_a = " + std::to_string(how.cubicA) +
       " : f64, exclude_outside = " + (how.excludeOutside ? "true" : "false") + "}")
          .str();
  return oneOp("graph.resize", attributes, {input}, result);
}

std::string tensorOf(size_t extent) { return "tensor<" + std::to_string(extent) + "xf32>"; }

const std::vector<double> kLine{1, 4, 2, 8, 5};

} // namespace

TEST(Resize, LinesByEachRule) {
  struct Case {
    int mode, coordinates;
    double scale;
    std::vector<double> expected;
  };
  // clang-format off
  const Case cases[] = {
    {kLinear, 0, 2.0, {1, 1.75, 3.25, 3.5, 2.5, 3.5, 6.5, 7.25, 5.75, 5}},
    {kLinear, 0, 0.6, {2.0, 2.0, 6.0}},
    {kLinear, 0, 1.7, {1, 2.147059, 3.911765, 2.882353, 2.882353, 6.411764, 7.029412, 5.264706}},
    {kLinear, 1, 2.0, {1, 1.75, 3.25, 3.5, 2.5, 3.5, 6.5, 7.25, 5.75, 5}},
    {kLinear, 1, 0.6, {2.0, 2, 6}},
    {kLinear, 1, 1.7, {1, 2.588235, 3.764706, 2.588235, 3.764706, 7.294117, 6.588235, 5}},
    {kLinear, 2, 2.0, {1, 1.75, 3.25, 3.5, 2.5, 3.5, 6.5, 7.25, 5.75, 5}},
    {kLinear, 2, 0.6, {2.0, 2.0, 6.0}},
    {kLinear, 2, 1.7, {1, 2.147059, 3.911765, 2.882353, 2.882353, 6.411764, 7.029412, 5.264706}},
    {kLinear, 3, 2.0, {1, 2.333333, 3.666667, 3.333333, 2.444444, 3.333333, 6, 7.666667, 6.333333, 5}},
    {kLinear, 3, 0.6, {1, 2.0, 5.0}},
    {kLinear, 3, 1.7, {1, 2.6, 3.866667, 2.8, 2.799999, 6.0, 7.4, 5.8}},
    {kLinear, 4, 2.0, {1, 2.5, 4, 3, 2, 5, 8, 6.5, 5, 5}},
    {kLinear, 4, 0.6, {1, 2.666667, 7.0}},
    {kLinear, 4, 1.7, {1, 2.764706, 3.647059, 2.470588, 4.117647, 7.647058, 6.411765, 5}},
    {kCubic, 0, 2.0, {0.683594, 1.75, 3.53125, 3.652344, 1.925781, 3.253906, 6.886719, 7.953125, 5.890625, 4.683594}},
    {kCubic, 0, 0.6, {2.055555, 2.0, 6.277779}},
    {kCubic, 0, 1.7, {0.707873, 2.240828, 3.973476, 2.492603, 2.630565, 6.793882, 7.753575, 5.24696}},
    {kCubic, 1, 2.0, {0.683594, 1.75, 3.53125, 3.652344, 1.925781, 3.253906, 6.886719, 7.953125, 5.890625, 4.683594}},
    {kCubic, 1, 0.6, {2.055556, 2, 6.277778}},
    {kCubic, 1, 1.7, {0.88276, 2.797069, 3.955526, 2.023407, 3.55404, 7.600956, 7.192754, 4.88276}},
    {kCubic, 2, 2.0, {0.683594, 1.75, 3.53125, 3.652344, 1.925781, 3.253906, 6.886719, 7.953125, 5.890625, 4.683594}},
    {kCubic, 2, 0.6, {2.055555, 2.0, 6.277779}},
    {kCubic, 2, 1.7, {0.707873, 2.240828, 3.973476, 2.492603, 2.630565, 6.793882, 7.753575, 5.24696}},
    {kCubic, 3, 2.0, {1, 2.477366, 3.855967, 3.37037, 1.877915, 3.074074, 6.333333, 8.119342, 6.806584, 5}},
    {kCubic, 3, 0.6, {1, 2.0, 5.0}},
    {kCubic, 3, 1.7, {1, 2.811555, 4.00563, 2.344, 2.557333, 6.333333, 8.048, 5.966223}},
    {kCubic, 4, 2.0, {1, 2.6875, 4, 2.71875, 2, 5.09375, 8, 7.0625, 5, 4.71875}},
    {kCubic, 4, 0.6, {1, 2.12963, 7.722223}},
    {kCubic, 4, 1.7, {1, 3.010482, 3.847955, 1.899043, 3.976592, 7.832688, 6.928354, 4.793914}},
  };
  // clang-format on
  for (const Case &c : cases) {
    Resize how;
    how.mode = c.mode;
    how.coordinates = c.coordinates;
    expectValues(resize(how, std::to_string(c.scale), "tensor<5xf32>", tensorOf(c.expected.size())), {kLine},
                 c.expected, kTolerance);
  }
}

TEST(Resize, NearestByEachRule) {
  struct Case {
    int coordinates, nearest;
    double scale;
    std::vector<double> expected;
  };
  // clang-format off
  const Case cases[] = {
    {0, 0, 2.0, {1, 1, 4, 4, 2, 2, 8, 8, 5, 5}},
    {0, 0, 1.7, {1, 1, 4, 2, 2, 8, 8, 5}},
    {0, 1, 2.0, {1, 1, 4, 4, 2, 2, 8, 8, 5, 5}},
    {0, 1, 1.7, {1, 1, 4, 2, 2, 8, 8, 5}},
    {0, 2, 2.0, {1, 1, 1, 4, 4, 2, 2, 8, 8, 5}},
    {0, 2, 1.7, {1, 1, 1, 4, 2, 2, 8, 8}},
    {0, 3, 2.0, {1, 4, 4, 2, 2, 8, 8, 5, 5, 5}},
    {0, 3, 1.7, {1, 4, 4, 2, 8, 8, 5, 5}},
    {1, 0, 2.0, {1, 1, 4, 4, 2, 2, 8, 8, 5, 5}},
    {1, 0, 1.7, {1, 4, 4, 2, 2, 8, 8, 5}},
    {1, 1, 2.0, {1, 1, 4, 4, 2, 2, 8, 8, 5, 5}},
    {1, 1, 1.7, {1, 4, 4, 2, 2, 8, 8, 5}},
    {1, 2, 2.0, {1, 1, 1, 4, 4, 2, 2, 8, 8, 5}},
    {1, 2, 1.7, {1, 1, 4, 4, 2, 2, 8, 5}},
    {1, 3, 2.0, {1, 4, 4, 2, 2, 8, 8, 5, 5, 5}},
    {1, 3, 1.7, {1, 4, 2, 2, 8, 8, 5, 5}},
    {2, 0, 2.0, {1, 1, 4, 4, 2, 2, 8, 8, 5, 5}},
    {2, 0, 1.7, {1, 1, 4, 2, 2, 8, 8, 5}},
    {2, 1, 2.0, {1, 1, 4, 4, 2, 2, 8, 8, 5, 5}},
    {2, 1, 1.7, {1, 1, 4, 2, 2, 8, 8, 5}},
    {2, 2, 2.0, {1, 1, 1, 4, 4, 2, 2, 8, 8, 5}},
    {2, 2, 1.7, {1, 1, 1, 4, 2, 2, 8, 8}},
    {2, 3, 2.0, {1, 4, 4, 2, 2, 8, 8, 5, 5, 5}},
    {2, 3, 1.7, {1, 4, 4, 2, 8, 8, 5, 5}},
    {3, 0, 2.0, {1, 1, 4, 4, 2, 2, 8, 8, 5, 5}},
    {3, 0, 1.7, {1, 4, 4, 2, 2, 8, 8, 5}},
    {3, 1, 2.0, {1, 1, 4, 4, 2, 2, 8, 8, 5, 5}},
    {3, 1, 1.7, {1, 4, 4, 2, 2, 8, 8, 5}},
    {3, 2, 2.0, {1, 1, 1, 4, 4, 2, 2, 8, 8, 5}},
    {3, 2, 1.7, {1, 1, 4, 4, 2, 2, 8, 8}},
    {3, 3, 2.0, {1, 4, 4, 2, 2, 8, 8, 5, 5, 5}},
    {3, 3, 1.7, {1, 4, 2, 2, 8, 8, 5, 5}},
    {4, 0, 2.0, {1, 1, 4, 4, 2, 2, 8, 8, 5, 5}},
    {4, 0, 1.7, {1, 4, 4, 2, 2, 8, 5, 5}},
    {4, 1, 2.0, {1, 4, 4, 2, 2, 8, 8, 5, 5, 5}},
    {4, 1, 1.7, {1, 4, 4, 2, 2, 8, 5, 5}},
    {4, 2, 2.0, {1, 1, 4, 4, 2, 2, 8, 8, 5, 5}},
    {4, 2, 1.7, {1, 1, 4, 4, 2, 2, 8, 5}},
    {4, 3, 2.0, {1, 4, 4, 2, 2, 8, 8, 5, 5, 5}},
    {4, 3, 1.7, {1, 4, 2, 2, 8, 8, 5, 5}},
  };
  // clang-format on
  for (const Case &c : cases) {
    Resize how;
    how.mode = kNearest;
    how.coordinates = c.coordinates;
    how.nearest = c.nearest;
    expectValues(resize(how, std::to_string(c.scale), "tensor<5xf32>", tensorOf(c.expected.size())), {kLine},
                 c.expected);
  }
}

TEST(Resize, CubicWithoutWhatLiesOutside) {
  struct Case {
    int coordinates;
    double scale;
    bool exclude;
    std::vector<double> expected;
  };
  // clang-format off
  const Case cases[] = {
    {0, 1.7, true, {0.76876, 2.075562, 3.978523, 2.603183, 2.537413, 6.849697, 7.500891, 5.18002}},
    {3, 1.7, true, {1, 2.661159, 3.995259, 2.464, 2.46874, 6.37037, 7.88189, 5.764723}},
    {4, 1.7, true, {1, 2.877666, 3.84368, 2.026053, 3.889273, 7.868512, 6.63376, 4.850994}},
  };
  // clang-format on
  for (const Case &c : cases)
    expectValues(resize({kCubic, c.coordinates, 0, -0.5, c.exclude}, "1.7", "tensor<5xf32>", "tensor<8xf32>"), {kLine},
                 c.expected, kTolerance);
}

TEST(Resize, Planes) {
  std::vector<double> plane(16);
  for (int i = 0; i < 16; ++i)
    plane[i] = i + 1;
  expectValues(resize({kLinear}, "2.0, 0.5", "tensor<4x4xf32>", "tensor<8x2xf32>"), {plane},
               {1.5, 3.5, 2.5, 4.5, 4.5, 6.5, 6.5, 8.5, 8.5, 10.5, 10.5, 12.5, 12.5, 14.5, 13.5, 15.5}, kTolerance);
  expectValues(resize({kCubic}, "0.8, 1.25", "tensor<4x4xf32>", "tensor<3x5xf32>"), {plane},
               {1.316203, 1.987703, 2.876953, 3.766203, 4.437703, 6.556437, 7.227937, 8.117188, 9.006437, 9.677938,
                11.761516, 12.433016, 13.322266, 14.211515, 14.883016},
               kTolerance);
}

// Integers between elements are cut off, and saturate where cubic overshoots.
TEST(Resize, Integers) {
  expectValues(resize({kLinear}, "2.0", "tensor<2xui8>", "tensor<4xui8>"), {{0, 255}}, {0, 63, 191, 255});
  expectValues(resize({kCubic}, "2.0", "tensor<4xui8>", "tensor<8xui8>"), {{0, 0, 255, 255}},
               {0, 0, 0, 57, 197, 255, 255, 255});
  expectValues(resize({kLinear}, "2.0", "tensor<2xi8>", "tensor<4xi8>"), {{-128, 127}}, {-128, -64, 63, 127});
  // More than a double holds.
  expectCodeMatches(resize({kNearest, kAsymmetric, 2}, "2.0", "tensor<2xi64>", "tensor<4xi64>"),
                    {-(int64_t(1) << 62), int64_t(1) << 62});
}

TEST(Resize, Empty) { expectValues(resize({kLinear}, "1.0, 2.0", "tensor<0x2xf32>", "tensor<0x4xf32>"), {{}}, {}); }

TEST(Resize, ChannelsLastAndFirst) {
  for (const char *type : {"f32", "f64", "f16", "bf16", "ui8", "i32", "i64"})
    for (int mode : {kNearest, kLinear, kCubic}) {
      bool isExact = mode == kNearest;
      Tolerance tolerance = isExact                               ? Tolerance::ofBits()
                            : llvm::StringRef(type).contains("f") ? Tolerance{2e-2, 1e-2}
                                                                  : Tolerance{1, 0};
      expectCodeMatches(resize({mode, kHalfPixel}, "1.0, 2.0, 1.5, 1.0", of("1x3x4x19x", type), of("1x6x6x19x", type)),
                        {}, tolerance);
      expectCodeMatches(
          resize({mode, kAlignCorners}, "1.0, 1.0, 0.5, 3.0", of("1x2x6x7x", type), of("1x2x3x21x", type)), {},
          tolerance);
    }
}

TEST(Resize, Errors) {
  auto diagnostic = [](llvm::StringRef scales, llvm::StringRef input, llvm::StringRef result) {
    return diagnosticOf(resize({}, scales, input, result));
  };
  EXPECT_THAT(diagnostic("2.0", "tensor<2xf32>", "tensor<4xf64>"), HasSubstr("changes the element type"));
  EXPECT_THAT(diagnostic("2.0, 2.0", "tensor<2xf32>", "tensor<4xf32>"), HasSubstr("for each of the input's 1 dims"));
  EXPECT_THAT(diagnostic("2.0", "tensor<2xf32>", "tensor<4x1xf32>"), HasSubstr("for each of the input's 1 dims"));
  for (llvm::StringRef scale : {"-1.0", "0x7FF0000000000000", "0x7FF8000000000000", "1.0e-300"})
    EXPECT_THAT(diagnostic(scale, "tensor<2xf32>", "tensor<4xf32>"), HasSubstr("a scale is a positive number"));
  EXPECT_THAT(diagnostic("2.0", "tensor<2xi1>", "tensor<4xi1>"), HasSubstr("nothing between elements of 'i1'"));
  EXPECT_THAT(diagnostic("2.0", "tensor<0xf32>", "tensor<4xf32>"), HasSubstr("nothing to read"));
}

// Grid sample.

static std::string sample(int mode, llvm::StringRef padding, bool align, llvm::StringRef input, llvm::StringRef grid,
                          llvm::StringRef result) {
  std::string attributes = ("{mode = " + llvm::Twine(mode) + " : i32, padding_mode = \"" + padding +
                            "\", align_corners = " + (align ? "true" : "false") + "}")
                               .str();
  return oneOp("graph.grid_sample", attributes, {input, grid}, result);
}

TEST(GridSample, EachRule) {
  struct Case {
    int mode;
    const char *padding;
    bool align;
    std::vector<double> expected;
  };
  // clang-format off
  const Case cases[] = {
    {kLinear, "zeros", false, {0.25, 7.575, 6.360001, 2.75, 0.0, 0.0}},
    {kLinear, "zeros", true, {1.0, 7.474999, 5.78, 11.0, 3.44, 0.0}},
    {kLinear, "border", false, {1.0, 7.575, 6.360001, 11.0, 9.0, 8.0}},
    {kLinear, "border", true, {1.0, 7.474999, 5.78, 11.0, 8.599999, 8.0}},
    {kLinear, "reflection", false, {1.0, 7.575, 6.360001, 11.0, 9.299999, 9.099999}},
    {kLinear, "reflection", true, {1.0, 7.474999, 5.78, 11.0, 9.26, 9.095}},
    {kNearest, "zeros", false, {1.0, 5.0, 3.0, 0.0, 0.0, 0.0}},
    {kNearest, "zeros", true, {1.0, 7.0, 3.0, 11.0, 0.0, 0.0}},
    {kNearest, "border", false, {1.0, 5.0, 3.0, 11.0, 9.0, 8.0}},
    {kNearest, "border", true, {1.0, 7.0, 3.0, 11.0, 9.0, 8.0}},
    {kNearest, "reflection", false, {1.0, 5.0, 3.0, 11.0, 9.0, 9.0}},
    {kNearest, "reflection", true, {1.0, 7.0, 3.0, 11.0, 10.0, 9.0}},
    {kCubic, "zeros", false, {-0.086914, 9.576998, 6.784664, 2.902344, -0.710801, 0.0}},
    {kCubic, "zeros", true, {1.0, 8.768688, 5.880703, 11.0, 3.505559, 0.0}},
    {kCubic, "border", false, {0.334961, 8.055172, 6.236579, 11.339844, 9.443626, 8.0}},
    {kCubic, "border", true, {1.0, 8.07139, 5.604593, 11.0, 8.699, 8.0}},
    {kCubic, "reflection", false, {-0.347656, 8.055172, 6.236579, 11.609375, 9.771028, 9.730098}},
    {kCubic, "reflection", true, {1.0, 8.138979, 5.781861, 11.0, 9.289055, 9.133392}},
  };
  // clang-format on
  for (const Case &c : cases)
    expectValues(
        sample(c.mode, c.padding, c.align, "tensor<1x1x3x4xf32>", "tensor<1x2x3x2xf32>", "tensor<1x1x2x3xf32>"),
        {{1.0, 4.0, 2.0, 8.0, 5.0, 7.0, 3.0, 6.0, 9.0, 10.0, 12.0, 11.0},
         {-1.0, -1.0, -0.5, 0.3, 0.1, 0.2, 1.0, 1.0, -1.4, 0.9, 2.7, -3.1}},
        c.expected, kTolerance);
}

// Coordinates that are no numbers, or far away, must not be read at.
TEST(GridSample, WildCoordinates) {
  double nan = std::numeric_limits<double>::quiet_NaN(), far = 1e30, infinite = std::numeric_limits<double>::infinity();
  for (int mode : {kNearest, kLinear, kCubic})
    for (const char *padding : {"zeros", "border", "reflection"}) {
      Operator op(sample(mode, padding, false, "tensor<1x1x2x2xf32>", "tensor<1x1x4x2xf32>", "tensor<1x1x1x4xf32>"));
      Tensors inputs{tensor(op.inputType(0), {1, 2, 3, 4}),
                     tensor(op.inputType(1), {nan, 0, far, -far, infinite, 0, 0, -infinite})};
      (void)op.evaluate(inputs);
      (void)op.compileAndRun(inputs);
    }
}

TEST(GridSample, OneElementADim) {
  for (const char *padding : {"zeros", "border", "reflection"})
    expectValues(sample(kNearest, padding, true, "tensor<1x1x1x1xf32>", "tensor<1x1x1x2xf32>", "tensor<1x1x1x1xf32>"),
                 {{5}, {0.5, -0.25}}, {5});
}

TEST(GridSample, BatchesChannelsAndVolumes) {
  for (const char *type : {"f32", "f64", "f16", "bf16"})
    for (int mode : {kNearest, kLinear, kCubic})
      for (const char *padding : {"zeros", "border", "reflection"})
        expectCodeMatches(
            sample(mode, padding, false, of("2x3x5x4x", type), "tensor<2x2x3x2xf32>", of("2x3x2x3x", type)), {},
            llvm::StringRef(type).contains("f16") ? Tolerance{5e-2, 1e-2} : Tolerance{1e-4, 1e-4});
  expectCodeMatches(
      sample(kLinear, "border", true, "tensor<1x2x3x4x5xf32>", "tensor<1x2x2x2x3xf32>", "tensor<1x2x2x2x2xf32>"), {},
      {1e-4, 1e-4});
}

TEST(GridSample, Errors) {
  auto diagnostic = [](llvm::StringRef input, llvm::StringRef grid, llvm::StringRef padding) {
    return diagnosticOf(sample(kLinear, padding, false, input, grid, "tensor<9xf32>"));
  };
  EXPECT_THAT(diagnostic("tensor<1x1xf32>", "tensor<1x1xf32>", "zeros"), HasSubstr("grid of the same rank"));
  EXPECT_THAT(diagnostic("tensor<1x1x3x4xf32>", "tensor<1x2x2xf32>", "zeros"), HasSubstr("grid of the same rank"));
  EXPECT_THAT(diagnostic("tensor<1x1x3x4xf32>", "tensor<2x1x1x2xf32>", "zeros"), HasSubstr("a batch of 1"));
  EXPECT_THAT(diagnostic("tensor<1x1x3x4xf32>", "tensor<1x1x1x3xf32>", "zeros"), HasSubstr("3 coordinates for 2 dims"));
  EXPECT_THAT(diagnostic("tensor<1x1x3x4xi32>", "tensor<1x1x1x2xf32>", "zeros"), HasSubstr("samples floats"));
  EXPECT_THAT(diagnostic("tensor<1x1x3x4xf32>", "tensor<1x1x1x2xf32>", "none"), HasSubstr("not `none`"));
  EXPECT_THAT(diagnostic("tensor<1x1x0x4xf32>", "tensor<1x1x1x2xf32>", "zeros"), HasSubstr("nothing to read"));
}
