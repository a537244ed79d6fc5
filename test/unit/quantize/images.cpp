// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// How images become inputs.
#include "tools/quantize/Preprocessing.h"
#include "gmock/gmock.h"

using namespace smelt::quantize;
using testing::ElementsAre;
using testing::HasSubstr;

static std::string refusal(llvm::StringRef text) {
  llvm::Expected<Preprocessing> parsed = Preprocessing::parse(text);
  return parsed ? "" : llvm::toString(parsed.takeError());
}

static std::vector<float> applied(llvm::StringRef text, const Image &image) {
  llvm::Expected<Preprocessing> parsed = Preprocessing::parse(text);
  EXPECT_TRUE(bool(parsed));
  llvm::Expected<std::vector<float>> values = parsed->apply(image, "a.png");
  EXPECT_TRUE(bool(values));
  return *values;
}

/// Two rows of three points: reds count, greens are 10 more, blues 20.
static Image image() {
  Image image{2, 3, {}};
  for (uint8_t red : {0, 1, 2, 3, 4, 5})
    for (int colour : {0, 10, 20})
      image.values.push_back(static_cast<uint8_t>(red + colour));
  return image;
}

TEST(Preprocessing, PutsChannelsFirst) {
  EXPECT_THAT(applied("layout=nchw", image()),
              ElementsAre(0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 20, 21, 22, 23, 24, 25));
  EXPECT_THAT(applied("layout=nhwc,crop=1", image()), ElementsAre(1, 11, 21));
  EXPECT_THAT(applied("color=bgr,crop=1", image()), ElementsAre(21, 11, 1));
}

TEST(Preprocessing, ScalesThenTakesOffTheMean) {
  EXPECT_THAT(applied("std=2:4:5,mean=1,scale=1/2,crop=1x2", image()), ElementsAre(-0.5, -0.25, 1, 1.125, 1.8, 1.9));
}

TEST(Preprocessing, WeighsColoursForGray) {
  EXPECT_THAT(applied("color=gray,crop=1", image()),
              ElementsAre(testing::FloatNear(0.299F * 1 + 0.587F * 11 + 0.114F * 21, 1e-5F)));
}

TEST(Preprocessing, TakesTheMeanOfWhatAPointCovers) {
  Image wide{1, 4, {}};
  for (uint8_t value : {0, 10, 20, 30})
    wide.values.insert(wide.values.end(), 3, value);
  // Triangles two points wide on either side: weights 3 3 1, 1 3 3 at the ends, as Pillow has them.
  EXPECT_THAT(applied("color=gray,resize=1x2", wide),
              ElementsAre(testing::FloatNear(50.0F / 7, 1e-4F), testing::FloatNear(160.0F / 7, 1e-4F)));
  EXPECT_THAT(applied("color=gray,resize=1x8", wide).size(), 8);
}

TEST(Preprocessing, KeepsTheRatioOfSides) {
  llvm::Expected<Preprocessing> parsed = Preprocessing::parse("resize=32");
  ASSERT_TRUE(bool(parsed));
  EXPECT_THAT(parsed->shapeFor(64, 128), ElementsAre(1, 3, 32, 64));
  EXPECT_THAT(parsed->shapeFor(100, 50), ElementsAre(1, 3, 64, 32));
}

TEST(Preprocessing, SaysWhatIsWrong) {
  EXPECT_THAT(refusal("resise=3"), HasSubstr("no word 'resise'"));
  EXPECT_THAT(refusal("resize=0"), HasSubstr("'resize=0'"));
  EXPECT_THAT(refusal("resize=99999999999"), HasSubstr("HEIGHTxWIDTH"));
  EXPECT_THAT(refusal("crop=2x"), HasSubstr("'crop=2x'"));
  EXPECT_THAT(refusal("scale=1/0"), HasSubstr("'scale=1/0'"));
  EXPECT_THAT(refusal("mean=1:2"), HasSubstr("3, one for each colour"));
  EXPECT_THAT(refusal("std=1:0:1"), HasSubstr("above 0"));
  EXPECT_THAT(refusal("std=nan"), HasSubstr("numbers"));
  EXPECT_THAT(refusal("color=cmyk"), HasSubstr("rgb, bgr or gray"));
  EXPECT_THAT(refusal("type=u8,scale=2"), HasSubstr("type=u8"));
  EXPECT_THAT(refusal("scale=1,scale=2"), HasSubstr("twice"));
  EXPECT_THAT(refusal(""), HasSubstr("no word ''"));
}

TEST(Preprocessing, RefusesToCropMoreThanThereIs) {
  llvm::Expected<Preprocessing> parsed = Preprocessing::parse("crop=3");
  ASSERT_TRUE(bool(parsed));
  llvm::Expected<std::vector<float>> values = parsed->apply(image(), "a.png");
  ASSERT_FALSE(bool(values));
  EXPECT_THAT(llvm::toString(values.takeError()), HasSubstr("a.png: is 2x3 before crop"));
}
