// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Preprocessing.h"
#include "tools/driver/Errors.h"
#include "tools/runner/Error.h"
#include "tools/runner/File.h"
#include "tools/runner/Npz.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include <algorithm>
#include <cmath>
#include <set>

namespace smelt::quantize {

constexpr int64_t kColours = 3, kMostSide = 1 << 14;
constexpr llvm::StringLiteral kKeys = "resize, crop, color, scale, mean, std, layout and type";

static llvm::Error wrong(const llvm::Twine &why) {
  return driver::toolError(driver::kUsage, "--calibration-preprocess: " + why);
}

// --------------------------------------------------------------------------------------------------------- reading

/// "0.5" or "1/255"
static bool parseNumber(llvm::StringRef text, double &number) {
  auto [above, below] = text.split('/');
  double divisor = 1;
  if (above.getAsDouble(number) || (text.contains('/') && below.getAsDouble(divisor)))
    return false;
  number /= divisor;
  return std::isfinite(number) && std::abs(number) < 1e+30;
}

/// "0.485:0.456:0.406"
static bool parseNumbers(llvm::StringRef text, std::vector<double> &numbers) {
  llvm::SmallVector<llvm::StringRef> parts;
  text.split(parts, ':');
  numbers.resize(parts.size());
  for (auto [part, number] : llvm::zip_equal(parts, numbers))
    if (!parseNumber(part, number))
      return false;
  return true;
}

static bool parseSide(llvm::StringRef text, int64_t &side) {
  return !text.getAsInteger(10, side) && side > 0 && side <= kMostSide;
}

llvm::Error Preprocessing::set(llvm::StringRef key, llvm::StringRef value) {
  auto badValue = [&](const char *wanted) { return wrong("'" + key + "=" + value + "' should be " + wanted); };
  if (key == "resize" || key == "crop") {
    Size size{0, 0};
    auto [height, width] = value.split('x');
    const bool hasBoth = value.contains('x');
    if (!parseSide(hasBoth ? width : value, size.width) || (hasBoth && !parseSide(height, size.height)))
      return badValue("HEIGHTxWIDTH, or one number for the shorter side of resize and both of crop");
    if (!hasBoth && key == "crop")
      size.height = size.width;
    (key == "resize" ? resize_ : crop_) = size;
  } else if (key == "scale") {
    if (!parseNumber(value, scale_))
      return badValue("a number, as 1/255");
  } else if (key == "mean" || key == "std") {
    if (!parseNumbers(value, key == "mean" ? mean_ : deviation_))
      return badValue("numbers, as 0.485:0.456:0.406");
  } else if (key == "color") {
    if (value != "rgb" && value != "bgr" && value != "gray")
      return badValue("rgb, bgr or gray");
    colour_ = value == "rgb" ? Colour::Rgb : value == "bgr" ? Colour::Bgr : Colour::Gray;
  } else if (key == "layout") {
    if (value != "nchw" && value != "nhwc")
      return badValue("nchw or nhwc");
    isChannelsFirst_ = value == "nchw";
  } else if (key == "type") {
    if (value != "f32" && value != "u8")
      return badValue("f32 or u8");
    isBytes_ = value == "u8";
  } else {
    return wrong("no word '" + key + "'; there are " + kKeys);
  }
  return llvm::Error::success();
}

llvm::Error Preprocessing::check() const {
  for (const auto *numbers : {&mean_, &deviation_})
    if (!numbers->empty() && numbers->size() != 1 && static_cast<int64_t>(numbers->size()) != channels())
      return wrong("mean and std take 1 number, or " + std::to_string(channels()) + ", one for each colour");
  if (llvm::any_of(deviation_, [](double number) { return !(number > 0); }))
    return wrong("std should be above 0");
  if (isBytes_ && (scale_ != 1 || !mean_.empty() || !deviation_.empty()))
    return wrong("type=u8 is of what the file says, without scale, mean and std");
  return llvm::Error::success();
}

llvm::Expected<Preprocessing> Preprocessing::parse(llvm::StringRef text) {
  Preprocessing result;
  llvm::SmallVector<llvm::StringRef> words;
  text.split(words, ',');
  std::set<llvm::StringRef> keys;
  for (llvm::StringRef word : words) {
    auto [key, value] = word.trim().split('=');
    if (!keys.insert(key).second)
      return wrong("'" + key + "' is there twice");
    if (llvm::Error error = result.set(key, value))
      return std::move(error);
  }
  if (llvm::Error error = result.check())
    return std::move(error);
  return result;
}

// -------------------------------------------------------------------------------------------------------- computing

namespace {
/// Which numbers along one dim make a number of the result, and how much of each.
struct Tap {
  int64_t first;
  std::vector<float> weights;
};
} // namespace

/// Linear interpolation; where there is less of the result, over all that a point of it covers, as Pillow does it.
static std::vector<Tap> tapsOf(int64_t from, int64_t to) {
  std::vector<Tap> taps;
  const double ratio = static_cast<double>(from) / static_cast<double>(to), reach = std::max(ratio, 1.0);
  for (int64_t i = 0; i < to; ++i) {
    const double middle = (static_cast<double>(i) + 0.5) * ratio;
    Tap tap{std::max<int64_t>(0, static_cast<int64_t>(middle - reach + 0.5)), {}};
    const int64_t end = std::min(from, static_cast<int64_t>(middle + reach + 0.5));
    double sum = 0;
    for (int64_t at = tap.first; at < end; ++at) {
      const double weight = std::max(0.0, 1 - std::abs(static_cast<double>(at) + 0.5 - middle) / reach);
      tap.weights.push_back(static_cast<float>(weight));
      sum += weight;
    }
    for (float &weight : tap.weights)
      weight = static_cast<float>(weight / sum);
    taps.push_back(std::move(tap));
  }
  return taps;
}

/// Along the middle dim of [outer, from, inner].
static std::vector<float> resampled(const std::vector<float> &values, int64_t outer, int64_t from, int64_t to,
                                    int64_t inner) {
  if (from == to)
    return values;
  const std::vector<Tap> taps = tapsOf(from, to);
  std::vector<float> result(outer * to * inner, 0);
  for (int64_t row = 0; row < outer; ++row)
    for (int64_t i = 0; i < to; ++i)
      for (size_t tap = 0; tap < taps[i].weights.size(); ++tap) {
        const float weight = taps[i].weights[tap];
        const float *source = &values[(row * from + taps[i].first + static_cast<int64_t>(tap)) * inner];
        float *sum = &result[(row * to + i) * inner];
        for (int64_t at = 0; at < inner; ++at)
          sum[at] += weight * source[at];
      }
  return result;
}

Preprocessing::Size Preprocessing::sizeFor(int64_t height, int64_t width) const {
  if (!resize_)
    return {height, width};
  if (resize_->height > 0)
    return *resize_;
  const int64_t shorter = std::min(height, width);
  auto side = [&](int64_t of) { return std::max<int64_t>(1, (of * resize_->width + shorter / 2) / shorter); };
  return {side(height), side(width)};
}

std::vector<int64_t> Preprocessing::shapeFor(int64_t height, int64_t width) const {
  Size size = sizeFor(height, width);
  if (crop_)
    size = *crop_;
  if (isChannelsFirst_)
    return {1, channels(), size.height, size.width};
  return {1, size.height, size.width, channels()};
}

/// [points, 3] → [points, channels]; gray as ITU-R 601 weighs it.
std::vector<float> Preprocessing::coloured(const std::vector<float> &values) const {
  constexpr float kRed = 0.299F, kGreen = 0.587F, kBlue = 0.114F;
  if (colour_ == Colour::Rgb)
    return values;
  std::vector<float> result;
  for (size_t at = 0; at < values.size(); at += kColours) {
    if (colour_ == Colour::Gray)
      result.push_back(kRed * values[at] + kGreen * values[at + 1] + kBlue * values[at + 2]);
    else
      result.insert(result.end(), {values[at + 2], values[at + 1], values[at]});
  }
  return result;
}

llvm::Expected<std::vector<float>> Preprocessing::apply(const Image &image, const std::string &path) const {
  const Size size = sizeFor(image.height, image.width), kept = crop_.value_or(size);
  if (size.height > kMostSide || size.width > kMostSide)
    return driver::toolError(driver::kUsage, path + ": would be " + std::to_string(size.height) + "x" +
                                                 std::to_string(size.width) + " after resize; leave this image out");
  if (kept.height > size.height || kept.width > size.width)
    return driver::toolError(driver::kUsage, path + ": is " + std::to_string(size.height) + "x" +
                                                 std::to_string(size.width) +
                                                 " before crop, which asks for more; give "
                                                 "a larger resize");
  std::vector<float> values(image.values.begin(), image.values.end());
  values = resampled(values, image.height, image.width, size.width, kColours);
  values = resampled(values, 1, image.height, size.height, size.width * kColours);
  const int64_t top = (size.height - kept.height) / 2, left = (size.width - kept.width) / 2;
  std::vector<float> cropped;
  for (int64_t row = 0; row < kept.height; ++row) {
    auto first = values.begin() + ((top + row) * size.width + left) * kColours;
    cropped.insert(cropped.end(), first, first + kept.width * kColours);
  }
  values = coloured(cropped);
  auto ofChannel = [](const std::vector<double> &numbers, int64_t channel, double standard) {
    return numbers.empty() ? standard : numbers[numbers.size() == 1 ? 0 : channel];
  };
  const int64_t points = kept.height * kept.width;
  std::vector<float> result(values.size());
  for (int64_t point = 0; point < points; ++point)
    for (int64_t channel = 0; channel < channels(); ++channel) {
      const double value = values[point * channels() + channel] * scale_ - ofChannel(mean_, channel, 0);
      result[isChannelsFirst_ ? channel * points + point : point * channels() + channel] =
          static_cast<float>(value / ofChannel(deviation_, channel, 1));
    }
  return result;
}

// --------------------------------------------------------------------------------------------------------- writing

static void write(const std::string &path, llvm::StringRef head, llvm::ArrayRef<char> body) {
  runner::OutputFile file(path);
  file.write(head.data(), head.size());
  file.write(body.data(), body.size());
  file.commit();
}

llvm::Error Preprocessing::prepare(const std::vector<std::string> &images, const std::string &folder) const {
  for (size_t i = 0; i < images.size(); ++i) {
    llvm::Expected<Image> image = readImage(images[i]);
    if (!image)
      return image.takeError();
    llvm::Expected<std::vector<float>> values = apply(*image, images[i]);
    if (!values)
      return values.takeError();
    std::string number = std::to_string(i);
    number.insert(0, std::string(std::max<size_t>(8, number.size()) - number.size(), '0')); // sorted as they were
    const std::string stem = folder + "/" + number;
    const std::vector<int64_t> shape = shapeFor(image->height, image->width);
    if (isBytes_) {
      std::vector<char> bytes;
      for (float value : *values)
        bytes.push_back(static_cast<char>(static_cast<uint8_t>(std::clamp(std::nearbyint(value), 0.0F, 255.0F))));
      write(stem + ".npy", runner::makeNpyHeader(SMELT_U8, shape), bytes);
    } else {
      write(stem + ".npy", runner::makeNpyHeader(SMELT_F32, shape),
            {reinterpret_cast<const char *>(values->data()), values->size() * sizeof(float)});
    }
    write(stem + ".name", images[i], {});
  }
  return llvm::Error::success();
}

} // namespace smelt::quantize
